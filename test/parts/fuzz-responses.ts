/**
 * A fuzz case: a Fetch response with batches of every kind, changed somewhere, is given to the
 * engine's own reading of it, and then, as after an error, what is right.
 *
 * What was changed on its way (the checksum is not made right again) must change nothing: the sums
 * are those of the log that was meant. What was stored so (checksum made right) must be an error
 * with its reason, or sums that a second, plain reading of the same bytes has too. What only the
 * response's head says has no checksum at all: it must not crash, hang or take memory.
 */
import { crc32c } from '@node-rs/crc32';
import { parseSale } from '../../src/sale/reference.ts';
import { CODEC, COMPRESSORS } from './compressors.ts';
import {
  ABORTED,
  abortedIn,
  below,
  COMMITTED,
  type LoggedBatch,
  pick,
  type Random,
  Reading,
  respond,
} from './fuzz-reading.ts';
import { RULES, saleJson } from './lease-regions.ts';
import { DEFAULT_TIMESTAMP_MS, marker, recordBatch, sealed } from './record-batch-builder.ts';

const LIMITS = { tableSlots: 16, rejectLogBytes: 8 * 1024, categoryCount: 8 };
const KINDS = [...Object.keys(COMPRESSORS), 'none', 'none', 'none'];
interface Sale {
  readonly centavos: number;
  readonly eventMs: number;
}

interface Batch extends LoggedBatch {
  /** Those that count, unless they are late. */
  readonly sales: Sale[];
  readonly isPlain: boolean;
}

/** @returns what came of it: an error's code, or `right` */
export function responseCase(random: Random): string {
  const log = makeLog(random);
  const level = pick(random, ['response', 'batch', 'stored', 'stored', 'head'] as const);
  const meant = log.flatMap(({ sales }) => sales);
  const changed = log.map((batch) => ({ ...batch, bytes: Buffer.from(batch.bytes) }));
  const target = pick(random, changed);
  if (level === 'batch') mutate(random, target.bytes);
  if (level === 'stored') {
    mutate(random, target.bytes.subarray(21));
    sealed(target.bytes);
  }
  const aborted = abortedIn(log);
  let response = respond(changed, 0, aborted);
  if (level === 'response') {
    response = Buffer.from(response);
    const start = response.indexOf(log[0].bytes.subarray(0, 61));
    mutate(random, response.subarray(start));
    if (random() < 0.2) response = response.subarray(0, start + below(random, 500));
    if (isForged(response.subarray(start), log)) return `${level} forged`;
  }
  if (level === 'head') mutate(random, response.subarray(0, 90));
  const reading = new Reading(LIMITS);
  const outcome = reading.read(response, (from) =>
    respond(level === 'stored' ? changed : log, from, aborted),
  );
  const isWhole = !reading.hasEnded;
  if (isWhole && (level === 'response' || level === 'batch')) expectSales(reading, meant, level);
  if (level === 'stored' && outcome === 'right' && isPlain(target)) {
    expectSales(
      reading,
      changed.flatMap((batch) => (batch === target ? plainly(batch) : batch.sales)),
      level,
    );
  }
  return `${level} ${outcome}`;
}

/**
 * Whether a copied piece made a batch that is sound under another one's base offset, which the
 * checksum does not cover: nobody who reads it can tell, and nothing is right any more.
 */
function isForged(records: Buffer, log: readonly Batch[]): boolean {
  let start = 0;
  return log.some(({ bytes }) => {
    const there = records.subarray(start);
    start += bytes.length;
    if (there.length < 61 || !there.subarray(0, 8).equals(bytes.subarray(0, 8))) return false;
    const batch = there.subarray(0, Math.max(61, 12 + there.readInt32BE(8)));
    const isSound = there.readUInt32BE(17) === crc32c(batch.subarray(21));
    return isSound && !batch.equals(bytes);
  });
}

function makeLog(random: Random): Batch[] {
  const log: Batch[] = [];
  let offset = 0;
  const add = (bytes: Buffer, count: number, sales: Sale[], isPlain: boolean) => {
    log.push({ bytes, base: offset, last: offset + count - 1, sales, isPlain });
    offset += count;
  };
  const open = new Set<bigint>();
  const batches = 2 + below(random, 4);
  for (let i = 0; i < batches; i++) {
    const count = 1 + below(random, 6);
    const centavos = Array.from({ length: count }, () => 1 + below(random, 1e6));
    const records = centavos.map((one, j) => ({
      value: random() < 0.1 ? null : saleJson(pick(random, ['Casa', 'Gamer']), one, T + j),
      ...(random() < 0.2 ? { key: `k${j}`, headers: [['h', 'v']] as const } : {}),
    }));
    const kind = pick(random, KINDS);
    const { codec, compress } = COMPRESSORS[kind] ?? {};
    const producerId = random() < 0.3 ? pick(random, [ABORTED, COMMITTED]) : undefined;
    if (producerId !== undefined) open.add(producerId);
    const bytes = recordBatch({
      baseOffset: offset,
      records,
      ...(codec === undefined ? {} : { codec: CODEC[codec], compress: compress! }),
      ...(producerId === undefined ? {} : { producerId, transactional: true }),
      ...(random() < 0.1 ? { appendTimeMs: T + 5 } : {}),
    });
    const sales = centavos.map((one, j) => ({ centavos: one, eventMs: T + j }));
    const counts = producerId === ABORTED ? [] : sales.filter((_, j) => records[j].value);
    add(bytes, count, counts, codec === undefined && producerId === undefined);
    for (const id of random() < 0.5 ? [...open] : []) {
      open.delete(id);
      add(marker(offset, id, id === ABORTED ? 'abort' : 'commit'), 1, [], false);
    }
  }
  for (const id of open) add(marker(offset, id, id === ABORTED ? 'abort' : 'commit'), 1, [], false);
  return log;
}

const T = DEFAULT_TIMESTAMP_MS;

/** One to three changes: bits, a whole field, or a length that is small, large or negative. */
function mutate(random: Random, bytes: Buffer): void {
  for (let left = 1 + below(random, 3); left > 0 && bytes.length > 8; left--) {
    // More of them near the start, where the heads are.
    const at = below(random, random() < 0.5 ? Math.min(70, bytes.length) : bytes.length);
    const how = below(random, 4);
    if (how === 0) bytes[at] ^= 1 << below(random, 8);
    else if (how === 1) bytes[at] = below(random, 256);
    else if (how === 2 && at + 4 <= bytes.length) {
      bytes.writeInt32BE(pick(random, [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 61, 100]), at);
    } else bytes.copyWithin(at, below(random, bytes.length), bytes.length);
  }
}

/** Neither compressed, nor of a transaction, nor a marker: also after it was changed. */
const isPlain = (batch: Batch) => batch.isPlain && (batch.bytes.readInt16BE(21) & 0x37) === 0;

/** The sales of a plain batch, read a second time without the engine's code but for the fields. */
function plainly({ bytes }: Batch): Sale[] {
  const sales: Sale[] = [];
  let at = 61;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = BigInt(bytes[at++]);
      value |= (byte & 127n) << shift;
      if (byte < 128n) return Number((value >> 1n) ^ -(value & 1n));
    }
  };
  for (let left = bytes.readInt32BE(57); left > 0; left--) {
    const length = varint();
    const end = at + length;
    at++;
    const delta = varint();
    varint();
    const keyLength = varint();
    if (keyLength > 0) at += keyLength;
    const valueLength = varint();
    const value = valueLength < 0 ? null : bytes.subarray(at, at + valueLength);
    at = end;
    const isAppendTime = (bytes.readInt16BE(21) & 8) !== 0;
    const baseMs = Number(bytes.readBigInt64BE(isAppendTime ? 35 : 27));
    const timestampMs = isAppendTime ? baseMs : baseMs + delta;
    const sale = parseSale(value, { timeZone: RULES.timeZone });
    if (sale.verdict === 'rejected') continue;
    if (timestampMs >= 0 && sale.eventMs > timestampMs + RULES.futureToleranceMs) continue;
    sales.push({ centavos: sale.valorCentavos, eventMs: sale.eventMs });
  }
  return sales;
}

/** Centavos of those that are not late. */
function timely(sales: readonly Sale[]): number[] {
  let maxEventMs = 0;
  return sales.flatMap(({ centavos, eventMs }) => {
    const windowEndMs = eventMs - (eventMs % RULES.windowMs) + RULES.windowMs;
    if (windowEndMs <= maxEventMs - RULES.watermarkDelayMs) return [];
    maxEventMs = Math.max(maxEventMs, eventMs);
    return centavos;
  });
}

function expectSales({ drained }: Reading, sales: readonly Sale[], level: string): void {
  const centavos = timely(sales);
  const sums = Object.values(drained.sums);
  const found = [
    sums.reduce((sum, one) => sum + one.count, 0),
    sums.reduce((sum, one) => sum + one.centavos, 0),
  ];
  const meant = [centavos.length, centavos.reduce((sum, one) => sum + one, 0)];
  if (found.join() === meant.join()) return;
  throw new Error(
    `${level}: ${found.join(' sales, ')} centavos, and ${meant.join(', ')} are right`,
  );
}
