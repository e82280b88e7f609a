/**
 * AssemblyScript, compiled to WebAssembly by `npm run generate`: the plain sales of a record batch,
 * sixteen bytes at a time, into columns. It accepts what SaleScanner and FlatReader accept, with the
 * same results, or less. At whatever it does not know for certain (escapes, nested values, a category
 * or a minute that is not in its tables) it stops, and the accumulator reads that record with the
 * scanner. So every `return 0` here is only slow, never wrong.
 *
 * The host (batch-reader.ts) fills TEXT and the tables, and asks here where they lie. Reads go up
 * to READ_AHEAD_BYTES past the text; what stands there has no influence.
 *
 * Each sale is a row, and is part of its category's sum over the rows of this call: mostly all of
 * them get one verdict, and the sums are all that is needed.
 */

/** Why a call came back, beside the position. */
export const ROWS_DONE: i32 = 0;
export const CUT_OFF: i32 = 1;
export const DECLINED: i32 = 2;

export const ROWS_MAX: i32 = 1024;
export const READ_AHEAD_BYTES: i32 = 64;

/** Three words: the position, why, and how many categories have sums (0 where one cannot). */
export const CONTROL: usize = 0;
/** Three doubles over the rows: least and greatest event time, greatest lead on the batch's time. */
export const TIMES: usize = 16;
export const RECORD_AT: usize = 64;
export const OFFSET_DELTA: usize = RECORD_AT + 4 * ROWS_MAX;
export const CATEGORY_ID: usize = OFFSET_DELTA + 4 * ROWS_MAX;
export const TIMESTAMP_DELTA: usize = CATEGORY_ID + 4 * ROWS_MAX;
export const CENTAVOS: usize = TIMESTAMP_DELTA + 8 * ROWS_MAX;
export const EVENT_MS: usize = CENTAVOS + 8 * ROWS_MAX;

/** KnownMinutes' three tables. */
export const MINUTE_BITS: i32 = 11;
export const MINUTE_KEYS: usize = EVENT_MS + 8 * ROWS_MAX;
export const MINUTE_UTC_MS: usize = MINUTE_KEYS + (16 << MINUTE_BITS);
export const MINUTE_ZONED_MS: usize = MINUTE_UTC_MS + (8 << MINUTE_BITS);

/** Open addressing: the text with its closing quote, padded with zeros to 32 bytes, and its id. */
export const CATEGORY_BITS: i32 = 14;
export const CATEGORY_STRIDE: i32 = 48;
export const CATEGORY_PROBES_MAX: i32 = 8;
export const CATEGORIES: usize = MINUTE_ZONED_MS + (8 << MINUTE_BITS);

/** By category id: how many, and of their centavos sum, least and greatest. */
export const SUMS_MAX: i32 = 1024;
export const SUM_COUNT: usize = CATEGORIES + (CATEGORY_STRIDE << CATEGORY_BITS);
export const SUM_CENTAVOS: usize = SUM_COUNT + 4 * SUMS_MAX;
export const SUM_MENOR: usize = SUM_CENTAVOS + 8 * SUMS_MAX;
export const SUM_MAIOR: usize = SUM_MENOR + 8 * SUMS_MAX;
/** Ids of those that have sums, in the order of their first rows. */
export const SUMMED: usize = SUM_MAIOR + 8 * SUMS_MAX;

/** 32 bytes of ones, 32 of zeros. */
export const MASKS: usize = SUMMED + 4 * SUMS_MAX;
/** What the last sale had before, between and behind its four values: the text, padded, and its mask. */
const LAYOUT_BYTES: usize = 32;
const LAYOUT: usize = MASKS + 64;
/** 31 zeros, a quote, 32 zeros. */
export const QUOTES: usize = LAYOUT + 5 * 2 * LAYOUT_BYTES;
export const TEXT: usize = QUOTES + 64;

const TAB: u32 = 9;
const LINE_FEED: u32 = 10;
const CARRIAGE_RETURN: u32 = 13;
const SPACE: u32 = 32;
const QUOTE: u32 = 34;
const PLUS: u32 = 43;
const COMMA: u32 = 44;
const MINUS: u32 = 45;
const DOT: u32 = 46;
const ZERO: u32 = 48;
const COLON: u32 = 58;
const BACKSLASH: u32 = 92;
const LOWER_E: u32 = 101;
const LOWER_Z: u32 = 122;
const OPEN_BRACE: u32 = 123;
const CLOSE_BRACE: u32 = 125;
const CASE_BIT: u32 = 32;

// The keys with their quotes and colon, and JSON's words, as they lie in memory.
const ID_0: u64 = 0x696465705f646922; // "id_pedi
const ID_1: u32 = 0x3a226f64; // do":
const CATEGORIA_0: u64 = 0x726f676574616322; // "categor
const CATEGORIA_1: u32 = 0x3a226169; // ia":
const VALOR_0: u64 = 0x3a22726f6c617622; // "valor":
const TIMESTAMP_0: u64 = 0x617473656d697422; // "timesta
const TIMESTAMP_1: u32 = 0x3a22706d; // mp":
const TRUE: u32 = 0x65757274; // true
const ALSE: u32 = 0x65736c61; // alse
const NULL: u32 = 0x6c6c756e; // null

const ZEROS: u64 = 0x3030303030303030;
const NO_DIGIT: u64 = 0x7676767676767676;
const HIGH_BITS: u64 = 0x8080808080808080;
const EVENT_TIME_MS_LIMIT: f64 = 4294967296000;
const VALOR_CENTAVOS_MAX: u64 = 100_000_000_000;
/** Of a sale as a FlatBuffer: VDVS. */
const SALE_IDENTIFIER: u32 = 0x53564456;
const FLAT_HEAD_BYTES: usize = 8;
/** A vtable of the four fields and no more. */
const USUAL_VTABLE_BYTES: usize = 12;
/** Far beyond any true one, and exact as a double. */
const DELTA_MS_MAX: i64 = 0xffffffffffff;

/** Bits of the fields seen so far. */
const ID: i32 = 1;
const CATEGORIA: i32 = 2;
const VALOR: i32 = 4;
const TIMESTAMP: i32 = 8;
const ALL: i32 = 15;

// How the last sale was laid out. The next one is mostly alike, and where a position is guessed and
// then confirmed, the processor need not wait for it.
/** Spaces behind a comma or colon, 0 or 1. */
let gap: usize = 1;
/** Bytes of the id. */
let idBytes: usize = 36;
/** Bytes of the category that was found last. */
let categoryBytes: i32 = 0;

// The same of the whole sale: its bytes before the id, before the category, before the amount, before
// the time, and behind it. 0 in the first: none is known.
let beforeId: usize = 0;
let beforeCategory: usize = 0;
let beforeValor: usize = 0;
let beforeTime: usize = 0;
let behindTime: usize = 0;

/** What `valorEnd` and `timeEnd` have read. */
let centavosRead: u64 = 0;
let eventMsRead: f64 = 0;

/** Categories with sums; -1 once a row's could not have one. */
let summed: i32 = 0;

/**
 * @param from position of the next record
 * @param textEnd where the text that is there ends
 * @param batchEnd where the batch's records end, there or behind it
 * @param count records that the batch still has
 * @param lastDelta the offset delta of the record before
 * @returns rows that were written
 */
export function read(
  from: usize,
  textEnd: usize,
  batchEnd: usize,
  count: i32,
  lastDelta: i32,
): i32 {
  let at = from;
  let last = lastDelta;
  let row: i32 = 0;
  let why = ROWS_DONE;
  let leastMs: f64 = EVENT_TIME_MS_LIMIT;
  let greatestMs: f64 = -1;
  let leadMs: f64 = -EVENT_TIME_MS_LIMIT;
  clearSums();
  const rows = count < ROWS_MAX ? count : ROWS_MAX;
  while (row < rows) {
    why = CUT_OFF;
    if (at >= textEnd) break;
    let p = varintEnd(at);
    const length = varint(at, p);
    const end = p + (length as usize);
    if (length >= 6 && (length > 0x7ffffff || end > textEnd)) break;
    why = DECLINED;
    // Seen before the last one is read: a batch that is wrong is never passed as a whole.
    if (length < 6 || (end === batchEnd) !== (row === count - 1)) break;
    let field = p + 1;
    p = varintEnd(field);
    const timestampDelta = varint(field, p);
    if (timestampDelta > DELTA_MS_MAX || timestampDelta < -DELTA_MS_MAX) break;
    field = p;
    p = varintEnd(field);
    const offsetDelta = varint(field, p);
    if (offsetDelta <= (last as i64) || offsetDelta > 0x7fffffff) break;
    field = p;
    p = varintEnd(field);
    const keyLength = varint(field, p);
    if (keyLength < -1 || keyLength > length) break;
    if (keyLength > 0) p += keyLength as usize;
    if (p >= end) break;
    field = p;
    p = varintEnd(field);
    const valueLength = varint(field, p);
    if (valueLength <= 0 || valueLength > length) break;
    const valueEnd = p + (valueLength as usize);
    if (valueEnd >= end) break;
    if (!(saleAsLast(p, valueEnd, row) || sale(p, valueEnd, row) || flatSale(p, valueEnd, row))) break;
    store<i32>(RECORD_AT + (row << 2), at as i32);
    store<i32>(OFFSET_DELTA + (row << 2), offsetDelta as i32);
    const deltaMs = timestampDelta as f64;
    store<f64>(TIMESTAMP_DELTA + (row << 3), deltaMs);
    const ms = load<f64>(EVENT_MS + (row << 3));
    if (ms < leastMs) leastMs = ms;
    if (ms > greatestMs) greatestMs = ms;
    if (ms - deltaMs > leadMs) leadMs = ms - deltaMs;
    addToSum(load<i32>(CATEGORY_ID + (row << 2)), load<f64>(CENTAVOS + (row << 3)));
    last = offsetDelta as i32;
    at = end;
    why = ROWS_DONE;
    row++;
  }
  store<i32>(CONTROL, at as i32);
  store<i32>(CONTROL + 4, why);
  store<i32>(CONTROL + 8, summed < 0 ? 0 : summed);
  store<f64>(TIMES, leastMs);
  store<f64>(TIMES + 8, greatestMs);
  store<f64>(TIMES + 16, leadMs);
  return row;
}

function clearSums(): void {
  // Where one had none, the others have theirs still.
  if (summed < 0) memory.fill(SUM_COUNT, 0, 4 * SUMS_MAX);
  for (let i: i32 = 0; i < summed; i++) {
    store<i32>(SUM_COUNT + ((load<u32>(SUMMED + (i << 2)) as usize) << 2), 0);
  }
  summed = 0;
}

// @ts-ignore: decorator
@inline
function addToSum(category: u32, centavos: f64): void {
  if (category >= (SUMS_MAX as u32)) {
    summed = -1;
    return;
  }
  const id = category as usize;
  const count = load<i32>(SUM_COUNT + (id << 2));
  if (count === 0) {
    if (summed < 0) return;
    store<u32>(SUMMED + (summed << 2), category);
    summed++;
    store<i32>(SUM_COUNT + (id << 2), 1);
    store<f64>(SUM_CENTAVOS + (id << 3), centavos);
    store<f64>(SUM_MENOR + (id << 3), centavos);
    store<f64>(SUM_MAIOR + (id << 3), centavos);
    return;
  }
  store<i32>(SUM_COUNT + (id << 2), count + 1);
  store<f64>(SUM_CENTAVOS + (id << 3), load<f64>(SUM_CENTAVOS + (id << 3)) + centavos);
  if (centavos < load<f64>(SUM_MENOR + (id << 3))) store<f64>(SUM_MENOR + (id << 3), centavos);
  if (centavos > load<f64>(SUM_MAIOR + (id << 3))) store<f64>(SUM_MAIOR + (id << 3), centavos);
}

/** The end of a varint: at most ten bytes on, whatever stands there. */
// @ts-ignore: decorator
@inline
function varintEnd(at: usize): usize {
  let p = at;
  while (load<u8>(p) >= 128 && p < at + 9) p++;
  return p + 1;
}

/** A zigzag varint in [at, end), mostly of one or two bytes. */
// @ts-ignore: decorator
@inline
function varint(at: usize, end: usize): i64 {
  let value = (load<u8>(at) & 127) as u64;
  if (end !== at + 1) {
    value |= ((load<u8>(at + 1) & 127) as u64) << 7;
    if (end !== at + 2) value = longVarint(at, end);
  }
  return ((value >> 1) ^ -(value & 1)) as i64;
}

/** Before its sign is taken out. One of ten bytes becomes what nobody takes. */
function longVarint(at: usize, end: usize): u64 {
  if (end > at + 9) return u64.MAX_VALUE;
  let value: u64 = 0;
  let shift: u64 = 0;
  for (let p = at; p < end; p++) {
    value |= ((load<u8>(p) & 127) as u64) << shift;
    shift += 7;
  }
  return value;
}

/** The sale in [start, end) into a row. @returns whether it was one */
function sale(start: usize, end: usize, row: i32): i32 {
  let p = start;
  if ((load<u8>(p) as u32) !== OPEN_BRACE) return 0;
  p++;
  let seen: i32 = 0;
  let category: i32 = -1;
  let centavos: u64 = 0;
  let eventMs: f64 = 0;
  let isDone = false;
  let idAt: usize = 0;
  let categoryAt: usize = 0;
  let valorAt: usize = 0;
  let valorTo: usize = 0;
  let timeAt: usize = 0;
  let timeTo: usize = 0;
  while (!isDone) {
    if (p >= end) return 0;
    p = skipSpaceOnce(p, end);
    // Given twice, the last one wins, as with JSON.parse.
    const key = load<u64>(p);
    const rest = load<u32>(p + 8);
    if (key === ID_0 && rest === ID_1) {
      seen |= ID;
      idAt = skipSpaceOnce(p + 12, end) + 1;
      p = skipId(idAt - 1, end);
      if (p === 0) return 0;
    } else if (key === CATEGORIA_0 && rest === CATEGORIA_1) {
      seen |= CATEGORIA;
      p = skipSpaceOnce(p + 12, end);
      if ((load<u8>(p) as u32) !== QUOTE) return 0;
      categoryAt = p + 1;
      category = findCategory(categoryAt);
      if (category < 0) return 0;
      p += (categoryBytes as usize) + 2;
    } else if (key === VALOR_0) {
      seen |= VALOR;
      p = skipSpaceOnce(p + 8, end);
      valorAt = p;
      p = valorEnd(p, end);
      if (p === 0) return 0;
      centavos = centavosRead;
      valorTo = p;
    } else if (key === TIMESTAMP_0 && rest === TIMESTAMP_1) {
      seen |= TIMESTAMP;
      p = skipSpaceOnce(p + 12, end);
      if ((load<u8>(p) as u32) !== QUOTE) return 0;
      p++;
      timeAt = p;
      p = timeEnd(p, end);
      if (p === 0) return 0;
      eventMs = eventMsRead;
      timeTo = p;
    } else {
      // One of the four with a space before its colon is left to the scanner, too.
      p = skipString(p, end);
      if (p === 0 || (load<u8>(p) as u32) !== COLON) return 0;
      p = skipScalar(skipSpaceOnce(p + 1, end), end);
      if (p === 0) return 0;
    }
    if ((load<u8>(p) as u32) <= SPACE) p = skipSpace(p, end);
    const byte = load<u8>(p) as u32;
    isDone = byte === CLOSE_BRACE;
    if (byte !== COMMA && !isDone) return 0;
    p++;
  }
  if (p < end) p = skipSpace(p, end);
  // Beyond the end is not this sale's.
  if (p !== end || seen !== ALL) return 0;
  storeRow(row, category, centavos, eventMs);
  learnLayout(start, idAt, categoryAt, valorAt, valorTo, timeAt, timeTo, end);
  return 1;
}

/** As `sale`, for one that is laid out as the last one: besides that, only four values are looked at. */
// @ts-ignore: decorator
@inline
function saleAsLast(start: usize, end: usize, row: i32): i32 {
  if (beforeId === 0 || !isLaidOut(start, 0, beforeId)) return 0;
  let p = start + beforeId;
  const idEnd = p + idBytes;
  if (idEnd >= end) return 0;
  // An id of fewer bytes has its quote among these: that one is for `sale`.
  let odd = oddBytes(v128.load(idEnd - 16));
  for (; p < idEnd - 16; p += 16) odd = v128.or(odd, oddBytes(v128.load(p)));
  if (v128.any_true(odd) || !isLaidOut(idEnd, 1, beforeCategory)) return 0;
  p = idEnd + beforeCategory;
  const category = findCategory(p);
  if (category < 0) return 0;
  p += categoryBytes as usize;
  if (p >= end || !isLaidOut(p, 2, beforeValor)) return 0;
  p = valorEnd(p + beforeValor, end);
  if (p === 0 || p >= end || !isLaidOut(p, 3, beforeTime)) return 0;
  p = timeEnd(p + beforeTime, end);
  if (p === 0 || p + behindTime !== end || !isLaidOut(p, 4, behindTime)) return 0;
  storeRow(row, category, centavosRead, eventMsRead);
  return 1;
}

/** Whether what stands at `p` is the layout's part of this number, which has so many bytes. */
// @ts-ignore: decorator
@inline
function isLaidOut(p: usize, part: usize, bytes: usize): bool {
  const at = LAYOUT + part * (2 * LAYOUT_BYTES);
  let differs = v128.and(v128.xor(v128.load(p), v128.load(at)), v128.load(at + 32));
  if (bytes > 16) {
    const rest = v128.xor(v128.load(p + 16), v128.load(at + 16));
    differs = v128.or(differs, v128.and(rest, v128.load(at + 48)));
  }
  return !v128.any_true(differs);
}

/**
 * The FlatBuffer in [start, end) into a row, where its table is the usual one: as FlatReader reads it
 * in place. Nothing is followed before it is known to lie in the value.
 */
function flatSale(start: usize, end: usize, row: i32): i32 {
  if (start + FLAT_HEAD_BYTES + USUAL_VTABLE_BYTES > end) return 0;
  // No JSON text has these bytes there: format.ts says why.
  if (load<u32>(start + 4) !== SALE_IDENTIFIER) return 0;
  const table = placeOf(start, end);
  if (table === 0) return 0;
  const vtable = table - (load<i32>(table) as usize);
  if (vtable < start || vtable > end - USUAL_VTABLE_BYTES) return 0;
  const texts = load<u64>(vtable);
  const numbers = load<u32>(vtable + 8);
  const id = ((texts >> 32) as u32) & 0xffff;
  const categoria = (texts >> 48) as u32;
  const valor = numbers & 0xffff;
  const timestamp = numbers >> 16;
  if ((texts & 0xffff) !== (USUAL_VTABLE_BYTES as u64)) return 0;
  if ((id | categoria | valor | timestamp) > 0x7fff) return 0;
  if (id < 4 || categoria < 4 || valor < 4 || timestamp < 4) return 0;
  if (table + (max(max(id, categoria) + 4, max(valor, timestamp) + 8) as usize) > end) return 0;
  const idAt = placeOf(table + (id as usize), end);
  if (idAt === 0 || !isWhole(idAt, end)) return 0;
  const name = placeOf(table + (categoria as usize), end);
  if (name === 0 || !isWhole(name, end)) return 0;
  const category = findCounted(name + 4, load<i32>(name));
  const centavos = load<u64>(table + (valor as usize));
  const ms = load<u64>(table + (timestamp as usize));
  // Less than nothing is more than all that may be.
  if (category < 0 || centavos > VALOR_CENTAVOS_MAX || ms >= (EVENT_TIME_MS_LIMIT as u64)) return 0;
  storeRow(row, category, centavos, ms as f64);
  return 1;
}

// @ts-ignore: decorator
@inline
function storeRow(row: i32, category: i32, centavos: u64, eventMs: f64): void {
  store<i32>(CATEGORY_ID + (row << 2), category);
  store<f64>(CENTAVOS + (row << 3), centavos as f64);
  store<f64>(EVENT_MS + (row << 3), eventMs);
}

/** Where the offset at `at` leads to: four bytes that lie before `end`; 0 when it does not. */
// @ts-ignore: decorator
@inline
function placeOf(at: usize, end: usize): usize {
  const offset = load<u32>(at) as usize;
  return offset > 0 && offset <= end - at && at + offset + 4 <= end ? at + offset : 0;
}

/** Whether the text whose length stands at `at` lies before `end`. */
// @ts-ignore: decorator
@inline
function isWhole(at: usize, end: usize): bool {
  return (load<u32>(at) as usize) <= end - at - 4;
}

function learnLayout(
  start: usize,
  idAt: usize,
  categoryAt: usize,
  valorAt: usize,
  valorTo: usize,
  timeAt: usize,
  timeTo: usize,
  end: usize,
): void {
  const idEnd = idAt + idBytes;
  const categoryEnd = categoryAt + (categoryBytes as usize);
  // In another order, some of these come out huge.
  beforeCategory = categoryAt - idEnd;
  beforeValor = valorAt - categoryEnd;
  beforeTime = timeAt - valorTo;
  behindTime = end - timeTo;
  const isShort =
    idAt - start <= LAYOUT_BYTES &&
    beforeCategory <= LAYOUT_BYTES &&
    beforeValor <= LAYOUT_BYTES &&
    beforeTime <= LAYOUT_BYTES &&
    behindTime <= LAYOUT_BYTES;
  beforeId = isShort ? idAt - start : 0;
  if (beforeId === 0) return;
  learnPart(0, start, beforeId);
  learnPart(1, idEnd, beforeCategory);
  learnPart(2, categoryEnd, beforeValor);
  learnPart(3, valorTo, beforeTime);
  learnPart(4, timeTo, behindTime);
}

// @ts-ignore: decorator
@inline
function learnPart(part: usize, from: usize, bytes: usize): void {
  const at = LAYOUT + part * (2 * LAYOUT_BYTES);
  const mask = MASKS + LAYOUT_BYTES - bytes;
  v128.store(at, v128.load(from));
  v128.store(at + 16, v128.load(from + 16));
  v128.store(at + 32, v128.load(mask));
  v128.store(at + 48, v128.load(mask + 16));
}

/** The amount at `from` into `centavosRead`. @returns where it ends; 0 when it is not plain */
// @ts-ignore: decorator
@inline
function valorEnd(from: usize, end: usize): usize {
  let p = from;
  // How many of eight bytes are digits, and what number they spell.
  const digits = load<u64>(p) ^ ZEROS;
  const bits = ctz(((digits + NO_DIGIT) | digits) & HIGH_BITS) & ~7;
  // One to seven; no zero before others.
  if (bits - 8 > 48 || (bits > 8 && (digits & 0xff) === 0)) return 0;
  let pairs = digits << (64 - bits);
  pairs = pairs * 10 + (pairs >> 8);
  let centavos =
    (((pairs & 0xff000000ff) * 0xf424000000064 +
      ((pairs >> 16) & 0xff000000ff) * 0x271000000001) >>
      32) &
    0xffffffff;
  centavos *= 100;
  p += (bits >> 3) as usize;
  if ((load<u8>(p) as u32) === DOT) {
    const tens = digitAt(p + 1);
    if (tens > 9) return 0;
    centavos += 10 * tens;
    p += 2;
    const ones = digitAt(p);
    if (ones <= 9) {
      centavos += ones;
      p++;
      while (digitAt(p) === 0 && p < end) p++;
    }
  }
  // An exponent or a further decimal is neither comma, brace nor space, which comes next.
  centavosRead = centavos;
  return p;
}

/** The time at `from`, behind its quote, into `eventMsRead`. @returns the end behind its other quote, or 0 */
// @ts-ignore: decorator
@inline
function timeEnd(from: usize, end: usize): usize {
  let p = from;
  let eventMs: f64 = 0;
  const w1 = load<u32>(p + 4);
  const w2 = load<u32>(p + 8);
  const w3 = load<u32>(p + 12);
  const hash = (w2 ^ ((w3 ^ w1) * 0x85ebca6b)) * 0x9e3779b1;
  const slot = (hash >> (32 - MINUTE_BITS)) as usize;
  const differs = v128.xor(v128.load(p), v128.load(MINUTE_KEYS + (slot << 4)));
  // An unused slot's key is zeros, which no timestamp spells.
  if (v128.any_true(differs) || w1 === 0) return 0;
  p += 16;
  let ms: u32 = 0;
  if ((load<u8>(p) as u32) === COLON) {
    const tens = digitAt(p + 1);
    const ones = digitAt(p + 2);
    if (tens > 5 || ones > 9) return 0;
    ms = 10_000 * tens + 1000 * ones;
    p += 3;
    if ((load<u8>(p) as u32) === DOT) {
      let digit = digitAt(++p);
      if (digit > 9) return 0;
      let scale: u32 = 100;
      while (digit <= 9 && p < end) {
        ms += scale * digit;
        scale = scale === 100 ? 10 : scale === 10 ? 1 : 0;
        digit = digitAt(++p);
      }
    }
  }
  const byte = load<u8>(p) as u32;
  if (byte === QUOTE) {
    eventMs = load<f64>(MINUTE_ZONED_MS + (slot << 3)) + (ms as f64);
    p++;
  } else {
    eventMs = load<f64>(MINUTE_UTC_MS + (slot << 3)) + (ms as f64);
    if ((byte | CASE_BIT) === LOWER_Z) {
      p++;
    } else {
      if (byte !== PLUS && byte !== MINUS) return 0;
      const hours = twoDigits(p + 1);
      const minutes = twoDigits(p + 4);
      if (hours > 23 || minutes > 59 || (load<u8>(p + 3) as u32) !== COLON) return 0;
      const east = (60_000 * (60 * hours + minutes)) as f64;
      eventMs += byte === MINUS ? east : -east;
      p += 6;
    }
    if ((load<u8>(p++) as u32) !== QUOTE) return 0;
  }
  if (!(eventMs >= 0 && eventMs < EVENT_TIME_MS_LIMIT)) return 0;
  eventMsRead = eventMs;
  return p;
}

/** The id of the category whose text starts at `p`; -1 when it is not in the table. */
function findCategory(p: usize): i32 {
  const a = v128.load(p);
  const b = v128.load(p + 16);
  const quote = i8x16.splat(QUOTE as i8);
  const quotes = i8x16.bitmask(i8x16.eq(a, quote)) | (i8x16.bitmask(i8x16.eq(b, quote)) << 16);
  const length = ctz(quotes);
  // None, if there is no quote: 32.
  if (length < 3 || length > 31) return -1;
  const hash =
    (load<u32>(p) * 0x9e3779b1) ^
    (load<u32>(p + (length as usize) - 3) * 0x85ebca6b) ^
    ((length as u32) * 0x2c1b3c6d);
  const mask = MASKS + 31 - (length as usize);
  const textA = v128.and(a, v128.load(mask));
  const textB = v128.and(b, v128.load(mask + 16));
  return categoryOf(textA, textB, length, hash);
}

/** The same for a text whose length is known, and which no quote follows. */
// @ts-ignore: decorator
@inline
function findCounted(p: usize, length: i32): i32 {
  if (length < 3 || length > 31) return -1;
  const mask = MASKS + 32 - (length as usize);
  const quote = QUOTES + 31 - (length as usize);
  const textA = v128.or(v128.and(v128.load(p), v128.load(mask)), v128.load(quote));
  const textB = v128.or(v128.and(v128.load(p + 16), v128.load(mask + 16)), v128.load(quote + 16));
  const last = (load<u32>(p + (length as usize) - 4) >> 8) | (QUOTE << 24);
  const hash =
    ((i32x4.extract_lane(textA, 0) as u32) * 0x9e3779b1) ^
    (last * 0x85ebca6b) ^
    ((length as u32) * 0x2c1b3c6d);
  return categoryOf(textA, textB, length, hash);
}

/** @param hash of the text with its quote: the first word, the last, and how many bytes are before it */
// @ts-ignore: decorator
@inline
function categoryOf(textA: v128, textB: v128, length: i32, hash: u32): i32 {
  let slot = hash >> (32 - CATEGORY_BITS);
  for (let probe = 0; probe < CATEGORY_PROBES_MAX; probe++) {
    const entry = CATEGORIES + (slot as usize) * CATEGORY_STRIDE;
    const differs = v128.or(
      v128.xor(textA, v128.load(entry)),
      v128.xor(textB, v128.load(entry + 16)),
    );
    if (!v128.any_true(differs)) {
      categoryBytes = length;
      return load<i32>(entry + 32);
    }
    if (load<i32>(entry) === 0) return -1;
    slot = (slot + 1) & ((1 << CATEGORY_BITS) - 1);
  }
  return -1;
}

function digitAt(p: usize): u32 {
  return (load<u8>(p) as u32) - ZERO;
}

/** 0 to 99; more when one of them is no digit. */
function twoDigits(p: usize): u32 {
  const tens = digitAt(p);
  const ones = digitAt(p + 1);
  return tens <= 9 && ones <= 9 ? 10 * tens + ones : 100;
}

/** As skipSpace, where there is one or none. */
// @ts-ignore: decorator
@inline
function skipSpaceOnce(p: usize, end: usize): usize {
  const two = load<u16>(p) as u32;
  if (gap === 1) {
    if ((two & 0xff) === SPACE && two >> 8 > SPACE) return p + 1;
  } else if ((two & 0xff) > SPACE) {
    return p;
  }
  return otherGap(p, end);
}

function otherGap(p: usize, end: usize): usize {
  gap = (load<u8>(p) as u32) === SPACE ? 1 : 0;
  return skipSpace(p, end);
}

function skipSpace(from: usize, end: usize): usize {
  let p = from;
  while (p < end) {
    const byte = load<u8>(p) as u32;
    if (byte > SPACE) break;
    if (byte !== SPACE && byte !== LINE_FEED && byte !== TAB && byte !== CARRIAGE_RETURN) break;
    p++;
  }
  return p;
}

/** As skipString, for one that is mostly as long as the last one. */
// @ts-ignore: decorator
@inline
function skipId(from: usize, end: usize): usize {
  const close = from + 1 + idBytes;
  if (idBytes >= 16 && close < end && (load<u8>(close) as u32) === QUOTE) {
    let odd = oddBytes(v128.load(close - 16));
    for (let p = from + 1; p < close - 16; p += 16) odd = v128.or(odd, oddBytes(v128.load(p)));
    if (!v128.any_true(odd) && (load<u8>(from) as u32) === QUOTE) return close + 1;
  }
  return otherId(from, end);
}

function otherId(from: usize, end: usize): usize {
  const p = skipString(from, end);
  if (p !== 0) idBytes = p - from - 2;
  return p;
}

/** Ones where a byte is no printable ASCII, or a quote or backslash. */
// @ts-ignore: decorator
@inline
function oddBytes(text: v128): v128 {
  // Bytes from 128 on are below zero, signed.
  return v128.or(
    v128.or(i8x16.lt_s(text, i8x16.splat(SPACE as i8)), i8x16.eq(text, i8x16.splat(QUOTE as i8))),
    i8x16.eq(text, i8x16.splat(BACKSLASH as i8)),
  );
}

/** Past a string of printable ASCII without escapes; 0 when it is anything else. */
function skipString(from: usize, end: usize): usize {
  if ((load<u8>(from) as u32) !== QUOTE) return 0;
  let p = from + 1;
  while (p < end) {
    const bits = i8x16.bitmask(oddBytes(v128.load(p)));
    if (bits === 0) {
      p += 16;
      continue;
    }
    p += ctz(bits) as usize;
    return p < end && (load<u8>(p) as u32) === QUOTE ? p + 1 : 0;
  }
  return 0;
}

/** Past a string, number, true, false or null; 0 when it is none. */
function skipScalar(p: usize, end: usize): usize {
  const byte = load<u8>(p) as u32;
  if (byte === QUOTE) return skipString(p, end);
  if (byte === MINUS || byte - ZERO <= 9) return skipNumber(p, end);
  const word = load<u32>(p);
  if (word === TRUE || word === NULL) return p + 4;
  return load<u32>(p + 1) === ALSE && (word & 0xff) === 102 ? p + 5 : 0;
}

function skipNumber(from: usize, end: usize): usize {
  const first = (load<u8>(from) as u32) === MINUS ? from + 1 : from;
  let p = skipDigits(first, end);
  if (p === 0 || (digitAt(first) === 0 && p > first + 1)) return 0;
  if ((load<u8>(p) as u32) === DOT) {
    p = skipDigits(p + 1, end);
    if (p === 0) return 0;
  }
  if (((load<u8>(p) as u32) | CASE_BIT) === LOWER_E) {
    const sign = load<u8>(p + 1) as u32;
    p = skipDigits(sign === PLUS || sign === MINUS ? p + 2 : p + 1, end);
  }
  return p;
}

/** Past at least one digit, or 0. */
function skipDigits(from: usize, end: usize): usize {
  let p = from;
  while (p < end && digitAt(p) <= 9) p++;
  return p > from ? p : 0;
}
