/** What the load's main thread and its worker threads tell each other. */
import type { KafkaAccess } from '../kafka/access.ts';
import type { VendavalErrorOptions } from '../lib/errors.ts';
import type { LoadRules, PartSum } from './partition-verdicts.ts';
import type { Phase } from './profiles.ts';

export const LOAD_FORMATS = ['json', 'flatbuffers', 'flatbuffers-batch'] as const;
export type LoadFormat = (typeof LOAD_FORMATS)[number];

export interface LoadTask {
  readonly access: KafkaAccess;
  readonly topic: string;
  /** Of the topic. */
  readonly partitions: number;
  /** The ones that this thread writes. */
  readonly own: readonly number[];
  readonly phases: readonly Phase[];
  /** Sales a second at the profile's peak. */
  readonly rate: number;
  readonly durationMs: number;
  readonly countMax: number;
  readonly seed: number;
  readonly format: LoadFormat;
  readonly rules: LoadRules;
  readonly batchBytes: number;
}

/** What one partition has of the load. */
export interface PartitionOutcome {
  readonly partition: number;
  /** -1 when nothing was acknowledged. */
  readonly firstOffset: number;
  readonly nextOffset: number;
  readonly foreignOffsets: number;
  readonly acknowledged: number;
  /** In flight at the end: they may be in the log or not. */
  readonly unknownSales: number;
  /** By reason code. */
  readonly rejected: readonly number[];
  readonly sums: readonly PartSum[];
}

/** A batch that was acknowledged; times are those of the shared clock. */
export interface Acknowledgement {
  readonly partition: number;
  readonly endOffset: number;
  readonly sales: number;
  readonly firstDueMs: number;
  readonly lastDueMs: number;
  readonly sentMs: number;
  readonly acknowledgedMs: number;
}

export interface ThreadReport {
  readonly made: number;
  readonly acknowledged: number;
  readonly bytes: number;
  readonly lagMs: number;
  /** Failures since the last report that are tried again. */
  readonly troubles: number;
  readonly acknowledgements: readonly Acknowledgement[];
}

/** An error's fields; they do not survive the way over a port otherwise. */
export interface FailureData {
  readonly message: string;
  readonly code: string;
  readonly options: Omit<VendavalErrorOptions, 'cause' | 'code'>;
}

export type ToThread =
  | { readonly kind: 'start'; readonly startMs: number }
  | { readonly kind: 'stop' }
  /** What is in flight is waited for no longer. */
  | { readonly kind: 'end' };

export type FromThread =
  /** Connected to every partition's leader. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'report'; readonly report: ThreadReport }
  | { readonly kind: 'trouble'; readonly code: string; readonly message: string }
  | { readonly kind: 'failed'; readonly failure: FailureData }
  /** Everything is over; nothing follows. */
  | { readonly kind: 'ended'; readonly outcomes: readonly PartitionOutcome[] };
