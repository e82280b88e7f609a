/** What a log can hold besides plain records: the engine reads past it, or counts it as it is. */
import { describe, expect, type TestContext, test } from 'vitest';
import { sleep } from '../../src/lib/clock.ts';
import { plainSale } from '../parts/sales.ts';
import { Scene, type SceneOptions } from '../parts/scene.ts';
import {
  createTopic,
  deleteRecordsBefore,
  kafkaClient,
  offsetRanges,
  type RecordToProduce,
  readTopic,
  uniqueName,
} from '../parts/topic.ts';

const MEBIBYTE = 1024 * 1024;
const BIG = { 'message.max.bytes': 2 * MEBIBYTE };
const TIME_MS = Date.UTC(2024, 10, 29, 12);
/** The cleaner looks every 15 s. */
const COMPACTION_LIMIT_MS = 240_000;

const scene = (t: TestContext, options: SceneOptions = {}) =>
  Scene.make(t, { partitions: 1, ...options });

/** A sale of `valor` in partition 0, with its own time as the record's. */
function sale(valor: string, more: Partial<RecordToProduce> = {}, eventMs = TIME_MS) {
  return { value: plainSale(eventMs, valor), timestamp: eventMs, partition: 0, ...more };
}

async function totalOf({ db }: Scene): Promise<number> {
  const documents = await db.collection('faturamento_tempo_real').find().toArray();
  return documents.reduce((sum, { faturamento_total }) => sum + faturamento_total, 0);
}

describe.concurrent('records with', () => {
  test('keys, headers, no value, an empty value and binary bytes are counted or kept whole', async (t) => {
    const one = await scene(t);
    const binary = Buffer.from([0, 255, 128, 10]);
    await one.produce([
      sale('1.00', { key: 'loja' }),
      sale('2.00', { key: '', headers: [['a', '']] }),
      sale('4.00', { headers: Array.from({ length: 100 }, (_, i) => [`h${i}`, 'x'.repeat(i)]) }),
      { value: null, key: 'tombstone', timestamp: TIME_MS, partition: 0 },
      { value: '', key: 'empty', timestamp: TIME_MS, partition: 0 },
      {
        value: 'não é JSON',
        key: 'chave',
        headers: [
          ['a', '1'],
          ['a', '2'],
        ],
        timestamp: TIME_MS,
        partition: 0,
      },
    ]);
    await one.produce([
      sale('8.00', { key: binary, headers: [['b', binary]] }),
      {
        value: binary,
        key: binary,
        headers: [
          ['b', binary],
          ['t', Buffer.from('texto')],
        ],
        timestamp: TIME_MS,
        partition: 0,
      },
    ]);
    await one.drain();
    const oracle = await one.expectExact();
    expect(await totalOf(one)).toBe(15);
    expect(oracle.deadLetters.size).toBe(4);
  });

  test('nearly a mebibyte each are counted, or kept whole in the dead-letter topic', async (t) => {
    const one = await scene(t);
    const padding = 'x'.repeat(1_040_000);
    await one.produce(
      [
        sale('1.00', { value: plainSale(TIME_MS, '1.00').replace('{', `{"nota":"${padding}",`) }),
        sale('2.00'),
        { value: `[${padding}`, timestamp: TIME_MS, partition: 0, headers: [['a', 'b']] },
        sale('4.00'),
      ],
      BIG,
    );
    await one.drain();
    await one.expectExact();
    expect(await totalOf(one)).toBe(7);
  });

  test('nearly a mebibyte are named without their value where the dead-letter topic takes no more', async (t) => {
    const one = await scene(t);
    await createTopic(one.brokers, `${one.topic}.dlq`, { partitions: 1 });
    const value = `[${'x'.repeat(1_048_300)}`;
    await one.produce([{ value, timestamp: TIME_MS, partition: 0 }, sale('1.00')], BIG);
    await one.drain();
    expect(await totalOf(one)).toBe(1);
    const [letter] = await readTopic(one.brokers, `${one.topic}.dlq`);
    expect(String(letter.key)).toBe(`${one.topic}/0/0`);
    expect(letter.value).toBeNull();
    const headers = new Map(letter.headers.map(([name, bytes]) => [name, String(bytes)]));
    expect(headers.get('vendaval-reason')).toBe('not_json');
    expect(headers.get('vendaval-value-omitted')).toBe('true');
  });

  test('the broker’s own time are judged by that time', async (t) => {
    const one = await scene(t, { configs: { 'message.timestamp.type': 'LogAppendTime' } });
    const nowMs = Date.now();
    await one.produce([
      sale('1.00', { timestamp: 0 }, nowMs),
      sale('2.00', { timestamp: nowMs + 86_400_000 }, nowMs + 86_400_000),
      sale('4.00', { timestamp: 0 }, nowMs + 1000),
    ]);
    await one.drain();
    const oracle = await one.expectExact();
    expect([...oracle.deadLetters.values()].map(({ reason }) => reason)).toEqual([
      'future_timestamp',
    ]);
    expect(await totalOf(one)).toBe(5);
  });
});

describe.concurrent('a log', () => {
  test('that was compacted is read over its gaps', async (t) => {
    const one = await scene(t, {
      configs: {
        'cleanup.policy': 'compact',
        'segment.ms': '100',
        'min.cleanable.dirty.ratio': '0.01',
        'delete.retention.ms': '0',
      },
    });
    // Every second key comes again and again; only its last record stays.
    const keyed = Array.from({ length: 200 }, (_, i) =>
      sale('0.10', { key: i % 2 === 0 ? `only-${i}` : `again-${i % 6}` }, TIME_MS + i),
    );
    await one.produce(keyed.slice(0, 100));
    await one.produce(keyed.slice(100));
    const deadlineMs = performance.now() + COMPACTION_LIMIT_MS;
    let left = keyed.length;
    for (let i = 0; left >= keyed.length - 50; i++) {
      if (performance.now() > deadlineMs) throw new Error(`not compacted: ${left} records`);
      // A segment is rolled by the next record only.
      await one.produce([sale('0.01', { key: `roll-${i}` }, TIME_MS + 1000 + i)]);
      keyed.push(sale('0.01'));
      left = (await readTopic(one.brokers, one.topic)).length;
      await sleep(500);
    }
    await one.drain();
    const oracle = await one.expectExact();
    const [{ high }] = await offsetRanges(one.brokers, one.topic);
    expect(oracle.partitions.get(0)?.records).toBeLessThan(high);
  });

  test('with transactions is counted without what was rolled back, up to its end', async (t) => {
    const one = await scene(t);
    const client = kafkaClient(one.brokers);
    const producers = await Promise.all(
      [1, 2].map(async () => {
        const producer = client.producer({
          transactionalId: uniqueName('tx'),
          maxInFlightRequests: 1,
          idempotent: true,
        });
        await producer.connect();
        t.onTestFinished(() => producer.disconnect());
        return producer;
      }),
    );
    const message = (valor: string) => ({
      value: plainSale(TIME_MS, valor),
      partition: 0,
      timestamp: String(TIME_MS),
    });
    const send = { topic: one.topic, acks: -1 };
    // Two producers whose transactions overlap, a plain record between, two aborts each.
    for (let round = 0; round < 2; round++) {
      const a = await producers[0].transaction();
      const b = await producers[1].transaction();
      await a.send({ ...send, messages: [message('1000.00'), message('1000.00')] });
      await b.send({ ...send, messages: [message('1.00')] });
      await one.produce([sale('0.10')]);
      await a.send({ ...send, messages: [message('1000.00')] });
      await a.abort();
      await b.send({ ...send, messages: [message('2.00'), { ...message('3.00'), value: 'não' }] });
      await b.commit();
      const c = await producers[1].transaction();
      await c.send({ ...send, messages: [message('5000.00')] });
      await c.abort();
    }
    // The log ends in a marker: the engine must come to its end all the same.
    await one.drain();
    const oracle = await one.expectExact();
    expect(await totalOf(one)).toBeCloseTo(6.2, 10);
    expect(oracle.deadLetters.size).toBe(2);
    const [{ high }] = await offsetRanges(one.brokers, one.topic);
    expect(oracle.partitions.get(0)?.records).toBeLessThan(high);

    // An open transaction holds its records back, and nothing else.
    const open = await producers[0].transaction();
    await one.produce([sale('0.20')]);
    await open.send({ ...send, messages: [message('0.40')] });
    await one.produce([sale('0.80')]);
    await one.drain();
    expect(await totalOf(one)).toBeCloseTo(6.4, 10);
    await open.commit();
    await one.drain();
    await one.expectExact();
    expect(await totalOf(one)).toBeCloseTo(7.6, 10);
  });

  test('that starts within a batch is counted from there', async (t) => {
    const one = await scene(t);
    const valores = ['1.00', '2.00', '4.00', '8.00', '16.00', '32.00'];
    await sendBatch(
      one,
      valores.map((valor) => plainSale(TIME_MS, valor)),
    );
    await deleteRecordsBefore(one.brokers, one.topic, { partition: 0, offset: 3 });
    await one.drain();
    expect(await totalOf(one)).toBe(56);
    await one.expectExact();
  });

  test('whose batch brings more dead letters than fit at once is resumed within it', async (t) => {
    const one = await scene(t, {
      configs: { 'max.message.bytes': String(16 * MEBIBYTE) },
      flags: { 'flush-interval': '5s' },
    });
    const good = ['1.00', '2.00', '4.00', '8.00', '16.00', '32.00', '64.00', '128.00'];
    const bad = `[${'x'.repeat(0.9 * MEBIBYTE)}`;
    await sendBatch(
      one,
      good.flatMap((valor) => [plainSale(TIME_MS, valor), bad]),
    );
    const engine = one.engine();
    let resumeAt = 0;
    const isWithin = async () => {
      resumeAt = (await one.progress())[0]?.nextOffset ?? 0;
      return resumeAt > 0;
    };
    await engine.until(isWithin, 'a part of the batch is durable');
    await engine.kill('SIGKILL');
    expect(resumeAt).toBeLessThan(2 * good.length);

    const next = await one.drain({ group: uniqueName('group') });
    expect(next.has('lease-started', `goes on at offset ${resumeAt}`)).toBe(true);
    await one.expectExact({ mayRepeat: true });
    expect(await totalOf(one)).toBe(255);
  });
});

/** One batch, whatever its size: kafkajs makes one of what is sent at once. */
async function sendBatch(one: Scene, values: readonly string[]): Promise<void> {
  const producer = kafkaClient(one.brokers).producer();
  await producer.connect();
  try {
    const timestamp = String(TIME_MS);
    const messages = values.map((value) => ({ value, partition: 0, timestamp }));
    await producer.send({ topic: one.topic, acks: -1, messages });
  } finally {
    await producer.disconnect();
  }
}
