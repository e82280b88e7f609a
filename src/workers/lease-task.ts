/** The piscina entry: one task is one lease. Kept free of heavy imports; each thread loads it. */
import { parentPort, threadId } from 'node:worker_threads';
import type { LeaseResult, LeaseTask, ThreadLoaded } from './lease-protocol.ts';
import { PartitionLease } from './partition-lease.ts';

// Not before this module's own evaluation is over.
setImmediate(() => parentPort?.postMessage({ loaded: threadId } satisfies ThreadLoaded));

export default function runLease(task: LeaseTask): Promise<LeaseResult> {
  return new PartitionLease(task).run();
}
