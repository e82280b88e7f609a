/** A thread's code: one task is one lease. Kept free of heavy imports; each thread loads it. */
import type { LeaseResult, LeaseTask } from './lease-protocol.ts';
import { PartitionLease } from './partition-lease.ts';

export default function runLease(task: LeaseTask): Promise<LeaseResult> {
  return new PartitionLease(task).run();
}
