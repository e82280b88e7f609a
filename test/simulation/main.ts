/**
 * `npm run simulate`: histories of the engine's core from seeds, on as many processes as there are
 * cores (docs/SEMANTICS.md says what is checked).
 *
 *     npm run simulate                                   10,000 histories
 *     npm run simulate -- --seeds 1000000 --from 1       a million, from seed 1
 *     npm run simulate -- --seed 42                      one, told step by step
 *     npm run simulate -- --plan test/corpus/simulation/x.json      a kept one, told
 *     npm run simulate -- --without 'majority reads'     with a protection taken out of the source
 *     npm run simulate -- --json                         JSON lines, as in a pipe
 *
 * A history that fails is shrunk, told, and kept in test/corpus/simulation. Exit code: 0 when all
 * ended right, 1 when one did not, 2 when the arguments cannot be used.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { PROTECTIONS } from '../chaos/protections.ts';
import { keep } from './corpus.ts';
import { Fleet } from './fleet.ts';
import type { Failure } from './orders.ts';
import type { Plan } from './plan.ts';
import { makePlan } from './plan-maker.ts';
import { makeView } from './view.ts';

const USAGE = 2;
const SEEDS_DEFAULT = 10_000;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: String(SEEDS_DEFAULT) },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    plan: { type: 'string' },
    without: { type: 'string' },
    workers: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

function number(name: 'seeds' | 'from' | 'seed' | 'workers'): number {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  return refuse(`--${name} takes a whole number`, 'for example: npm run simulate -- --seeds 1000');
}

function refuse(message: string, hint: string): never {
  process.stderr.write(`error: ${message}\nhint:  ${hint}\n`);
  process.exit(USAGE);
}

function replacements() {
  if (values.without === undefined) return [];
  const found = PROTECTIONS.find(({ name }) => name === values.without);
  const names = PROTECTIONS.map(({ name }) => `"${name}"`).join(', ');
  return found?.changes ?? refuse(`no protection "${values.without}"`, `there are ${names}`);
}

async function tellOne(fleet: Fleet, plan: Plan): Promise<boolean> {
  const { story, failure } = await fleet.tell(plan);
  for (const line of story) view.line(line);
  if (failure) view.problem(`${failure.invariant}: ${failure.message}`);
  else view.line('it ends right');
  return failure === null;
}

const slug = (text: string) => text.toLowerCase().replaceAll(/\W+/g, '-');

async function explain(fleet: Fleet, { seed, invariant }: Failure): Promise<void> {
  view.line(`shrinking seed ${seed}`);
  const plan = await fleet.shrink(makePlan(seed));
  await tellOne(fleet, plan);
  const { without } = values;
  const name = without === undefined ? `seed-${seed}` : `without-${slug(without)}`;
  const fault = without === undefined ? 'not yet known: say it here' : `without ${without}`;
  view.line(`kept in ${keep({ name, invariant, fault, plan })}`);
}

async function runMany(fleet: Fleet): Promise<boolean> {
  const [from, count] = [number('from'), number('seeds')];
  const startMs = performance.now();
  const tally = await fleet.run({
    from,
    count,
    stopAtFailure: values.without !== undefined,
    onProgress: (sum) => view.progress(sum, count, performance.now() - startMs),
  });
  view.ended(tally, performance.now() - startMs);
  for (const { seed, invariant, message } of tally.failures.slice(0, 10)) {
    view.problem(`seed ${seed}: ${invariant}: ${message}`);
  }
  if (tally.failures.length > 0) await explain(fleet, tally.failures[0]);
  return tally.failures.length === 0;
}

const view = makeView(values.json);
const fleet = await Fleet.start(
  replacements(),
  values.workers === undefined ? undefined : number('workers'),
);
try {
  const plan =
    values.plan === undefined
      ? values.seed === undefined
        ? null
        : makePlan(number('seed'))
      : JSON.parse(readFileSync(values.plan, 'utf8')).plan;
  const isRight = plan ? await tellOne(fleet, plan) : await runMany(fleet);
  process.exitCode = isRight ? 0 : 1;
} finally {
  fleet.close();
}
