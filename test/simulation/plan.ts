/**
 * A history's plan: what is produced, what goes wrong and when, as plain data. Made from a seed,
 * kept as JSON, and shrunk by leaving things out. What is not listed (every delay, which of many
 * requests fails) follows from `seed` while the history runs.
 */

/** A record: a sale, or the text of something that is none. */
export type PlannedRecord =
  | {
      readonly categoria: string;
      readonly centavos: number;
      /** Event time and Kafka timestamp, in ms since the history began; may be negative. */
      readonly eventMs: number;
      readonly kafkaMs: number;
    }
  | { readonly junk: string | null; readonly kafkaMs: number };

export interface PlannedBatch {
  /** When the broker has it. */
  readonly atMs: number;
  /** Offsets left out before it, as compaction leaves them. */
  readonly gap: number;
  /** It is one transaction, which ends some time later. */
  readonly transaction?: { readonly heldMs: number; readonly commits: boolean };
  readonly records: readonly PlannedRecord[];
}

export interface PlannedPartition {
  /** When it is added to the topic; 0 for from the start. */
  readonly atMs: number;
  readonly firstOffset: number;
  readonly batches: readonly PlannedBatch[];
}

export type Fault = { readonly atMs: number } & (
  | { readonly kind: 'crash' | 'stop'; readonly process: number; readonly downMs: number }
  /** SIGSTOP and SIGCONT. */
  | { readonly kind: 'freeze'; readonly process: number; readonly forMs: number }
  /** It does not reach the group's coordinator, and goes on reading and writing. */
  | { readonly kind: 'cut-off'; readonly process: number; readonly forMs: number }
  | { readonly kind: 'thread-death'; readonly process: number; readonly thread: number }
  | { readonly kind: 'clock-jump'; readonly process: number; readonly byMs: number }
  /** The group moves a partition for no reason. */
  | { readonly kind: 'rebalance'; readonly partition: number }
  /** A new primary; the old one takes itself for one for a while. */
  | { readonly kind: 'failover'; readonly shard: number; readonly staleMs: number }
  | { readonly kind: 'database-down'; readonly forMs: number }
  | { readonly kind: 'letters-down'; readonly forMs: number }
  /** No answer to fetches (grey), or connections break. */
  | { readonly kind: 'broker-grey' | 'broker-down'; readonly forMs: number }
  /** Somebody compacts old documents, beside whatever else goes on. */
  | { readonly kind: 'compact' }
  /** Records that are durable are deleted from the log. */
  | { readonly kind: 'retention'; readonly partition: number }
);

/** How likely each thing goes wrong with one request; 0 for never. */
export interface Weather {
  readonly lostRequest: number;
  readonly lostReply: number;
  /** The network delivers a write once more, much later. */
  readonly repeated: number;
  /** One update of a bulk is refused by the server. */
  readonly refusedUpdate: number;
  readonly writeConcernError: number;
  /** Longest time of a slow message between engine and database. */
  readonly slowMs: number;
  readonly lostLetter: number;
  readonly fetchFails: number;
  readonly corruptFetch: number;
  readonly commitFails: number;
}

export interface PlannedRules {
  readonly windowMs: number;
  readonly watermarkDelayMs: number;
  readonly futureToleranceMs: number;
  readonly maxCategories: number;
  /** Late sales are rejected where it says nothing else. */
  readonly late?: 'reject' | 'count';
}

export interface Plan {
  readonly seed: number;
  readonly rules: PlannedRules;
  readonly flushIntervalMs: number;
  readonly tableSlots: number;
  readonly rejectLogBytes: number;
  readonly processes: number;
  readonly threads: number;
  /** Totals and progress on replica sets of their own, as when the collections are sharded. */
  readonly isSharded: boolean;
  readonly partitions: readonly PlannedPartition[];
  readonly faults: readonly Fault[];
  readonly weather: Weather;
  /** From then on nothing goes wrong, and everything must come to its right end. */
  readonly healAtMs: number;
}

export const CALM: Weather = {
  lostRequest: 0,
  lostReply: 0,
  repeated: 0,
  refusedUpdate: 0,
  writeConcernError: 0,
  slowMs: 0,
  lostLetter: 0,
  fetchFails: 0,
  corruptFetch: 0,
  commitFails: 0,
};
