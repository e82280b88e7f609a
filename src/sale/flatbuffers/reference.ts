/**
 * What a record's value holds, of either format: written to be read rather than to be fast, on
 * the generated code and its library. Tests and whoever else judges a topic a second time use it;
 * the engine's worker threads read FlatBuffers in place (reader.ts) and must agree with it.
 *
 * The library checks no bounds, so everything that it will follow is checked before, as the
 * official verifier does, but for what does no harm: alignment and the zero byte behind strings.
 */
import * as flatbuffers from 'flatbuffers';
import { parseSale, type RejectedSale, rejected, type ValidSale } from '../reference.ts';
import { SALES_PER_BATCH_MAX, type SaleRules } from '../rules.ts';
import { parseFields, type SaleFields } from './fields.ts';
import { BATCH_EMPTY, flatKind, MALFORMED, SLOT } from './format.ts';
import { Sale } from './generated/sale.ts';
import { SaleBatch } from './generated/sale-batch.ts';

export type SaleVerdict = ValidSale | RejectedSale;

export interface BatchedSale {
  readonly verdict: SaleVerdict;
  /** Copies; what a dead letter of this sale tells. */
  readonly fields: SaleFields;
}

export type ParsedRecord =
  /** One sale, or a value that is rejected as a whole. */
  | { readonly kind: 'one'; readonly verdict: SaleVerdict }
  /** A whole SaleBatch: each sale is judged as if it were a record, in this order. */
  | { readonly kind: 'batch'; readonly sales: readonly BatchedSale[] };

/** `value` is a Kafka record's value; null is a tombstone. */
export function parseRecord(value: Uint8Array | null, rules: SaleRules): ParsedRecord {
  const kind = value === null ? null : flatKind(value);
  if (value === null || kind === null) return { kind: 'one', verdict: parseSale(value, rules) };
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  const library = new flatbuffers.ByteBuffer(bytes);
  const root = bytes.readUInt32LE(0);
  if (kind === 'batch') return parseBatch(bytes, root, library);
  if (!isWholeSale(bytes, root)) return whole('malformed_flatbuffer', MALFORMED.sale);
  return { kind: 'one', verdict: parseFields(fieldsOf(Sale.getRootAsSale(library))) };
}

function parseBatch(bytes: Buffer, root: number, library: flatbuffers.ByteBuffer): ParsedRecord {
  if (!isWholeTable(bytes, root)) return whole('malformed_flatbuffer', MALFORMED.batch);
  const vendas = offsetField(bytes, root, SLOT.vendas);
  if (vendas === ABSENT) return whole('batch_empty', BATCH_EMPTY);
  if (!hasRoom(bytes, vendas, 4)) return whole('malformed_flatbuffer', MALFORMED.batch);
  const count = bytes.readInt32LE(vendas);
  if (count < 0 || !hasRoom(bytes, vendas + 4, 4 * count)) {
    return whole('malformed_flatbuffer', MALFORMED.batch);
  }
  if (count === 0) return whole('batch_empty', BATCH_EMPTY);
  if (count > SALES_PER_BATCH_MAX) {
    const detail = `the batch holds ${count} sales, more than ${SALES_PER_BATCH_MAX}`;
    return whole('batch_too_large', detail);
  }
  for (let index = 0; index < count; index++) {
    const at = vendas + 4 + 4 * index;
    const offset = bytes.readInt32LE(at);
    if (offset <= 0 || !isWholeSale(bytes, at + offset)) {
      return whole('malformed_flatbuffer', MALFORMED.inBatch(index));
    }
  }
  const batch = SaleBatch.getRootAsSaleBatch(library);
  const sales = Array.from({ length: count }, (_, index) => {
    const fields = fieldsOf(batch.vendas(index)!);
    return { verdict: parseFields(fields), fields };
  });
  return { kind: 'batch', sales };
}

function whole(reason: RejectedSale['reason'], detail: string): ParsedRecord {
  return { kind: 'one', verdict: rejected(reason, detail) };
}

function fieldsOf(sale: Sale): SaleFields {
  const asBytes = flatbuffers.Encoding.UTF8_BYTES;
  return {
    idPedido: copy(sale.idPedido(asBytes)),
    categoria: copy(sale.categoria(asBytes)),
    valorCentavos: sale.valorCentavos(),
    timestampMs: sale.timestampMs(),
  };
}

function copy(bytes: string | Uint8Array | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes as Uint8Array);
}

// --- structure ------------------------------------------------------------------------------

/** What `offsetField` says of a field that is not there. */
const ABSENT = -1;
/** And of one whose offset is not inside the buffer or leads nowhere; no bytes have room there. */
const BROKEN = Number.MAX_SAFE_INTEGER;

const hasRoom = (bytes: Buffer, at: number, size: number) => at >= 0 && at + size <= bytes.length;

function isWholeSale(bytes: Buffer, table: number): boolean {
  if (!isWholeTable(bytes, table)) return false;
  for (const slot of [SLOT.idPedido, SLOT.categoria]) {
    const text = offsetField(bytes, table, slot);
    if (text === ABSENT) continue;
    if (!hasRoom(bytes, text, 4)) return false;
    const length = bytes.readInt32LE(text);
    if (length < 0 || !hasRoom(bytes, text + 4, length)) return false;
  }
  return [SLOT.valorCentavos, SLOT.timestampMs].every((slot) => {
    const at = fieldAt(bytes, table, slot);
    return at === ABSENT || hasRoom(bytes, at, 8);
  });
}

/** A table starts with the distance back to its vtable, and that with its own size. */
function isWholeTable(bytes: Buffer, table: number): boolean {
  if (!hasRoom(bytes, table, 4)) return false;
  const vtable = table - bytes.readInt32LE(table);
  if (!hasRoom(bytes, vtable, 4)) return false;
  const size = bytes.readInt16LE(vtable);
  return size >= 4 && size % 2 === 0 && hasRoom(bytes, vtable, size);
}

/** Where a whole table's field lies, ABSENT, or BROKEN for one inside the table's own head. */
function fieldAt(bytes: Buffer, table: number, slot: number): number {
  const vtable = table - bytes.readInt32LE(table);
  const offset = slot < bytes.readInt16LE(vtable) ? bytes.readInt16LE(vtable + slot) : 0;
  if (offset === 0) return ABSENT;
  return offset >= 4 ? table + offset : BROKEN;
}

/** Where the string or vector that a field points to starts; it may not point at itself. */
function offsetField(bytes: Buffer, table: number, slot: number): number {
  const at = fieldAt(bytes, table, slot);
  if (at === ABSENT) return ABSENT;
  if (!hasRoom(bytes, at, 4)) return BROKEN;
  const offset = bytes.readInt32LE(at);
  return offset > 0 ? at + offset : BROKEN;
}
