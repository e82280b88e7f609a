/** Several brokers: leaders that die, replicas nearby, and a log that an election cut back. */
import { expect, test } from 'vitest';
import { type KafkaCluster, startKafkaCluster } from '../parts/kafka-cluster.ts';
import { makeSales, plainSale, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { Scene, type SceneOptions } from '../parts/scene.ts';
import { SteadyProducer } from '../parts/steady-producer.ts';
import { offsetRanges, withAdmin } from '../parts/topic.ts';

const TIME_MS = Date.UTC(2024, 10, 29, 12);
const LIMIT = { timeout: 60_000, interval: 100 };

type Test = Parameters<typeof Scene.make>[0];

function makeScene(t: Test, cluster: KafkaCluster, options: SceneOptions = {}): Promise<Scene> {
  const rules = { maxCategories: WORKLOAD_CATEGORIES_MAX };
  return Scene.make(t, { brokers: cluster.brokers, rules, replicas: [2, 3], ...options });
}

async function partitionsOf({ brokers, topic }: Scene) {
  const { topics } = await withAdmin(brokers, (admin) =>
    admin.fetchTopicMetadata({ topics: [topic] }),
  );
  return topics[0].partitions;
}

const leadersOf = async (scene: Scene) => (await partitionsOf(scene)).map(({ leader }) => leader);

const inSyncOf = async (scene: Scene) => (await partitionsOf(scene)).map(({ isr }) => isr.length);

test('totals stay exact through leaders that die, with and without a replica nearby', async (t) => {
  const cluster = await startKafkaCluster(t);
  const scene = await makeScene(t, cluster);
  const producer = new SteadyProducer(t, scene, makeSales({ seed: 74, count: 12_000 }));
  const engine = scene.engine({ rack: 'r3' });
  producer.start(3600);
  await engine.says('replica', 'is read from broker 3');
  await producer.finish();

  // The leaders die; the replica becomes leader, and what was their follower serves on.
  producer.start(3600);
  await cluster.end(2, 'SIGKILL');
  await expect.poll(() => leadersOf(scene), LIMIT).toEqual([3, 3, 3]);
  await producer.finish();
  await cluster.restart(2);
  await expect.poll(() => inSyncOf(scene), LIMIT).toEqual([2, 2, 2]);

  // Now the replica nearby dies, which is also the leader.
  producer.start();
  await cluster.end(3, 'SIGKILL');
  await expect.poll(() => leadersOf(scene), LIMIT).toEqual([2, 2, 2]);
  await producer.finish();
  await scene.untilDrained(engine);
  expect(await engine.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  // Nobody produces while a leader is dead: a window that closes in that time is corrected after it.
  const corrected = ({ corrigida_em }: { corrigida_em?: unknown }) => corrigida_em !== undefined;
  await scene.expectExact({ mayRepeat: true, corrected });

  // An election that cuts the log back below what was counted.
  await cluster.restart(3);
  const cut = await makeScene(t, cluster, {
    partitions: 1,
    configs: { 'unclean.leader.election.enable': 'true' },
  });
  const sales = (count: number, valor: string) =>
    Array.from({ length: count }, (_, i) => ({
      value: plainSale(TIME_MS + i, valor),
      timestamp: TIME_MS,
      partition: 0,
    }));
  await expect.poll(() => inSyncOf(cut), LIMIT).toEqual([2]);
  await cut.produce(sales(100, '1.00'));
  await cluster.end(3, 'SIGTERM');
  await cut.produce(sales(50, '2.00'), { acks: 1 });
  await cut.drain();
  expect((await cut.progress())[0]).toMatchObject({ nextOffset: 150, counted: 150 });
  await cluster.end(2, 'SIGKILL');
  await cluster.restart(3);
  await expect.poll(() => leadersOf(cut), LIMIT).toEqual([3]);
  // In two batches, so that a batch begins where the engine goes on, as if nothing had happened.
  for (let i = 0; i < 2; i++) await cut.produce(sales(50, '4.00'), { acks: 1 });
  expect(await offsetRanges(cut.brokers, cut.topic)).toMatchObject([{ high: 200 }]);
  const refused = cut.engine({}, { untilEnd: true });
  expect(await refused.end()).toEqual({ code: 3, signal: null });
  expect(refused.stderr).toContain('E_LOG_REWOUND');
  expect(refused.stderr).toContain('cut back to offset 100');
  expect((await cut.progress())[0]).toMatchObject({ nextOffset: 150, counted: 150 });
}, 600_000);
