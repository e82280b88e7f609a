import { expect, test } from 'vitest';
import { CommitSampler } from '../parts/commit-sampler.ts';
import type { EngineProcess } from '../parts/engine-process.ts';
import { makeSales, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import { SteadyProducer } from '../parts/steady-producer.ts';

const COUNT = 30_000;

/** Partitions whose last checkpoint this engine made. */
async function ownedBy(scene: Scene, engine: EngineProcess): Promise<number[]> {
  const progress = await scene.progress();
  return progress
    .filter(({ owner }) => owner.endsWith(`/${engine.pid}`))
    .map(({ partition }) => partition);
}

test('processes of one group share the partitions, come and go, and the documents are the same', async (t) => {
  const scene = await Scene.make(t, {
    rules: { maxCategories: WORKLOAD_CATEGORIES_MAX },
    flags: { 'flush-interval': '50ms' },
  });
  const producer = new SteadyProducer(t, scene, makeSales({ seed: 11, count: COUNT }), 250);
  const sampler = new CommitSampler(t, scene);
  producer.start(1);
  const shared = (a: EngineProcess, b: EngineProcess) => async () =>
    (await ownedBy(scene, a)).length > 0 && (await ownedBy(scene, b)).length > 0;

  const first = scene.engine();
  const second = scene.engine();
  await second.until(shared(first, second), 'two engines share the partitions');

  await first.kill('SIGKILL');
  const third = scene.engine();
  const isTakenOver = async () =>
    (await shared(second, third)()) && (await ownedBy(scene, first)).length === 0;
  await third.until(isTakenOver, 'the second and third share what the first had');

  const before = await scene.progress();
  second.signal('SIGTERM');
  await second.endsWell();
  await third.until(async () => (await ownedBy(scene, third)).length === 3, 'the third has all');

  await producer.finish();
  await scene.untilDrained(third);
  third.signal('SIGTERM');
  await third.endsWell();
  await sampler.stop();

  // The processes came and went while there was work.
  expect(before.reduce((sum, { nextOffset }) => sum + nextOffset, 0)).toBeLessThan(COUNT);
  expect(Number(second.done?.counted)).toBeGreaterThan(0);
  await scene.expectExact({ mayRepeat: true });
  expect(sampler.ahead).toEqual([]);
  expect(sampler.samples).toBeGreaterThan(20);
});
