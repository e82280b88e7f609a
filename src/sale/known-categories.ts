/**
 * Categories by the bytes that spell them. Only names that a reference parser has accepted and
 * interned get in, so a hit needs no check of its own. When full it starts anew: it is a cache, the
 * ids are the dictionary's. Two ways lead to an entry:
 *
 * - `find` takes a JSON string without escapes, up to its closing quote: a direct-mapped cache on
 *   the first eight bytes, and behind it a table on the whole text.
 * - `findCounted` takes a text whose length is known, as FlatBuffers have it: a table on the
 *   length, the first and the last four bytes.
 */
import { CATEGORY_BYTES_MAX } from './rules.ts';
import { closingQuote } from './words.ts';

export const KNOWN_CATEGORIES_MAX = 4096;

/** No entry; also the absence of a known category. */
const NONE = -1;

const STRIDE_WORDS = Math.ceil((CATEGORY_BYTES_MAX + 1) / 4);
const CACHE_BITS = 10;
const TABLE_SLOTS = 4 * KNOWN_CATEGORIES_MAX;
const COUNTED_BITS = 14;
const COUNTED_MASK = (1 << COUNTED_BITS) - 1;
/** Slots looked at for a counted text: names that are alike at both ends are no way to slow it. */
const COUNTED_PROBES_MAX = 8;

/** Where `learn` puts a text, with room before and behind it. */
const TEXT_AT = 4;

/** Another table that is to know what JSON can spell without escapes. */
export interface CategoryMirror {
  /** @param quoted the name with its closing quote */
  learn(quoted: Buffer, id: number): void;
  clear(): void;
}

export class KnownCategories {
  readonly #mirror: CategoryMirror | null;
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
  readonly #counted = new Int32Array(1 << COUNTED_BITS).fill(NONE);

  constructor(mirror: CategoryMirror | null = null) {
    this.#mirror = mirror;
  }

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

  /**
   * The id of the category that is view[at, at + length), or -1. Reads nothing behind the text, and
   * at most three bytes before it, where FlatBuffers have its length.
   */
  findCounted(view: DataView, at: number, length: number): number {
    if (length <= 0 || length > CATEGORY_BYTES_MAX) return NONE;
    let slot = countedSlot(view, at, length);
    for (let probe = 0; probe < COUNTED_PROBES_MAX; probe++) {
      const entry = this.#counted[slot];
      if (entry === NONE) return NONE;
      if (this.#lengths[entry] === length && this.#isCounted(entry, view, at, length)) {
        return this.#ids[entry];
      }
      slot = (slot + 1) & COUNTED_MASK;
    }
    return NONE;
  }

  #isCounted(entry: number, view: DataView, at: number, length: number): boolean {
    const words = this.#words;
    const first = entry * STRIDE_WORDS;
    const last = first + (length >> 2);
    let position = at;
    for (let i = first; i < last; i++, position += 4) {
      if (words[i] !== view.getInt32(position, true)) return false;
    }
    const unusedBits = 32 - 8 * (length & 3);
    if (unusedBits === 32) return true;
    // Both sides without what is not text: an entry has a quote behind it, the buffer anything.
    const word = view.getInt32(at + length - 4, true) >>> unusedBits;
    return (words[last] << unusedBits) >>> unusedBits === word;
  }

  /** The id that the dictionary gave the entry's name. */
  id(entry: number): number {
    return this.#ids[entry];
  }

  /** Bytes of the entry's name. */
  length(entry: number): number {
    return this.#lengths[entry];
  }

  /** Remembers an accepted category; for `find` only one that JSON can spell without escapes. */
  learn(name: string, id: number): void {
    const text = Buffer.from(`\0\0\0\0${name}"\0\0\0`, 'utf8');
    const length = text.length - 8;
    if (length > CATEGORY_BYTES_MAX) return;
    const view = new DataView(text.buffer, text.byteOffset, text.length);
    let entry = NONE;
    if (JSON.stringify(name).length === name.length + 2) {
      let slot = this.#slotOf(text, view, length);
      if (this.#table[slot] === NONE) {
        // Making room may empty the table.
        entry = this.#add(view, length, id);
        slot = this.#slotOf(text, view, length);
        this.#table[slot] = entry;
        this.#mirror?.learn(text.subarray(TEXT_AT, TEXT_AT + length + 1), id);
      }
      entry = this.#table[slot];
    }
    if (this.findCounted(view, TEXT_AT, length) !== NONE) return;
    if (entry === NONE) entry = this.#add(view, length, id);
    this.#counted[this.#freeCountedSlot(view, length)] = entry;
  }

  /** The slot of #table that has the text, or the free one where it belongs. */
  #slotOf(text: Buffer, view: DataView, length: number): number {
    let slot = tableSlot(text, TEXT_AT, TEXT_AT + length);
    while (this.#table[slot] !== NONE && !this.#is(this.#table[slot], view, TEXT_AT)) {
      slot = (slot + 1) % TABLE_SLOTS;
    }
    return slot;
  }

  #freeCountedSlot(view: DataView, length: number): number {
    const home = countedSlot(view, TEXT_AT, length);
    for (let probe = 0; probe < COUNTED_PROBES_MAX; probe++) {
      const slot = (home + probe) & COUNTED_MASK;
      if (this.#counted[slot] === NONE) return slot;
    }
    return home;
  }

  #add(view: DataView, length: number, id: number): number {
    if (this.#count === KNOWN_CATEGORIES_MAX) {
      this.#count = 0;
      this.#cache.fill(NONE);
      this.#table.fill(NONE);
      this.#counted.fill(NONE);
      this.#mirror?.clear();
    }
    const entry = this.#count++;
    const words = (length + 4) >> 2;
    for (let i = 0; i < words; i++) {
      this.#words[entry * STRIDE_WORDS + i] = view.getInt32(TEXT_AT + 4 * i, true);
    }
    this.#lastMasks[entry] = -1 >>> (24 - 8 * (length & 3));
    this.#lengths[entry] = length;
    this.#ids[entry] = id;
    return entry;
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

/** On the length and the two ends; a short text's one word is shifted free of what stands before. */
function countedSlot(view: DataView, at: number, length: number): number {
  const last = view.getInt32(at + length - 4, true);
  const hash =
    length < 4
      ? Math.imul(last >>> (32 - 8 * length), 0x9e3779b1)
      : Math.imul(last, 0x9e3779b1) ^ Math.imul(view.getInt32(at, true), 0x85ebca6b);
  return (hash + Math.imul(length, 0x2c1b3c6d)) >>> (32 - COUNTED_BITS);
}
