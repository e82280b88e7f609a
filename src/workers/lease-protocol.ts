/** What the coordinator and a lease's worker tell each other besides shared memory. */

import type { LatePolicy } from '../config/options.ts';
import type { KafkaSecurity } from '../kafka/access.ts';
import type { VendavalErrorOptions } from '../lib/errors.ts';
import type { BatchMark } from '../state/batch-mark.ts';

export interface BrokerPlace {
  readonly host: string;
  readonly port: number;
}

/** Where a partition's leader listens. */
export interface LeaderAddress extends BrokerPlace {
  readonly epoch: number;
  /** Ids of the brokers that have all that the leader has. */
  readonly inSync: readonly number[];
}

/** Offsets from the first up to, not including, the second. */
export interface OffsetRange {
  readonly from: number;
  readonly to: number;
}

/** The state of a partition as of its last checkpoint; a lease starts from it. */
export interface LeaseStart {
  readonly nextOffset: number;
  readonly lastBatch: BatchMark;
  readonly maxEventMs: number;
  readonly counted: number;
  /** Of those, the ones that were late. */
  readonly lateCounted: number;
  /** Indexed by reason code. */
  readonly rejected: readonly number[];
  /**
   * Keys that a write ahead of the progress document already covers: an event of such a key is
   * added only at or past `ate`.
   */
  readonly guards: readonly { window: number; categoria: string; ate: number }[];
}

/** What lateness and poison are judged by. */
export interface TimeRules {
  readonly windowMs: number;
  readonly watermarkDelayMs: number;
  readonly futureToleranceMs: number;
  readonly timeZone: string;
  readonly late: LatePolicy;
}

/** One end of the channel between a lease and its coordinator: what of a MessagePort is used. */
export interface LeasePort<Heard, Said> {
  on(event: 'message', listener: (message: Heard) => void): unknown;
  postMessage(message: Said): void;
  close(): void;
}

export interface LeaseTask {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly leader: LeaderAddress;
  readonly region: SharedArrayBuffer;
  readonly port: LeasePort<ToWorker, ToCoordinator>;
  readonly start: LeaseStart;
  readonly rules: TimeRules;
  /** Where this process is; empty for anywhere. */
  readonly rack: string;
  /** Bytes asked for in one fetch. */
  readonly fetchBytes: number;
  readonly security: KafkaSecurity | null;
}

/** What the coordinator asks for; where it runs adds the rest. */
export type LeaseOrder = Omit<LeaseTask, 'port' | 'security'>;

export type ToWorker =
  | { readonly kind: 'freeze' }
  /** The frozen delta was drained: the worker may go on if it was full. */
  | { readonly kind: 'drained' }
  | { readonly kind: 'leader'; readonly leader: LeaderAddress }
  /** The answer to `replica-wanted`; null when it is not known, or not in sync. */
  | { readonly kind: 'replica'; readonly brokerId: number; readonly place: BrokerPlace | null }
  /** Stop fetching, freeze what there is, and end the task. */
  | { readonly kind: 'stop' };

export type ToCoordinator =
  | { readonly kind: 'frozen'; readonly sequence: number }
  /** The active delta is full: a checkpoint is needed before the worker can go on. */
  | { readonly kind: 'full' }
  | { readonly kind: 'leader-wanted'; readonly reason: string }
  /** The leader would have this replica read from. */
  | { readonly kind: 'replica-wanted'; readonly brokerId: number }
  | { readonly kind: 'trouble'; readonly code: string; readonly message: string };

/** How a lease ended. A failure is data: an error's fields do not survive the way over a port. */
export type LeaseResult =
  | { readonly outcome: 'stopped' }
  | {
      readonly outcome: 'failed';
      readonly message: string;
      readonly code: string;
      /** What cannot be read, where that is the reason and its end is certain. */
      readonly corrupt: OffsetRange | null;
      readonly options: Omit<VendavalErrorOptions, 'cause' | 'code'>;
    };
