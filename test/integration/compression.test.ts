/** One topic, written by three kinds of client with every codec that each of them has, by turns. */
import { CompressionTypes, Partitioners } from 'kafkajs';
import rdkafka from 'node-rdkafka';
import { expect, inject, test } from 'vitest';
import { topicMetadata } from '../../src/kafka/metadata.ts';
import { BatchHead, batchEnd, CODECS } from '../../src/kafka/record-batch.ts';
import { FetchSession, responseBuffer } from '../../src/workers/fetch-session.ts';
import { JavaProducer, readTopicByJava } from '../parts/java-client.ts';
import { judgeAll, sums } from '../parts/oracle.ts';
import { makeSales, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import { kafkaClient, type RecordToProduce } from '../parts/topic.ts';

const SEED = 20241130;
const COUNT = 60_000;
/** A turn's records, so that each client has several. */
const TURN = 1500;
type Write = (records: readonly RecordToProduce[]) => Promise<unknown>;

/** Every way to write, by name. */
async function writers(
  t: Parameters<typeof Scene.make>[0],
  scene: Scene,
): Promise<Map<string, Write>> {
  const java = await JavaProducer.start(t, scene.brokers, scene.topic);
  const kafkajs = kafkaClient(scene.brokers).producer({
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await kafkajs.connect();
  t.onTestFinished(() => kafkajs.disconnect());
  const ways = new Map<string, Write>();
  for (const codec of CODECS) {
    ways.set(`java ${codec}`, (records) => java.produce(codec, records));
    // librdkafka has zstd only where the machine that built it had.
    if (codec !== 'none' && !rdkafka.features.includes(codec)) continue;
    ways.set(`librdkafka ${codec}`, (records) =>
      scene.produce(records, { 'compression.codec': codec, 'linger.ms': 20 }),
    );
  }
  ways.set('kafkajs gzip', (records) =>
    kafkajs.send({
      topic: scene.topic,
      compression: CompressionTypes.GZIP,
      messages: records.map(({ key = null, value, partition, timestamp }) => ({
        key,
        value,
        partition: partition!,
        timestamp: String(timestamp),
      })),
    }),
  );
  return ways;
}

/** Without headers, and no value for an empty one: the dead-letter producer cannot tell them apart. */
function asLibrdkafkaSends({ headers: _, value, ...record }: RecordToProduce): RecordToProduce {
  return { ...record, value: value?.length === 0 ? null : value };
}

/** How many records of a partition lie in batches of each codec, as the broker has them. */
async function codecsIn(topic: string, partition: number): Promise<Record<string, number>> {
  const brokers = inject('kafkaBrokers');
  const { topicId, partitions } = await topicMetadata(brokers, topic);
  const { leaderEpoch } = partitions[partition];
  const [host, port] = brokers.split(':');
  const buffers = [responseBuffer(1000), responseBuffer(1000)] as const;
  const counts: Record<string, number> = {};
  const head = new BatchHead();
  let offset = 0;
  await new Promise<void>((resolve, reject) => {
    FetchSession.open(
      { host, port: Number(port) },
      { topic, topicId, partition, leaderEpoch, rack: '' },
      buffers,
      1000,
      {
        fetched({ recordsStart, recordsEnd, highWatermark }, { view }) {
          for (let at = recordsStart; ; ) {
            const end = batchEnd(view, at, recordsEnd);
            if (end < 0) break;
            head.read(view, at, end);
            counts[CODECS[head.codec]] = (counts[CODECS[head.codec]] ?? 0) + head.recordCount;
            offset = head.lastOffset + 1;
            at = end;
          }
          if (offset < highWatermark) return session!.fetch(offset, 8_000_000);
          session!.close();
          resolve();
        },
        closed: reject,
      },
    ).then((opened) => {
      session = opened;
      opened.fetch(0, 8_000_000);
    }, reject);
    let session: FetchSession | undefined;
  });
  return counts;
}

test('sales in batches of every codec, by librdkafka, kafkajs and Java, come out exact', async (t) => {
  const scene = await Scene.make(t, { rules: { maxCategories: WORKLOAD_CATEGORIES_MAX } });
  const sales = makeSales({ seed: SEED, count: COUNT });
  const ways = [...(await writers(t, scene))];
  expect(ways.length).toBeGreaterThanOrEqual(10);
  for (let start = 0; start < COUNT; start += TURN) {
    const [name, write] = ways[(start / TURN) % ways.length];
    const records = sales.slice(start, start + TURN);
    await write(name.startsWith('librdkafka') ? records : records.map(asLibrdkafkaSends));
  }
  for (const partition of [0, 1, 2]) {
    const counts = await codecsIn(scene.topic, partition);
    expect(Object.keys(counts).sort()).toEqual([...CODECS].sort());
    expect(Math.min(...Object.values(counts))).toBeGreaterThan(500);
  }

  const run = await scene.drain();
  const records = await readTopicByJava(t, scene.brokers, scene.topic);
  const oracle = judgeAll(records, scene.topic, scene.rules);
  await scene.expectExact({ oracle });
  const { counted, rejected } = sums(oracle);
  expect(counted + rejected).toBe(COUNT);
  expect(run.done).toMatchObject({ counted, rejected });
});
