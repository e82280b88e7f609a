/**
 * Exact centavos of a sale's valor. What JSON.parse returns was rounded to a double, so the number
 * is taken from the text and worked out in whole numbers of any size.
 */
import { CENTAVOS_MAX } from './sale.ts';

/** More zeros than this behind any digit, and it is above the maximum. */
const SHIFT_MAX = 15;

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
const NUMBER_HERE = /[ \t\r\n]*:[ \t\r\n]*(-?[0-9][0-9.eE+-]*)/y;

export type ValorVerdict = bigint | 'valor_out_of_range' | 'valor_decimals';

/** @param number as JSON spells it */
export function centavosOf(number: string): ValorVerdict {
  const match = NUMBER.exec(number);
  if (!match) throw new Error(`assertion failed: "${number}" is a JSON number`);
  const [, sign, whole, fraction = '', exponent = '0'] = match;
  const digits = BigInt(whole + fraction);
  if (digits === 0n) return 0n;
  if (sign === '-') return 'valor_out_of_range';
  // The amount in centavos is digits * 10 ** shift.
  const shift = Number(exponent) - fraction.length + 2;
  if (shift >= 0) {
    if (shift > SHIFT_MAX) return 'valor_out_of_range';
    const centavos = digits * 10n ** BigInt(shift);
    return centavos > CENTAVOS_MAX ? 'valor_out_of_range' : centavos;
  }
  if (-shift > whole.length + fraction.length) return 'valor_decimals';
  const unit = 10n ** BigInt(-shift);
  const isWhole = digits % unit === 0n;
  const centavos = digits / unit;
  if (centavos > CENTAVOS_MAX || (centavos === CENTAVOS_MAX && !isWhole)) {
    return 'valor_out_of_range';
  }
  return isWhole ? centavos : 'valor_decimals';
}

/**
 * The text of the top-level number `valor` in an object that JSON.parse has taken and found it in.
 */
export function valorText(json: string): string {
  const at = json.indexOf('"valor"');
  // Written once and nothing escaped: it is the key, since JSON.parse has found that key.
  if (at >= 0 && at === json.lastIndexOf('"valor"') && !json.includes('\\')) {
    NUMBER_HERE.lastIndex = at + 7;
    const match = NUMBER_HERE.exec(json);
    if (match) return match[1];
  }
  return lastTopLevelValue(json, 'valor');
}

/** Walks the whole text; of a key that comes twice the last one counts, as for JSON.parse. */
function lastTopLevelValue(json: string, wanted: string): string {
  let depth = 0;
  let key: string | null = null;
  let valueStart = -1;
  let found = '';
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '"') {
      const end = endOfString(json, i);
      if (depth === 1 && valueStart < 0) key = JSON.parse(json.slice(i, end));
      i = end - 1;
    } else if (character === '{' || character === '[') {
      depth++;
    } else if (character === ':' && depth === 1) {
      valueStart = i + 1;
    } else if (character === ',' || character === '}' || character === ']') {
      if (depth === 1 && character !== ']') {
        if (key === wanted) found = json.slice(valueStart, i).trim();
        key = null;
        valueStart = -1;
      }
      if (character !== ',') depth--;
    }
  }
  return found;
}

/** One past the closing quote of the string that opens at `from`. */
function endOfString(json: string, from: number): number {
  let i = from + 1;
  while (json[i] !== '"') i += json[i] === '\\' ? 2 : 1;
  return i + 1;
}
