import { expect, test } from 'vitest';
import { CommitSampler } from '../parts/commit-sampler.ts';
import type { EngineProcess } from '../parts/engine-process.ts';
import { makeSales, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import { SteadyProducer } from '../parts/steady-producer.ts';
import { committedOffsets, uniqueName } from '../parts/topic.ts';

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

test('a process that wakes from a long pause and writes what is old by now changes nothing', async (t) => {
  const scene = await Scene.make(t, { rules: { maxCategories: WORKLOAD_CATEGORIES_MAX } });
  const sales = makeSales({ seed: 12, count: 4000 });
  // In another group it owns the partitions as well, at once, as one that was given up would.
  const group = uniqueName('paused');
  const paused = scene.engine({ group, 'flush-interval': '6s' });
  for (const partition of [0, 1, 2]) await paused.says('lease-started', `partition ${partition}`);
  await scene.produce(sales.slice(0, 2000));
  const committed = async () => {
    const offsets = await committedOffsets(scene.brokers, group, scene.topic);
    return offsets.map(({ offset }) => offset);
  };
  expect(await scene.judged()).toBe(0);
  paused.signal('SIGSTOP');
  await scene.produce(sales.slice(2000));
  await scene.drain();
  await scene.expectExact();

  const before = await committed();
  paused.signal('SIGCONT');
  const hasWritten = async () => (await committed()).some((offset, i) => offset > before[i]);
  await paused.until(hasWritten, 'it has written what it had');
  const late = await committed();
  await paused.kill('SIGKILL');
  // It was behind: its write was a stale one.
  const progress = await scene.progress();
  expect(late.some((offset, i) => offset < progress[i].nextOffset)).toBe(true);
  await scene.expectExact({ mayRepeat: true });
});
