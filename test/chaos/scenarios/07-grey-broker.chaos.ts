/**
 * A broker that hangs shows nobody the end of a log. Sales are made meanwhile, and come when it
 * goes on: were the gap taken for idle time, their windows would be closed by then.
 */
import { expect } from 'vitest';
import { sleep } from '../../../src/lib/clock.ts';
import { startKafkaBroker } from '../../parts/kafka-broker.ts';
import { plainSale } from '../../parts/sales.ts';
import type { Scene } from '../../parts/scene.ts';
import { openProducer } from '../../parts/topic.ts';
import { scenario } from '../scenario.ts';

const PARTITIONS = [0, 1, 2];
const DELAY_MS = 6000;
/**
 * Longer than the delay. One fetch outlasts the first, which is too short for the group or the
 * broker to count anybody out; in the second it is given up.
 */
const PAUSES_MS = [8000, 30_000];
const BETWEEN_SALES_MS = 250;
const BEFORE_MS = 3000;
/** Progress of a partition that is idle is written once a second. */
const SEEN_MS = 1500;

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
      // Were the gap taken for idle time, it would close windows now, before the sales are there.
      const seenMs = Date.now() + SEEN_MS;
      await engine.until(
        async () => (await progressTimes(scene)).every((ms) => ms > seenMs),
        'every partition is told to be at its end again',
      );
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

/** When each partition's progress was last written. */
async function progressTimes(scene: Scene): Promise<number[]> {
  const documents = await scene.db.collection('progresso_particoes').find().toArray();
  return documents.map(({ atualizado_em }) => atualizado_em.getTime());
}
