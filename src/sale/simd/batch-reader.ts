/**
 * The host of read-sales.as: copies a batch's records into WebAssembly's memory, piece by piece,
 * and has their sales read into columns. One for each partition, since categories have their ids
 * from its dictionary. Knows nothing of verdicts: a row is a sale in good form, to be judged by
 * time and counted by the caller, and what is no row is the caller's to read.
 */
import type { CategoryMirror } from '../known-categories.ts';
import type { MinuteTables } from '../known-minutes.ts';
import { READ_SALES_WASM } from './generated.ts';

const WASM_PAGE_BYTES = 65_536;
/** Stays in a core's own cache, with the columns. */
const PIECE_BYTES = 64 * 1024;

type Constant =
  | 'CUT_OFF'
  | 'DECLINED'
  | 'ROWS_MAX'
  | 'READ_AHEAD_BYTES'
  | 'CONTROL'
  | 'TIMES'
  | 'RECORD_AT'
  | 'OFFSET_DELTA'
  | 'CATEGORY_ID'
  | 'TIMESTAMP_DELTA'
  | 'CENTAVOS'
  | 'EVENT_MS'
  | 'MINUTE_BITS'
  | 'MINUTE_KEYS'
  | 'MINUTE_UTC_MS'
  | 'MINUTE_ZONED_MS'
  | 'CATEGORY_BITS'
  | 'CATEGORY_STRIDE'
  | 'CATEGORY_PROBES_MAX'
  | 'CATEGORIES'
  | 'SUMS_MAX'
  | 'SUM_COUNT'
  | 'SUM_CENTAVOS'
  | 'SUM_MENOR'
  | 'SUM_MAIOR'
  | 'SUMMED'
  | 'MASKS'
  | 'QUOTES'
  | 'TEXT';

type Exports = Readonly<Record<Constant, { readonly value: number }>> & {
  read(at: number, textEnd: number, batchEnd: number, count: number, lastDelta: number): number;
};

/** Compiled once in each thread; null where the processor has no SIMD. */
let compiled: WebAssembly.Module | null | undefined;

function compiledModule(): WebAssembly.Module | null {
  if (compiled === undefined) {
    const bytes = Buffer.from(READ_SALES_WASM, 'base64');
    // Node has no WebAssembly at all with --jitless.
    const isReadable = typeof WebAssembly !== 'undefined' && WebAssembly.validate(bytes);
    compiled = isReadable ? new WebAssembly.Module(bytes) : null;
  }
  return compiled;
}

/**
 * @returns null where the process may not have that many addresses (`ulimit -v`): V8 reserves ten
 *   gigabytes of them for each memory, however small it is
 */
function newMemory(): WebAssembly.Memory | null {
  try {
    return new WebAssembly.Memory({ initial: 1 });
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

export interface CategorySums {
  /** Those that have one, in the order of their first rows. */
  readonly ids: Int32Array;
  /** By id. */
  readonly count: Int32Array;
  readonly centavos: Float64Array;
  readonly menor: Float64Array;
  readonly maior: Float64Array;
}

export class BatchReader {
  /** Of each row: where its record begins, less `shift`. */
  readonly recordAt: Int32Array;
  readonly offsetDelta: Int32Array;
  readonly categoryId: Int32Array;
  /** Milliseconds. */
  readonly timestampDelta: Float64Array;
  readonly centavos: Float64Array;
  readonly eventMs: Float64Array;
  /** Of all rows of a call: least and greatest event time, and greatest lead of it on the batch's. */
  readonly times: Float64Array;
  /** Of all rows of a call, where `summed` says that there are any. */
  readonly sums: CategorySums;
  /** Where KnownMinutes is to keep what it knows, so that it is known here too. */
  readonly minutes: MinuteTables;
  readonly categories: CategoryMirror;
  /** After `read`: where it stopped, and whether at a record that the caller must read. */
  position = 0;
  isDeclined = false;
  readonly #read: Exports['read'];
  readonly #control: Int32Array;
  readonly #text: Uint8Array;
  readonly #textAt: number;
  readonly #cutOff: number;
  readonly #declined: number;
  /** What of the caller's bytes lies in the text. */
  #from = 0;
  #to = 0;

  private constructor(module: WebAssembly.Module, memory: WebAssembly.Memory) {
    const instance = new WebAssembly.Instance(module, { env: { memory } });
    const exports = instance.exports as unknown as Exports;
    const at = (name: Constant): number => exports[name].value;
    this.#textAt = at('TEXT');
    const bytes = this.#textAt + PIECE_BYTES + at('READ_AHEAD_BYTES');
    memory.grow(Math.ceil(bytes / WASM_PAGE_BYTES) - 1);
    const { buffer } = memory;
    const rows = at('ROWS_MAX');
    this.#read = exports.read;
    this.#cutOff = at('CUT_OFF');
    this.#declined = at('DECLINED');
    this.#control = new Int32Array(buffer, at('CONTROL'), 3);
    this.times = new Float64Array(buffer, at('TIMES'), 3);
    const sums = at('SUMS_MAX');
    this.sums = {
      ids: new Int32Array(buffer, at('SUMMED'), sums),
      count: new Int32Array(buffer, at('SUM_COUNT'), sums),
      centavos: new Float64Array(buffer, at('SUM_CENTAVOS'), sums),
      menor: new Float64Array(buffer, at('SUM_MENOR'), sums),
      maior: new Float64Array(buffer, at('SUM_MAIOR'), sums),
    };
    this.#text = new Uint8Array(buffer, this.#textAt, PIECE_BYTES);
    this.recordAt = new Int32Array(buffer, at('RECORD_AT'), rows);
    this.offsetDelta = new Int32Array(buffer, at('OFFSET_DELTA'), rows);
    this.categoryId = new Int32Array(buffer, at('CATEGORY_ID'), rows);
    this.timestampDelta = new Float64Array(buffer, at('TIMESTAMP_DELTA'), rows);
    this.centavos = new Float64Array(buffer, at('CENTAVOS'), rows);
    this.eventMs = new Float64Array(buffer, at('EVENT_MS'), rows);
    const minutes = 1 << at('MINUTE_BITS');
    this.minutes = {
      keys: new Int32Array(buffer, at('MINUTE_KEYS'), 4 * minutes),
      utcMs: new Float64Array(buffer, at('MINUTE_UTC_MS'), minutes),
      zonedMs: new Float64Array(buffer, at('MINUTE_ZONED_MS'), minutes),
    };
    new Uint8Array(buffer, at('MASKS'), 32).fill(0xff);
    new Uint8Array(buffer, at('QUOTES'), 32)[31] = 0x22;
    this.categories = categoryTable(buffer, at);
  }

  /** Categories that have sums over the rows; 0 where there are none, or a row is in no sum. */
  get summed(): number {
    return this.#control[2];
  }

  /** @returns null where processor, Node or system do not allow it: the scanner reads all then */
  static make(): BatchReader | null {
    const module = compiledModule();
    const memory = module && newMemory();
    return memory && new BatchReader(module, memory);
  }

  /** What lay in memory before is of no more use: the caller's bytes are others. */
  forget(): void {
    this.#from = 0;
    this.#to = 0;
  }

  /** What to add to a position in the text for the one in the caller's bytes. */
  get shift(): number {
    return this.#from - this.#textAt;
  }

  /**
   * Reads records from bytes[from, end) into rows, as long as they are plain sales.
   *
   * @param from where a record begins
   * @param end of the batch
   * @param count records that it still has
   * @param lastDelta the offset delta of the record before `from`; -1 for the first
   * @returns rows, at most as many as the columns take
   */
  read(bytes: Uint8Array, from: number, end: number, count: number, lastDelta: number): number {
    if (from < this.#from || from >= this.#to) this.#load(bytes, from, end);
    let rows = this.#readText(from, end, count, lastDelta);
    if (rows === 0 && this.#control[1] === this.#cutOff && from > this.#from) {
      this.#load(bytes, from, end);
      rows = this.#readText(from, end, count, lastDelta);
    }
    const why = this.#control[1];
    // One that is cut off at the start of a piece fits none.
    this.isDeclined = why === this.#declined || (rows === 0 && why === this.#cutOff);
    this.position = this.#control[0] + this.shift;
    return rows;
  }

  #readText(from: number, end: number, count: number, lastDelta: number): number {
    const shift = this.shift;
    return this.#read(from - shift, this.#to - shift, end - shift, count, lastDelta);
  }

  #load(bytes: Uint8Array, from: number, end: number): void {
    this.#from = from;
    this.#to = Math.min(end, from + PIECE_BYTES);
    this.#text.set(bytes.subarray(from, this.#to));
  }
}

function categoryTable(buffer: ArrayBuffer, at: (name: Constant) => number): CategoryMirror {
  const bits = at('CATEGORY_BITS');
  const stride = at('CATEGORY_STRIDE');
  const table = Buffer.from(buffer, at('CATEGORIES'), stride << bits);
  const textBytes = 32;
  return {
    learn(quoted, id) {
      const length = quoted.length - 1;
      if (length < 3 || length >= textBytes) return;
      const hash =
        Math.imul(quoted.readInt32LE(0), 0x9e3779b1) ^
        Math.imul(quoted.readInt32LE(length - 3), 0x85ebca6b) ^
        Math.imul(length, 0x2c1b3c6d);
      const home = hash >>> (32 - bits);
      for (let probe = 0; probe < at('CATEGORY_PROBES_MAX'); probe++) {
        const entry = ((home + probe) & ((1 << bits) - 1)) * stride;
        if (table.readInt32LE(entry) !== 0) continue;
        quoted.copy(table, entry);
        table.writeInt32LE(id, entry + textBytes);
        return;
      }
    },
    clear() {
      table.fill(0);
    },
  };
}
