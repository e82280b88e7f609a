/** The oldest broker that is spoken with, the last one before 4.0, and the newest that there is. */
import { describe, expect, test } from 'vitest';
import { topicMetadata } from '../../src/kafka/metadata.ts';
import { NO_TOPIC_ID } from '../../src/lib/topic-id.ts';
import { FetchServer } from '../parts/fetch-server.ts';
import { startKafkaBroker } from '../parts/kafka-broker.ts';
import { startOldKafkaBroker } from '../parts/old-kafka-broker.ts';
import { sums } from '../parts/oracle.ts';
import { plainAccess } from '../parts/plain-access.ts';
import { makeSales, plainSale, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import { createTopic, deleteTopic, kafkaClient, uniqueName } from '../parts/topic.ts';

const OLDEST = '2.7.2';
/** The last that still speaks what 4.0 has dropped. */
const BEFORE_4 = '3.9.1';
const NEWEST = '4.3.0';
const COUNT = 5000;
/** Brokers of their own start, on a machine that may have other things to do. */
const LIMIT_MS = 400_000;
const TIME_MS = Date.UTC(2024, 10, 29, 12);

type Test = Parameters<typeof Scene.make>[0];

/** Sales of a bad day, in batches of a codec, and two transactions around each other. */
async function fill(t: Test, scene: Scene): Promise<void> {
  await scene.produce(makeSales({ seed: 27, count: COUNT }), { 'compression.codec': 'lz4' });
  const client = kafkaClient(scene.brokers);
  const begin = async () => {
    const transactionalId = uniqueName('tx');
    const producer = client.producer({ transactionalId, maxInFlightRequests: 1, idempotent: true });
    await producer.connect();
    t.onTestFinished(() => producer.disconnect());
    return producer.transaction();
  };
  const [kept, undone] = [await begin(), await begin()];
  const message = { value: plainSale(TIME_MS, '5.00'), partition: 0, timestamp: String(TIME_MS) };
  const send = { topic: scene.topic, acks: -1, messages: [message] };
  for (const transaction of [undone, kept, undone]) await transaction.send(send);
  await undone.abort();
  await kept.commit();
}

async function expectCounted(t: Test, brokers: string): Promise<Scene> {
  const scene = await Scene.make(t, { brokers, rules: { maxCategories: WORKLOAD_CATEGORIES_MAX } });
  await fill(t, scene);
  await scene.drain();
  const oracle = await scene.expectExact();
  const { counted, rejected } = sums(oracle);
  expect(counted + rejected).toBe(COUNT + 1);
  return scene;
}

describe.sequential(`Kafka ${OLDEST}`, () => {
  test(
    'is counted from, and its topic made anew is noticed though it has no id',
    async (t) => {
      const brokers = await startOldKafkaBroker(t, OLDEST);
      const scene = await expectCounted(t, brokers);
      const { topic } = scene;
      expect((await topicMetadata(plainAccess(brokers), topic)).topicId).toBe(NO_TOPIC_ID);
      const more = makeSales({ seed: 28, count: 600 });
      await scene.produce(more);
      await scene.drain();
      await scene.expectExact();

      const positions = async () =>
        (await scene.progress()).map(({ nextOffset, counted }) => ({ nextOffset, counted }));
      const before = await positions();
      await deleteTopic(brokers, topic);
      // The name is free again only when the old log is gone.
      await expect.poll(() => createTopic(brokers, topic).catch(() => ''), WAIT).toBe(topic);
      await scene.produce(makeSales({ seed: 29, count: 2 * COUNT }));
      const engine = scene.engine({}, { untilEnd: true });
      expect(await engine.end()).toEqual({ code: 3, signal: null });
      expect(engine.stderr).toContain('E_TOPIC_RECREATED');
      expect(await positions()).toEqual(before);
    },
    LIMIT_MS,
  );
});

const WAIT = { timeout: 60_000, interval: 200 };

describe.sequential.each([BEFORE_4, NEWEST])('Kafka %s', (version) => {
  test(
    'is counted from',
    async (t) => {
      const broker = await startKafkaBroker({ version, heapMb: 384 });
      t.onTestFinished(() => broker.stop());
      await expectCounted(t, broker.brokers);
    },
    LIMIT_MS,
  );
});

test('a broker older than that is told what to use, at the start and at once', async (t) => {
  const scene = await Scene.make(t);
  // What Kafka 2.6 offers: what it would not serve, the engine must not ask.
  const versions = [
    [1, 0, 11],
    [3, 0, 9],
    [18, 0, 3],
  ] as const;
  const old = await FetchServer.start({ versions });
  t.onTestFinished(() => old.close());
  const engine = scene.engine({ brokers: `127.0.0.1:${old.port}` });
  expect(await engine.end()).toEqual({ code: 1, signal: null });
  expect(engine.stderr).toContain('E_BROKER_VERSION');
  expect(engine.stderr).toContain('speaks Fetch versions 0 to 11, and 12 to 13 are needed');
  expect(engine.stderr).toContain('Use Apache Kafka 2.7 or newer');
  expect(old.asked).toEqual([]);
});
