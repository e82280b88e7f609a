/**
 * Exact centavos from the text of a JSON number. The text is judged by its value, not by its
 * spelling: 0.1, 1e-1 and 0.10 are all ten centavos. No floating point takes part, so what a
 * sale adds to a total is what its producer wrote. Whether the text is a JSON number at all is
 * the caller's to know.
 */
import { VALOR_CENTAVOS_MAX } from './rules.ts';

/** Negative, or more than VALOR_CENTAVOS_MAX. Decided before VALOR_DECIMALS. */
export const VALOR_OUT_OF_RANGE = -1;

/** In range, but with a nonzero digit after the second decimal place. */
export const VALOR_DECIMALS = -2;

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** Beyond any length that a text can have, so clamping to it never changes a verdict. */
const EXPONENT_LIMIT = 2 ** 40;

/** More digits than this and the amount is above VALOR_CENTAVOS_MAX, whatever the digits. */
const CENTAVOS_DIGITS_MAX = String(VALOR_CENTAVOS_MAX).length;

/** Centavos from 0 to VALOR_CENTAVOS_MAX, or one of the two negative codes above. */
export function centavosOf(text: string): number {
  const match = NUMBER.exec(text);
  if (match === null) throw new Error('assertion failed: centavosOf takes a JSON number');
  const [, sign, whole, fraction = '', exponentText = '0'] = match;

  const digits = whole + fraction;
  const first = firstNonZero(digits);
  if (first === digits.length) return 0; // -0 and 0e999 are zero too
  if (sign === '-') return VALOR_OUT_OF_RANGE;

  const last = lastNonZero(digits);
  // The amount is the digits from first to last with the decimal point before index `point`.
  const exponent = clamp(Number(exponentText), EXPONENT_LIMIT);
  const point = whole.length + exponent + 2;
  const centavosDigits = point - first;
  if (centavosDigits > CENTAVOS_DIGITS_MAX) return VALOR_OUT_OF_RANGE;
  const hasMore = last >= point;
  const centavos =
    centavosDigits <= 0 ? 0 : Number(digits.slice(first, point).padEnd(centavosDigits, '0'));
  if (centavos > VALOR_CENTAVOS_MAX || (centavos === VALOR_CENTAVOS_MAX && hasMore)) {
    return VALOR_OUT_OF_RANGE;
  }
  return hasMore ? VALOR_DECIMALS : centavos;
}

function firstNonZero(digits: string): number {
  let index = 0;
  while (digits.charCodeAt(index) === 48) index++;
  return index;
}

function lastNonZero(digits: string): number {
  let index = digits.length - 1;
  while (digits.charCodeAt(index) === 48) index--;
  return index;
}

function clamp(value: number, limit: number): number {
  return Math.max(-limit, Math.min(limit, value));
}
