/** What the engine tells the outside while it runs; the shell decides how to show it. */
import type { ReasonName } from '../sale/reasons.ts';
import type { WatermarkHold } from '../window/watermark.ts';

export type EventLevel = 'info' | 'warn' | 'error';

export interface EngineEvent {
  readonly level: EventLevel;
  /** Stable identifier: E_… for a problem, a plain word for news. */
  readonly code: string;
  readonly message: string;
}

export type EngineState = 'starting' | 'running' | 'retrying' | 'draining' | 'stopped';

export interface PartitionStatus {
  readonly partition: number;
  readonly state: 'recovering' | 'connecting' | 'fetching' | 'full' | 'backing-off' | 'stopped';
  /** Next offset to count, and the log's end as last seen; -1 when unknown. */
  readonly nextOffset: number;
  readonly endOffset: number;
  readonly durableOffset: number;
  readonly lag: number;
  readonly atEnd: boolean;
  readonly counted: number;
  readonly rejected: number;
  readonly bytesRead: number;
  readonly reconnects: number;
  readonly rejectedByReason: Readonly<Partial<Record<ReasonName, number>>>;
}

export interface EngineStatus {
  readonly state: EngineState;
  /** What a retry waits for; null when nothing is wrong. */
  readonly problem: EngineEvent | null;
  readonly partitionCount: number;
  readonly partitions: readonly PartitionStatus[];
  /** Global watermark in ms since the epoch; null before every partition has one. */
  readonly watermarkMs: number | null;
  readonly hold: WatermarkHold | null;
  readonly checkpoints: number;
  readonly lastCheckpointMs: number;
  readonly windowsClosed: number;
}
