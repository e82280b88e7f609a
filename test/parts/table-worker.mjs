/**
 * A worker thread that adds so many sales to a region, and freezes whenever the other delta is
 * free. It loads the TypeScript sources itself, so that no build is needed. Each sale's key and
 * value follow from its number alone.
 */
import { workerData } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();
const { WorkerRegion } = await import('../../src/state/partition-region.ts');
const { SNAPSHOT } = await import('../../src/state/layout.ts');

const DELTA_SALES_MAX = 1000;
const { buffer, sales, keys } = workerData;
const region = new WorkerRegion(buffer);

function freeze(counted) {
  region.active.snapshot[SNAPSHOT.nextOffset] = counted;
  region.active.snapshot[SNAPSHOT.counted] = counted;
  region.freeze();
}

let added = 0;
while (added < sales) {
  const key = added % keys;
  region.dictionary.intern(`categoria ${key}`);
  if (!region.active.table.add(key, key, added)) throw new Error('the table is full');
  added++;
  // However the threads are scheduled, a delta holds no more than this many.
  if (added % DELTA_SALES_MAX === 0) while (!region.canFreeze);
  if (region.canFreeze) freeze(added);
}
while (!region.canFreeze);
freeze(added);
