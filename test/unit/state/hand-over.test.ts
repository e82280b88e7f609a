/** Two real threads on one region: what the contract of PartitionRegion is worth. */
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import {
  CoordinatorRegion,
  createRegion,
  readSnapshot,
} from '../../../src/state/partition-region.ts';

const SALES = 2_000_000;
const KEYS = 7;
const LIMITS = { tableSlots: 16, rejectLogBytes: 256, categoryCount: KEYS };

/** Sums over the sales numbered below `end` that go to `key`: their number is their value. */
function expected(key: number, end: number) {
  const count = Math.floor((end - 1 - key) / KEYS) + 1;
  return { count, centavos: key * count + (KEYS * count * (count - 1)) / 2 };
}

it('hands deltas over between two threads thousands of times without a torn or lost row', async () => {
  const buffer = createRegion(LIMITS, []);
  const region = new CoordinatorRegion(buffer);
  const sums = Array.from({ length: KEYS }, () => ({ count: 0, centavos: 0 }));
  const worker = new Worker(new URL('../../parts/table-worker.mjs', import.meta.url), {
    workerData: { buffer, sales: SALES, keys: KEYS },
  });
  let failure: unknown = null;
  worker.once('error', (error) => {
    failure = error;
  });
  const exited = new Promise((resolve) => worker.once('exit', resolve));
  let drains = 0;
  let counted = 0;
  let torn = 0;
  while (counted < SALES && failure === null) {
    const delta = region.frozen;
    if (!delta) {
      // Lets the worker's own events through.
      await new Promise((resolve) => setImmediate(resolve));
      continue;
    }
    region.dictionary.readNew();
    const before = counted;
    counted = readSnapshot(delta).counted;
    let rows = 0;
    delta.table.forEach((window, category, count, centavos, menor, maior) => {
      rows += count;
      const inRange = menor >= before && maior < counted && menor <= maior;
      if (!inRange || window !== category || category !== menor % KEYS) torn++;
      if (region.dictionary.nameOf(category) !== `categoria ${category}`) torn++;
      sums[category].count += count;
      sums[category].centavos += centavos;
    });
    if (rows !== counted - before) torn++;
    region.release();
    drains++;
  }
  await worker.terminate();
  await exited;
  expect(failure).toBeNull();
  expect(torn).toBe(0);
  expect(sums).toEqual(sums.map((_, key) => expected(key, SALES)));
  expect(drains).toBeGreaterThanOrEqual(SALES / 1000);
}, 60_000);
