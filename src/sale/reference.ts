/**
 * The reference parser: what a sale is, written to be read rather than to be fast. Its verdict
 * is a pure function of the record's bytes and the rules. The checks come in a fixed order, and
 * the first that fails is the reason: not too large; JSON; an object; then present and of the right type for
 * id_pedido, categoria, valor, timestamp; then categoria (empty, malformed, too long), valor
 * (range, decimals) and timestamp; last, in `judgeSale`, the limit on categories. Lateness and
 * the future are others' to judge. SaleScanner must agree with it on every input.
 */
import { isUtf8 } from 'node:buffer';
import { messageOf } from '../lib/errors.ts';
import { memberSource } from './json-source.ts';
import { centavosOf, VALOR_DECIMALS, VALOR_OUT_OF_RANGE } from './money.ts';
import type { ReasonName } from './reasons.ts';
import { CATEGORY_BYTES_MAX, type CategoryIds, JSON_BYTES_MAX, type SaleRules } from './rules.ts';
import { BAD_TIMESTAMP, eventMsOf, zoneOf } from './time.ts';

export interface ValidSale {
  readonly verdict: 'valid';
  readonly categoria: string;
  readonly valorCentavos: number;
  readonly eventMs: number;
}

export interface RejectedSale {
  readonly verdict: 'rejected';
  readonly reason: Exclude<ReasonName, 'valid' | 'future_timestamp' | 'late'>;
  /** A sentence for people: which field, what was wrong; at most DETAIL_LENGTH_MAX characters. */
  readonly detail: string;
}

export const DETAIL_LENGTH_MAX = 200;

const SHOWN_LENGTH_MAX = 60;

const FIELD_TYPES = [
  ['id_pedido', 'string'],
  ['categoria', 'string'],
  ['valor', 'number'],
  ['timestamp', 'string'],
] as const;

/** `parseSale`, and then the category's id: `categories.intern` sees valid sales only. */
export function judgeSale(
  value: Uint8Array | null,
  rules: SaleRules,
  categories: CategoryIds,
): (ValidSale & { readonly categoryId: number }) | RejectedSale {
  const sale = parseSale(value, rules);
  if (sale.verdict === 'rejected') return sale;
  const categoryId = categories.intern(sale.categoria);
  if (categoryId === -1) return pastTheLimit(sale.categoria);
  const { categoria, valorCentavos, eventMs } = sale;
  return { verdict: 'valid', categoria, valorCentavos, eventMs, categoryId };
}

export function pastTheLimit(categoria: string): RejectedSale {
  return rejected('category_limit', `categoria ${shown(categoria)} is past the limit`);
}

/** `value` is a Kafka record's value; null is a tombstone. */
export function parseSale(value: Uint8Array | null, rules: SaleRules): ValidSale | RejectedSale {
  if (value === null) return rejected('not_json', 'the record has no value (a tombstone)');
  if (value.length === 0) return rejected('not_json', 'the value is empty');
  if (value.length > JSON_BYTES_MAX) {
    const detail = `the value has ${value.length} bytes, more than ${JSON_BYTES_MAX}`;
    return rejected('value_too_large', detail);
  }
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  if (!isUtf8(bytes)) return rejected('not_json', 'the value is not UTF-8');
  let sale: unknown;
  try {
    // A byte order mark stays in the text, and JSON.parse refuses it.
    sale = parseJson(bytes.toString('utf8'));
  } catch (error) {
    // Whatever JSON.parse cannot take, too deep or too long included, is no JSON to us.
    return rejected('not_json', `the value is not JSON: ${messageOf(error)}`);
  }
  if (kindOf(sale) !== 'object') {
    return rejected('wrong_type', `the value is ${withArticle(kindOf(sale))}, not an object`);
  }
  return checkFields(sale as Record<string, unknown>, bytes, rules);
}

/** JSON.parse without a stack trace in what it throws: nobody reads it, and it costs 10 µs. */
function parseJson(text: string): unknown {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return JSON.parse(text);
  } finally {
    Error.stackTraceLimit = limit;
  }
}

function checkFields(
  sale: Record<string, unknown>,
  json: Buffer,
  rules: SaleRules,
): ValidSale | RejectedSale {
  for (const [field, type] of FIELD_TYPES) {
    if (!Object.hasOwn(sale, field)) return rejected('missing_field', `${field} is missing`);
    const value = sale[field];
    if (typeof value !== type) {
      const kind = kindOf(value);
      return rejected('wrong_type', `${field} is ${withArticle(kind)}, not ${withArticle(type)}`);
    }
  }
  const { categoria, timestamp } = sale as { categoria: string; timestamp: string };
  const badCategory = checkCategory(categoria);
  if (badCategory !== null) return badCategory;

  const valorText = memberSource(json, 'valor');
  const valorCentavos = centavosOf(valorText);
  if (valorCentavos === VALOR_OUT_OF_RANGE) {
    return rejected('valor_out_of_range', `valor ${shorten(valorText)} is negative or too large`);
  }
  if (valorCentavos === VALOR_DECIMALS) {
    return rejected('valor_decimals', `valor ${shorten(valorText)} has more than two decimals`);
  }
  const eventMs = eventMsOf(timestamp, zoneOf(rules.timeZone));
  if (eventMs === BAD_TIMESTAMP) {
    const problem = 'is not a date and time between 1970 and 2106';
    return rejected('bad_timestamp', `timestamp ${shown(timestamp)} ${problem}`);
  }
  return { verdict: 'valid', categoria, valorCentavos, eventMs };
}

/** White space is what String.prototype.trim removes: Unicode's, line ends and U+FEFF. */
function checkCategory(categoria: string): RejectedSale | null {
  if (categoria.trim() === '') {
    return rejected('category_empty', `categoria ${shown(categoria)} is empty`);
  }
  // Halves of a pair match the first expression as well, which is cheap and seldom true.
  if (/[\ud800-\udfff]/.test(categoria) && /\p{Surrogate}/u.test(categoria)) {
    return rejected('category_malformed', `categoria ${shown(categoria)} has a lone surrogate`);
  }
  const bytes = Buffer.byteLength(categoria, 'utf8');
  if (bytes > CATEGORY_BYTES_MAX) {
    const problem = `has ${bytes} bytes, more than ${CATEGORY_BYTES_MAX}`;
    return rejected('category_too_long', `categoria ${shown(categoria)} ${problem}`);
  }
  return null;
}

/** A rejection with its sentence made fit for a header. */
export function rejected(reason: RejectedSale['reason'], detail: string): RejectedSale {
  return { verdict: 'rejected', reason, detail: oneLine(detail.slice(0, DETAIL_LENGTH_MAX)) };
}

/** JSON.parse quotes its input in its messages; a header should be one line of well-formed text. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Surrogate}\u2028\u2029]+/gu, ' ');
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

function withArticle(kind: string): string {
  if (kind === 'null') return kind;
  return /^[aeiou]/.test(kind) ? `an ${kind}` : `a ${kind}`;
}

/** The string as JSON, escapes included, cut to a length that leaves room for the sentence. */
export function shown(value: string): string {
  return JSON.stringify(shorten(value));
}

function shorten(text: string): string {
  if (text.length <= SHOWN_LENGTH_MAX) return text;
  // The cut must not halve a surrogate pair.
  return `${text.slice(0, SHOWN_LENGTH_MAX).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
