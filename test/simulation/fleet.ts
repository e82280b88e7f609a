/** Histories by the thousand, over as many processes as there are cores. */
import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { Replacement } from '../../scripts/build.ts';
import { bundle } from './bundle.ts';
import { type Answer, noTally, type Order, type Tally } from './orders.ts';
import type { Plan } from './plan.ts';

/** Histories in one order to a worker. */
const SLICE = 25;

export interface FleetOptions {
  readonly from: number;
  readonly count: number;
  readonly workers?: number;
  /** The source with these changes. */
  readonly replacements?: readonly Replacement[];
  /** Enough is known at the first failure. */
  readonly stopAtFailure?: boolean;
  readonly onProgress?: (sum: Readonly<Tally>) => void;
}

export class Fleet {
  readonly #workers: ChildProcess[];
  readonly #remove: () => void;

  private constructor(file: string, count: number, remove: () => void) {
    this.#remove = remove;
    this.#workers = Array.from({ length: count }, () => fork(file, [], { execArgv: [] }));
  }

  static async start(
    replacements: readonly Replacement[] = [],
    workers = availableParallelism(),
  ): Promise<Fleet> {
    const { file, remove } = await bundle(replacements);
    return new Fleet(file, workers, remove);
  }

  async run({ from, count, stopAtFailure, onProgress }: FleetOptions): Promise<Tally> {
    const sum = noTally();
    let next = from;
    const isOver = () => next >= from + count || (stopAtFailure && sum.failures.length > 0);
    await Promise.all(
      this.#workers.map(async (worker) => {
        while (!isOver()) {
          const start = next;
          next = Math.min(from + count, start + SLICE);
          const answer = await ask(worker, { kind: 'run', from: start, count: next - start });
          if (answer.kind === 'ran') add(sum, answer.tally);
          onProgress?.(sum);
        }
      }),
    );
    sum.failures.sort((a, b) => a.seed - b.seed);
    return sum;
  }

  async tell(plan: Plan): Promise<Extract<Answer, { kind: 'told' }>> {
    const answer = await ask(this.#workers[0], { kind: 'tell', plan });
    if (answer.kind !== 'told') throw new Error('the worker tells something else');
    return answer;
  }

  async shrink(plan: Plan): Promise<Plan> {
    const answer = await ask(this.#workers[0], { kind: 'shrink', plan });
    if (answer.kind !== 'shrunk') throw new Error('the worker shrinks nothing');
    return answer.plan;
  }

  close(): void {
    for (const worker of this.#workers) if (worker.connected) worker.disconnect();
    this.#remove();
  }
}

function ask(worker: ChildProcess, order: Order): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const died = (code: number | null) => reject(new Error(`a worker died with ${code}`));
    worker.once('exit', died);
    worker.once('message', (answer) => {
      worker.off('exit', died);
      resolve(answer as Answer);
    });
    worker.send(order);
  });
}

function add(sum: Tally, part: Tally): void {
  sum.histories += part.histories;
  sum.steps += part.steps;
  sum.simulatedMs += part.simulatedMs;
  sum.records += part.records;
  sum.lives += part.lives;
  sum.hash = (sum.hash + part.hash) % 2 ** 32;
  sum.failures.push(...part.failures);
}
