/** What the engine tells the outside while it runs; the shell decides how to show it. */
import type { ReasonName } from '../sale/reasons.ts';
import type { PartitionTime, WatermarkHold } from '../window/watermark.ts';

export type EventLevel = 'info' | 'warn' | 'error';

export interface EngineEvent {
  readonly level: EventLevel;
  /** Stable identifier: E_… for a problem, a plain word for news. */
  readonly code: string;
  readonly message: string;
}

/** What is wrong now, since when, and what to do about it. */
export interface EngineProblem {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  readonly sinceMs: number;
}

/** The Kafka cluster as the last answer to a question about the topic showed it. */
export interface ClusterStatus {
  readonly brokers: readonly {
    readonly id: number;
    readonly host: string;
    readonly port: number;
  }[];
  readonly answeredAtMs: number;
  /** What the last question ended with; null when it was answered. */
  readonly problem: Omit<EngineProblem, 'sinceMs'> | null;
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
  /** Where an open transaction begins that holds the position back; null when none does. */
  readonly openTransactionAt: number | null;
  readonly atEnd: boolean;
  readonly counted: number;
  readonly rejected: number;
  readonly bytesRead: number;
  readonly reconnects: number;
  readonly rejectedByReason: Readonly<Partial<Record<ReasonName, number>>>;
  /** Of what is durable, as the progress document has it. */
  readonly durableCounted: number;
  /** Of those, the ones that were late. */
  readonly durableLateCounted: number;
  /** Kafka timestamp of the newest batch that was judged since the lease began; null before. */
  readonly newestRecordMs: number | null;
  /** host:port of the partition's leader. */
  readonly leader: string;
  readonly sharedBytes: number;
}

export interface EngineStatus {
  readonly state: EngineState;
  /** What a retry waits for; null when nothing is wrong. */
  readonly problem: EngineProblem | null;
  readonly partitionCount: number;
  readonly partitions: readonly PartitionStatus[];
  /** Global watermark in ms since the epoch; null before every partition has one. */
  readonly watermarkMs: number | null;
  readonly hold: WatermarkHold | null;
  /** Of every partition of the topic, other processes' too; null where there is no document. */
  readonly times: readonly (PartitionTime | null)[];
  /** null before the first answer. */
  readonly cluster: ClusterStatus | null;
  readonly checkpoints: number;
  readonly lastCheckpointMs: number;
  readonly windowsClosed: number;
}
