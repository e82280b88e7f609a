import { expect } from 'vitest';
import { makeSales, WORKLOAD_CATEGORIES_MAX } from '../../parts/sales.ts';
import { SteadyProducer } from '../../parts/steady-producer.ts';
import { uniqueName } from '../../parts/topic.ts';
import { scenario } from '../scenario.ts';

scenario(
  { row: 21, title: 'SIGTERM at full load', invariant: 'drains, exits 0, exact' },
  async (chaos) => {
    const stops = chaos.times(50, 4);
    const scene = await chaos.scene({ rules: { maxCategories: WORKLOAD_CATEGORIES_MAX } });
    const sales = makeSales({ seed: chaos.seed, count: 4000 * stops });
    const producer = new SteadyProducer(chaos, scene, sales, 500);
    const drainsMs: number[] = [];
    for (let stop = 0; stop < stops; stop++) {
      const before = await scene.judged();
      const engine = scene.engine({ group: uniqueName('group') });
      await engine.says('engine-started');
      producer.start(1 / stops);
      await engine.until(async () => (await scene.judged()) > before, 'it gets further');
      const sentMs = performance.now();
      engine.signal('SIGTERM');
      expect(await engine.end()).toEqual({ code: 0, signal: null });
      drainsMs.push(performance.now() - sentMs);
      chaos.progress(stop + 1, stops);
    }
    await producer.sendRest();
    await scene.drain();
    await scene.expectExact();
    chaos.spread('drain', drainsMs, 'ms');
  },
);
