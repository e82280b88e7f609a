/**
 * A worker thread that adds so many sales to a region, and freezes when a delta has so many and the
 * other is free. It loads the TypeScript sources itself, so that no build is needed. Each sale's key and
 * value follow from its number alone; one of a category that is not admitted is left out.
 */
import { workerData } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();
const { WorkerRegion } = await import('../../src/state/partition-region.ts');
const { SNAPSHOT } = await import('../../src/state/layout.ts');

/** `windows` and `categories` hold the keys' numbers; sale i has key i % keys. */
const { buffer, sales, windows, categories, deltaSalesMin, deltaSalesMax } = workerData;
const region = new WorkerRegion(buffer);

function freeze(counted) {
  region.active.snapshot[SNAPSHOT.nextOffset] = counted;
  region.active.snapshot[SNAPSHOT.counted] = counted;
  region.freeze();
}

for (let sale = 0; sale < sales; ) {
  const key = sale % windows.length;
  const category = region.dictionary.intern(`categoria ${categories[key]}`);
  if (category >= 0 && !region.active.table.add(windows[key], category, sale)) {
    throw new Error('the table is full');
  }
  sale++;
  // However the threads are scheduled, a delta holds no more than this many.
  if (sale % deltaSalesMax === 0) while (!region.canFreeze);
  if (sale % deltaSalesMin === 0 && region.canFreeze) freeze(sale);
}
while (!region.canFreeze);
freeze(sales);
