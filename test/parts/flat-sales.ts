/**
 * FlatBuffers that the encoder of src/sale would not write: sales with fields missing, with bytes
 * that are no UTF-8, with fields of a newer schema, in batches of any size, sharing what they may.
 */
import * as flatbuffers from 'flatbuffers';

export interface FlatSpec {
  /** null leaves the field out; so with the others. Bytes are written as they are. */
  readonly idPedido?: string | Uint8Array | null;
  readonly categoria?: string | Uint8Array | null;
  readonly valorCentavos?: bigint | null;
  readonly timestampMs?: bigint | null;
  /** Fields behind the four, as a newer schema would have them. */
  readonly newerFields?: number;
}

export const FLAT_TIME_MS = Date.UTC(2024, 10, 25, 10, 30);

const DEFAULTS = {
  idPedido: '8c5b4a5e-0f6e-4f0e-9a55-0e9d3a3c7f11',
  categoria: 'Casa',
  valorCentavos: 129_999n,
  timestampMs: BigInt(FLAT_TIME_MS),
};

export function flatSale(spec: FlatSpec = {}): Buffer {
  const builder = new flatbuffers.Builder(256);
  builder.finish(addSale(builder, spec, false), 'VDVS');
  return Buffer.from(builder.asUint8Array());
}

/** `shared` lets sales with equal texts point at one string, as builders may. */
export function flatBatch(specs: readonly FlatSpec[] | null, shared = true): Buffer {
  const builder = new flatbuffers.Builder(1024);
  if (specs === null) {
    builder.startObject(1);
    builder.finish(builder.endObject(), 'VDVB');
    return Buffer.from(builder.asUint8Array());
  }
  const sales = specs.map((spec) => addSale(builder, spec, shared));
  builder.startVector(4, sales.length, 4);
  for (const sale of sales.reverse()) builder.addOffset(sale);
  const vendas = builder.endVector();
  builder.startObject(1);
  builder.addFieldOffset(0, vendas, 0);
  builder.finish(builder.endObject(), 'VDVB');
  return Buffer.from(builder.asUint8Array());
}

function addSale(
  builder: flatbuffers.Builder,
  spec: FlatSpec,
  shared: boolean,
): flatbuffers.Offset {
  const { idPedido, categoria, valorCentavos, timestampMs } = { ...DEFAULTS, ...spec };
  const text = (value: string | Uint8Array) =>
    shared && value.length > 0 ? builder.createSharedString(value) : builder.createString(value);
  const idOffset = idPedido === null ? 0 : text(idPedido);
  const categoriaOffset = categoria === null ? 0 : text(categoria);
  builder.forceDefaults(true);
  builder.startObject(4 + (spec.newerFields ?? 0));
  if (idPedido !== null) builder.addFieldOffset(0, idOffset, -1);
  if (categoria !== null) builder.addFieldOffset(1, categoriaOffset, -1);
  if (valorCentavos !== null) builder.addFieldInt64(2, valorCentavos, 0n);
  if (timestampMs !== null) builder.addFieldInt64(3, timestampMs, 0n);
  for (let i = 0; i < (spec.newerFields ?? 0); i++) builder.addFieldInt32(4 + i, i, -1);
  return builder.endObject();
}
