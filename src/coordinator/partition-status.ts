/** Partitions as the outside sees them, read from shared memory; for display only. */
import { hostPort } from '../lib/host-port.ts';
import { REASONS, type ReasonName } from '../sale/reasons.ts';
import { LEASE_STATE, LIVE } from '../state/layout.ts';
import type { LeaderAddress } from '../workers/lease-protocol.ts';
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
  leaderOf: (partition: number) => LeaderAddress,
): PartitionStatus[] {
  const leader = (partition: number) => hostPort(leaderOf(partition));
  const statuses = [
    ...owned.map((one) => ofOwned(one, leader(one.partition))),
    ...recovering.map((partition) => ofRecovering(partition, leader(partition))),
  ];
  return statuses.sort((a, b) => a.partition - b.partition);
}

function ofOwned(
  { partition, live, durable, lease }: OwnedPartition,
  leader: string,
): PartitionStatus {
  const endOffset = live[LIVE.highWatermark];
  const nextOffset = live[LIVE.nextOffset];
  /** Records from here on are of transactions that are neither committed nor aborted, or behind one. */
  const stable = live[LIVE.lastStableOffset];
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
    openTransactionAt: stable < endOffset && nextOffset >= stable ? stable : null,
    atEnd: live[LIVE.atEnd] === 1,
    counted: live[LIVE.counted],
    rejected: live[LIVE.rejected],
    bytesRead: live[LIVE.bytesRead],
    reconnects: live[LIVE.reconnects],
    rejectedByReason: byReason,
    durableCounted: durable.counted,
    durableLateCounted: durable.lateCounted,
    newestRecordMs: live[LIVE.newestRecordMs] || null,
    leader,
    sharedBytes: lease.region.sizeBytes,
  };
}

function ofRecovering(partition: number, leader: string): PartitionStatus {
  return {
    partition,
    state: 'recovering',
    nextOffset: -1,
    endOffset: -1,
    durableOffset: -1,
    lag: 0,
    openTransactionAt: null,
    atEnd: false,
    counted: 0,
    rejected: 0,
    bytesRead: 0,
    reconnects: 0,
    rejectedByReason: {},
    durableCounted: 0,
    durableLateCounted: 0,
    newestRecordMs: null,
    leader,
    sharedBytes: 0,
  };
}
