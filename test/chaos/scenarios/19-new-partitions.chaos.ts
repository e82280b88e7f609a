/**
 * A topic that grows from 4 to 12 partitions while sales come in, into the new ones from their
 * first moment. All of them must be found and read from their first record.
 */
import { expect } from 'vitest';
import { sums } from '../../parts/oracle.ts';
import { makeSales, WORKLOAD_CATEGORIES_MAX } from '../../parts/sales.ts';
import { SteadyProducer } from '../../parts/steady-producer.ts';
import { addPartitions } from '../../parts/topic.ts';
import { scenario } from '../scenario.ts';

const BEFORE = 4;
const STEPS = [5, 8, 12];

scenario(
  {
    row: 19,
    title: 'new partitions, 4 to 12, while sales come in',
    invariant: 'none is lost: each is read from its first record',
  },
  async (chaos) => {
    const countEach = chaos.times(20_000, 1500);
    const scene = await chaos.scene({
      partitions: BEFORE,
      rules: { maxCategories: WORKLOAD_CATEGORIES_MAX },
    });
    // Two engines, so that the new ones have to be shared out as well.
    const engines = [scene.engine(), scene.engine()];
    const first = { seed: chaos.seed, count: countEach, partitions: BEFORE };
    const old = new SteadyProducer(chaos, scene, makeSales(first), 100);
    old.start();
    await engines[0].until(async () => (await scene.judged()) > 0, 'they get going');
    const foundMs: number[] = [];
    let sent = countEach;
    for (const [i, partitions] of STEPS.entries()) {
      const known = await scene.progress();
      await addPartitions(scene.brokers, scene.topic, partitions);
      const addedMs = performance.now();
      // A client of its own, since it asks how many partitions there are when it connects.
      await scene.produce(makeSales({ seed: chaos.seed + i + 1, count: countEach, partitions }));
      sent += countEach;
      const isFound = async () => (await scene.progress()).length === partitions;
      await engines[0].until(isFound, `${partitions} partitions have an owner`);
      foundMs.push(performance.now() - addedMs);
      expect(known.length).toBeLessThan(partitions);
      chaos.progress(i + 1, STEPS.length);
    }
    await old.sendRest();
    await scene.untilDrained(engines[0]);
    for (const engine of engines) engine.signal('SIGTERM');
    for (const engine of engines) await engine.endsWell();
    // What comes in a new partition may be of a window that was closed before there was one.
    const oracle = await scene.expectExact({
      mayRepeat: true,
      corrected: (document) => 'corrigida_em' in document,
    });
    expect(oracle.partitions.size).toBe(STEPS.at(-1));
    const { counted, rejected } = sums(oracle);
    expect(counted + rejected).toBe(sent);
    chaos.figure('records', sent);
    chaos.figure('lost', sent - counted - rejected);
    chaos.figure('found in, greatest of three', Math.max(...foundMs) / 1000, 's');
  },
);
