/** Partitions as the outside sees them, read from shared memory; for display only. */
import { REASONS, type ReasonName } from '../sale/reasons.ts';
import { LEASE_STATE, LIVE } from '../state/layout.ts';
import type { PartitionStatus } from './engine-events.ts';
import type { OwnedPartition } from './owned-partition.ts';

const STATE_NAMES: Readonly<Record<number, PartitionStatus['state']>> = {
  [LEASE_STATE.starting]: 'connecting',
  [LEASE_STATE.connecting]: 'connecting',
  [LEASE_STATE.fetching]: 'fetching',
  [LEASE_STATE.full]: 'full',
  [LEASE_STATE.backingOff]: 'backing-off',
  [LEASE_STATE.stopped]: 'stopped',
};

export function partitionStatus(
  owned: readonly OwnedPartition[],
  recovering: readonly number[],
): PartitionStatus[] {
  const statuses = [...owned.map(ofOwned), ...recovering.map(ofRecovering)];
  return statuses.sort((a, b) => a.partition - b.partition);
}

function ofOwned({ partition, live, durable }: OwnedPartition): PartitionStatus {
  const endOffset = live[LIVE.highWatermark];
  const nextOffset = live[LIVE.nextOffset];
  const byReason: Partial<Record<ReasonName, number>> = {};
  durable.rejected.forEach((count, code) => {
    if (count > 0) byReason[REASONS[code]] = count;
  });
  return {
    partition,
    state: STATE_NAMES[live[LIVE.state]] ?? 'connecting',
    nextOffset,
    endOffset,
    durableOffset: durable.nextOffset,
    lag: endOffset < 0 ? 0 : Math.max(0, endOffset - nextOffset),
    atEnd: live[LIVE.atEnd] === 1,
    counted: live[LIVE.counted],
    rejected: live[LIVE.rejected],
    bytesRead: live[LIVE.bytesRead],
    reconnects: live[LIVE.reconnects],
    rejectedByReason: byReason,
  };
}

function ofRecovering(partition: number): PartitionStatus {
  return {
    partition,
    state: 'recovering',
    nextOffset: -1,
    endOffset: -1,
    durableOffset: -1,
    lag: 0,
    atEnd: false,
    counted: 0,
    rejected: 0,
    bytesRead: 0,
    reconnects: 0,
    rejectedByReason: {},
  };
}
