/**
 * Category names by id, in order of first appearance in the partition's log, in shared memory.
 * The worker is the single writer; the coordinator reads names below a count that a frozen delta
 * has published. Its limit is a rule of the partition's verdicts, so its content is kept in the
 * progress document and loaded again at takeover.
 */
import { assert } from '../lib/assert.ts';
import type { CategoryIds } from '../sale/rules.ts';
import { type RegionLimits, type RegionOffsets, WORD } from './layout.ts';

export class CategoryDictionary implements CategoryIds {
  readonly #words: Int32Array;
  readonly #ends: Int32Array;
  readonly #names: Buffer;
  readonly #limit: number;
  readonly #ids = new Map<string, number>();
  readonly #byId: string[] = [];

  constructor(buffer: SharedArrayBuffer, offsets: RegionOffsets, limits: RegionLimits) {
    this.#words = new Int32Array(buffer, 0, 48);
    this.#ends = new Int32Array(buffer, offsets.dictionaryEnds, limits.categoryCount);
    this.#names = Buffer.from(buffer, offsets.dictionaryNames, offsets.dictionaryNameBytes);
    this.#limit = limits.categoryCount;
    this.readNew();
  }

  intern(name: string): number {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const id = this.#byId.length;
    if (id >= this.#limit) return -1;
    const start = id === 0 ? 0 : this.#ends[id - 1];
    const bytes = this.#names.write(name, start, 'utf8');
    assert(bytes === Buffer.byteLength(name), 'a category name fits its share of the dictionary');
    this.#ends[id] = start + bytes;
    this.#remember(name, id);
    // The bytes and the end come first: a reader that sees the new count must find the name whole.
    Atomics.store(this.#words, WORD.dictionaryCount, id + 1);
    return id;
  }

  /** Takes in the names that the writer has added since the last call. */
  readNew(): void {
    const count = Atomics.load(this.#words, WORD.dictionaryCount);
    assert(count >= 0 && count <= this.#limit, 'dictionary count within its limit');
    for (let id = this.#byId.length; id < count; id++) {
      const start = id === 0 ? 0 : this.#ends[id - 1];
      this.#remember(this.#names.toString('utf8', start, this.#ends[id]), id);
    }
  }

  nameOf(id: number): string {
    assert(id >= 0 && id < this.#byId.length, `category id ${id} is known`);
    return this.#byId[id];
  }

  /** The first `count` names, in order of their ids. */
  names(count: number): string[] {
    return this.#byId.slice(0, count);
  }

  get size(): number {
    return this.#byId.length;
  }

  #remember(name: string, id: number): void {
    this.#ids.set(name, id);
    this.#byId[id] = name;
  }
}
