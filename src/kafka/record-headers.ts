/**
 * Record headers as they stand in a batch: varint count, then varint-prefixed names and values.
 * They are whatever a producer made of them, a million of nothing included. So they are measured
 * before anything is made of them, and only so many are taken apart as a dead letter carries.
 */

export interface RecordHeader {
  readonly name: string;
  readonly value: Buffer | null;
}

/** A record's own headers as its dead letter has them. */
export interface LetterHeaders {
  readonly headers: readonly RecordHeader[];
  /** For people: what was left out; empty when nothing was. */
  readonly omitted: string;
}

/** Most headers of a record that its dead letter repeats; of one with more it repeats none. */
export const LETTER_HEADERS_MAX = 1000;

/** The same for the bytes of all names and values together. */
export const LETTER_HEADER_BYTES_MAX = 256 * 1024;

export function letterHeaders(raw: Buffer): LetterHeaders {
  const size = measure(raw);
  if (size === null) return { headers: [], omitted: `unreadable, ${raw.length} bytes` };
  const { count, bytes } = size;
  if (count > LETTER_HEADERS_MAX || bytes > LETTER_HEADER_BYTES_MAX) {
    return { headers: [], omitted: `${count} headers, ${bytes} bytes` };
  }
  const cursor = new Cursor(raw);
  const headers: RecordHeader[] = [];
  cursor.varint();
  while (headers.length < count) {
    const name = cursor.take(cursor.varint())!.toString('utf8');
    headers.push({ name, value: cursor.take(cursor.varint()) });
  }
  return { headers, omitted: '' };
}

/** How many they are, and the bytes of their names and values; null when they end too early. */
function measure(raw: Buffer): { count: number; bytes: number } | null {
  if (raw.length === 0) return { count: 0, bytes: 0 };
  const cursor = new Cursor(raw);
  const count = Math.max(0, cursor.varint());
  let bytes = 0;
  for (let rest = count; rest > 0 && !cursor.isBroken; rest--) {
    const nameBytes = cursor.varint();
    // A value may be null; a name may not.
    if (nameBytes < 0) return null;
    cursor.skip(nameBytes);
    const valueBytes = Math.max(0, cursor.varint());
    cursor.skip(valueBytes);
    bytes += nameBytes + valueBytes;
  }
  return cursor.isBroken ? null : { count, bytes };
}

class Cursor {
  /** It was led out of the bytes. */
  isBroken = false;
  readonly #raw: Buffer;
  #position = 0;

  constructor(raw: Buffer) {
    this.#raw = raw;
  }

  /** A zigzag varint of up to 32 bits; 0 when it is not whole. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.#position >= this.#raw.length) break;
      const byte = this.#raw[this.#position++];
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
    this.isBroken = true;
    return 0;
  }

  skip(length: number): void {
    this.#position += length;
    if (this.#position > this.#raw.length) this.isBroken = true;
  }

  /** The next bytes, not copied; null for a length below 0. */
  take(length: number): Buffer | null {
    if (length < 0) return null;
    this.#position += length;
    return this.#raw.subarray(this.#position - length, this.#position);
  }
}
