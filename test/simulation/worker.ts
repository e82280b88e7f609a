/** A process that runs histories for the fleet (fleet.ts), which built it and tells it which. */
import { runHistory } from './history.ts';
import type { Plan } from './plan.ts';
import { makePlan } from './plan-maker.ts';
import { shrink } from './shrink.ts';

export interface Failure {
  readonly seed: number;
  readonly invariant: string;
  readonly message: string;
}

export interface Tally {
  histories: number;
  steps: number;
  simulatedMs: number;
  records: number;
  lives: number;
  /** Of all histories, in any order. */
  hash: number;
  readonly failures: Failure[];
}

export type Order =
  | { readonly kind: 'run'; readonly from: number; readonly count: number }
  | { readonly kind: 'tell'; readonly plan: Plan }
  | { readonly kind: 'shrink'; readonly plan: Plan };

export type Answer =
  | { readonly kind: 'ran'; readonly tally: Tally }
  | {
      readonly kind: 'told';
      readonly story: readonly string[];
      readonly failure: Omit<Failure, 'seed'> | null;
    }
  | { readonly kind: 'shrunk'; readonly plan: Plan; readonly tried: number };

export const noTally = (): Tally => ({
  histories: 0,
  steps: 0,
  simulatedMs: 0,
  records: 0,
  lives: 0,
  hash: 0,
  failures: [],
});

async function run(from: number, count: number): Promise<Tally> {
  const tally = noTally();
  for (let seed = from; seed < from + count; seed++) {
    const { failure, hash, steps, simulatedMs, records, lives } = await runHistory(makePlan(seed));
    tally.histories++;
    tally.steps += steps;
    tally.simulatedMs += simulatedMs;
    tally.records += records;
    tally.lives += lives;
    tally.hash = (tally.hash + hash) % 2 ** 32;
    if (failure) tally.failures.push({ seed, ...failure });
  }
  return tally;
}

async function obey(order: Order): Promise<Answer> {
  if (order.kind === 'run') return { kind: 'ran', tally: await run(order.from, order.count) };
  if (order.kind === 'shrink') return { kind: 'shrunk', ...(await shrink(order.plan)) };
  const { story, failure } = await runHistory(order.plan, true);
  return { kind: 'told', story: story ?? [], failure };
}

if (process.send) {
  process.on('message', (order: Order) => {
    obey(order).then(
      (answer) => process.send!(answer),
      (error) => {
        process.stderr.write(`${(error as Error).stack}\n`);
        process.exit(1);
      },
    );
  });
}
