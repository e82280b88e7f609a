import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sleep } from '../../src/lib/clock.ts';
import { startEmbeddedDatabase } from '../../src/mongo/embedded-database.ts';
import { CommitSampler } from '../parts/commit-sampler.ts';
import { seeded } from '../parts/random.ts';
import { makeSales, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import { SteadyProducer } from '../parts/steady-producer.ts';
import { committedOffsets, uniqueName } from '../parts/topic.ts';

const SEED = 7;
const COUNT = 100_000;
const KILLS = 10;
const KILLS_WITH_DATABASE = 6;
/** From a moment at which the engine has got further, to its death. */
const KILL_DELAY_MS_MAX = 400;

test('ten times killed in the middle, the engine ends with the same documents', async (t) => {
  const scene = await Scene.make(t, {
    rules: { maxCategories: WORKLOAD_CATEGORIES_MAX },
    flags: { 'flush-interval': '10ms' },
  });
  const producer = new SteadyProducer(t, scene, makeSales({ seed: SEED, count: COUNT }), 500);
  const sampler = new CommitSampler(t, scene);
  const random = seeded(SEED);

  let unfinished = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    // A dead member keeps its partitions until its session is over, 10 s later. The progress
    // documents say where to resume, not the group, so each life takes a group of its own.
    const group = uniqueName('group');
    const before = await scene.judged();
    const engine = scene.engine({ group });
    // What is sent next lasts longer than it may live from now on, however long its start took.
    await engine.reads(0, 1, 2);
    sampler.watch(group);
    producer.start(COUNT / (KILLS + 1));
    await engine.until(async () => (await scene.judged()) > before, 'it gets further');
    await sleep(random.between(0, KILL_DELAY_MS_MAX));
    await engine.kill('SIGKILL');
    if ((await scene.judged()) < producer.sent) unfinished++;
    await producer.stop();
  }
  await producer.sendRest();
  const last = await scene.drain();
  await sampler.stop();

  // The kills did come in the middle of work.
  expect(unfinished).toBeGreaterThanOrEqual(KILLS / 2);
  expect(last.has('lease-started', 'goes on at offset')).toBe(true);
  const oracle = await scene.expectExact({ mayRepeat: true });
  expect([...oracle.partitions.values()].reduce((sum, { records }) => sum + records, 0)).toBe(
    COUNT,
  );
  expect(sampler.ahead).toEqual([]);
  expect(sampler.samples).toBeGreaterThan(20);
});

test('killed together with its database, which forgets what was under way, it ends exact as well', async (t) => {
  const storagePath = await mkdtemp(join(tmpdir(), 'vendaval-crash-'));
  t.onTestFinished(() => rm(storagePath, { recursive: true, force: true }));
  const startDatabase = async (port?: number) => {
    const database = await startEmbeddedDatabase({ storagePath, port, syncOnCommit: true });
    t.onTestFinished(() => database.kill('SIGKILL'));
    return database;
  };
  let database = await startDatabase();
  const scene = await Scene.make(t, {
    mongoUrl: database.url,
    rules: { maxCategories: WORKLOAD_CATEGORIES_MAX },
    flags: { 'flush-interval': '10ms' },
  });
  const producer = new SteadyProducer(t, scene, makeSales({ seed: SEED, count: 20_000 }), 300);
  const random = seeded(SEED);
  for (let kill = 0; kill < KILLS_WITH_DATABASE; kill++) {
    const group = uniqueName('group');
    const before = await scene.judged();
    const engine = scene.engine({ group });
    await engine.reads(0, 1, 2);
    producer.start(20_000 / (KILLS_WITH_DATABASE + 1));
    await engine.until(async () => (await scene.judged()) > before, 'it gets further');
    await sleep(random.between(0, KILL_DELAY_MS_MAX));
    const dead = database.kill('SIGKILL');
    await Promise.all([dead, engine.kill('SIGKILL'), producer.stop()]);

    database = await startDatabase(database.port);
    const progress = await scene.progress();
    for (const { partition, offset } of await committedOffsets(scene.brokers, group, scene.topic)) {
      const durable = progress.find((one) => one.partition === partition)?.nextOffset ?? -1;
      expect(offset).toBeLessThanOrEqual(durable);
    }
  }
  await producer.sendRest();
  await scene.drain();
  await scene.expectExact({ mayRepeat: true });
});
