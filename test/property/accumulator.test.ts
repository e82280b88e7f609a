/**
 * A partition's sums are a pure function of a prefix of its log. Generated logs are judged here a
 * second time by a few plain lines, and the accumulator must agree wherever deltas are frozen,
 * however small they are, and wherever it was stopped and started again.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LatePolicy } from '../../src/config/options.ts';
import { PartitionTotals } from '../../src/coordinator/partition-totals.ts';
import { BatchHead } from '../../src/kafka/record-batch.ts';
import type { Register } from '../../src/mongo/totals-store.ts';
import { encodeSale, encodeSaleBatch } from '../../src/sale/flatbuffers/encode.ts';
import { BatchReader } from '../../src/sale/simd/batch-reader.ts';
import { readSnapshot } from '../../src/state/partition-region.ts';
import type { LeaseStart } from '../../src/workers/lease-protocol.ts';
import { PartitionAccumulator } from '../../src/workers/partition-accumulator.ts';
import {
  addSale,
  Drained,
  FROM_THE_START,
  LIMITS,
  RULES,
  regionPair,
  type Sums,
  saleJson,
} from '../parts/lease-regions.ts';
import {
  DEFAULT_TIMESTAMP_MS,
  type RecordSpec,
  recordBatch,
} from '../parts/record-batch-builder.ts';

const T = DEFAULT_TIMESTAMP_MS;
const CATEGORIES = ['Casa', 'Livros', 'Eletrônicos', '家電'];
const CATEGORY_LIMIT = 3;
const BATCH_MAX = 6;
/** Room for the keys and the rejected sales of one batch at most, and sometimes for no more. */
const TINY = { tableSlots: 8, rejectLogBytes: 1000, categoryCount: CATEGORY_LIMIT };
const ROOMY = { ...LIMITS, tableSlots: 1024, categoryCount: CATEGORY_LIMIT };

interface SaleEntry {
  readonly categoria: string;
  /** Below zero it is out of range, which only FlatBuffers are given. */
  readonly centavos: number;
  readonly eventMs: number;
}

/** A sale in one of the formats, several as one record, or something that is none. */
type Entry =
  | { readonly json: SaleEntry }
  | { readonly flat: SaleEntry }
  | { readonly batch: readonly SaleEntry[] }
  | { readonly junk: Buffer | string | null; readonly reason: string };

interface LogBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly entries: readonly { readonly offset: number; readonly entry: Entry }[];
}

const sales = fc.record({
  categoria: fc.constantFrom(...CATEGORIES),
  centavos: fc.oneof(fc.nat(9), fc.nat(100_000_000_000)),
  // Half of them in two windows, so that many meet in one register.
  eventMs: fc
    .oneof(fc.integer({ min: -5 * 60_000, max: 6 * 60_000 }), fc.nat(2 * 60_000 - 1))
    .map((ms) => T + ms),
});

const flatSales = fc.oneof(
  { weight: 9, arbitrary: sales },
  { weight: 1, arbitrary: sales.map((sale) => ({ ...sale, centavos: -1 - sale.centavos })) },
);

const broken = encodeSaleBatch([
  { idPedido: 'a', categoria: 'Casa', valorCentavos: 1, timestampMs: T },
]);

const entries: fc.Arbitrary<Entry> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ json: sales }) },
  { weight: 3, arbitrary: fc.record({ flat: flatSales }) },
  {
    weight: 3,
    arbitrary: fc.record({ batch: fc.array(flatSales, { minLength: 1, maxLength: BATCH_MAX }) }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      { junk: null, reason: 'not_json' },
      { junk: 'lixo', reason: 'not_json' },
      { junk: '{"valor": 1}', reason: 'missing_field' },
      { junk: encodeSaleBatch([]), reason: 'batch_empty' },
      { junk: broken.subarray(0, 40), reason: 'malformed_flatbuffer' },
    ),
  },
);

const policies = fc.constantFrom<LatePolicy>('reject', 'count');

/** As on most processors, or as on one without SIMD. */
const readers = fc.constantFrom(BatchReader.make, () => null);

/** Batches with gaps between and inside them. */
const logs: fc.Arbitrary<LogBatch[]> = fc
  .array(
    fc.record({
      gap: fc.constantFrom(0, 0, 0, 3),
      tail: fc.constantFrom(0, 0, 2),
      records: fc.array(fc.tuple(entries, fc.constantFrom(1, 1, 1, 4)), { maxLength: 12 }),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((specs) => {
    let next = 0;
    return specs.map(({ gap, tail, records }) => {
      const baseOffset = next + gap;
      let offset = baseOffset - 1;
      const placed = records.map(([entry, step]) => {
        offset += step;
        return { offset, entry };
      });
      const lastOffset = Math.max(offset, baseOffset) + tail;
      next = lastOffset + 1;
      return { baseOffset, lastOffset, entries: placed };
    });
  });

const encode = ({ baseOffset, lastOffset, entries: list }: LogBatch): Buffer =>
  recordBatch({
    baseOffset,
    lastOffset,
    records: list.map(({ offset, entry }): RecordSpec => {
      if ('junk' in entry) return { offset, value: entry.junk };
      if ('flat' in entry) return { offset, value: encodeSale(encodable(entry.flat)) };
      if ('batch' in entry) return { offset, value: encodeSaleBatch(entry.batch.map(encodable)) };
      const { categoria, centavos, eventMs } = entry.json;
      return { offset, value: saleJson(categoria, centavos, eventMs) };
    }),
  });

const encodable = ({ categoria, centavos, eventMs }: SaleEntry) => ({
  idPedido: '8c5b4a5e-0f6e-4f0e-9a55-0e9d3a3c7f11',
  categoria,
  valorCentavos: centavos,
  timestampMs: eventMs,
});

/** The rules, said once more. */
function oracle(log: readonly LogBatch[], late: LatePolicy = 'reject') {
  const sums: Sums = {};
  const rejections: string[] = [];
  const categories: string[] = [];
  let maxEventMs = -1;
  let counted = 0;
  let lateCounted = 0;
  for (const { offset, entry } of log.flatMap((batch) => batch.entries)) {
    if ('junk' in entry) rejections.push(`${offset} ${entry.reason}`);
    else if ('json' in entry) reject(`${offset}`, judge(entry.json));
    else if ('flat' in entry) reject(`${offset}`, judge(entry.flat));
    else entry.batch.forEach((sale, index) => void reject(`${offset}/${index}`, judge(sale)));
  }
  return { sums, rejections, categories, maxEventMs, counted, lateCounted };

  function reject(at: string, reason: string | null): void {
    if (reason !== null) rejections.push(`${at} ${reason}`);
  }

  function judge({ categoria, centavos, eventMs }: SaleEntry): string | null {
    if (centavos < 0) return 'valor_out_of_range';
    if (!categories.includes(categoria)) {
      if (categories.length === CATEGORY_LIMIT) return 'category_limit';
      categories.push(categoria);
    }
    if (eventMs - T > 300_000) return 'future_timestamp';
    const windowEnd = (Math.floor(eventMs / 60_000) + 1) * 60_000;
    if (maxEventMs >= 0 && windowEnd <= maxEventMs - 120_000) {
      if (late === 'reject') return 'late';
      lateCounted++;
    }
    counted++;
    addSale(sums, `${Math.floor(eventMs / 60_000)}|${categoria}`, centavos);
    maxEventMs = Math.max(maxEventMs, eventMs);
    return null;
  }
}

/** Adds one batch, asking `stalled` for a drained delta as often as needed. */
function addBatch(accumulator: PartitionAccumulator, batch: Buffer, stalled: () => void): void {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.length);
  const head = new BatchHead();
  head.read(view, 0, batch.length);
  for (let stalls = 0; !accumulator.addBatch(batch, view, head); stalls++) {
    if (stalls > 100) throw new Error('a drained delta has no room');
    stalled();
  }
}

describe('PartitionAccumulator on generated logs', () => {
  it('gives the same sums, rejects, categories and time wherever its deltas were frozen', () => {
    const freezes = fc.infiniteStream(fc.boolean());
    const limits = fc.constantFrom(TINY, ROOMY);
    fc.assert(
      fc.property(
        logs,
        freezes,
        limits,
        policies,
        readers,
        (log, freezeNow, size, late, reader) => {
          const region = regionPair(size);
          const rules = { ...RULES, late };
          const start = FROM_THE_START;
          const accumulator = new PartitionAccumulator(region.worker, rules, start, reader());
          const drained = new Drained();
          const freeze = () => {
            accumulator.writeSnapshot(0, false);
            region.worker.freeze();
            drained.take(region.coordinator);
          };
          for (const batch of log) {
            addBatch(accumulator, encode(batch), freeze);
            if (freezeNow.next().value) freeze();
          }
          freeze();
          const expected = oracle(log, late);
          expect(drained.sums).toEqual(expected.sums);
          expect(drained.rejections).toEqual(expected.rejections);
          expect(drained.categories).toEqual(expected.categories);
          expect(drained.snapshot).toMatchObject({
            counted: expected.counted,
            lateCounted: expected.lateCounted,
            maxEventMs: expected.maxEventMs,
            nextOffset: log.at(-1)!.lastOffset + 1,
          });
          const rejected = drained.snapshot!.rejected.reduce((sum, count) => sum + count, 0);
          expect(rejected).toBe(expected.rejections.length);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('has the same state after an offset from wherever below it the replay began', () => {
    fc.assert(
      fc.property(logs, fc.nat(), policies, (log, at, late) => {
        const whole = runFrom(log, FROM_THE_START, [], late);
        const cut = at % (log.at(-1)!.lastOffset + 2);
        // The state as of the last record below the cut, which may lie inside a batch.
        const below = runFrom(
          log.map((batch) => ({
            ...batch,
            entries: batch.entries.filter(({ offset }) => offset < cut),
          })),
          FROM_THE_START,
          [],
          late,
        );
        const { maxEventMs, counted, lateCounted, rejected } = below.snapshot!;
        const figures = { maxEventMs, counted, lateCounted, rejected };
        const start = { ...FROM_THE_START, nextOffset: cut, ...figures };
        const rest = runFrom(log, start, below.categories, late);
        expect(rest.snapshot).toEqual({ ...whole.snapshot, nextOffset: rest.snapshot!.nextOffset });
        expect([...below.rejections, ...rest.rejections]).toEqual(whole.rejections);
        expect(rest.categories).toEqual(whole.categories);
      }),
      { numRuns: 200 },
    );
  });
});

function runFrom(
  log: readonly LogBatch[],
  start: LeaseStart,
  names: readonly string[],
  late: LatePolicy,
): Drained {
  const region = regionPair(ROOMY, names);
  const accumulator = new PartitionAccumulator(region.worker, { ...RULES, late }, start);
  const drained = new Drained();
  for (const batch of log) addBatch(accumulator, encode(batch), () => expect.fail('no room'));
  accumulator.writeSnapshot(0, false);
  region.worker.freeze();
  drained.take(region.coordinator);
  return drained;
}

/** What the database holds of one partition; writes obey its rules. */
class Stored {
  progress = { ...FROM_THE_START, nextOffset: 0, categories: [] as string[] };
  readonly registers = new Map<
    string,
    Register & { readonly windowStartMs: number; readonly categoria: string }
  >();

  start(): LeaseStart {
    const guards = [...this.registers.values()]
      .filter(({ ate }) => ate > this.progress.nextOffset)
      .map(({ windowStartMs, categoria, ate }) => ({
        window: windowStartMs / RULES.windowMs,
        categoria,
        ate,
      }));
    return { ...this.progress, guards };
  }

  /** A partition's new registers; one that is not newer is refused. */
  write(update: { windowStartMs: number; categoria: string; register: Register }): void {
    const { windowStartMs, categoria, register } = update;
    const key = `${windowStartMs / RULES.windowMs}|${categoria}`;
    if (register.ate > (this.registers.get(key)?.ate ?? -1)) {
      this.registers.set(key, { ...register, windowStartMs, categoria });
    }
  }
}

/** One owner: starts from what is stored, and says after which step of which checkpoint it dies. */
interface Life {
  readonly batches: number;
  /** Which of the last checkpoint's registers are written; progress is not. */
  readonly written: readonly boolean[];
  readonly dies: boolean;
}

function live(stored: Stored, log: readonly LogBatch[], life: Life, late: LatePolicy): void {
  const region = regionPair(TINY, stored.progress.categories);
  const rules = { ...RULES, late };
  const accumulator = new PartitionAccumulator(region.worker, rules, stored.start());
  const contributions = [...stored.registers.values()].map((register) => ({
    ...register,
    register,
  }));
  const totals = new PartitionTotals(0, RULES.windowMs, contributions);
  const checkpoint = (isLast: boolean) => {
    accumulator.writeSnapshot(0, false);
    region.worker.freeze();
    const delta = region.coordinator.frozen!;
    region.coordinator.dictionary.readNew();
    const snapshot = readSnapshot(delta);
    const { nextOffset, lastBatch, maxEventMs, dictionaryCount } = snapshot;
    const { counted, lateCounted, rejected } = snapshot;
    const { dictionary } = region.coordinator;
    const updates = totals.absorb(delta.table, (id) => dictionary.nameOf(id), nextOffset);
    region.coordinator.release();
    updates.forEach(({ windowStartMs, categoria, registers: [{ register }] }, i) => {
      if (isLast && !life.written[i % life.written.length]) return;
      stored.write({ windowStartMs, categoria, register });
    });
    if (isLast) return;
    const categories = dictionary.names(dictionaryCount);
    const start = { nextOffset, lastBatch, maxEventMs, counted, lateCounted, rejected };
    stored.progress = { ...start, guards: [], categories };
  };
  const todo = log.filter(({ lastOffset }) => lastOffset >= accumulator.nextOffset);
  const passed = life.dies ? todo.slice(0, life.batches) : todo;
  for (const batch of passed) addBatch(accumulator, encode(batch), () => checkpoint(false));
  checkpoint(life.dies);
}

describe('registers, guards and replay together', () => {
  const lives = fc.array(
    fc.record({
      batches: fc.integer({ min: 1, max: 4 }),
      written: fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }),
      dies: fc.constant(true),
    }),
    { maxLength: 5 },
  );

  it("give the true totals though owners die between a checkpoint's registers and its progress", () => {
    fc.assert(
      fc.property(logs, lives, policies, (log, deaths, late) => {
        const stored = new Stored();
        for (const life of deaths) live(stored, log, life, late);
        live(stored, log, { batches: 0, written: [true], dies: false }, late);
        const expected = oracle(log, late);
        const found: Sums = {};
        for (const [key, { count, centavos, menor, maior }] of stored.registers) {
          found[key] = { count, centavos: Number(centavos), menor, maior };
        }
        expect(found).toEqual(expected.sums);
        expect(stored.progress.counted).toBe(expected.counted);
        expect(stored.progress.lateCounted).toBe(expected.lateCounted);
      }),
      { numRuns: 300 },
    );
  });
});
