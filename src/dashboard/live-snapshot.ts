/** Puts one snapshot of the live page together from what its sources know at the moment. Pure. */
import type { Settings } from '../config/options.ts';
import { CHECKPOINT_STEPS } from '../coordinator/checkpoint-report.ts';
import type { EngineStatus, PartitionStatus } from '../coordinator/engine-events.ts';
import type { ProgressCounts } from '../mongo/progress-reader.ts';
import { NO_EVENT_MS, NO_WATERMARK_MS, type PartitionTime } from '../window/watermark.ts';
import type {
  CheckpointView,
  LiveSnapshot,
  PartitionView,
  Problem,
  RejectedView,
  RevenueView,
  WatermarkView,
} from './api.ts';
import { REJECT_REASONS, type StreamMonitor } from './stream-monitor.ts';

/** What stays the same while the process runs. */
export interface SnapshotIdentity {
  readonly version: string;
  readonly owner: string;
  readonly startedAtMs: number;
  readonly settings: Settings;
  /** Without user and password. */
  readonly mongoHosts: string;
}

/** What the database said last, and whether it still answers. */
export interface DatabaseView {
  readonly revenue: RevenueView | null;
  readonly counts: readonly ProgressCounts[];
  readonly readAtMs: number | null;
  readonly readMs: number | null;
  readonly problem: Problem | null;
}

export interface SnapshotSources {
  readonly identity: SnapshotIdentity;
  readonly status: EngineStatus;
  readonly monitor: StreamMonitor;
  readonly database: DatabaseView;
  readonly viewers: number;
  readonly memoryBytes: number;
}

export function composeSnapshot(sources: SnapshotSources, nowMs: number): LiveSnapshot {
  const { identity, status, monitor, database } = sources;
  const { settings } = identity;
  const partitions = partitionViews(status, database.counts, monitor, nowMs);
  const lags = partitions.flatMap(({ lag }) => lag ?? []);
  const lagTimes = partitions.flatMap(({ lagMs }) => lagMs ?? []);
  return {
    nowMs,
    version: identity.version,
    engine: {
      owner: identity.owner,
      startedAtMs: identity.startedAtMs,
      state: status.state,
      problem: status.problem,
      topic: settings.topic,
      deadLetterTopic: settings.deadLetterTopic,
      group: settings.group,
      database: settings.database,
      collection: settings.collection,
      windowMs: settings.windowMs,
      watermarkDelayMs: settings.watermarkDelayMs,
      flushIntervalMs: settings.flushIntervalMs,
      timeZone: settings.timeZone,
      late: settings.late,
      memoryBytes: sources.memoryBytes,
    },
    kafka: {
      brokers: status.cluster?.brokers ?? [],
      answeredAtMs: status.cluster?.answeredAtMs ?? null,
      problem: status.cluster?.problem ? { ...status.cluster.problem, sinceMs: null } : null,
    },
    database: {
      hosts: identity.mongoHosts,
      readAtMs: database.readAtMs,
      readMs: database.readMs,
      problem: database.problem,
    },
    stream: {
      salesPerSecond: monitor.salesPerSecond,
      rejectedLastMinute: monitor.rejectedLastMinute,
      counted: partitions.reduce((sum, { counted }) => sum + counted, 0),
      lateCounted: partitions.reduce((sum, one) => sum + one.lateCounted, 0),
      rejected: partitions.reduce((sum, { rejected }) => sum + rejected, 0),
      lag: lags.reduce((sum, lag) => sum + lag, 0),
      lagMs: lagTimes.length === 0 ? null : Math.max(...lagTimes),
      latency: monitor.latency(nowMs),
    },
    partitions,
    watermark: watermarkView(status, nowMs),
    checkpoint: checkpointView(status, monitor, nowMs),
    rejected: rejectedViews(status, database.counts, monitor),
    revenue: database.revenue,
    events: monitor.events,
    viewers: sources.viewers,
  };
}

/** Every partition of the topic: those of this process as it sees them, the rest as documented. */
export function partitionViews(
  status: EngineStatus,
  counts: readonly ProgressCounts[],
  monitor: StreamMonitor,
  nowMs: number,
): PartitionView[] {
  const owned = new Map(status.partitions.map((one) => [one.partition, one]));
  const documented = new Map(counts.map((one) => [one.partition, one]));
  return Array.from({ length: status.partitionCount }, (_, partition) => {
    const time = timeView(status.times[partition] ?? null);
    const document = documented.get(partition);
    const own = owned.get(partition);
    if (own && own.state !== 'recovering') {
      return {
        ...ownView(own, nowMs),
        ...time,
        owner: document?.owner ?? null,
        recordsPerSecond: monitor.recordsPerSecond(partition),
      };
    }
    return {
      partition,
      state: own ? 'recovering' : 'elsewhere',
      owner: document?.owner ?? null,
      leader: own?.leader ?? null,
      recordsPerSecond: 0,
      nextOffset: document?.nextOffset ?? 0,
      endOffset: null,
      durableOffset: document?.nextOffset ?? 0,
      lag: null,
      lagMs: null,
      openTransactionAt: null,
      counted: document?.counted ?? 0,
      lateCounted: document?.lateCounted ?? 0,
      rejected: document ? total(document.rejected) : 0,
      reconnects: 0,
      ...time,
    };
  });
}

const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);

function ownView(own: PartitionStatus, nowMs: number) {
  const { partition, state, leader, nextOffset, endOffset, durableOffset } = own;
  const lag = endOffset < 0 ? null : Math.max(0, endOffset - durableOffset);
  return {
    partition,
    state,
    leader,
    nextOffset,
    endOffset: endOffset < 0 ? null : endOffset,
    durableOffset,
    lag,
    lagMs: lagMs(own, nowMs),
    openTransactionAt: own.openTransactionAt,
    counted: own.counted,
    lateCounted: own.durableLateCounted,
    rejected: own.rejected,
    reconnects: own.reconnects,
  };
}

/**
 * How far behind a partition is in time: the age of the newest record that was judged, while more
 * is waiting. 0 at the end of the log; null when nothing was read yet.
 */
export function lagMs(own: PartitionStatus, nowMs: number): number | null {
  const isAtEnd = own.lag === 0 && own.endOffset >= 0;
  if (isAtEnd && (own.state === 'fetching' || own.state === 'full')) return 0;
  return own.newestRecordMs === null ? null : Math.max(0, nowMs - own.newestRecordMs);
}

function timeView(time: PartitionTime | null) {
  const hasEvent = time !== null && time.maxEventMs !== NO_EVENT_MS;
  const hasWatermark = time !== null && time.closingWatermarkMs !== NO_WATERMARK_MS;
  return {
    newestSaleMs: hasEvent ? time.maxEventMs : null,
    watermarkMs: hasWatermark ? time.closingWatermarkMs : null,
    atEnd: time?.atEnd ?? false,
  };
}

function watermarkView({ watermarkMs, hold }: EngineStatus, nowMs: number): WatermarkView {
  return {
    atMs: watermarkMs,
    delayMs: watermarkMs === null ? null : nowMs - watermarkMs,
    hold: hold && { kind: hold.kind, partition: 'partition' in hold ? hold.partition : null },
  };
}

function checkpointView(
  status: EngineStatus,
  monitor: StreamMonitor,
  nowMs: number,
): CheckpointView {
  const last = monitor.lastCheckpoint;
  return {
    count: status.checkpoints,
    durableAtMs: last?.durableAtMs ?? null,
    lastMs: status.lastCheckpointMs,
    worstMs: monitor.worstCheckpointMs(nowMs),
    steps: last ? CHECKPOINT_STEPS.map((step) => ({ step, ms: last.stepMs[step] })) : [],
  };
}

/** By the documents where there are some, which hold every process's; most frequent first. */
function rejectedViews(
  status: EngineStatus,
  counts: readonly ProgressCounts[],
  monitor: StreamMonitor,
): RejectedView[] {
  return REJECT_REASONS.map(({ name, code }) => {
    const own = status.partitions.map(({ rejectedByReason }) => rejectedByReason[name] ?? 0);
    const documented = counts.map(({ rejected }) => rejected[code]);
    const count = total(counts.length > 0 ? documented : own);
    return { reason: name, count, samples: monitor.samplesOf(code) };
  })
    .filter(({ count, samples }) => count > 0 || samples.length > 0)
    .sort((a, b) => b.count - a.count || a.reason.localeCompare(b.reason));
}
