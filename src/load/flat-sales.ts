/**
 * Sales as FlatBuffers, one to a value or a hundred, written field by field where they will lie:
 * the library's builder makes objects and copies for each sale. Invariant: what is written is sound
 * by src/sale/flatbuffers and aligned as FlatBuffers ask for; a test holds it against both.
 *
 *     sale    0 root | 4 "VDVS" | 8 vtable 12 | 20 table 28 | id 44 | categoria
 *     batch   0 root | 4 "VDVB" | 8 vtable 6, 2 | 16 table 8 | 24 vtable 12 | 36 count, offsets |
 *             sales, each table 28 and id 44 | the categories that they name
 *
 * A table is vtable's distance, valor i64, timestamp i64, id, categoria. It starts 4 before a
 * multiple of 8, so that the numbers lie on one.
 */
import { assert } from '../lib/assert.ts';
import { encodeSale, encodeSaleBatch } from '../sale/flatbuffers/encode.ts';
import { parseRecord } from '../sale/flatbuffers/reference.ts';
import { REASON } from '../sale/reasons.ts';
import { type MalformedValue, SaleFields, type SaleValues } from './sale-values.ts';
import { NO_ID, writeId } from './uuid-text.ts';

export const SALES_PER_FLAT_BATCH = 100;

const TABLE_BYTES = 28;
const ID_BYTES = 44;
const SALE_BYTES = TABLE_BYTES + ID_BYTES;
/** Vtable bytes, table bytes, and where in the table the four fields lie, in the schema's order. */
const SALE_VTABLE = [12, TABLE_BYTES, 20, 24, 4, 12];
/** The only field, the vector of sales, lies behind the distance to the vtable. */
const BATCH_VTABLE = [6, 8, 4, 0];
const SALE_VTABLE_AT = 8;
const SALE_TABLE_AT = 20;
const BATCH_TABLE_AT = 16;
const BATCH_SALE_VTABLE_AT = 24;
const VECTOR_AT = 36;
/** A FlatBuffers string with its length before and its zero byte and padding behind. */
function stringBytes(text: string): Buffer {
  const content = Buffer.from(text, 'utf8');
  const bytes = Buffer.alloc((4 + content.length + 4) & ~3);
  bytes.writeInt32LE(content.length);
  content.copy(bytes, 4);
  return bytes;
}

const ID_TEMPLATE = stringBytes(NO_ID);

/** One sale's table and id; the categoria's offset is filled in by the caller. */
function writeSale(
  bytes: Buffer,
  view: DataView,
  at: number,
  vtableAt: number,
  sale: SaleFields,
): void {
  view.setInt32(at, at - vtableAt, true);
  writeInt64(view, at + 4, sale.valorCentavos);
  writeInt64(view, at + 12, sale.eventMs);
  view.setInt32(at + 20, TABLE_BYTES - 20, true);
  const idAt = at + TABLE_BYTES;
  bytes.set(ID_TEMPLATE, idAt);
  writeId(view, idAt + 4, sale);
}

/** A whole number from 0 to 2^53. */
function writeInt64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, value / 2 ** 32, true);
}

function writeVtable(view: DataView, at: number, entries: readonly number[]): void {
  for (let i = 0; i < entries.length; i++) view.setUint16(at + 2 * i, entries[i], true);
}

function writeHead(view: DataView, at: number, root: number, identifier: number): void {
  view.setInt32(at, root, true);
  view.setInt32(at + 4, identifier, true);
}

const SALE_IDENTIFIER = Buffer.from('VDVS').readInt32LE();
const BATCH_IDENTIFIER = Buffer.from('VDVB').readInt32LE();

/** What broken producers send. */
function malformedValues(timeZone: string): MalformedValue[] {
  const sale = { idPedido: NO_ID, categoria: 'Casa', valorCentavos: 1000, timestampMs: 1.7e12 };
  const values = [
    encodeSale(sale).subarray(0, 60),
    encodeSale({ ...sale, valorCentavos: -1000 }),
    encodeSale({ ...sale, timestampMs: -1 }),
    encodeSale({ ...sale, categoria: ' ' }),
    encodeSaleBatch([sale, sale]).subarray(0, 100),
    encodeSaleBatch([]),
    Buffer.from('{"id_pedido": "a JSON sale that was cut'),
  ];
  return values.map((bytes) => {
    const parsed = parseRecord(bytes, { timeZone });
    assert(parsed.kind === 'one' && parsed.verdict.verdict === 'rejected', 'it is no sale');
    return { bytes, reason: REASON[parsed.verdict.reason] };
  });
}

export class FlatSales implements SaleValues {
  readonly salesPerValue = 1;
  readonly bytesMax: number;
  readonly malformed: readonly MalformedValue[];
  readonly #categories: readonly Buffer[];
  #bytes: Buffer = Buffer.alloc(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #at = 0;

  constructor(categories: readonly string[], timeZone: string) {
    this.#categories = categories.map(stringBytes);
    this.malformed = malformedValues(timeZone);
    const sizes = this.#categories.map(({ length }) => SALE_TABLE_AT + SALE_BYTES + length);
    this.bytesMax = Math.max(...sizes, ...this.malformed.map(({ bytes }) => bytes.length));
  }

  begin(bytes: Buffer, view: DataView, at: number): void {
    this.#bytes = bytes;
    this.#view = view;
    this.#at = at;
  }

  add(sale: SaleFields): void {
    const [bytes, view, at] = [this.#bytes, this.#view, this.#at];
    writeHead(view, at, SALE_TABLE_AT, SALE_IDENTIFIER);
    writeVtable(view, at + SALE_VTABLE_AT, SALE_VTABLE);
    const tableAt = at + SALE_TABLE_AT;
    writeSale(bytes, view, tableAt, at + SALE_VTABLE_AT, sale);
    const category = this.#categories[sale.category];
    const categoryAt = tableAt + SALE_BYTES;
    view.setInt32(tableAt + 24, categoryAt - (tableAt + 24), true);
    bytes.set(category, categoryAt);
    this.#at = categoryAt + category.length;
  }

  end(): number {
    return this.#at;
  }
}

export class FlatBatches implements SaleValues {
  readonly salesPerValue = SALES_PER_FLAT_BATCH;
  readonly bytesMax: number;
  readonly malformed: readonly MalformedValue[];
  readonly #categories: readonly Buffer[];
  /** Of the categories in this batch; 0 for one that no sale has named. */
  readonly #categoryAt: Int32Array;
  /** The sales that were added: a batch's layout depends on how many there are. */
  readonly #sales: readonly SaleFields[];
  #count = 0;
  #bytes: Buffer = Buffer.alloc(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #at = 0;

  constructor(categories: readonly string[], timeZone: string) {
    this.#categories = categories.map(stringBytes);
    this.#categoryAt = new Int32Array(categories.length);
    this.#sales = Array.from({ length: SALES_PER_FLAT_BATCH }, () => new SaleFields());
    this.malformed = malformedValues(timeZone);
    const names = this.#categories.reduce((sum, { length }) => sum + length, 0);
    this.bytesMax = VECTOR_AT + 12 + SALES_PER_FLAT_BATCH * (4 + SALE_BYTES) + names;
  }

  begin(bytes: Buffer, view: DataView, at: number): void {
    this.#bytes = bytes;
    this.#view = view;
    this.#at = at;
    this.#count = 0;
  }

  add(sale: SaleFields): void {
    const copy = this.#sales[this.#count++];
    copy.id0 = sale.id0;
    copy.id1 = sale.id1;
    copy.id2 = sale.id2;
    copy.id3 = sale.id3;
    copy.category = sale.category;
    copy.valorCentavos = sale.valorCentavos;
    copy.eventMs = sale.eventMs;
  }

  end(): number {
    const [bytes, view, at, count] = [this.#bytes, this.#view, this.#at, this.#count];
    writeHead(view, at, BATCH_TABLE_AT, BATCH_IDENTIFIER);
    writeVtable(view, at + SALE_VTABLE_AT, BATCH_VTABLE);
    view.setInt32(at + BATCH_TABLE_AT, BATCH_TABLE_AT - SALE_VTABLE_AT, true);
    view.setInt32(at + BATCH_TABLE_AT + 4, VECTOR_AT - (BATCH_TABLE_AT + 4), true);
    writeVtable(view, at + BATCH_SALE_VTABLE_AT, SALE_VTABLE);
    view.setInt32(at + VECTOR_AT, count, true);
    const offsetsAt = at + VECTOR_AT + 4;
    // 4 before a multiple of 8, counted from the value's start.
    const firstAt = at + ((VECTOR_AT + 4 + 4 * count + 3) & ~7) + 4;
    if (firstAt > offsetsAt + 4 * count) view.setInt32(offsetsAt + 4 * count, 0, true);
    let namesEnd = firstAt + SALE_BYTES * count;
    this.#categoryAt.fill(0);
    for (let i = 0; i < count; i++) {
      const sale = this.#sales[i];
      const tableAt = firstAt + SALE_BYTES * i;
      const offsetAt = offsetsAt + 4 * i;
      view.setInt32(offsetAt, tableAt - offsetAt, true);
      writeSale(bytes, view, tableAt, at + BATCH_SALE_VTABLE_AT, sale);
      let categoryAt = this.#categoryAt[sale.category];
      if (categoryAt === 0) {
        categoryAt = namesEnd;
        this.#categoryAt[sale.category] = categoryAt;
        bytes.set(this.#categories[sale.category], categoryAt);
        namesEnd += this.#categories[sale.category].length;
      }
      view.setInt32(tableAt + 24, categoryAt - (tableAt + 24), true);
    }
    return namesEnd;
  }
}
