/** FlatBuffers beside JSON in one topic, on a real broker, down to the dead letters. */
import { expect, test } from 'vitest';
import { parseRecord } from '../../src/sale/flatbuffers/reference.ts';
import { REASONS } from '../../src/sale/reasons.ts';
import { EngineProcess } from '../parts/engine-process.ts';
import { FLAT_TIME_MS, flatBatch, flatSale } from '../parts/flat-sales.ts';
import { inAllFormats } from '../parts/formats.ts';
import { sums } from '../parts/oracle.ts';
import { makeSales, plainSale, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import { readTopic } from '../parts/topic.ts';

const SEED = 20251128;

/** Of bytes that no producer writes, and of sizes that the topic does not take: tested elsewhere. */
const OTHERS: readonly string[] = ['valid', 'corrupt_batch', 'value_too_large'];

test('a bad day in all formats at once comes out exact, and counting it again changes nothing', async (t) => {
  const scene = await Scene.make(t, { rules: { maxCategories: WORKLOAD_CATEGORIES_MAX } });
  const records = inAllFormats(makeSales({ seed: SEED, count: 60_000 }), SEED);
  await scene.produce(records);

  const first = await scene.drain();
  const oracle = await scene.expectExact();
  const { counted, rejected } = sums(oracle);
  expect(first.done).toMatchObject({ counted, rejected });

  // The workload is what it says it is: more sales than records, and every reason there is.
  expect(counted + rejected).toBeGreaterThan(records.length);
  const reasons = new Set([...oracle.deadLetters.values()].map(({ reason }) => reason));
  expect([...reasons].sort()).toEqual(REASONS.filter((name) => !OTHERS.includes(name)).sort());
  const items = [...oracle.deadLetters.values()].filter(({ item }) => item !== null);
  expect(items.length).toBeGreaterThan(200);

  const totals = scene.db.collection('faturamento_tempo_real');
  const before = await totals.find().sort({ _id: 1 }).toArray();
  const second = await scene.drain();
  expect(second.done).toMatchObject({ counted: 0, rejected: 0 });
  expect(await totals.find().sort({ _id: 1 }).toArray()).toEqual(before);
});

test('a rejected sale of a batch can be corrected and sent again as the JSON that its letter holds', async (t) => {
  const scene = await Scene.make(t, { partitions: 1 });
  const timestamp = FLAT_TIME_MS;
  const value = flatBatch([
    { valorCentavos: 100n },
    { valorCentavos: -2000n, categoria: 'Gamer' },
    { valorCentavos: 30n },
  ]);
  await scene.produce([
    { value, key: 'loja-7', headers: [['trace', 'x']], timestamp, partition: 0 },
  ]);
  await scene.drain();
  await scene.expectExact();

  const [letter, ...others] = await readTopic(scene.brokers, `${scene.topic}.dlq`);
  expect(others).toEqual([]);
  expect(String(letter.key)).toBe(`${scene.topic}/0/0/1`);
  const headers = Object.fromEntries(letter.headers.map(([name, bytes]) => [name, String(bytes)]));
  expect(headers).toMatchObject({ trace: 'x', 'vendaval-item': '1', 'vendaval-key': 'loja-7' });
  const corrected = String(letter.value).replace('-20.00', '20.00');
  await scene.produce([{ value: corrected, timestamp, partition: 0 }]);
  await scene.drain();
  const oracle = await scene.oracle();
  expect(sums(oracle)).toEqual({ counted: 3, rejected: 1 });
  await scene.expectExact({ oracle });
});

test('a batch of the greatest size, all of it wrong, has a letter for each of its sales', async (t) => {
  const scene = await Scene.make(t, { partitions: 1 });
  const wrong = (i: number) => ({ categoria: `c${i}`, valorCentavos: BigInt(-1 - i) });
  const value = flatBatch(Array.from({ length: 4096 }, (_, i) => wrong(i)));
  const timestamp = FLAT_TIME_MS;
  await scene.produce([
    { value: plainSale(timestamp), timestamp, partition: 0 },
    { value, timestamp, partition: 0 },
    { value: flatSale(), timestamp, partition: 0 },
  ]);
  await scene.drain();
  const oracle = await scene.expectExact();
  expect(sums(oracle)).toEqual({ counted: 2, rejected: 4096 });
});

test('what vendaval produce --format flatbuffers sends are FlatBuffers, and counted', async (t) => {
  const scene = await Scene.make(t);
  const target = ['--brokers', scene.brokers, '--topic', scene.topic];
  const flags = ['--count', '300', '--rate', '5000', '--format', 'flatbuffers'];
  await new EngineProcess(t, ['produce', ...target, ...flags]).endsWell();
  const records = await readTopic(scene.brokers, scene.topic);
  expect(records).toHaveLength(300);
  for (const { value } of records) {
    expect(value?.toString('latin1', 4, 8)).toBe('VDVS');
    expect(parseRecord(value, { timeZone: 'UTC' })).toMatchObject({
      verdict: { verdict: 'valid' },
    });
  }
  const engine = await scene.drain();
  expect(engine.done).toMatchObject({ counted: 300, rejected: 0 });
  await scene.expectExact();
});
