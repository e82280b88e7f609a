/**
 * Reads FlatBuffers sales where they lie. It gives the verdicts of reference.ts, which is written
 * apart from it: nothing is followed before it is known to lie in the value, and what is not a
 * plain, valid sale of a category seen before (`#unusual`) goes through the same rules for fields.
 * No object or string is made for a sale that is read in place.
 *
 * In a batch nothing is admitted to the dictionary before the whole batch is known to be sound.
 */
import type { KnownCategories } from '../known-categories.ts';
import { REASON, type ReasonCode } from '../reasons.ts';
import { pastTheLimit, type RejectedSale } from '../reference.ts';
import {
  type CategoryIds,
  EVENT_TIME_MS_LIMIT,
  SALES_PER_BATCH_MAX,
  VALOR_CENTAVOS_MAX,
} from '../rules.ts';
import { parseFields, type SaleFields } from './fields.ts';
import {
  BATCH_EMPTY,
  BATCH_IDENTIFIER,
  FLAT_HEAD_BYTES,
  MALFORMED,
  ROOT_HIGH_BYTE_END,
  SALE_IDENTIFIER,
  SLOT,
} from './format.ts';

export const KIND = { none: 0, sale: 1, batch: 2 } as const;

/** One of KIND for the value bytes[start, end), which `view` covers too. */
export function flatKindAt(view: DataView, start: number, end: number): number {
  if (end - start < FLAT_HEAD_BYTES) return KIND.none;
  const identifier = view.getInt32(start + 4, true);
  if (identifier !== SALE_IDENTIFIER && identifier !== BATCH_IDENTIFIER) return KIND.none;
  if (view.getUint8(start + 3) >= ROOT_HIGH_BYTE_END) return KIND.none;
  return identifier === SALE_IDENTIFIER ? KIND.sale : KIND.batch;
}

/** In place of a position. */
const ABSENT = -1;
const BROKEN = -2;

/** In `category` while a batch is read: sound, and for the rules for fields to judge. */
const UNUSUAL = -128;

const EVENT_HIGH_END = EVENT_TIME_MS_LIMIT / 2 ** 32;
const FIRST_CAPACITY = 16;

/** A vtable of the four fields and no more, as four bytes at a time. */
const USUAL_VTABLE_BYTES = 12;

/** Sales of a batch may share their categories' texts; so many places of such are remembered. */
const PLACES = 32;

/** A sale of a batch that is not counted. */
export interface RejectedItem {
  readonly index: number;
  readonly reason: ReasonCode;
  /** A sentence for people. */
  readonly detail: string;
}

export class FlatReader {
  /** How many sales the last batch held; the columns below have one row for each. */
  count = 0;
  /** A category's id, or a reason negated. A single sale is row 0. */
  category = new Int32Array(FIRST_CAPACITY);
  valorCentavos = new Float64Array(FIRST_CAPACITY);
  eventMs = new Float64Array(FIRST_CAPACITY);
  /** Of the batch's valid sales. */
  eventMsMin = Number.NaN;
  eventMsMax = Number.NaN;
  /** The batch's other sales, in order. */
  readonly rejected: RejectedItem[] = [];
  /** After a single sale or a whole batch was rejected: a sentence for people. */
  detail = '';

  readonly #categories: CategoryIds;
  readonly #known: KnownCategories;
  /** The vector of the last batch. */
  #vendas = 0;
  /** What the last vtable says: where each field is in its table, 0 for none. */
  #idPedido = 0;
  #categoria = 0;
  #valor = 0;
  #timestamp = 0;
  #hasAll = false;
  /** Bytes of a table with those fields. */
  #tableBytes = 0;
  /** The last vtable's bytes if it was a usual one: the next record's mostly has the same. */
  #hasUsual = false;
  readonly #usual = new Int32Array(USUAL_VTABLE_BYTES / 4);
  /** In the present batch: places of texts, and the categories that they spell. */
  readonly #places = new Int32Array(PLACES);
  readonly #placeIds = new Int32Array(PLACES);

  constructor(categories: CategoryIds, known: KnownCategories) {
    this.#categories = categories;
    this.#known = known;
  }

  /** Judges the one sale in bytes[start, end), which `view` covers; row 0 holds it. */
  readSale(bytes: Buffer, view: DataView, start: number, end: number): ReasonCode {
    // The offset to the root is like that to a batch's sale.
    if (this.#readRows(view, start, end, start, 1) >= 0) return this.#broken(MALFORMED.sale);
    if (this.category[0] >= 0) return REASON.valid;
    return this.#judge(bytes, view, start + view.getInt32(start, true), 0);
  }

  /**
   * Judges the sales in bytes[start, end), all but their time: fills the columns and `rejected`.
   *
   * @returns a reason when the batch is rejected whole
   */
  readBatch(bytes: Buffer, view: DataView, start: number, end: number): ReasonCode {
    this.rejected.length = 0;
    const vendas = this.#vector(view, start, end, start + view.getInt32(start, true));
    if (vendas === ABSENT) return this.#empty();
    if (vendas === BROKEN) return this.#broken(MALFORMED.batch);
    const count = view.getInt32(vendas, true);
    if (count === 0) return this.#empty();
    if (count > SALES_PER_BATCH_MAX) {
      this.detail = `the batch holds ${count} sales, more than ${SALES_PER_BATCH_MAX}`;
      return REASON.batch_too_large;
    }
    this.count = count;
    this.#vendas = vendas;
    if (count > this.category.length) this.#grow(count);
    const broken = this.#readRows(view, start, end, vendas + 4, count);
    if (broken >= 0) return this.#broken(MALFORMED.inBatch(broken));
    this.#judgeUnusual(bytes, view);
    return REASON.valid;
  }

  /** The fields of sale `index` of the last batch, for a dead letter; they lie in `bytes`. */
  fieldsOf(bytes: Buffer, view: DataView, index: number): SaleFields {
    return this.#fields(bytes, view, this.#tableOf(view, index));
  }

  /** Takes a sale of the last batch out, after what was rejected before. */
  reject(item: RejectedItem): void {
    this.category[item.index] = -item.reason;
    this.rejected.push(item);
  }

  #tableOf(view: DataView, index: number): number {
    const at = this.#vendas + 4 + 4 * index;
    return at + view.getInt32(at, true);
  }

  /**
   * Fills a row for each of the `count` offsets to sales from `vector` on. One long function against
   * the conventions, as the scanner's, and for the same reason.
   *
   * @returns the index of the first sale of which something leads out of the value, or -1
   */
  #readRows(view: DataView, start: number, end: number, vector: number, count: number): number {
    const { category, valorCentavos, eventMs } = this;
    const known = this.#known;
    const places = this.#places;
    const placeIds = this.#placeIds;
    const hasPlaces = count > 1;
    if (hasPlaces) places.fill(ABSENT);
    let lastVtable = 0;
    let idPedido = 0;
    let categoria = 0;
    let valor = 0;
    let timestamp = 0;
    let hasAll = false;
    let tableBytes = 0;
    let eventMsMin = Number.POSITIVE_INFINITY;
    let eventMsMax = Number.NEGATIVE_INFINITY;
    for (let row = 0; row < count; row++) {
      const at = vector + 4 * row;
      const toTable = view.getInt32(at, true);
      const table = at + toTable;
      if (toTable <= 0 || table + 4 > end) return row;
      const vtable = table - view.getInt32(table, true);
      // No number stands for "none yet": a hostile sale can name any place, before the memory too.
      if (row === 0 || vtable !== lastVtable) {
        if (!this.#isUsual(view, start, end, vtable) && !this.#learn(view, start, end, vtable)) {
          return row;
        }
        lastVtable = vtable;
        idPedido = this.#idPedido;
        categoria = this.#categoria;
        valor = this.#valor;
        timestamp = this.#timestamp;
        hasAll = this.#hasAll;
        tableBytes = this.#tableBytes;
      }
      if (table + tableBytes > end) return row;
      category[row] = UNUSUAL;
      if (!hasAll) {
        if (!isWholeText(view, end, table, idPedido)) return row;
        if (!isWholeText(view, end, table, categoria)) return row;
        continue;
      }

      const toId = view.getInt32(table + idPedido, true);
      const id = table + idPedido + toId;
      if (toId <= 0 || id + 4 > end) return row;
      const idBytes = view.getInt32(id, true);
      if (idBytes < 0 || id + 4 + idBytes > end) return row;

      const toName = view.getInt32(table + categoria, true);
      const name = table + categoria + toName;
      const place = (name >>> 2) & (PLACES - 1);
      let categoryId: number;
      if (hasPlaces && places[place] === name && toName > 0) {
        categoryId = placeIds[place];
      } else {
        if (toName <= 0 || name + 4 > end) return row;
        const nameBytes = view.getInt32(name, true);
        if (nameBytes < 0 || name + 4 + nameBytes > end) return row;
        categoryId = known.findCounted(view, name + 4, nameBytes);
        places[place] = name;
        placeIds[place] = categoryId;
      }
      if (categoryId < 0) continue;

      const valorAt = table + valor;
      const centavos = view.getInt32(valorAt + 4, true) * 2 ** 32 + view.getUint32(valorAt, true);
      if (!(centavos >= 0 && centavos <= VALOR_CENTAVOS_MAX)) continue;
      const timeAt = table + timestamp;
      const timeHigh = view.getInt32(timeAt + 4, true);
      if (timeHigh < 0 || timeHigh >= EVENT_HIGH_END) continue;
      const ms = timeHigh * 2 ** 32 + view.getUint32(timeAt, true);
      category[row] = categoryId;
      valorCentavos[row] = centavos;
      eventMs[row] = ms;
      if (ms < eventMsMin) eventMsMin = ms;
      if (ms > eventMsMax) eventMsMax = ms;
    }
    this.eventMsMin = eventMsMin;
    this.eventMsMax = eventMsMax;
    return -1;
  }

  /** Whether the vtable has the bytes of the last usual one, so that what it says is known. */
  #isUsual(view: DataView, start: number, end: number, vtable: number): boolean {
    const usual = this.#usual;
    return (
      this.#hasUsual &&
      vtable >= start &&
      vtable + USUAL_VTABLE_BYTES <= end &&
      view.getInt32(vtable, true) === usual[0] &&
      view.getInt32(vtable + 4, true) === usual[1] &&
      view.getInt32(vtable + 8, true) === usual[2]
    );
  }

  /** Takes in what the vtable says; false when that cannot be. */
  #learn(view: DataView, start: number, end: number, vtable: number): boolean {
    const size = vtableBytes(view, start, end, vtable);
    if (size < 0) return false;
    const idPedido = fieldOffset(view, vtable, size, SLOT.idPedido);
    const categoria = fieldOffset(view, vtable, size, SLOT.categoria);
    const valor = fieldOffset(view, vtable, size, SLOT.valorCentavos);
    const timestamp = fieldOffset(view, vtable, size, SLOT.timestampMs);
    if (idPedido < 0 || categoria < 0 || valor < 0 || timestamp < 0) return false;
    this.#idPedido = idPedido;
    this.#categoria = categoria;
    this.#valor = valor;
    this.#timestamp = timestamp;
    this.#hasAll = idPedido > 0 && categoria > 0 && valor > 0 && timestamp > 0;
    const texts = Math.max(idPedido, categoria) + 4;
    const numbers = Math.max(valor > 0 ? valor + 8 : 0, timestamp > 0 ? timestamp + 8 : 0);
    this.#tableBytes = Math.max(texts, numbers);
    this.#hasUsual = size === USUAL_VTABLE_BYTES;
    if (this.#hasUsual) {
      for (let i = 0; i < this.#usual.length; i++) {
        this.#usual[i] = view.getInt32(vtable + 4 * i, true);
      }
    }
    return true;
  }

  /** Where a batch's vector starts, known to lie whole in the value; or ABSENT or BROKEN. */
  #vector(view: DataView, start: number, end: number, table: number): number {
    if (table + 4 > end) return BROKEN;
    const vtable = table - view.getInt32(table, true);
    const size = vtableBytes(view, start, end, vtable);
    if (size < 0) return BROKEN;
    const field = fieldOffset(view, vtable, size, SLOT.vendas);
    if (field === 0) return ABSENT;
    if (field < 0 || table + field + 4 > end) return BROKEN;
    const offset = view.getInt32(table + field, true);
    const vector = table + field + offset;
    if (offset <= 0 || vector + 4 > end) return BROKEN;
    const count = view.getInt32(vector, true);
    return count < 0 || vector + 4 + 4 * count > end ? BROKEN : vector;
  }

  #judgeUnusual(bytes: Buffer, view: DataView): void {
    const { count, category } = this;
    for (let index = 0; index < count; index++) {
      if (category[index] !== UNUSUAL) continue;
      const reason = this.#judge(bytes, view, this.#tableOf(view, index), index);
      if (reason !== REASON.valid) {
        this.rejected.push({ index, reason, detail: this.detail });
        continue;
      }
      this.eventMsMin = Math.min(this.eventMsMin, this.eventMs[index]);
      this.eventMsMax = Math.max(this.eventMsMax, this.eventMs[index]);
    }
  }

  /** By the rules for fields, and the limit on categories; fills the row. */
  #judge(bytes: Buffer, view: DataView, table: number, row: number): ReasonCode {
    const sale = parseFields(this.#fields(bytes, view, table));
    if (sale.verdict === 'rejected') return this.#reject(sale, row);
    const id = this.#categories.intern(sale.categoria);
    if (id < 0) return this.#reject(pastTheLimit(sale.categoria), row);
    this.#known.learn(sale.categoria, id);
    this.category[row] = id;
    this.valorCentavos[row] = sale.valorCentavos;
    this.eventMs[row] = sale.eventMs;
    return REASON.valid;
  }

  #reject({ reason, detail }: RejectedSale, row: number): ReasonCode {
    this.detail = detail;
    this.category[row] = -REASON[reason];
    return REASON[reason];
  }

  #fields(bytes: Buffer, view: DataView, table: number): SaleFields {
    const vtable = table - view.getInt32(table, true);
    const size = view.getInt16(vtable, true);
    const at = (slot: number) => {
      const offset = fieldOffset(view, vtable, size, slot);
      return offset === 0 ? ABSENT : table + offset;
    };
    const text = (slot: number) => {
      const field = at(slot);
      if (field === ABSENT) return null;
      const start = field + view.getInt32(field, true) + 4;
      return bytes.subarray(start, start + view.getInt32(start - 4, true));
    };
    const number = (slot: number) =>
      at(slot) === ABSENT ? null : view.getBigInt64(at(slot), true);
    return {
      idPedido: text(SLOT.idPedido),
      categoria: text(SLOT.categoria),
      valorCentavos: number(SLOT.valorCentavos),
      timestampMs: number(SLOT.timestampMs),
    };
  }

  #broken(detail: string): ReasonCode {
    this.detail = detail;
    return REASON.malformed_flatbuffer;
  }

  #empty(): ReasonCode {
    this.detail = BATCH_EMPTY;
    return REASON.batch_empty;
  }

  #grow(count: number): void {
    const capacity = Math.min(2 * count, SALES_PER_BATCH_MAX);
    this.category = new Int32Array(capacity);
    this.valorCentavos = new Float64Array(capacity);
    this.eventMs = new Float64Array(capacity);
  }
}

/** The vtable's size when it lies whole in the value, or -1. */
function vtableBytes(view: DataView, start: number, end: number, vtable: number): number {
  if (vtable < start || vtable + 4 > end) return -1;
  const size = view.getInt16(vtable, true);
  return size >= 4 && (size & 1) === 0 && vtable + size <= end ? size : -1;
}

/** Where the field is in the table, 0 when it is missing, -1 when it would be in the table's head. */
function fieldOffset(view: DataView, vtable: number, size: number, slot: number): number {
  if (slot >= size) return 0;
  const offset = view.getInt16(vtable + slot, true);
  return offset === 0 || offset >= 4 ? offset : -1;
}

/** Whether a text that the table may have lies whole in the value. */
function isWholeText(view: DataView, end: number, table: number, field: number): boolean {
  if (field === 0) return true;
  const toText = view.getInt32(table + field, true);
  const text = table + field + toText;
  if (toText <= 0 || text + 4 > end) return false;
  const length = view.getInt32(text, true);
  return length >= 0 && text + 4 + length <= end;
}
