import { expect, test } from 'vitest';
import { sums } from '../parts/oracle.ts';
import { makeSales, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import { SteadyProducer } from '../parts/steady-producer.ts';
import { addPartitions } from '../parts/topic.ts';
import { runVerify } from '../parts/verify-run.ts';

const BEFORE = 3;
const AFTER = 12;
const EACH = 5000;

test('a topic grows from 3 to 12 partitions while sales come in, and none is lost', async (t) => {
  const rules = { maxCategories: WORKLOAD_CATEGORIES_MAX };
  const scene = await Scene.make(t, { partitions: BEFORE, rules });
  // Two engines, so that the new ones have to be shared out as well.
  const engines = [scene.engine(), scene.engine()];
  const old = new SteadyProducer(t, scene, makeSales({ seed: 3, count: EACH }), 100);
  old.start();
  await engines[0].until(async () => (await scene.judged()) > 0, 'they get going');
  await addPartitions(scene.brokers, scene.topic, AFTER);
  // Into the new ones from their first moment.
  await scene.produce(makeSales({ seed: 12, count: EACH, partitions: AFTER }));
  const areFound = async () => (await scene.progress()).length === AFTER;
  await engines[0].until(areFound, 'each new partition has an owner');
  await old.sendRest();
  await scene.untilDrained(engines[0]);
  for (const engine of engines) engine.signal('SIGTERM');
  for (const engine of engines) await engine.endsWell();

  // What comes in a new partition may be of a window that was closed before there was one.
  const corrected = (document: object) => 'corrigida_em' in document;
  const oracle = await scene.expectExact({ mayRepeat: true, corrected });
  expect(oracle.partitions.size).toBe(AFTER);
  const { counted, rejected } = sums(oracle);
  expect(counted + rejected).toBe(2 * EACH);
  expect((await runVerify(t, scene)).exit).toBe(0);
});
