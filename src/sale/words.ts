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
