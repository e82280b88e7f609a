import { Worker } from 'node:worker_threads';
import { expect, test, vi } from 'vitest';
import type { WorkerPool as Pool } from '../../src/coordinator/worker-pool.ts';

// Of the build: a thread's code can only be loaded from there.
const BUILT = '../../dist/coordinator/worker-pool.js';
const THREADS = 4;

test('threads are ended after they have loaded their code, however early the pool is closed', async () => {
  const events: string[] = [];
  const { emit, terminate } = Worker.prototype;
  vi.spyOn(Worker.prototype, 'emit').mockImplementation(function (this: Worker, name, ...values) {
    if (name === 'message' && 'loaded' in values[0]) events.push(`loaded ${values[0].loaded}`);
    return emit.call(this, name, ...values);
  });
  vi.spyOn(Worker.prototype, 'terminate').mockImplementation(function (this: Worker) {
    events.push(`ended ${this.threadId}`);
    return terminate.call(this);
  });
  const { WorkerPool }: { WorkerPool: typeof Pool } = await import(BUILT);
  const pool = new WorkerPool(THREADS, THREADS, null);
  await pool.close();
  vi.restoreAllMocks();

  const of = (what: string) => events.filter((event) => event.startsWith(what));
  expect(of('loaded')).toHaveLength(THREADS);
  expect(of('ended')).toHaveLength(THREADS);
  expect(events.slice(0, THREADS)).toEqual(of('loaded'));
});
