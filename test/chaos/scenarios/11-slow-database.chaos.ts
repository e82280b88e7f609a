/**
 * A database that takes seconds for each write while sales go on, and rejected records with them,
 * which fill a checkpoint's memory long before sums do. Back-pressure must hold the rest in Kafka.
 */
import { expect } from 'vitest';
import { forReplies, MONGO } from '../../parts/proxied-requests.ts';
import { makeSales, WORKLOAD_CATEGORIES_MAX } from '../../parts/sales.ts';
import { SteadyProducer } from '../../parts/steady-producer.ts';
import type { RecordToProduce } from '../../parts/topic.ts';
import { isHeldBack } from '../live-status.ts';
import { MemorySampler } from '../memory-sampler.ts';
import { sceneBehindMongoProxy } from '../network.ts';
import { type Chaos, scenario } from '../scenario.ts';

const RUBBISH_PARTITION = 0;
const PIECE = 100;
/** The engine's own bounds: tables and reject logs, 24 MB of dead letters at a time, fetches. */
const PEAK_MB_MAX = 512;

/** A workload with a large record that is no sale after every tenth one, in one partition. */
function withRubbish(chaos: Chaos, count: number): RecordToProduce[] {
  // In the short run it fills a checkpoint's memory also where it is sent at half the usual speed.
  const rubbish = 'x'.repeat(chaos.times(4000, 32_000));
  return makeSales({ seed: chaos.seed, count }).flatMap((sale, i) =>
    i % 10 === 0 ? [sale, { ...sale, value: rubbish, partition: RUBBISH_PARTITION }] : [sale],
  );
}

scenario(
  {
    row: 11,
    title: 'a database that takes seconds more for each write',
    invariant: 'memory stays bounded, no sale is lost',
  },
  async (chaos) => {
    const delayMs = chaos.times(5000, 1000);
    const { scene, proxy } = await sceneBehindMongoProxy(chaos, {
      rules: { maxCategories: WORKLOAD_CATEGORIES_MAX },
      flags: { http: '127.0.0.1:0' },
    });
    const records = withRubbish(chaos, chaos.times(200_000, 8000));
    const producer = new SteadyProducer(chaos, scene, records, PIECE);
    const engine = scene.engine();
    const memory = new MemorySampler(chaos, engine.pid);
    producer.start();
    await engine.until(async () => (await scene.judged()) > 0, 'it gets going');
    const usualMb = memory.peakMb;
    proxy.rule = forReplies(
      MONGO,
      ({ command }) => command === 'update',
      () => ({ delayMs }),
    );
    const slowFromMs = performance.now();
    let behindMax = 0;
    let held = 0;
    const isAllSent = async () => {
      behindMax = Math.max(behindMax, producer.sent - (await scene.judged()));
      if (await isHeldBack(engine, RUBBISH_PARTITION)) held++;
      chaos.progress(producer.sent, records.length);
      return producer.sent === records.length;
    };
    await engine.until(isAllSent, 'all is sent', 20 * 60_000);
    const slowMs = performance.now() - slowFromMs;
    await proxy.heal();
    const healedMs = performance.now();
    await scene.untilDrained(engine, 5 * 60_000);
    chaos.figure('database slow for', slowMs / 1000, 's');
    chaos.figure('each write delayed by', delayMs / 1000, 's');
    chaos.figure('furthest behind', behindMax, 'records');
    chaos.figure('times found held by back-pressure', held);
    chaos.figure('memory before', usualMb, 'MB');
    chaos.figure('peak memory', memory.peakMb, 'MB');
    chaos.figure('drained after it was healed in', (performance.now() - healedMs) / 1000, 's');
    engine.signal('SIGTERM');
    await engine.endsWell();
    expect(held).toBeGreaterThan(0);
    expect(memory.peakMb).toBeLessThan(PEAK_MB_MAX);
    await scene.expectExact({ mayRepeat: true });
  },
);
