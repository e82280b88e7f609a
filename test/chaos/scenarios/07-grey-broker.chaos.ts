/**
 * A broker that hangs shows nobody the end of a log. Sales are made meanwhile, and come when it
 * goes on: were the gap taken for idle time, their windows would be closed by then.
 */
import { expect } from 'vitest';
import { sleep } from '../../../src/lib/clock.ts';
import { startKafkaBroker } from '../../parts/kafka-broker.ts';
import { plainSale } from '../../parts/sales.ts';
import { openProducer } from '../../parts/topic.ts';
import { scenario } from '../scenario.ts';

const PARTITIONS = [0, 1, 2];
const DELAY_MS = 10_000;
/** Longer than the delay; one fetch outlasts the first, and is given up in the second. */
const PAUSES_MS = [12_000, 30_000];
const BETWEEN_SALES_MS = 250;
const BEFORE_MS = 3000;

scenario(
  {
    row: 7,
    title: 'grey broker: stopped for a while',
    invariant: 'no false idle, no sale made late by it, exact',
  },
  async (chaos) => {
    const pausesMs = PAUSES_MS.slice(0, chaos.times(2, 1));
    const broker = await startKafkaBroker();
    chaos.onTestFinished(() => broker.stop());
    const scene = await chaos.scene({
      brokers: broker.brokers,
      rules: { windowMs: 1000, delayMs: DELAY_MS },
    });
    const producer = await openProducer(scene.brokers, scene.topic);
    chaos.onTestFinished(() => producer.close());
    const saleOf = (eventMs: number) =>
      PARTITIONS.map((partition) => ({ value: plainSale(eventMs), partition, timestamp: eventMs }));
    const engine = scene.engine();
    await engine.says('lease-started');
    const resumesMs: number[] = [];
    for (const [i, pauseMs] of pausesMs.entries()) {
      const fromMs = performance.now();
      let lastMs = 0;
      while (performance.now() - fromMs < BEFORE_MS) {
        lastMs = Date.now();
        await producer.produce(saleOf(lastMs));
        await sleep(BETWEEN_SALES_MS);
      }
      await scene.untilDrained(engine);
      const isAtEnd = async () => (await scene.progress()).every(({ atEnd }) => atEnd);
      await engine.until(isAtEnd, 'every partition has shown its end');

      broker.pause();
      await sleep(pauseMs);
      broker.resume();
      const resumedMs = performance.now();
      // Of the whole pause, beginning in the window that the last one before it fell in.
      const held = [];
      for (let ms = lastMs + 1; ms < Date.now(); ms += BETWEEN_SALES_MS) held.push(...saleOf(ms));
      await producer.produce(held);
      await scene.untilDrained(engine);
      resumesMs.push(performance.now() - resumedMs);
      chaos.progress(i + 1, pausesMs.length);
    }
    engine.signal('SIGTERM');
    await engine.endsWell();
    const totals = scene.db.collection('faturamento_tempo_real');
    const early = await totals.countDocuments({ corrigida_em: { $exists: true } });
    expect(early, 'windows closed early').toBe(0);
    const oracle = await scene.expectExact({ mayRepeat: true });
    expect(oracle.deadLetters.size, 'late sales').toBe(0);
    chaos.figure('pauses', pausesMs.map((ms) => ms / 1000).join(', '), 's');
    chaos.figure('windows closed early', early);
    chaos.spread('broker going on to all durable', resumesMs, 'ms');
    chaos.figure('wrong documents', 0);
  },
);
