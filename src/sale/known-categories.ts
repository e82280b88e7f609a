/**
 * Categories by the bytes that spell them in JSON without escapes, closing quote included. Only
 * names that the reference parser has accepted and interned get in, so a hit needs no check of
 * its own. Two levels: a direct-mapped cache on the first eight bytes, and behind it a table on
 * the whole text. When full it starts anew: it is a cache, the ids are the dictionary's.
 */
import { CATEGORY_BYTES_MAX } from './rules.ts';
import { closingQuote } from './words.ts';

export const KNOWN_CATEGORIES_MAX = 4096;

/** No entry; also the absence of a known category. */
const NONE = -1;

const STRIDE_WORDS = Math.ceil((CATEGORY_BYTES_MAX + 1) / 4);
const CACHE_BITS = 10;
const TABLE_SLOTS = 4 * KNOWN_CATEGORIES_MAX;

export class KnownCategories {
  #count = 0;
  /** Text with its closing quote, zero-padded, STRIDE_WORDS for each entry. */
  readonly #words = new Int32Array(KNOWN_CATEGORIES_MAX * STRIDE_WORDS);
  /** Bits of the last word that belong to the text. */
  readonly #lastMasks = new Int32Array(KNOWN_CATEGORIES_MAX);
  /** Bytes without the closing quote. */
  readonly #lengths = new Int32Array(KNOWN_CATEGORIES_MAX);
  readonly #ids = new Int32Array(KNOWN_CATEGORIES_MAX);
  readonly #cache = new Int32Array(1 << CACHE_BITS).fill(NONE);
  readonly #table = new Int32Array(TABLE_SLOTS).fill(NONE);

  /** Entry of the string whose content starts at `from`, or -1. */
  find(bytes: Uint8Array, view: DataView, from: number, end: number): number {
    const hash =
      Math.imul(view.getInt32(from, true), 0x9e3779b1) ^
      Math.imul(view.getInt32(from + 4, true), 0x85ebca6b);
    const slot = hash >>> (32 - CACHE_BITS);
    const entry = this.#cache[slot];
    if (entry !== NONE && this.#is(entry, view, from)) return entry;
    return this.#findByText(bytes, view, from, end, slot);
  }

  /** The id that the dictionary gave the entry's name. */
  id(entry: number): number {
    return this.#ids[entry];
  }

  /** Bytes of the entry's name. */
  length(entry: number): number {
    return this.#lengths[entry];
  }

  /** Remembers an accepted category. A name that JSON cannot spell without escapes is skipped. */
  learn(name: string, id: number): void {
    if (JSON.stringify(name).length !== name.length + 2) return;
    const text = Buffer.from(`${name}"\0\0\0`, 'utf8');
    const length = text.length - 4;
    if (length > CATEGORY_BYTES_MAX) return;
    const view = new DataView(text.buffer, text.byteOffset, text.length);
    let slot = tableSlot(text, 0, length);
    for (; this.#table[slot] !== NONE; slot = (slot + 1) % TABLE_SLOTS) {
      if (this.#is(this.#table[slot], view, 0)) return;
    }
    if (this.#count === KNOWN_CATEGORIES_MAX) {
      // Entries that #cache still names stay right until they are overwritten, and after.
      this.#count = 0;
      this.#table.fill(NONE);
      slot = tableSlot(text, 0, length);
    }
    const entry = this.#count++;
    const words = (length + 4) >> 2;
    for (let i = 0; i < words; i++) {
      this.#words[entry * STRIDE_WORDS + i] = view.getInt32(4 * i, true);
    }
    this.#lastMasks[entry] = -1 >>> (24 - 8 * (length & 3));
    this.#lengths[entry] = length;
    this.#ids[entry] = id;
    this.#table[slot] = entry;
  }

  #is(entry: number, view: DataView, from: number): boolean {
    const words = this.#words;
    const first = entry * STRIDE_WORDS;
    const last = first + (this.#lengths[entry] >> 2);
    let position = from;
    for (let i = first; i < last; i++, position += 4) {
      if (words[i] !== view.getInt32(position, true)) return false;
    }
    return ((words[last] ^ view.getInt32(position, true)) & this.#lastMasks[entry]) === 0;
  }

  #findByText(
    bytes: Uint8Array,
    view: DataView,
    from: number,
    end: number,
    cacheSlot: number,
  ): number {
    const quote = closingQuote(bytes, view, from, end);
    if (quote < 0 || quote - from > CATEGORY_BYTES_MAX) return NONE;
    let slot = tableSlot(bytes, from, quote);
    for (;;) {
      const entry = this.#table[slot];
      if (entry === NONE) return NONE;
      if (this.#is(entry, view, from)) {
        this.#cache[cacheSlot] = entry;
        return entry;
      }
      slot = (slot + 1) % TABLE_SLOTS;
    }
  }
}

function tableSlot(bytes: Uint8Array, from: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = from; i < end; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return (hash ^ (hash >>> 15)) & (TABLE_SLOTS - 1);
}
