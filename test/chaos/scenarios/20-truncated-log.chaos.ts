/**
 * Records that vanish before they are counted: deleted past the position while the engine is away
 * and while it runs, and a topic made anew under the same name. The engine must stop, loudly, with
 * exit code 3 and the way out, and change nothing after that place.
 */
import { expect } from 'vitest';
import type { EngineProcess } from '../../parts/engine-process.ts';
import type { FaultProxy } from '../../parts/fault-proxy.ts';
import { makeSales, plainSale, WORKLOAD_CATEGORIES_MAX } from '../../parts/sales.ts';
import type { Scene } from '../../parts/scene.ts';
import {
  committedOffsets,
  createTopic,
  deleteRecordsBefore,
  deleteTopic,
} from '../../parts/topic.ts';
import { sceneBehindKafkaProxy } from '../network.ts';
import { type Chaos, scenario } from '../scenario.ts';

const TIME_MS = Date.UTC(2024, 10, 29, 12);
const PARTITION = 1;
const DATA_LOSS_GUARD = 3;

interface Loss {
  readonly name: string;
  readonly code: string;
  /** In the short run as well. */
  readonly isShort?: true;
  /** There is one place for a proxy, which in the short run is row 8's. */
  readonly isProxied?: true;
  /** @returns the engine that has to stop */
  lose(scene: Scene, proxy: FaultProxy | undefined): Promise<EngineProcess>;
}

const more = (scene: Scene, count: number) =>
  scene.produce(
    Array.from({ length: count }, (_, i) => ({
      value: plainSale(TIME_MS + i, '1.00'),
      timestamp: TIME_MS,
      partition: PARTITION,
    })),
  );

async function deletePastPosition(scene: Scene): Promise<void> {
  const { brokers, topic } = scene;
  const { nextOffset } = (await scene.progress())[PARTITION];
  await more(scene, 10);
  await deleteRecordsBefore(brokers, topic, { partition: PARTITION, offset: nextOffset + 4 });
}

const LOSSES: readonly Loss[] = [
  {
    name: 'records deleted past the position while it was away',
    isShort: true,
    code: 'E_LOG_TRUNCATED',
    async lose(scene) {
      await deletePastPosition(scene);
      return scene.engine();
    },
  },
  {
    name: 'records deleted past the position while it could not reach the broker',
    code: 'E_LOG_TRUNCATED',
    isProxied: true,
    async lose(scene, proxy) {
      const engine = scene.engine();
      await engine.reads(0, 1, 2);
      await proxy?.cut();
      await engine.says('E_BROKER_UNREACHABLE', `partition ${PARTITION}`);
      await deletePastPosition(scene);
      await proxy?.heal();
      return engine;
    },
  },
  {
    name: 'a topic made anew while it was away',
    code: 'E_TOPIC_RECREATED',
    async lose(scene) {
      await makeAnew(scene);
      return scene.engine();
    },
  },
  {
    name: 'a topic made anew while it runs',
    isShort: true,
    code: 'E_TOPIC_RECREATED',
    async lose(scene) {
      const engine = scene.engine();
      await engine.reads(0, 1, 2);
      await makeAnew(scene);
      return engine;
    },
  },
  {
    name: 'a topic deleted while it runs',
    code: 'E_TOPIC_DELETED',
    async lose(scene) {
      const engine = scene.engine();
      await engine.reads(0, 1, 2);
      await deleteTopic(scene.brokers, scene.topic);
      return engine;
    },
  },
];

async function makeAnew(scene: Scene): Promise<void> {
  await deleteTopic(scene.brokers, scene.topic);
  await createTopic(scene.brokers, scene.topic);
  await scene.produce(makeSales({ seed: 10, count: 1000 }));
}

/** All totals; what an idle partition writes of time is none of them. */
async function totalsOf(scene: Scene): Promise<unknown> {
  const collection = scene.db.collection('faturamento_tempo_real');
  return collection
    .find({}, { projection: { faturamento_total: 1, volume_vendas: 1, partes: 1 } })
    .sort({ _id: 1 })
    .toArray();
}

async function expectStop(chaos: Chaos, { name, code, isProxied, lose }: Loss): Promise<void> {
  const options = { rules: { maxCategories: WORKLOAD_CATEGORIES_MAX } };
  const proxied = isProxied && (await sceneBehindKafkaProxy(chaos, options));
  const { scene, proxy } = proxied ?? { scene: await chaos.scene(options), proxy: undefined };
  await scene.produce(makeSales({ seed: chaos.seed, count: 300 }));
  await scene.drain();
  const oracle = await scene.expectExact();
  const before = await totalsOf(scene);
  const engine = await lose(scene, proxy);
  const exit = await engine.end();
  expect({ name, ...exit }).toEqual({ name, code: DATA_LOSS_GUARD, signal: null });
  expect(engine.stderr).toMatch(/^error: .+\nhint: {2}.+--database.+\ncode: .+\n$/);
  expect(engine.stderr).toContain(code);
  expect(await totalsOf(scene)).toEqual(before);
  for (const { partition, nextOffset } of await scene.progress()) {
    expect(nextOffset).toBe(oracle.partitions.get(partition)?.records ?? 0);
  }
  // Nobody has told Kafka that what vanished was counted.
  const { brokers, group, topic } = scene;
  const committed = await committedOffsets(brokers, group, topic).catch(() => []);
  for (const { partition, offset } of committed) {
    expect(offset).toBeLessThanOrEqual(oracle.partitions.get(partition)?.records ?? 0);
  }
  await proxy?.cut();
  chaos.figure(`${name}: exit code`, exit.code ?? String(exit.signal));
}

scenario(
  {
    row: 20,
    title: 'a truncated log, and a topic made anew',
    invariant: 'a loud stop with the way out, and nothing skipped in silence',
  },
  async (chaos) => {
    const losses = LOSSES.filter(({ isShort }) => isShort || !chaos.isShort);
    for (const [i, loss] of losses.entries()) {
      await expectStop(chaos, loss);
      chaos.progress(i + 1, losses.length);
    }
  },
);
