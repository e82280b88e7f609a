/**
 * The program of a process that runs histories for the fleet (fleet.ts), which built it and tells
 * it which. Not to be imported: it listens to its parent, whoever that is.
 */
import { runHistory } from './history.ts';
import { type Answer, noTally, type Order, type Tally } from './orders.ts';
import { makePlan } from './plan-maker.ts';
import { shrink } from './shrink.ts';

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

process.on('message', (order: Order) => {
  obey(order).then(
    (answer) => process.send!(answer),
    (error) => {
      process.stderr.write(`${(error as Error).stack}\n`);
      process.exit(1);
    },
  );
});
