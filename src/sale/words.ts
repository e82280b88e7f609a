/**
 * Text four bytes at a time, as little-endian 32-bit words read through a DataView. Comparing
 * words instead of bytes is most of the scanner's speed. Callers see to it that the few bytes
 * read past a text's end are inside the view.
 */

/** The word that `DataView.getInt32(position, true)` reads where these four characters stand. */
export function word(fourCharacters: string): number {
  return Buffer.from(fourCharacters, 'latin1').readInt32LE(0);
}

const QUOTE = 34;
const QUOTES = word('""""');
const BACKSLASHES = word('\\\\\\\\');
const ZEROS = word('0000');
const HIGH_BITS = 0x80808080 | 0;

/**
 * Position of the quote that closes a JSON string whose content starts at `from`, at most `end`;
 * -1 when the string has an escape, a control character or invalid UTF-8, or does not close.
 */
export function closingQuote(bytes: Uint8Array, view: DataView, from: number, end: number): number {
  let position = from;
  while (position < end) {
    const w = view.getInt32(position, true);
    // In each byte of `plain` the high bit is set when the byte is printable ASCII other than
    // quote and backslash. Carries go only from a byte that is not plain to the ones after it,
    // so the first byte without the bit is exact.
    const plain =
      ((w ^ QUOTES) + 0x7f7f7f7f) & ((w ^ BACKSLASHES) + 0x7f7f7f7f) & (w + 0x60606060) & ~w;
    const odd = ~plain & HIGH_BITS;
    if (odd === 0) {
      position += 4;
      continue;
    }
    position += (31 - Math.clz32(odd & -odd)) >> 3;
    const byte = bytes[position];
    if (byte === QUOTE) return position < end ? position : -1;
    if (byte < 0x80) return -1;
    position = afterUtf8Sequence(bytes, position);
    if (position < 0) return -1;
  }
  return -1;
}

/**
 * Whether all bytes in [from, to), four or more, are ASCII from # on and no backslash: a
 * narrower set than `closingQuote` takes, because it costs less to check, and ids are within it.
 */
export function isPlain(view: DataView, from: number, to: number): boolean {
  const last = to - 4;
  let w = view.getInt32(last, true);
  let plain = ((w ^ BACKSLASHES) + 0x7f7f7f7f) & (w + 0x5d5d5d5d) & ~w;
  for (let position = from; position < last; position += 4) {
    w = view.getInt32(position, true);
    plain &= ((w ^ BACKSLASHES) + 0x7f7f7f7f) & (w + 0x5d5d5d5d) & ~w;
  }
  return (plain & HIGH_BITS) === HIGH_BITS;
}

/**
 * The number that four ASCII digits spell, given the word where they stand; -1 when one of the
 * bytes is no digit.
 */
export function fourDigits(w: number): number {
  const x = w ^ ZEROS;
  if (((x | (x + 0x76767676)) & HIGH_BITS) !== 0) return -1;
  // Bytes 0 and 2 become the values of the first two and the last two digits.
  const pairs = Math.imul(x, 10) + (x >>> 8);
  return (pairs & 0xff) * 100 + ((pairs >>> 16) & 0xff);
}

/** Position after the multi-byte UTF-8 sequence at `at`; -1 when it is not well-formed. */
export function afterUtf8Sequence(bytes: Uint8Array, at: number): number {
  const first = bytes[at];
  const second = bytes[at + 1];
  if (first < 0xc2 || first > 0xf4 || second < 0x80 || second > 0xbf) return -1;
  if (first < 0xe0) return at + 2;
  // No overlong forms, no surrogates, nothing above U+10FFFF.
  if (first === 0xe0 && second < 0xa0) return -1;
  if (first === 0xed && second > 0x9f) return -1;
  if (first === 0xf0 && second < 0x90) return -1;
  if (first === 0xf4 && second > 0x8f) return -1;
  if ((bytes[at + 2] & 0xc0) !== 0x80) return -1;
  if (first < 0xf0) return at + 3;
  return (bytes[at + 3] & 0xc0) === 0x80 ? at + 4 : -1;
}
