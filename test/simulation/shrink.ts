/**
 * Makes a failing plan as small as it gets: leaves out faults, weather, processes, partitions and
 * records, one after the other, and keeps what still breaks the same invariant. Since leaving
 * something out shifts every later choice, each smaller plan is tried with a few seeds.
 */
import { runHistory } from './history.ts';
import type { Plan, PlannedPartition } from './plan.ts';

const SEEDS_TRIED = 4;
const TRIES_MAX = 4000;

export async function shrink(plan: Plan): Promise<{ plan: Plan; tried: number }> {
  const { failure } = await runHistory(plan);
  if (!failure) throw new Error('only a plan that fails can be shrunk');
  let smallest = plan;
  let tried = 0;
  const stillFails = async (candidate: Plan): Promise<Plan | null> => {
    for (let i = 0; i < SEEDS_TRIED && tried < TRIES_MAX; i++) {
      tried++;
      const other = { ...candidate, seed: candidate.seed + i };
      if ((await runHistory(other)).failure?.invariant === failure.invariant) return other;
    }
    return null;
  };
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false;
    for (const step of STEPS) {
      for (let candidates = step(smallest), i = 0; i < candidates.length; ) {
        const found = await stillFails(candidates[i]);
        if (!found) {
          i++;
          continue;
        }
        smallest = found;
        isSmaller = true;
        candidates = step(smallest);
      }
    }
  }
  return { plan: smallest, tried };
}

/** Each gives smaller plans than the one it is given, the smallest first. */
const STEPS: readonly ((plan: Plan) => Plan[])[] = [
  (plan) => without(plan.faults).map((faults) => ({ ...plan, faults })),
  ({ weather, ...plan }) =>
    (Object.keys(weather) as (keyof typeof weather)[])
      .filter((name) => weather[name] !== 0)
      .map((name) => ({ ...plan, weather: { ...weather, [name]: 0 } })),
  (plan) => (plan.processes > 1 ? [withoutLastProcess(plan)] : []),
  (plan) => (plan.partitions.length > 1 ? plan.partitions.map((_, i) => withoutOne(plan, i)) : []),
  (plan) => inEachPartition(plan, ({ batches }) => without(batches)),
  (plan) => inEachPartition(plan, ({ batches }) => withFewerRecords(batches)),
  (plan) =>
    Object.entries({
      threads: 1,
      isSharded: false,
      tableSlots: 64,
      rejectLogBytes: 4096,
      flushIntervalMs: 500,
    })
      .filter(([name, value]) => plan[name as keyof Plan] !== value)
      .map(([name, value]) => ({ ...plan, [name]: value })),
];

/** A list without its halves, quarters, …, and without each one. */
function without<T>(list: readonly T[]): T[][] {
  const smaller: T[][] = [];
  for (let size = list.length; size >= 1; size = Math.floor(size / 2)) {
    for (let start = 0; start < list.length; start += size) {
      smaller.push([...list.slice(0, start), ...list.slice(start + size)]);
    }
  }
  return smaller;
}

function withoutLastProcess(plan: Plan): Plan {
  const processes = plan.processes - 1;
  const faults = plan.faults.filter((fault) => !('process' in fault) || fault.process < processes);
  return { ...plan, processes, faults };
}

function withoutOne(plan: Plan, gone: number): Plan {
  const partitions = plan.partitions.filter((_, index) => index !== gone);
  const faults = plan.faults.flatMap((fault) => {
    if (!('partition' in fault) || fault.partition < gone) return [fault];
    return fault.partition === gone ? [] : [{ ...fault, partition: fault.partition - 1 }];
  });
  return { ...plan, partitions, faults };
}

type Batches = PlannedPartition['batches'];

function inEachPartition(plan: Plan, smaller: (partition: PlannedPartition) => Batches[]): Plan[] {
  return plan.partitions.flatMap((partition, index) =>
    smaller(partition).map((batches) => ({
      ...plan,
      partitions: plan.partitions.with(index, { ...partition, batches }),
    })),
  );
}

function withFewerRecords(batches: Batches): Batches[] {
  return batches.flatMap((batch, index) => {
    if (batch.records.length < 2) return [];
    return batch.records.map((_, gone) => {
      const records = batch.records.filter((_, i) => i !== gone);
      return batches.map((other, i) => (i === index ? { ...batch, records } : other));
    });
  });
}
