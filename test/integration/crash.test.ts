import { expect, test } from 'vitest';
import { sleep } from '../../src/lib/clock.ts';
import { CommitSampler } from '../parts/commit-sampler.ts';
import { seeded } from '../parts/random.ts';
import { makeSales, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import { SteadyProducer } from '../parts/steady-producer.ts';
import { uniqueName } from '../parts/topic.ts';

const SEED = 7;
const COUNT = 100_000;
const KILLS = 10;
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
    await engine.says('engine-started');
    sampler.watch(group);
    producer.start(1 / (KILLS + 1));
    await engine.until(async () => (await scene.judged()) > before, 'it gets further');
    await sleep(random.between(0, KILL_DELAY_MS_MAX));
    await engine.kill('SIGKILL');
    if ((await scene.judged()) < producer.sent) unfinished++;
    await producer.stop();
  }
  producer.start(1);
  await producer.finish();
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
