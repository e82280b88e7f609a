import { expect } from 'vitest';
import { CommitSampler } from '../../parts/commit-sampler.ts';
import { endlessSales, WORKLOAD_CATEGORIES_MAX } from '../../parts/sales.ts';
import { SteadyProducer } from '../../parts/steady-producer.ts';
import { uniqueName } from '../../parts/topic.ts';
import { armed, passings } from '../fail-trace.ts';
import { type Chaos, scenario } from '../scenario.ts';

const STEPS = ['freeze', 'drain', 'letters', 'totals', 'progress', 'close', 'commit'] as const;
const PLACES = ['before', 'in', 'after'] as const;
type Step = (typeof STEPS)[number];
type Place = (typeof PLACES)[number];

/** In the middle of these something is on its way to a server, for about this long. */
const ON_ITS_WAY_MS: Partial<Record<Step, number>> = {
  letters: 3,
  totals: 20,
  progress: 3,
  close: 3,
  commit: 3,
};
const PASSING_MAX = 3;
const TRIES_MAX = 5;
/** What the first engine finds, and makes totals of. */
const FIRST_SALES = 60;
/** So that windows close about once a second. */
const SALES_PER_WINDOW = 1000;

for (const step of STEPS) {
  scenario(
    {
      row: 2,
      title: `crash before, in and after the ${step}`,
      invariant: 'exact; nothing committed that is not durable',
    },
    (chaos) => crashes(step, chaos),
  );
}

async function crashes(step: Step, chaos: Chaos): Promise<void> {
  const runs = chaos.times(20, 1);
  const scene = await chaos.scene({
    rules: { maxCategories: WORKLOAD_CATEGORIES_MAX },
    flags: { 'flush-interval': '20ms' },
  });
  const sales = endlessSales({ seed: chaos.seed, perMinute: SALES_PER_WINDOW });
  const producer = new SteadyProducer(chaos, scene, sales, 60);
  const sampler = new CommitSampler(chaos, scene);
  // An engine that finds progress and no totals at all stops for that reason alone.
  producer.start(FIRST_SALES);
  await producer.finish();
  await scene.drain();
  let lives = 0;

  /** One life up to the point. @returns whether it ended there and not a little later */
  const life = async (place: Place): Promise<boolean> => {
    lives++;
    // A group of its own: waiting for a dead member is another scenario's.
    const group = uniqueName('group');
    const point = `${place}-${step}:${deadly(place, step, chaos)}`;
    const engine = scene.engine({ group }, armed(point));
    sampler.watch(group);
    await engine.says('lease-started');
    producer.start();
    await engine.endsBy('SIGKILL');
    await producer.stop();
    return place !== 'in' || passings(engine).at(-1)?.name !== `after-${step}`;
  };

  let missed = 0;
  for (let run = 0; run < runs; run++) {
    for (const [i, place] of PLACES.entries()) {
      let tries = 1;
      while (!(await life(place)) && tries < TRIES_MAX) tries++;
      if (tries === TRIES_MAX) missed++;
      chaos.progress(3 * run + i + 1, 3 * runs);
    }
  }
  const records = producer.sent;
  await sampler.stop();
  await scene.drain();
  const oracle = await scene.expectExact({ mayRepeat: true });
  const judged = [...oracle.partitions.values()].reduce((sum, part) => sum + part.records, 0);
  expect(judged).toBe(records);
  expect(sampler.ahead).toEqual([]);
  chaos.figure('points x runs', `3 x ${runs}`);
  chaos.figure('kills', lives);
  if (missed > 0) chaos.figure('of the runs in the middle, over before the kill', missed);
  chaos.figure('sales', records);
  chaos.figure('commits seen, none ahead of what is durable', sampler.samples);
  chaos.figure('wrong documents', 0);
}

const FAILING = ['before-letters', 'before-totals', 'after-totals', 'before-progress'];

scenario(
  {
    row: 2,
    title: 'an error of our own code in a checkpoint',
    invariant: 'the engine stops and writes nothing later; the next one is exact',
  },
  async (chaos) => {
    const runs = chaos.times(20, 4);
    const scene = await chaos.scene({
      rules: { maxCategories: WORKLOAD_CATEGORIES_MAX },
      flags: { 'flush-interval': '50ms' },
    });
    const sales = endlessSales({ seed: chaos.seed, perMinute: SALES_PER_WINDOW });
    const producer = new SteadyProducer(chaos, scene, sales, 60);
    producer.start(FIRST_SALES);
    await producer.finish();
    await scene.drain();
    for (let run = 0; run < runs; run++) {
      const point = `${FAILING[run % FAILING.length]}:throw:${chaos.random.between(2, 3)}`;
      const engine = scene.engine({}, armed(point));
      await engine.says('lease-started');
      producer.start();
      expect(await engine.end()).toEqual({ code: 1, signal: null });
      await producer.stop();
      expect(engine.stderr).toMatch(/stopped before the last checkpoint held|made to fail at/);
      chaos.progress(run + 1, runs);
    }
    await scene.drain();
    await scene.expectExact({ mayRepeat: true });
    chaos.figure('failed checkpoints', runs);
    chaos.figure('wrong documents', 0);
  },
);

/** At once, or while something is on its way; at one of the first passings. */
function deadly(place: Place, step: Step, { random, isShort }: Chaos): string {
  // What a start finds to close comes before it has partitions, and a first checkpoint may have
  // nothing to write; a short run has one try, which must not be spent on it.
  const passing = random.between(step === 'close' || isShort ? 2 : 1, PASSING_MAX);
  const longMs = place === 'in' ? ON_ITS_WAY_MS[step] : undefined;
  return longMs === undefined ? `kill:${passing}` : `kill~${random.between(1, longMs)}:${passing}`;
}
