/** What a load writes, read back by other code: batches, sales, verdicts and sums. */
import fc from 'fast-check';
import * as flatbuffers from 'flatbuffers';
import { describe, expect, it } from 'vitest';
import { RECORD_HEAD_BYTES_MAX, RecordBatchWriter } from '../../src/kafka/record-batch-writer.ts';
import { BatchSlot } from '../../src/load/batch-slot.ts';
import { FlatBatches, FlatSales, SALES_PER_FLAT_BATCH } from '../../src/load/flat-sales.ts';
import { JsonSales } from '../../src/load/json-sales.ts';
import { type LoadRules, PartitionVerdicts } from '../../src/load/partition-verdicts.ts';
import { phasesOf, type SaleShares } from '../../src/load/profiles.ts';
import { SaleStream } from '../../src/load/sale-stream.ts';
import { Schedule } from '../../src/load/schedule.ts';
import { SALE_CATEGORIES } from '../../src/load/shop.ts';
import { Sale } from '../../src/sale/flatbuffers/generated/sale.ts';
import { SaleBatch } from '../../src/sale/flatbuffers/generated/sale-batch.ts';
import { parseRecord } from '../../src/sale/flatbuffers/reference.ts';
import { REASONS } from '../../src/sale/reasons.ts';
import { readBatch } from '../parts/batch-reader.ts';
import { DEFAULT_RULES, judgeAll } from '../parts/oracle.ts';
import { seeded } from '../parts/random.ts';
import { recordBatch, sealed } from '../parts/record-batch-builder.ts';
import type { RecordRead } from '../parts/topic.ts';

const START_MS = Date.UTC(2024, 10, 28, 23, 50);

describe('a batch', () => {
  const records = fc.array(
    fc.record({
      value: fc.oneof(
        fc.uint8Array({ maxLength: 100 }),
        fc.uint8Array({ minLength: 8150, maxLength: 8220 }),
      ),
      afterMs: fc.oneof(fc.nat(3), fc.nat(20_000), fc.nat(2 ** 31 - 1)),
    }),
    { minLength: 1, maxLength: 80 },
  );

  it('is byte for byte what the format says', () => {
    fc.assert(
      fc.property(records, fc.nat(50), fc.bigInt(0n, 2n ** 62n), (list, at, producerId) => {
        const room = list.reduce(
          (sum, { value }) => sum + value.length + RECORD_HEAD_BYTES_MAX,
          61,
        );
        const slot = new BatchSlot(at + room + 10_000);
        const writer = new RecordBatchWriter();
        const { bytes, view } = slot;
        writer.begin(bytes, view, at, START_MS);
        let timestampMs = START_MS;
        const expected = list.map(({ value, afterMs }) => {
          timestampMs += afterMs;
          const valueAt = writer.open(timestampMs);
          bytes.set(value, valueAt);
          writer.close(valueAt + value.length);
          return { value: Buffer.from(value), timestampMs };
        });
        const end = writer.finish({ producerId, epoch: 0 }, 12);
        expect(writer.bytes).toBe(end - at);
        expect(writer.bytes).toBeLessThanOrEqual(room);
        const spec = { baseOffset: 0, records: expected, timestampMs: START_MS, producerId };
        const wanted = recordBatch(spec);
        wanted.writeInt32BE(-1, 12); // leader epoch
        wanted.writeInt32BE(12, 53); // sequence
        expect(bytes.subarray(at, end).equals(sealed(wanted))).toBe(true);
      }),
    );
  });
});

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/;
const SALES = 1000;

interface Made {
  readonly records: RecordRead[];
  readonly verdicts: PartitionVerdicts;
}

const FORMATS = { json: JsonSales, flatbuffers: FlatSales, 'flatbuffers-batch': FlatBatches };

/** All sales of partition 0 of 1, in batches of the given plans. */
function make(
  seed: number,
  shares: Partial<SaleShares>,
  rules: LoadRules,
  plans: readonly { count: number; bytes: number }[],
  format: keyof typeof FORMATS = 'json',
): Made {
  const schedule = new Schedule(phasesOf('black-friday', shares), 20, 1_200_000, SALES);
  const verdicts = new PartitionVerdicts(rules, SALE_CATEGORIES.length);
  const values = new FORMATS[format](SALE_CATEGORIES, rules.timeZone);
  const stream = new SaleStream(seed, 0, values, verdicts, rules, (i) => schedule.phaseOfSale(i));
  const records: RecordRead[] = [];
  const slot = new BatchSlot(200_000);
  for (let made = 0, plan = 0; made < SALES; made += slot.sales, plan++) {
    const { count, bytes } = plans[plan % plans.length];
    const most = Math.min(count, SALES - made);
    const dueMs = (index: number) => START_MS + schedule.dueMs(index);
    stream.fill(slot, 0, bytes, most, dueMs(made), dueMs(made + most - 1));
    const end = stream.writer.finish({ producerId: 1n, epoch: 0 }, 0);
    const batch = readBatch(slot.bytes.subarray(0, end));
    expect(batch.records).toHaveLength(slot.records);
    for (const { value, timestamp, key } of batch.records) {
      const offset = records.length;
      const copy = Buffer.from(value!);
      records.push({ partition: 0, offset, key, value: copy, timestamp, headers: [] });
    }
    verdicts.commit(slot.journal);
  }
  return { records, verdicts };
}

const plans = fc.array(
  fc.record({ count: fc.integer({ min: 1, max: 300 }), bytes: fc.constantFrom(400, 4000, 60_000) }),
  { minLength: 1, maxLength: 8 },
);
const share = fc.double({ min: 0, max: 0.2, noNaN: true });
const shares = fc.record({ disorder: share, late: share, malformed: share, poison: share });
const rules = fc.record({
  windowMs: fc.constantFrom(1000, 60_000, 300_000),
  watermarkDelayMs: fc.constantFrom(0, 10_000, 120_000),
  futureToleranceMs: fc.constantFrom(0, 300_000),
  timeZone: fc.constantFrom('UTC', 'America/Sao_Paulo'),
  maxCategories: fc.constantFrom(1, 3, 10_000),
  late: fc.constantFrom('reject', 'count'),
});

describe('the sales of a load', () => {
  it('come out as its verdicts say, by the oracle of the tests', () => {
    fc.assert(
      fc.property(fc.integer(), shares, rules, plans, (seed, own, given, list) => {
        const { records, verdicts } = make(seed, own, given, list);
        const oracle = judgeAll(records, 'vendas', { ...given, delayMs: given.watermarkDelayMs });
        const rejected = REASONS.map((name, code) => [name, verdicts.rejected[code]] as const);
        const wanted = oracle.partitions.get(0)!.rejected;
        expect(new Map(rejected.filter(([, n]) => n > 0))).toEqual(wanted);
        const sums = [...verdicts.sums()].map(({ window, category, ...sum }) => {
          const start = new Date(window * given.windowMs).toISOString();
          return [`${start}|${SALE_CATEGORIES[category]}`, sum] as const;
        });
        const expected = [...oracle.documents].map(([id, { parts }]) => {
          const { n, centavos, menor, maior } = parts.get(0)!;
          const [count, least, most] = [Number(n), Number(menor), Number(maior)];
          return [id, { count, centavos: Number(centavos), menor: least, maior: most }] as const;
        });
        expect(new Map(sums)).toEqual(new Map(expected));
      }),
      { numRuns: 30 },
    );
  }, 60_000);

  it('are the same however they fall into batches, but for their times', () => {
    const given = { ...DEFAULT_RULES, watermarkDelayMs: 60_000 };
    const content = (list: readonly { count: number; bytes: number }[]) =>
      make(7, {}, given, list).records.map(({ value }) =>
        String(value).replace(/, "timestamp".*/, ''),
      );
    const whole = content([{ count: SALES, bytes: 200_000 }]);
    expect(new Set(whole).size).toBeGreaterThan(990);
    fc.assert(
      fc.property(plans, (list) => {
        expect(content(list)).toEqual(whole);
      }),
      { numRuns: 10 },
    );
  });

  it('have about the shares that were asked for', () => {
    const own = { hot: 0.6, disorder: 0.1, late: 0.05, malformed: 0.04, poison: 0.03 };
    const given = { ...DEFAULT_RULES, watermarkDelayMs: DEFAULT_RULES.delayMs };
    const { records, verdicts } = make(3, own, given, [{ count: 50, bytes: 60_000 }]);
    const count = (reason: string) => verdicts.rejected[REASONS.indexOf(reason as never)];
    expect(count('future_timestamp') / SALES).toBeCloseTo(0.03, 1);
    // The very first sales can't be late yet.
    expect(count('late') / SALES).toBeGreaterThan(0.03);
    expect(count('not_json') + count('valor_decimals') + count('bad_timestamp')).toBeGreaterThan(2);
    const hot = records.filter(({ value }) => value!.includes('"Eletronicos"'));
    expect(hot.length / SALES).toBeCloseTo(0.6, 1);
  });
});

/** Valid FlatBuffers sales as the JSON that says the same, the others by their reasons. */
function plain(records: readonly RecordRead[]) {
  const sales: RecordRead[] = [];
  const rejected = new Map<string, number>();
  for (const record of records) {
    const parsed = parseRecord(record.value, { timeZone: 'UTC' });
    const list = parsed.kind === 'one' ? [parsed.verdict] : parsed.sales.map((one) => one.verdict);
    expect(parsed.kind === 'one' || list.length <= SALES_PER_FLAT_BATCH).toBe(true);
    for (const verdict of list) {
      if (verdict.verdict === 'rejected') {
        rejected.set(verdict.reason, (rejected.get(verdict.reason) ?? 0) + 1);
        continue;
      }
      const { categoria, valorCentavos, eventMs } = verdict;
      const timestamp = new Date(eventMs).toISOString();
      const sale = { id_pedido: 'x', categoria, valor: valorCentavos / 100, timestamp };
      const value = Buffer.from(JSON.stringify(sale));
      sales.push({ ...record, offset: sales.length, value });
    }
  }
  return { sales, rejected };
}

describe.each(['flatbuffers', 'flatbuffers-batch'] as const)(
  'the sales of a load as %s',
  (format) => {
    it('come out as its verdicts say, by the plain reader and the oracle of the tests', () => {
      fc.assert(
        fc.property(fc.integer(), shares, rules, plans, (seed, own, given, list) => {
          const { records, verdicts } = make(seed, own, given, list, format);
          const { sales, rejected } = plain(records);
          const timeRules = { ...given, timeZone: 'UTC', delayMs: given.watermarkDelayMs };
          const oracle = judgeAll(sales, 'vendas', timeRules);
          const judged = oracle.partitions.get(0)!;
          for (const [reason, n] of judged.rejected) {
            rejected.set(reason, (rejected.get(reason) ?? 0) + n);
          }
          const counts = REASONS.map((name, code) => [name, verdicts.rejected[code]] as const);
          expect(new Map(counts.filter(([, n]) => n > 0))).toEqual(rejected);
          const sums = [...verdicts.sums()];
          expect(sums.reduce((sum, { count }) => sum + count, 0)).toBe(judged.counted);
          for (const { window, category, count, centavos } of sums) {
            const start = new Date(window * given.windowMs).toISOString();
            const part = oracle.documents
              .get(`${start}|${SALE_CATEGORIES[category]}`)!
              .parts.get(0)!;
            expect([BigInt(count), BigInt(centavos)]).toEqual([part.n, part.centavos]);
          }
        }),
        { numRuns: 20 },
      );
    }, 60_000);

    it('are the fields that the official library reads', () => {
      const values = new FORMATS[format]([...SALE_CATEGORIES, 'Ñandú'], 'UTC');
      const bytes = Buffer.alloc(values.bytesMax + 16, 0xff);
      const random = seeded(5);
      const added = Array.from({ length: random.between(1, values.salesPerValue) }, () => ({
        id0: random.between(-(2 ** 31), 2 ** 31 - 1),
        id1: random.between(-(2 ** 31), 2 ** 31 - 1),
        id2: random.between(-(2 ** 31), 2 ** 31 - 1),
        id3: random.between(-(2 ** 31), 2 ** 31 - 1),
        category: random.between(0, SALE_CATEGORIES.length),
        valorCentavos: random.between(0, 500_000),
        eventMs: START_MS + random.between(0, 2 ** 31),
      }));
      values.begin(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 8);
      for (const sale of added) values.add(sale);
      const end = values.end();
      expect(end).toBeLessThanOrEqual(8 + values.bytesMax);
      const library = new flatbuffers.ByteBuffer(bytes.subarray(8, end));
      const found =
        format === 'flatbuffers'
          ? [Sale.getRootAsSale(library)]
          : Array.from(added, (_, i) => SaleBatch.getRootAsSaleBatch(library).vendas(i)!);
      expect(
        found.map((sale) => [sale.categoria(), sale.valorCentavos(), sale.timestampMs()]),
      ).toEqual(
        added.map(({ category, valorCentavos, eventMs }) => [
          [...SALE_CATEGORIES, 'Ñandú'][category],
          BigInt(valorCentavos),
          BigInt(eventMs),
        ]),
      );
      const ids = found.map((sale) => sale.idPedido()!);
      expect(new Set(ids).size).toBe(added.length);
      for (const id of ids) expect(id).toMatch(UUID);
      // Numbers of 8 bytes lie on multiples of 8, as other languages' verifiers ask for.
      for (const sale of found) expect((sale.bb_pos + 4) % 8).toBe(0);
    });
  },
);

describe('a JSON sale', () => {
  it('is the sale that JSON.parse reads', () => {
    const sale = { id0: 0, id1: 0, id2: 0, id3: 0, category: 0, valorCentavos: 0, eventMs: 0 };
    const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    const values = new JsonSales([...SALE_CATEGORIES, 'Ñandú "A"'], 'America/Sao_Paulo');
    const property = (
      words: number[],
      category: number,
      valorCentavos: number,
      second: number,
      at: number,
    ) => {
      const [id0, id1, id2, id3] = words;
      const bytes = Buffer.alloc(at + values.bytesMax, '#');
      values.begin(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), at);
      values.add({ ...sale, id0, id1, id2, id3, category, valorCentavos, eventMs: 1000 * second });
      const text = bytes.toString('utf8', at, values.end());
      const parsed = JSON.parse(text);
      expect(text).toMatch(/^\{"id_pedido": "[^"]*", "categoria": "/);
      expect(parsed.id_pedido).toMatch(UUID);
      expect(parsed.categoria).toBe([...SALE_CATEGORIES, 'Ñandú "A"'][category]);
      expect(Math.round(parsed.valor * 100)).toBe(valorCentavos);
      expect(Date.parse(parsed.timestamp)).toBe(1000 * second);
      expect(bytes.subarray(0, at).every((byte) => byte === 35)).toBe(true);
    };
    fc.assert(
      fc.property(
        fc.array(word, { minLength: 4, maxLength: 4 }),
        fc.nat(SALE_CATEGORIES.length),
        fc.integer({ min: 0, max: 999_999 }),
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        fc.nat(9),
        property,
      ),
    );
  });
});
