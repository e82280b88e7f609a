/**
 * Sums per (window, category) in shared memory: open addressing with linear probing over parallel
 * typed arrays. One thread writes at a time: the worker while the table is active, the coordinator
 * while it is frozen; the hand-over in DeltaPair orders their accesses, so all of these are plain
 * loads and stores. Nothing is allocated after construction.
 *
 * A table begins with few of its slots and takes twice as many once it was full and is empty again.
 * The same few keys come to lie elsewhere in each window, so that in time every slot in use becomes
 * resident memory. How many those are is the writer's own business: the reader goes by the list.
 */
import { assert } from '../lib/assert.ts';
import { SALES_PER_BATCH_MAX, VALOR_CENTAVOS_MAX } from '../sale/rules.ts';
import { type DeltaOffsets, FIRST_TABLE_SLOTS, type RegionLimits, usedSlotsMax } from './layout.ts';

/** With no sum above it, a whole batch can be added without any passing 2^53. */
const STRAINED_ABOVE = Number.MAX_SAFE_INTEGER - SALES_PER_BATCH_MAX * VALOR_CENTAVOS_MAX;

/** Indices into a delta's counts; 1 is the reject log's. */
const USED = 0;
const STRAINED = 2;

/** One row, as `forEach` hands it out. Centavos are integers below 2^53. */
export type TableVisitor = (
  window: number,
  category: number,
  count: number,
  centavos: number,
  menor: number,
  maior: number,
) => void;

/** Where the search for a key begins. @param mask slots - 1 */
export function firstSlot(window: number, category: number, mask: number): number {
  const mixed = Math.imul(window, 0x9e3779b1) ^ Math.imul(category, 0x85ebca6b);
  return (Math.imul(mixed, 0x2c1b3c6d) >>> 12) & mask;
}

export class SingleWriterTable {
  readonly #used: Int32Array;
  readonly #words: Int32Array;
  readonly #window: Int32Array;
  readonly #category: Int32Array;
  readonly #count: Float64Array;
  readonly #centavos: Float64Array;
  readonly #menor: Float64Array;
  readonly #maior: Float64Array;
  readonly #slotsMax: number;
  #mask: number;
  #usedMax: number;
  /** It was full since its slots last became more. */
  #wasFull = false;

  constructor(buffer: SharedArrayBuffer, offsets: DeltaOffsets, limits: RegionLimits) {
    const slots = limits.tableSlots;
    assert(slots >= 4 && (slots & (slots - 1)) === 0, 'table slots are a power of two');
    this.#words = new Int32Array(buffer, offsets.counts, 3);
    this.#used = new Int32Array(buffer, offsets.used, slots);
    this.#window = new Int32Array(buffer, offsets.window, slots);
    this.#category = new Int32Array(buffer, offsets.category, slots);
    this.#count = new Float64Array(buffer, offsets.count, slots);
    this.#centavos = new Float64Array(buffer, offsets.centavos, slots);
    this.#menor = new Float64Array(buffer, offsets.menor, slots);
    this.#maior = new Float64Array(buffer, offsets.maior, slots);
    this.#slotsMax = slots;
    const first = Math.min(slots, FIRST_TABLE_SLOTS);
    this.#mask = first - 1;
    this.#usedMax = usedSlotsMax(first);
  }

  /**
   * Adds one sale.
   *
   * @param window window index, 0 to 2^32 - 1
   * @param category dictionary id
   * @param centavos whole centavos, 0 to VALOR_CENTAVOS_MAX
   * @returns false, with nothing changed, when the sale needs a drained table first: a new key
   *   finds the table full, or the sum would pass 2^53
   */
  add(window: number, category: number, centavos: number): boolean {
    return this.addSum(window, category, 1, centavos, centavos, centavos);
  }

  /** Adds several sales, of this count, sum, least and greatest; otherwise as `add`. */
  addSum(
    window: number,
    category: number,
    count: number,
    centavos: number,
    menor: number,
    maior: number,
  ): boolean {
    const counts = this.#count;
    const windows = this.#window;
    const categories = this.#category;
    const mask = this.#mask;
    const key = window | 0;
    let slot = firstSlot(key, category, mask);
    while (counts[slot] !== 0) {
      if (windows[slot] === key && categories[slot] === category) {
        const sum = this.#centavos[slot] + centavos;
        if (sum > STRAINED_ABOVE) {
          if (sum > Number.MAX_SAFE_INTEGER) return false;
          this.#words[STRAINED] = 1;
        }
        this.#centavos[slot] = sum;
        counts[slot] += count;
        if (menor < this.#menor[slot]) this.#menor[slot] = menor;
        if (maior > this.#maior[slot]) this.#maior[slot] = maior;
        return true;
      }
      slot = (slot + 1) & mask;
    }
    const used = this.#words[USED];
    if (used >= this.#usedMax) {
      this.#wasFull = true;
      return false;
    }
    if (used === 0 && this.#wasFull) {
      this.#widen();
      slot = firstSlot(key, category, this.#mask);
    }
    this.#used[used] = slot;
    this.#words[USED] = used + 1;
    windows[slot] = key;
    categories[slot] = category;
    counts[slot] = count;
    this.#centavos[slot] = centavos;
    this.#menor[slot] = menor;
    this.#maior[slot] = maior;
    return true;
  }

  #widen(): void {
    this.#wasFull = false;
    const slots = Math.min(2 * (this.#mask + 1), this.#slotsMax);
    this.#mask = slots - 1;
    this.#usedMax = usedSlotsMax(slots);
  }

  /**
   * Whether `sales` sales, at most SALES_PER_BATCH_MAX and whatever they are, can be added one after
   * the other without one being refused.
   */
  hasRoomFor(sales: number): boolean {
    return this.#words[STRAINED] === 0 && this.#words[USED] + sales <= this.#usedMax;
  }

  /** Visits every row in order of first use. */
  forEach(visit: TableVisitor): void {
    const used = this.#words[USED];
    for (let i = 0; i < used; i++) {
      const slot = this.#used[i];
      visit(
        this.#window[slot] >>> 0,
        this.#category[slot],
        this.#count[slot],
        this.#centavos[slot],
        this.#menor[slot],
        this.#maior[slot],
      );
    }
  }

  /** Empties the table, at a cost of the rows in it. */
  clear(): void {
    const used = this.#words[USED];
    for (let i = 0; i < used; i++) this.#count[this.#used[i]] = 0;
    this.#words[USED] = 0;
    this.#words[STRAINED] = 0;
  }

  get size(): number {
    return this.#words[USED];
  }
}
