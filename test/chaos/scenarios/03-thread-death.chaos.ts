import { expect } from 'vitest';
import { CommitSampler } from '../../parts/commit-sampler.ts';
import type { EngineProcess } from '../../parts/engine-process.ts';
import { endlessSales, makeSales, WORKLOAD_CATEGORIES_MAX } from '../../parts/sales.ts';
import { SteadyProducer } from '../../parts/steady-producer.ts';
import { armed, passings } from '../fail-trace.ts';
import { type Chaos, scenario } from '../scenario.ts';

const WAYS = {
  throw: 'an error of the code',
  exit: 'process.exit',
  'out-of-memory': 'no memory left',
} as const;
/** Each thread, and each one that replaces it, dies at this batch. */
const BATCHES_OF_A_LIFE = 12;
const THREADS = 2;
/** Twenty threads that fill their memory first, on a machine that has other work. */
const DEATHS_LIMIT_MS = 15 * 60_000;
const SALES_PER_MINUTE = 1200;

for (const [way, what] of Object.entries(WAYS)) {
  scenario(
    {
      row: 3,
      title: `thread death: ${what}`,
      invariant: 'exact; counting goes on, nothing committed past it',
    },
    (chaos) => deaths(way, chaos),
  );
}

async function deaths(way: string, chaos: Chaos): Promise<void> {
  const wanted = chaos.times(20, 2);
  const scene = await chaos.scene({
    rules: { maxCategories: WORKLOAD_CATEGORIES_MAX },
    flags: { 'flush-interval': '20ms', threads: String(THREADS) },
  });
  const sales = endlessSales({ seed: chaos.seed, perMinute: SALES_PER_MINUTE });
  const producer = new SteadyProducer(chaos, scene, sales, 60);
  const sampler = new CommitSampler(chaos, scene);
  const point = armed(`in-batch:${way}:${BATCHES_OF_A_LIFE}`);
  const detectionsMs: number[] = [];
  let stops = 0;
  producer.start();
  while (detectionsMs.length < wanted) {
    const engine = scene.engine({}, point);
    // What throws ends its task, not its thread, which comes to the fatal batch only once.
    const deathsMax = Math.min(
      wanted - detectionsMs.length,
      way === 'throw' ? THREADS : Number.POSITIVE_INFINITY,
    );
    await engine.until(
      () => engine.hasExited || died(engine).length >= deathsMax,
      'its threads die',
      DEATHS_LIMIT_MS,
    );
    // A thread without memory may take the process along, which is as well.
    if (engine.hasExited) {
      stops++;
      detectionsMs.push(0);
    } else {
      await engine.kill('SIGKILL');
    }
    detectionsMs.push(...detections(engine));
    chaos.progress(detectionsMs.length, wanted);
  }
  await producer.stop();
  await scene.drain();
  await sampler.stop();
  chaos.figure('deaths', detectionsMs.length);
  chaos.figure('of which ended the process', stops);
  chaos.spread('death to its detection', detectionsMs, 'ms');
  await scene.expectExact({ mayRepeat: true });
  chaos.figure('wrong documents', 0);
  expect(sampler.ahead).toEqual([]);
  expect(sampler.samples).toBeGreaterThan(0);
}

const died = (engine: EngineProcess) => engine.lines.filter(({ code }) => code === 'E_WORKER_DIED');

/** From the fatal passing to the first word of the engine's about it. */
function detections(engine: EngineProcess): number[] {
  const toldMs = died(engine).map(({ time }) => Date.parse(String(time)));
  return toldMs.map((told) => {
    const before = passings(engine).filter(({ name, atMs }) => name === 'in-batch' && atMs <= told);
    return told - (before.at(-1)?.atMs ?? told);
  });
}

scenario(
  {
    row: 3,
    title: 'thread death: it hangs',
    invariant: 'the process stops with the reason, and the next one is exact',
  },
  async (chaos) => {
    const scene = await chaos.scene({ rules: { maxCategories: WORKLOAD_CATEGORIES_MAX } });
    await scene.produce(makeSales({ seed: chaos.seed, count: 4000 }));
    const engine = scene.engine({ threads: '1' }, armed('in-batch:hang:2'));
    await engine.until(() => passings(engine).some(({ name }) => name === 'in-batch'), 'it reads');
    const startMs = performance.now();
    expect(await engine.end(180_000)).toEqual({ code: 1, signal: null });
    chaos.figure('hang to the end of the process', performance.now() - startMs, 'ms');
    expect(engine.stderr).toContain('E_WORKER_STUCK');
    await scene.drain();
    await scene.expectExact({ mayRepeat: true });
    chaos.figure('wrong documents', 0);
  },
);
