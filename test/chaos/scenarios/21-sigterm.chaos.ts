import { expect } from 'vitest';
import { endlessSales, WORKLOAD_CATEGORIES_MAX } from '../../parts/sales.ts';
import { SteadyProducer } from '../../parts/steady-producer.ts';
import { scenario } from '../scenario.ts';

const SALES_PER_MINUTE = 12_000;

scenario(
  {
    row: 21,
    title: 'SIGTERM at full load',
    invariant: 'drains, exits 0, exact; nothing is read again',
  },
  async (chaos) => {
    const stops = chaos.times(50, 4);
    const scene = await chaos.scene({ rules: { maxCategories: WORKLOAD_CATEGORIES_MAX } });
    const sales = endlessSales({ seed: chaos.seed, perMinute: SALES_PER_MINUTE });
    const producer = new SteadyProducer(chaos, scene, sales, 500);
    const drainsMs: number[] = [];
    let judged = 0;
    let unfinished = 0;
    for (let stop = 0; stop < stops; stop++) {
      const before = await scene.judged();
      const engine = scene.engine();
      await engine.says('lease-started');
      producer.start();
      await engine.until(async () => (await scene.judged()) > before, 'it gets further');
      const sentMs = performance.now();
      engine.signal('SIGTERM');
      await engine.endsWell();
      drainsMs.push(performance.now() - sentMs);
      judged += Number(engine.done?.counted) + Number(engine.done?.rejected);
      if ((await scene.judged()) < producer.sent) unfinished++;
      await producer.stop();
      chaos.progress(stop + 1, stops);
    }
    const last = await scene.drain();
    judged += Number(last.done?.counted) + Number(last.done?.rejected);
    chaos.figure('stops', stops);
    chaos.figure('stops with sales still coming', unfinished);
    chaos.spread('drain', drainsMs, 'ms');
    chaos.figure('events read again', judged - producer.sent);
    // No dead letter came twice either.
    await scene.expectExact();
    chaos.figure('wrong documents', 0);
    expect(judged).toBe(producer.sent);
    expect(unfinished).toBeGreaterThanOrEqual(stops / 2);
  },
);
