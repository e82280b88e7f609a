/**
 * What a checkpoint takes from the threads: from a worker the snapshot and the change of deltas,
 * between two batches; from the coordinator the walk over the frozen delta, and handing it back.
 * What the database takes is nobody's who reads.
 */
import {
  CoordinatorRegion,
  createRegion,
  readSnapshot,
  WorkerRegion,
} from '../../src/state/partition-region.ts';
import { freshAccumulator, LIMITS } from '../parts/into-table.ts';

export interface TimedRow {
  readonly name: string;
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** Four windows are open by default. */
const WINDOWS = 4;
const ROUNDS = 2000;

export function checkpointBench(): TimedRow[] {
  return [4, 1000].flatMap((categories) => {
    const keys = WINDOWS * categories;
    const { frozen, drained } = checkpoints(categories);
    return [
      row(`worker: snapshot and change of deltas, ${keys} keys in use`, frozen),
      row(`coordinator: ${keys} keys drained and the delta handed back`, drained),
    ];
  });
}

function checkpoints(categories: number): { frozen: number[]; drained: number[] } {
  const buffer = createRegion(LIMITS, []);
  const worker = new WorkerRegion(buffer);
  const coordinator = new CoordinatorRegion(buffer);
  const accumulator = freshAccumulator(worker);
  const frozen: number[] = [];
  const drained: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (let key = 0; key < WINDOWS * categories; key++) {
      const isAdded = worker.active.table.add(
        round + Math.floor(key / categories),
        key % categories,
        100,
      );
      if (!isAdded) throw new Error('the table is full');
    }
    const beforeMs = performance.now();
    accumulator.writeSnapshot(0, false);
    worker.freeze();
    const frozenMs = performance.now();
    const delta = coordinator.frozen!;
    let sum = readSnapshot(delta).counted;
    delta.table.forEach((_window, _category, count) => {
      sum += count;
    });
    coordinator.release();
    const drainedMs = performance.now();
    if (sum !== WINDOWS * categories) throw new Error(`${sum} sales were drained`);
    frozen.push(1000 * (frozenMs - beforeMs));
    drained.push(1000 * (drainedMs - frozenMs));
  }
  return { frozen, drained };
}

function row(name: string, microseconds: number[]): TimedRow {
  const sorted = microseconds.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * sorted.length)];
  return { name, p50: at(0.5), p99: at(0.99) };
}
