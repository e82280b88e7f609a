/**
 * What a FlatBuffers value holds, by docs/RECORDS.md and the generated code of the schema. That
 * code's library looks at no bounds, so everything that it will follow is followed here first.
 */
import { isUtf8 } from 'node:buffer';
import { ByteBuffer, Encoding } from 'flatbuffers';
import { Sale as FlatSale } from '../sale/flatbuffers/generated/sale.ts';
import { SaleBatch as FlatBatch } from '../sale/flatbuffers/generated/sale-batch.ts';
import {
  type BatchedSale,
  CATEGORY_BYTES_MAX,
  CENTAVOS_MAX,
  EVENT_MS_LIMIT,
  type SaleVerdict,
} from './sale.ts';

const SALES_MAX = 4096;

/** What a whole batch holds, or a verdict on one sale or on the value as a whole. */
export type FlatVerdict = SaleVerdict | readonly BatchedSale[];

/** null when the value is no FlatBuffer of ours, and so to be read as JSON. */
export function judgeFlat(value: Buffer): FlatVerdict | null {
  if (value.length < 8 || value[3] >= 0x20) return null;
  const identifier = value.toString('latin1', 4, 8);
  if (identifier !== 'VDVS' && identifier !== 'VDVB') return null;
  try {
    const walk = new Walk(value);
    const root = walk.u32(0);
    return identifier === 'VDVS' ? judgeSale(walk, value, root) : judgeBatch(walk, value, root);
  } catch (error) {
    if (error instanceof Malformed) return 'malformed_flatbuffer';
    throw error;
  }
}

function judgeSale(walk: Walk, value: Buffer, root: number): SaleVerdict {
  walk.sale(root);
  return verdictOf(fieldsOf(FlatSale.getRootAsSale(new ByteBuffer(value))));
}

function judgeBatch(walk: Walk, value: Buffer, root: number): FlatVerdict {
  const vendas = walk.reference(walk.table(root)(4));
  if (vendas === null) return 'batch_empty';
  const count = walk.length(vendas);
  walk.need(vendas + 4, 4 * count);
  if (count === 0) return 'batch_empty';
  if (count > SALES_MAX) return 'batch_too_large';
  for (let i = 0; i < count; i++) walk.sale(walk.reference(vendas + 4 + 4 * i)!);
  const batch = FlatBatch.getRootAsSaleBatch(new ByteBuffer(value));
  return Array.from({ length: count }, (_, i) => {
    const fields = fieldsOf(batch.vendas(i)!);
    return { verdict: verdictOf(fields), letterValue: () => Buffer.from(asJson(fields)) };
  });
}

interface Fields {
  readonly idPedido: Buffer | null;
  readonly categoria: Buffer | null;
  readonly centavos: bigint | null;
  readonly timestampMs: bigint | null;
}

function fieldsOf(sale: FlatSale): Fields {
  const bytes = (text: string | Uint8Array | null) => (text === null ? null : Buffer.from(text));
  return {
    idPedido: bytes(sale.idPedido(Encoding.UTF8_BYTES)),
    categoria: bytes(sale.categoria(Encoding.UTF8_BYTES)),
    centavos: sale.valorCentavos(),
    timestampMs: sale.timestampMs(),
  };
}

function verdictOf({ idPedido, categoria, centavos, timestampMs }: Fields): SaleVerdict {
  if (!idPedido || !categoria || centavos === null || timestampMs === null) return 'missing_field';
  if (categoria.length > CATEGORY_BYTES_MAX) return 'category_too_long';
  const name = categoria.toString('utf8');
  if (name.trim() === '') return 'category_empty';
  if (!isUtf8(categoria)) return 'category_malformed';
  if (centavos < 0n || centavos > CENTAVOS_MAX) return 'valor_out_of_range';
  if (timestampMs < 0n || timestampMs >= EVENT_MS_LIMIT) return 'bad_timestamp';
  return { categoria: name, centavos, eventMs: Number(timestampMs) };
}

// --- structure ------------------------------------------------------------------------------

class Malformed extends Error {}

/** Follows offsets through the bytes; throws Malformed where one leads out of them. */
class Walk {
  readonly #view: DataView;

  constructor(value: Buffer) {
    this.#view = new DataView(value.buffer, value.byteOffset, value.length);
  }

  need(at: number, size: number): void {
    if (at < 0 || at + size > this.#view.byteLength) throw new Malformed();
  }

  u32(at: number): number {
    this.need(at, 4);
    return this.#view.getUint32(at, true);
  }

  /** The length that stands before a string's or a vector's content. */
  length(at: number): number {
    this.need(at, 4);
    const length = this.#view.getInt32(at, true);
    if (length < 0) throw new Malformed();
    return length;
  }

  /** Where the offset that stands at a place leads; it leads forward. null for no place. */
  reference(at: number | null): number | null {
    if (at === null) return null;
    this.need(at, 4);
    const offset = this.#view.getInt32(at, true);
    if (offset <= 0) throw new Malformed();
    return at + offset;
  }

  /** Looks fields up by their place in the table's vtable: where they are, or null. */
  table(at: number): (slot: number) => number | null {
    this.need(at, 4);
    const vtable = at - this.#view.getInt32(at, true);
    this.need(vtable, 4);
    const size = this.#view.getInt16(vtable, true);
    if (size < 4 || size % 2 !== 0) throw new Malformed();
    this.need(vtable, size);
    return (slot) => {
      const offset = slot + 2 > size ? 0 : this.#view.getInt16(vtable + slot, true);
      if (offset === 0) return null;
      if (offset < 4) throw new Malformed();
      return at + offset;
    };
  }

  sale(at: number): void {
    const field = this.table(at);
    for (const slot of [4, 6]) {
      const text = this.reference(field(slot));
      if (text !== null) this.need(text + 4, this.length(text));
    }
    for (const slot of [8, 10]) {
      const number = field(slot);
      if (number !== null) this.need(number, 8);
    }
  }
}

// --- dead letters ---------------------------------------------------------------------------

/** The sale as JSON, in the order of the fields; what is missing is left out. */
function asJson({ idPedido, categoria, centavos, timestampMs }: Fields): string {
  const members: string[] = [];
  if (idPedido) members.push(`"id_pedido":${quoted(idPedido)}`);
  if (categoria) members.push(`"categoria":${quoted(categoria)}`);
  if (centavos !== null) members.push(`"valor":${reais(centavos)}`);
  if (timestampMs !== null) members.push(`"timestamp":"${timeText(timestampMs)}"`);
  return `{${members.join(',')}}`;
}

/** A byte that belongs to no UTF-8 character, 0xff for example, becomes U+DCFF. */
function quoted(bytes: Buffer): string {
  if (isUtf8(bytes)) return JSON.stringify(bytes.toString('utf8'));
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = [1, 2, 3, 4].find((n) => isUtf8(bytes.subarray(at, at + n)));
    text +=
      length === undefined
        ? String.fromCharCode(0xdc00 + bytes[at])
        : bytes.toString('utf8', at, at + length);
    at += length ?? 1;
  }
  return JSON.stringify(text);
}

function reais(centavos: bigint): string {
  const sign = centavos < 0n ? '-' : '';
  const digits = String(centavos).replace('-', '').padStart(3, '0');
  return `${sign}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** A date of the years 0 to 9999, or the milliseconds as they are. */
function timeText(ms: bigint): string {
  const date = new Date(Number(ms));
  const text = Number.isNaN(date.getTime()) ? '' : date.toISOString();
  // Other years are spelled with a sign and six digits.
  return /^\d/.test(text) ? text : String(ms);
}
