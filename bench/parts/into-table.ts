/** What a fresh lease's table holds after some batches; shared, so that all cases do the same. */
import { NO_MARK } from '../../src/state/batch-mark.ts';
import { CoordinatorRegion, createRegion, WorkerRegion } from '../../src/state/partition-region.ts';
import { PartitionAccumulator } from '../../src/workers/partition-accumulator.ts';

export const LIMITS = { tableSlots: 65_536, rejectLogBytes: 1 << 20, categoryCount: 100 };
const RULES = {
  windowMs: 60_000,
  watermarkDelayMs: 120_000,
  futureToleranceMs: 300_000,
  timeZone: 'UTC',
  late: 'reject',
} as const;

export function freshAccumulator(region: WorkerRegion): PartitionAccumulator {
  const start = {
    nextOffset: 0,
    lastBatch: NO_MARK,
    maxEventMs: -1,
    counted: 0,
    lateCounted: 0,
    rejected: [],
    guards: [],
  };
  return new PartitionAccumulator(region, RULES, start);
}

/** Lets `feed` add batches as a fresh lease would. @returns what came of it, as a result to show */
export function intoTable(feed: (accumulator: PartitionAccumulator) => void): string {
  const buffer = createRegion(LIMITS, []);
  const region = new WorkerRegion(buffer);
  const accumulator = freshAccumulator(region);
  feed(accumulator);
  accumulator.writeSnapshot(0, false);
  region.freeze();
  let count = 0;
  let centavos = 0;
  new CoordinatorRegion(buffer).frozen!.table.forEach((_window, _category, n, sum) => {
    count += n;
    centavos += sum;
  });
  return `${count} sales, ${centavos} centavos`;
}
