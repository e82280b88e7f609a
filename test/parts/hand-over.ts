/**
 * Two real threads on one region: a worker adds sales whose keys and values follow from their
 * numbers, and this thread drains its deltas and finds every row that is torn, lost or strange.
 */
import { Worker } from 'node:worker_threads';
import type { RegionLimits } from '../../src/state/layout.ts';
import { CoordinatorRegion, createRegion, readSnapshot } from '../../src/state/partition-region.ts';

/** Without any delta; a worker that waits for ever must not make this wait for ever. */
const SILENCE_MS_MAX = 60_000;

export interface HandOver {
  readonly limits: RegionLimits;
  readonly sales: number;
  /** Sale i has key i % keys: window `windows[key]` and category number `categories[key]`. */
  readonly windows: Uint32Array;
  readonly categories: Uint32Array;
  /** Categories 0 to this have their ids from the start, which are then their numbers. */
  readonly knownCategories?: number;
  /** Sales in one delta at least, and at most; so many keys must fit into the table. */
  readonly deltaSalesMin: number;
  readonly deltaSalesMax: number;
}

export interface HandedOver {
  drains: number;
  /** Rows that cannot be, and deltas that do not hold what they say. */
  torn: number;
  /** Sales in the rows. */
  counted: number;
  centavos: number;
  /** From the first delta to the last. */
  elapsedMs: number;
}

export async function handOver(what: HandOver): Promise<HandedOver> {
  const { limits, sales, windows, categories, knownCategories = 0 } = what;
  const known = Array.from({ length: knownCategories }, (_, category) => `categoria ${category}`);
  const buffer = createRegion(limits, known);
  const region = new CoordinatorRegion(buffer);
  let startMs = 0;
  const worker = new Worker(new URL('./table-worker.mjs', import.meta.url), {
    workerData: { ...what, buffer },
  });
  let failure: unknown = null;
  worker.once('error', (error) => {
    failure = error;
  });
  const exited = new Promise((resolve) => worker.once('exit', resolve));
  const result: HandedOver = { drains: 0, torn: 0, counted: 0, centavos: 0, elapsedMs: 0 };
  let heardAtMs = performance.now();
  for (let seen = 0; seen < sales && failure === null; ) {
    const delta = region.frozen;
    if (!delta) {
      if (performance.now() - heardAtMs > SILENCE_MS_MAX) {
        failure = new Error(`no delta in ${SILENCE_MS_MAX} ms, ${seen} of ${sales} sales seen`);
      }
      // Lets the worker's own events through.
      await new Promise((resolve) => setImmediate(resolve));
      continue;
    }
    heardAtMs = performance.now();
    startMs ||= heardAtMs;
    region.dictionary.readNew();
    const before = seen;
    seen = readSnapshot(delta).counted;
    const keys = windows.length;
    let rows = 0;
    delta.table.forEach((window, category, count, centavos, menor, maior) => {
      rows += count;
      const key = menor % keys;
      // The key's sales in the delta are menor, menor + keys, ..., maior.
      const isWhole =
        menor >= before &&
        maior < seen &&
        maior === menor + (count - 1) * keys &&
        centavos === (count * (menor + maior)) / 2;
      const isItsKey =
        window === windows[key] &&
        region.dictionary.nameOf(category) === `categoria ${categories[key]}`;
      if (!isWhole || !isItsKey) result.torn++;
      result.centavos += centavos;
    });
    const isLeavingOut = region.dictionary.size === limits.categoryCount;
    if (rows > seen - before || (rows < seen - before && !isLeavingOut)) result.torn++;
    result.counted += rows;
    region.release();
    result.drains++;
  }
  await worker.terminate();
  await exited;
  if (failure !== null) throw failure;
  result.elapsedMs = performance.now() - startMs;
  return result;
}
