/**
 * Steps over JSON in place: white space, and the values of fields that are not a sale's. Each
 * function returns the position after what it has checked by JSON's grammar, or -1 for "not
 * certain", which sends the sale to the reference parser. Nothing is trusted past `end`.
 */
import { closingQuote, word } from './words.ts';

const TAB = 9;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const SPACE = 32;
const QUOTE = 34;
const PLUS = 43;
const MINUS = 45;
const DOT = 46;
const ZERO = 48;
const CASE_BIT = 32;
const LOWER_E = 101;
const LOWER_F = 102;

const TRUE = word('true');
const ALSE = word('alse');
const NULL = word('null');

export function skipSpace(bytes: Uint8Array, from: number, end: number): number {
  let p = from;
  for (; p < end; p++) {
    const byte = bytes[p];
    if (byte !== SPACE && byte !== LINE_FEED && byte !== TAB && byte !== CARRIAGE_RETURN) break;
  }
  return p;
}

export function skipString(bytes: Uint8Array, view: DataView, at: number, end: number): number {
  if (bytes[at] !== QUOTE) return -1;
  const close = closingQuote(bytes, view, at + 1, end);
  return close < 0 ? -1 : close + 1;
}

/** A string, number, true, false or null. */
export function skipScalar(bytes: Uint8Array, view: DataView, at: number, end: number): number {
  const first = bytes[at];
  if (first === QUOTE) return skipString(bytes, view, at, end);
  if (first === MINUS || isDigit(first)) return skipNumber(bytes, at, end);
  const w = view.getInt32(at, true);
  if (w === TRUE || w === NULL) return at + 4;
  return first === LOWER_F && view.getInt32(at + 1, true) === ALSE ? at + 5 : -1;
}

function skipNumber(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at] === MINUS ? at + 1 : at;
  let p = skipDigits(bytes, first, end);
  if (p < 0 || (bytes[first] === ZERO && p > first + 1)) return -1;
  if (bytes[p] === DOT) {
    p = skipDigits(bytes, p + 1, end);
    if (p < 0) return -1;
  }
  if ((bytes[p] | CASE_BIT) === LOWER_E) {
    const sign = bytes[p + 1];
    p = skipDigits(bytes, sign === PLUS || sign === MINUS ? p + 2 : p + 1, end);
  }
  return p;
}

/** At least one digit. */
function skipDigits(bytes: Uint8Array, from: number, end: number): number {
  let p = from;
  while (p < end && isDigit(bytes[p])) p++;
  return p > from ? p : -1;
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}
