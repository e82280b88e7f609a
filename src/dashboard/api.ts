/**
 * What goes over HTTP: the shapes that the server sends and the page reads. Types only, so that
 * the page's code, which runs in a browser, can share them. docs/HTTP-API.md and
 * src/page/api/openapi.json describe the same; a test holds real answers against the latter.
 *
 * Times are milliseconds since the epoch (…Ms) or ISO 8601 in UTC; the collection's fields keep
 * their Portuguese names.
 */

/** Whole centavos. Beyond 2^53 - 1 its digits as text, so that no parser rounds it in silence. */
export type WireCentavos = number | string;

export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  readonly sinceMs: number | null;
}

/** One document of the totals, without its registers. */
export interface WindowRow {
  readonly janela_inicio: string;
  readonly janela_fim: string;
  readonly categoria: string;
  readonly faturamento_total: number;
  readonly faturamento_centavos: WireCentavos;
  readonly volume_vendas: number;
  readonly ticket_medio: number;
  readonly menor_valor: number;
  readonly maior_valor: number;
  readonly fechada: boolean;
  readonly atualizado_em: string;
  readonly corrigida_em: string | null;
}

/** Several windows of one category added up; `step` of /api/windows. */
export interface BucketRow {
  readonly inicio: string;
  readonly fim: string;
  readonly categoria: string;
  readonly faturamento_centavos: WireCentavos;
  readonly volume_vendas: number;
  readonly janelas: number;
  readonly abertas: number;
}

export interface WindowsAnswer {
  readonly from: string;
  readonly to: string;
  readonly categoria: string | null;
  readonly windows: readonly WindowRow[];
  /** The address of what comes after; null at the end. */
  readonly next: string | null;
}

export interface BucketsAnswer {
  readonly from: string;
  readonly to: string;
  readonly categoria: string | null;
  readonly stepMs: number;
  readonly buckets: readonly BucketRow[];
}

export type PartitionState =
  | 'recovering'
  | 'connecting'
  | 'fetching'
  | 'full'
  | 'backing-off'
  | 'stopped'
  /** Read by another process of the group, or by nobody. */
  | 'elsewhere';

export interface PartitionView {
  readonly partition: number;
  readonly state: PartitionState;
  /** Which process wrote its progress last; null when there is no progress document. */
  readonly owner: string | null;
  /** host:port; null for a partition that is read elsewhere. */
  readonly leader: string | null;
  readonly recordsPerSecond: number;
  readonly nextOffset: number;
  readonly endOffset: number | null;
  readonly durableOffset: number;
  /** Records in the log that are not durable yet; null for a partition that is read elsewhere. */
  readonly lag: number | null;
  /** How old the newest record judged is while there is lag; null when it can't be known. */
  readonly lagMs: number | null;
  /** Where an open transaction begins that holds the position back; null when none does. */
  readonly openTransactionAt: number | null;
  readonly counted: number;
  /** Of those, the ones that were late; durable. */
  readonly lateCounted: number;
  readonly rejected: number;
  /** Newest valid event time, and the closing watermark; null before the first sale. */
  readonly newestSaleMs: number | null;
  readonly watermarkMs: number | null;
  readonly atEnd: boolean;
  readonly reconnects: number;
}

export interface WatermarkView {
  readonly atMs: number | null;
  /** How far it is behind the clock; null before there is one. */
  readonly delayMs: number | null;
  readonly hold: {
    readonly kind: 'no-document' | 'unread-backlog' | 'no-events' | 'slowest';
    readonly partition: number | null;
  } | null;
}

export interface RejectedSample {
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number | null;
  readonly detail: string;
  /** The value as text, cut; null for a record without one. */
  readonly value: string | null;
}

export interface RejectedView {
  readonly reason: string;
  readonly count: number;
  /** Newest first, of those that this process rejected since its start. */
  readonly samples: readonly RejectedSample[];
}

export interface CheckpointView {
  readonly count: number;
  readonly durableAtMs: number | null;
  readonly lastMs: number;
  /** Over the last minute; null without one. */
  readonly worstMs: number | null;
  /** Of the last one, in the order in which they run. */
  readonly steps: readonly { readonly step: string; readonly ms: number }[];
}

export interface CategoryTotals {
  readonly categoria: string;
  readonly centavos: WireCentavos;
  readonly sales: number;
}

export interface RevenueView {
  /** When the database was asked, by the engine's clock. */
  readonly readAtMs: number;
  readonly centavos: WireCentavos;
  readonly sales: number;
  readonly firstWindowMs: number | null;
  /** Greatest first; those past the first dozen are summed in `others`. */
  readonly categories: readonly CategoryTotals[];
  readonly others: {
    readonly categories: number;
    readonly centavos: WireCentavos;
    readonly sales: number;
  };
  /** The newest windows, newest first. */
  readonly windows: readonly LiveWindow[];
}

export interface LiveWindow {
  readonly startMs: number;
  readonly closed: boolean;
  readonly corrected: boolean;
  readonly centavos: WireCentavos;
  readonly sales: number;
  /** Centavos by the categories of `RevenueView.categories`, in their order, then the others. */
  readonly byCategory: readonly WireCentavos[];
}

export interface EventView {
  readonly atMs: number;
  readonly level: 'info' | 'warn' | 'error';
  readonly code: string;
  readonly message: string;
}

export interface LiveSnapshot {
  readonly nowMs: number;
  readonly version: string;
  readonly engine: {
    readonly owner: string;
    readonly startedAtMs: number;
    readonly state: 'starting' | 'running' | 'retrying' | 'draining' | 'stopped';
    readonly problem: Problem | null;
    readonly topic: string;
    readonly deadLetterTopic: string;
    readonly group: string;
    readonly database: string;
    readonly collection: string;
    readonly windowMs: number;
    readonly watermarkDelayMs: number;
    readonly flushIntervalMs: number;
    readonly timeZone: string;
    /** What becomes of late sales: rejected, or counted as corrections. */
    readonly late: 'reject' | 'count';
    readonly memoryBytes: number;
  };
  readonly kafka: {
    readonly brokers: readonly {
      readonly id: number;
      readonly host: string;
      readonly port: number;
    }[];
    readonly answeredAtMs: number | null;
    readonly problem: Problem | null;
  };
  readonly database: {
    readonly hosts: string;
    readonly readAtMs: number | null;
    readonly readMs: number | null;
    readonly problem: Problem | null;
  };
  readonly stream: {
    readonly salesPerSecond: number;
    readonly rejectedLastMinute: number;
    readonly counted: number;
    /** Of those, the ones that were late; durable. */
    readonly lateCounted: number;
    readonly rejected: number;
    readonly lag: number;
    readonly lagMs: number | null;
    /** From Kafka's timestamp to durable, over the last minute. */
    readonly latency: { readonly p50Ms: number; readonly p99Ms: number } | null;
  };
  readonly partitions: readonly PartitionView[];
  readonly watermark: WatermarkView;
  readonly checkpoint: CheckpointView;
  readonly rejected: readonly RejectedView[];
  /** null until the database has answered once. */
  readonly revenue: RevenueView | null;
  readonly events: readonly EventView[];
  readonly viewers: number;
}

/** First on a stream of events: what the snapshots after it go on from. */
export interface RateHistory {
  /** One value for each second up to now, oldest first. */
  readonly endMs: number;
  readonly salesPerSecond: readonly number[];
}

export interface ErrorAnswer {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly hint: string;
    /** The query parameter that is wrong, when it is one. */
    readonly parameter: string | null;
  };
}
