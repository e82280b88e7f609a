import { expect, test } from 'vitest';
import { sleep } from '../../src/lib/clock.ts';
import { seeded } from '../parts/random.ts';
import { makeSales, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import { SteadyProducer } from '../parts/steady-producer.ts';
import { committedOffsets } from '../parts/topic.ts';

const COUNT = 60_000;
const STOPS = 4;

test('SIGTERM at load ends with 0, all that was counted durable and committed, and nothing is counted again', async (t) => {
  const scene = await Scene.make(t, { rules: { maxCategories: WORKLOAD_CATEGORIES_MAX } });
  const producer = new SteadyProducer(t, scene, makeSales({ seed: 3, count: COUNT }), 500);
  const random = seeded(3);
  let counted = 0;
  for (let stop = 0; stop < STOPS; stop++) {
    const before = await scene.progress();
    const engine = scene.engine();
    await engine.reads(0, 1, 2);
    producer.start(COUNT / (STOPS + 1));
    const isFurther = async () =>
      (await scene.progress()).every(
        ({ nextOffset }, i) => nextOffset > (before[i]?.nextOffset ?? 0),
      );
    await engine.until(isFurther, 'it gets further in every partition');
    await sleep(random.between(0, 300));
    engine.signal('SIGTERM');
    await engine.endsWell();
    await producer.stop();

    const progress = await scene.progress();
    const durable = progress.map(({ partition, nextOffset: offset }) => ({ partition, offset }));
    expect(await committedOffsets(scene.brokers, scene.group, scene.topic)).toEqual(durable);
    counted += Number(engine.done?.counted);
    expect(progress.reduce((sum, one) => sum + one.counted, 0)).toBe(counted);
    expect(engine.stderr).toBe('');
  }
  await producer.sendRest();
  counted += Number((await scene.drain()).done?.counted);

  // Not one dead letter came twice: nothing was judged again.
  const oracle = await scene.expectExact({ mayRepeat: false });
  expect(counted).toBe([...oracle.partitions.values()].reduce((sum, one) => sum + one.counted, 0));
});

test('SIGTERM makes durable what no checkpoint had taken yet', async (t) => {
  // Neither the time nor a window that could be closed makes a checkpoint.
  const scene = await Scene.make(t, {
    rules: { delayMs: 86_400_000 },
    flags: { 'flush-interval': '1h' },
  });
  const engine = scene.engine();
  await engine.reads(0, 1, 2);
  await scene.produce(makeSales({ seed: 4, count: 600 }));
  await engine.until(() => engine.judged() === 600, 'it has judged all of them');
  expect(await scene.judged()).toBe(0);
  engine.signal('SIGTERM');
  await engine.endsWell();
  expect(await scene.judged()).toBe(600);
  await scene.expectExact();
});

test('SIGTERM before the parts are up ends it, with 0', async (t) => {
  const scene = await Scene.make(t);
  const engine = scene.engine({ mongo: 'mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200' });
  await engine.says('E_MONGO_UNREACHABLE');
  engine.signal('SIGTERM');
  expect((await engine.end()).code).toBe(0);
});
