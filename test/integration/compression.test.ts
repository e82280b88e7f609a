/** One topic, written by three kinds of client with every codec that each of them has, by turns. */
import { expect, test } from 'vitest';
import { CODECS } from '../../src/kafka/record-batch.ts';
import { openWays } from '../parts/clients.ts';
import { readTopicByJava } from '../parts/java-client.ts';
import { logShape } from '../parts/log-shape.ts';
import { judgeAll, sums } from '../parts/oracle.ts';
import { makeSales, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';

const SEED = 20241130;
const COUNT = 60_000;
/** A turn's records, so that each client has several. */
const TURN = 1500;

test('sales in batches of every codec, by librdkafka, kafkajs and Java, come out exact', async (t) => {
  const scene = await Scene.make(t, { rules: { maxCategories: WORKLOAD_CATEGORIES_MAX } });
  const sales = makeSales({ seed: SEED, count: COUNT });
  const ways = await openWays(t, scene);
  expect(ways.length).toBeGreaterThanOrEqual(14);
  for (let start = 0; start < COUNT; start += TURN) {
    const way = ways[(start / TURN) % ways.length];
    await way.write(sales.slice(start, start + TURN));
  }
  for (const partition of [0, 1, 2]) {
    const { codecs } = await logShape(scene.brokers, scene.topic, partition);
    expect(Object.keys(codecs).sort()).toEqual([...CODECS].sort());
    expect(Math.min(...Object.values(codecs))).toBeGreaterThan(500);
  }

  const run = await scene.drain();
  const records = await readTopicByJava(t, scene.brokers, scene.topic);
  const oracle = judgeAll(records, scene.topic, scene.rules);
  await scene.expectExact({ oracle });
  const { counted, rejected } = sums(oracle);
  expect(counted + rejected).toBe(COUNT);
  expect(run.done).toMatchObject({ counted, rejected });
});
