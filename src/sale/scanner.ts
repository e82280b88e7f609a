/**
 * Reads a sale from its bytes in place. It accepts what `judgeSale` accepts, with the same
 * results, and nothing else: whatever it does not know for certain (escapes, nested values,
 * unusual numbers, categories not seen yet, anything invalid) it leaves to `judgeSale`, whose
 * verdict is final. So every `return -1` here is only slow, never wrong.
 * No object, string or closure is made for a sale that is read in place.
 */
import { KnownCategories } from './known-categories.ts';
import { KnownMinutes, MINUTE_BYTES, type MinuteTables } from './known-minutes.ts';
import { REASON, type ReasonCode } from './reasons.ts';
import { judgeSale } from './reference.ts';
import {
  CATEGORY_BYTES_MAX,
  type CategoryIds,
  EVENT_TIME_MS_LIMIT,
  JSON_BYTES_MAX,
  type SaleRules,
  VALOR_CENTAVOS_MAX,
} from './rules.ts';
import { skipScalar, skipSpace } from './skip.ts';
import { zoneOf } from './time.ts';
import { closingQuote, fourDigits, isPlain, word } from './words.ts';

/** The scanner reads at most this far past a sale's end: a category compared to the full. */
const READ_AHEAD_BYTES = CATEGORY_BYTES_MAX + 64;

/** A sale with fewer bytes than that behind it in memory is copied, up to this size. */
const COPIED_BYTES_MAX = 4096;

const VALID = REASON.valid;
const SPACE = 32;
const QUOTE = 34;
const PLUS = 43;
const COMMA = 44;
const MINUS = 45;
const DOT = 46;
const ZERO = 48;
const COLON = 58;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

// The known keys with their quotes and colon are whole numbers of words.
const ID_0 = word('"id_');
const ID_1 = word('pedi');
const ID_2 = word('do":');
const CATEGORIA_0 = word('"cat');
const CATEGORIA_1 = word('egor');
const CATEGORIA_2 = word('ia":');
const VALOR_0 = word('"val');
const VALOR_1 = word('or":');
const TIMESTAMP_0 = word('"tim');
const TIMESTAMP_1 = word('esta');
const TIMESTAMP_2 = word('mp":');

/** Bits of the fields seen so far. */
const ID = 1;
const CATEGORIA = 2;
const VALOR = 4;
const TIMESTAMP = 8;
const EXTRA = 0;
const ALL = ID | CATEGORIA | VALOR | TIMESTAMP;

const FIELDS = [
  { name: Buffer.from('id_pedido'), field: ID },
  { name: Buffer.from('categoria'), field: CATEGORIA },
  { name: Buffer.from('valor'), field: VALOR },
  { name: Buffer.from('timestamp'), field: TIMESTAMP },
];

export class SaleScanner {
  // NaN first, so that the engine keeps these as doubles from the start.
  /** After REASON.valid: the category's id, exact centavos, event time. */
  categoryId = -1;
  valorCentavos = Number.NaN;
  eventMs = Number.NaN;
  /** After a rejection: a sentence for people. */
  detail = '';

  readonly #rules: SaleRules;
  readonly #categories: CategoryIds;
  readonly #knownCategories: KnownCategories;
  readonly #knownMinutes: KnownMinutes;
  readonly #copy: Buffer;
  readonly #copyView: DataView;
  /** Which field `#unusualKey` has found. */
  #field = EXTRA;
  /** Length of the last id; the next one's is usually the same. At least a word. */
  #idBytes = 36;

  /**
   * @param known those of `categories`, shared with whoever else reads the same partition
   * @param minutes where to keep the minutes that were looked up, shared alike
   */
  constructor(
    rules: SaleRules,
    categories: CategoryIds,
    known = new KnownCategories(),
    minutes?: MinuteTables,
  ) {
    this.#rules = rules;
    this.#categories = categories;
    this.#knownCategories = known;
    this.#knownMinutes = new KnownMinutes(zoneOf(rules.timeZone), minutes);
    const memory = new ArrayBuffer(COPIED_BYTES_MAX + READ_AHEAD_BYTES);
    this.#copy = Buffer.from(memory);
    this.#copyView = new DataView(memory);
  }

  /**
   * Judges the sale in bytes[start, end). `view` covers the same memory, its offset 0 being
   * bytes[0]; what is after `end` may be read but has no influence.
   */
  scan(bytes: Buffer, view: DataView, start: number, end: number): ReasonCode {
    return this.scanInPlace(bytes, view, start, end) ? VALID : this.judge(bytes, start, end);
  }

  /** The first half of `scan`: true for a valid sale, false for whatever `judge` is to look at. */
  scanInPlace(bytes: Buffer, view: DataView, start: number, end: number): boolean {
    if (end + READ_AHEAD_BYTES <= view.byteLength && end + READ_AHEAD_BYTES <= bytes.length) {
      // What is too large may yet be a sale, by its looks.
      return end - start <= JSON_BYTES_MAX && this.#inPlace(bytes, view, start, end);
    }
    if (end - start > COPIED_BYTES_MAX) return false;
    bytes.copy(this.#copy, 0, start, end);
    return this.#inPlace(this.#copy, this.#copyView, 0, end - start);
  }

  /** By the reference parser: the second half of `scan`. */
  judge(bytes: Buffer, start: number, end: number): ReasonCode {
    const value = bytes.subarray(start, end);
    const sale = judgeSale(value, this.#rules, this.#categories);
    if (sale.verdict === 'rejected') {
      this.detail = sale.detail;
      return REASON[sale.reason];
    }
    this.categoryId = sale.categoryId;
    this.valorCentavos = sale.valorCentavos;
    this.eventMs = sale.eventMs;
    this.#knownCategories.learn(sale.categoria, sale.categoryId);
    return VALID;
  }

  /**
   * One long function against the conventions, because V8 inlines only so much into one: with a
   * method for each field it reads a tenth fewer sales a second. Results stay in locals until
   * the sale is known to be whole.
   */
  #inPlace(bytes: Buffer, view: DataView, start: number, end: number): boolean {
    let p = bytes[start] === OPEN_BRACE ? start : skipSpace(bytes, start, end);
    if (bytes[p] !== OPEN_BRACE) return false;
    p++;
    let seen = 0;
    let categoryId = -1;
    let centavos = 0;
    let eventMs = 0;
    for (;;) {
      if (p >= end) return false;
      if (bytes[p] === SPACE) p++;
      if (bytes[p] <= SPACE) p = skipSpace(bytes, p, end);
      const w = view.getInt32(p, true);
      let field = EXTRA;
      if (
        w === ID_0 &&
        view.getInt32(p + 4, true) === ID_1 &&
        view.getInt32(p + 8, true) === ID_2
      ) {
        field = ID;
        p += 12;
      } else if (
        w === CATEGORIA_0 &&
        view.getInt32(p + 4, true) === CATEGORIA_1 &&
        view.getInt32(p + 8, true) === CATEGORIA_2
      ) {
        field = CATEGORIA;
        p += 12;
      } else if (w === VALOR_0 && view.getInt32(p + 4, true) === VALOR_1) {
        field = VALOR;
        p += 8;
      } else if (
        w === TIMESTAMP_0 &&
        view.getInt32(p + 4, true) === TIMESTAMP_1 &&
        view.getInt32(p + 8, true) === TIMESTAMP_2
      ) {
        field = TIMESTAMP;
        p += 12;
      } else {
        p = this.#unusualKey(bytes, view, p, end);
        if (p < 0) return false;
        field = this.#field;
      }
      // Given twice, the last one wins, as with JSON.parse.
      seen |= field;
      if (bytes[p] === SPACE) p++;
      if (bytes[p] <= SPACE) p = skipSpace(bytes, p, end);

      if (field === ID) {
        if (bytes[p] !== QUOTE) return false;
        const guess = p + 1 + this.#idBytes;
        if (guess < end && bytes[guess] === QUOTE && isPlain(view, p + 1, guess)) {
          p = guess + 1;
        } else {
          p = this.#otherId(bytes, view, p + 1, end);
          if (p < 0) return false;
        }
      } else if (field === CATEGORIA) {
        if (bytes[p] !== QUOTE) return false;
        const entry = this.#knownCategories.find(bytes, view, p + 1, end);
        if (entry < 0) return false;
        categoryId = this.#knownCategories.id(entry);
        p += this.#knownCategories.length(entry) + 2;
      } else if (field === VALOR) {
        // Digits and zero to two decimals, then zeros; no sign, no exponent.
        const at = p;
        const four = fourDigits(view.getInt32(p, true));
        centavos = 0;
        if (four >= 0) {
          centavos = four;
          p += 4;
        }
        let digit = bytes[p] - ZERO;
        while (digit >= 0 && digit <= 9 && p < end) {
          centavos = centavos * 10 + digit;
          digit = bytes[++p] - ZERO;
        }
        if (p === at || (p > at + 1 && bytes[at] === ZERO)) return false;
        centavos *= 100;
        if (digit === DOT - ZERO) {
          digit = bytes[++p] - ZERO;
          if (!(digit >= 0 && digit <= 9)) return false;
          centavos += 10 * digit;
          digit = bytes[++p] - ZERO;
          if (digit >= 0 && digit <= 9) {
            centavos += digit;
            p++;
            while (bytes[p] === ZERO && p < end) p++;
          }
        }
        // An exponent or a further decimal is neither comma, brace nor space: see below.
        if (centavos > VALOR_CENTAVOS_MAX) return false;
      } else if (field === TIMESTAMP) {
        if (bytes[p] !== QUOTE) return false;
        const slot = this.#knownMinutes.find(bytes, view, p + 1);
        if (slot < 0) return false;
        p += 1 + MINUTE_BYTES;
        let ms = 0;
        if (bytes[p] === COLON) {
          const tens = bytes[p + 1] - ZERO;
          const ones = bytes[p + 2] - ZERO;
          if (!(tens >= 0 && tens <= 5 && ones >= 0 && ones <= 9)) return false;
          ms = 10_000 * tens + 1000 * ones;
          p += 3;
          if (bytes[p] === DOT) {
            let scale = 100;
            let digit = bytes[++p] - ZERO;
            if (!(digit >= 0 && digit <= 9)) return false;
            while (digit >= 0 && digit <= 9 && p < end) {
              ms += scale * digit;
              scale = scale === 100 ? 10 : scale === 10 ? 1 : 0;
              digit = bytes[++p] - ZERO;
            }
          }
        }
        if (bytes[p] === QUOTE) {
          eventMs = this.#knownMinutes.zonedMs(slot) + ms;
          p++;
        } else {
          eventMs = this.#knownMinutes.utcMs(slot) + ms;
          if ((bytes[p] | 32) === 122) {
            p++;
          } else {
            eventMs -= 60_000 * offsetMinutes(bytes, p);
            p += 6;
          }
          if (bytes[p++] !== QUOTE) return false;
        }
        if (!(eventMs >= 0 && eventMs < EVENT_TIME_MS_LIMIT)) return false;
      } else {
        p = skipScalar(bytes, view, p, end);
        if (p < 0) return false;
      }

      if (bytes[p] <= SPACE) p = skipSpace(bytes, p, end);
      if (bytes[p] === COMMA) {
        p++;
        continue;
      }
      if (bytes[p] !== CLOSE_BRACE) return false;
      p++;
      break;
    }
    if (p < end) p = skipSpace(bytes, p, end);
    // Beyond the end is not this sale's.
    if (p !== end || seen !== ALL) return false;
    this.categoryId = categoryId;
    this.valorCentavos = centavos;
    this.eventMs = eventMs;
    return true;
  }

  /** Position after the colon of a key that is none of the known four followed by its colon. */
  #unusualKey(bytes: Buffer, view: DataView, at: number, end: number): number {
    if (at >= end || bytes[at] !== QUOTE) return -1;
    const close = closingQuote(bytes, view, at + 1, end);
    if (close < 0) return -1;
    this.#field = EXTRA;
    if (bytes[close + 1] === COLON) return close + 2;
    this.#field = fieldNamed(bytes, at + 1, close);
    const colon = skipSpace(bytes, close + 1, end);
    return bytes[colon] === COLON ? colon + 1 : -1;
  }

  /** An id of another length than the last one's, or with rarer characters. */
  #otherId(bytes: Buffer, view: DataView, from: number, end: number): number {
    const close = closingQuote(bytes, view, from, end);
    if (close - from >= 4) this.#idBytes = close - from;
    return close < 0 ? -1 : close + 1;
  }
}

/** East of Greenwich is positive; NaN when it is not spelled ±HH:MM or does not exist. */
function offsetMinutes(bytes: Uint8Array, at: number): number {
  const sign = bytes[at];
  const hours = twoDigits(bytes, at + 1);
  const minutes = twoDigits(bytes, at + 4);
  if ((sign !== PLUS && sign !== MINUS) || bytes[at + 3] !== COLON) return Number.NaN;
  if (!(hours <= 23 && minutes <= 59)) return Number.NaN;
  return sign === MINUS ? -(60 * hours + minutes) : 60 * hours + minutes;
}

/** 0 to 99, or NaN. */
function twoDigits(bytes: Uint8Array, at: number): number {
  const tens = bytes[at] - ZERO;
  const ones = bytes[at + 1] - ZERO;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? 10 * tens + ones : Number.NaN;
}

/** The field whose name is bytes[from, end), for a key that is not followed by its colon. */
function fieldNamed(bytes: Uint8Array, from: number, end: number): number {
  for (let i = 0; i < FIELDS.length; i++) {
    const { name, field } = FIELDS[i];
    if (name.length === end - from && startsWith(bytes, from, name)) return field;
  }
  return EXTRA;
}

function startsWith(bytes: Uint8Array, from: number, text: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) {
    if (bytes[from + i] !== text[i]) return false;
  }
  return true;
}
