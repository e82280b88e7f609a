import { expect, test } from 'vitest';
import { CommitSampler } from '../parts/commit-sampler.ts';
import type { EngineProcess } from '../parts/engine-process.ts';
import { FaultProxy } from '../parts/fault-proxy.ts';
import { endlessSales, makeSales, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import { SteadyProducer } from '../parts/steady-producer.ts';
import { openProducer, uniqueName } from '../parts/topic.ts';

const COUNT = 150_000;

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
  // Without an end: the processes come and go while there is work, however long they take.
  const sales = endlessSales({ seed: 11, perMinute: 8000 });
  const producer = new SteadyProducer(t, scene, sales, 250);
  const sampler = new CommitSampler(t, scene);
  producer.start();
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

  second.signal('SIGTERM');
  await second.endsWell();
  await third.until(async () => (await ownedBy(scene, third)).length === 3, 'the third has all');

  await producer.stop();
  await scene.untilDrained(third);
  third.signal('SIGTERM');
  await third.endsWell();
  await sampler.stop();

  expect(Number(second.done?.counted)).toBeGreaterThan(0);
  await scene.expectExact({ mayRepeat: true });
  expect(sampler.ahead).toEqual([]);
  expect(sampler.samples).toBeGreaterThan(20);
});

test('processes that run to the end of the log end when all of it is counted', async (t) => {
  const scene = await Scene.make(t, {
    partitions: 6,
    rules: { maxCategories: WORKLOAD_CATEGORIES_MAX },
  });
  await scene.produce(makeSales({ seed: 12, count: COUNT }));
  // Whoever comes late is given nothing at first, and takes partitions from who came first.
  const engines = [1, 2, 3].map(() => scene.engine({}, { untilEnd: true }));
  await Promise.all(engines.map((engine) => engine.endsWell()));
  const judged = engines.map(({ done }) => Number(done?.counted) + Number(done?.rejected));
  expect(judged.reduce((sum, count) => sum + count, 0)).toBe(COUNT);
  await scene.expectExact({ mayRepeat: true });
});

test('a process that was cut off and writes what is old by now changes nothing', async (t) => {
  const scene = await Scene.make(t, { rules: { maxCategories: WORKLOAD_CATEGORIES_MAX } });
  const sales = makeSales({ seed: 12, count: 4000 });
  const proxy = await FaultProxy.start(t, Number(new URL(scene.mongoUrl).port));
  const mongo = scene.mongoUrl.replace(/:\d+\//, `:${proxy.port}/`);
  // In another group it owns the partitions as well, as one that was taken for dead would.
  const group = uniqueName('cut-off');
  const cutOff = scene.engine({ group, mongo, 'flush-interval': '1h' });
  await cutOff.reads(0, 1, 2);
  await scene.produce(sales.slice(0, 2000));
  await cutOff.until(() => cutOff.judged() === 2000, 'it has judged the first half');
  await proxy.cut();
  expect(await scene.judged()).toBe(0);
  const heir = scene.engine();
  await scene.untilDrained(heir);
  const producer = await openProducer(scene.brokers, scene.topic);
  t.onTestFinished(() => producer.close());
  // It stops reading and keeps trying to write what it has; for 20 s, so all else is there by now.
  cutOff.signal('SIGTERM');
  await cutOff.says('E_MONGO_UNREACHABLE', 'checkpoint attempt');
  await producer.produce(sales.slice(2000));
  await scene.untilDrained(heir);
  await proxy.heal();
  await cutOff.endsWell();
  heir.signal('SIGTERM');
  await heir.endsWell();
  expect(cutOff.done).toMatchObject({ counted: expect.any(Number) });
  expect(Number(cutOff.done?.counted) + Number(cutOff.done?.rejected)).toBe(2000);
  await scene.expectExact({ mayRepeat: true });
});
