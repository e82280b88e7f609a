/**
 * From what a recovery has read to the order for a lease: where it starts, what it passes over since
 * somebody has counted it already, and how much it asks for at once.
 */
import type { TableLimits } from '../state/layout.ts';
import { createRegion } from '../state/partition-region.ts';
import { windowIndexOf } from '../window/window.ts';
import type {
  LeaderAddress,
  LeaseOrder,
  LeaseStart,
  TimeRules,
} from '../workers/lease-protocol.ts';
import type { RecoveredPartition } from './recovery.ts';

/** Fetch memory is shared out: two response buffers for each partition. */
const FETCH_MEMORY_BYTES = 96 * 1024 * 1024;
const FETCH_BYTES_MIN = 256 * 1024;
const FETCH_BYTES_MAX = 4 * 1024 * 1024;

/** What every lease of a process has in common, and what is asked anew for each. */
export interface LeaseTerms {
  readonly topic: string;
  readonly rules: TimeRules;
  readonly categoryLimit: number;
  readonly rack: string;
  readonly limits: TableLimits;
  partitionCount(): number;
  leaderOf(partition: number): LeaderAddress;
}

export function leaseOrder(terms: LeaseTerms, recovered: RecoveredPartition): LeaseOrder {
  const { topic, rules, rack } = terms;
  const { partition, topicId, categories, ...progress } = recovered.progress;
  const { nextOffset, lastBatch, maxEventMs, counted, lateCounted, rejected } = progress;
  const guards = guardsOf(recovered, rules.windowMs);
  return {
    ...{ topic, topicId, partition, rules, rack },
    leader: terms.leaderOf(partition),
    region: createRegion({ ...terms.limits, categoryCount: terms.categoryLimit }, categories),
    start: { nextOffset, lastBatch, maxEventMs, counted, lateCounted, rejected, guards },
    fetchBytes: fetchBytes(terms.partitionCount()),
  };
}

/** Registers that are ahead of the progress: what they hold is not to be counted again. */
function guardsOf(
  { progress, contributions }: RecoveredPartition,
  windowMs: number,
): LeaseStart['guards'] {
  return contributions
    .filter(({ register }) => register.ate > progress.nextOffset)
    .map(({ windowStartMs, categoria, register }) => ({
      window: windowIndexOf(windowStartMs, windowMs),
      categoria,
      ate: register.ate,
    }));
}

function fetchBytes(partitionCount: number): number {
  const share = Math.floor(FETCH_MEMORY_BYTES / (2 * Math.max(1, partitionCount)));
  return Math.min(FETCH_BYTES_MAX, Math.max(FETCH_BYTES_MIN, share));
}
