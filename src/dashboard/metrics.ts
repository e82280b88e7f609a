/**
 * What Prometheus reads from /metrics. Counters and gauges are taken from the engine's status and
 * the progress that is durable at the time of a scrape; histograms are fed with each checkpoint.
 * Names follow Prometheus' conventions; the lag has the names of the usual Kafka exporters.
 */
import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type Metric,
  Registry,
} from 'prom-client';
import type { Settings } from '../config/options.ts';
import { CHECKPOINT_STEPS, type CheckpointReport } from '../coordinator/checkpoint-report.ts';
import type { EngineEvent, EngineStatus, PartitionStatus } from '../coordinator/engine-events.ts';
import { NO_WATERMARK_MS } from '../window/watermark.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import { lagMs } from './live-snapshot.ts';
import { latenciesOf, REJECT_REASONS } from './stream-monitor.ts';

const LATENCY_BOUNDS_S = [
  ...[0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 30, 60, 300, 1800, 3600],
];
const STEP_BOUNDS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const EVENT_LOOP_PRECISION_MS = 20;
const STATES = ['starting', 'running', 'retrying', 'draining', 'stopped'] as const;

export interface MetricsSources {
  readonly settings: Settings;
  readonly version: string;
  status(): EngineStatus;
  viewers(): number;
}

type Labels = Readonly<Record<string, string | number>>;
type Sample = readonly [Labels, number | null];

export class Metrics {
  readonly #registry = new Registry();
  readonly #sources: MetricsSources;
  readonly #latency = new LatencyHistogram(LATENCY_BOUNDS_S.map((s) => s * 1000));
  readonly #stepSeconds: Histogram<'step'>;
  readonly #checkpointSeconds: Histogram;
  readonly #events: Counter<'level' | 'code'>;
  #durableAtMs: number | null = null;

  constructor(sources: MetricsSources) {
    this.#sources = sources;
    const registers = [this.#registry];
    collectDefaultMetrics({
      register: this.#registry,
      eventLoopMonitoringPrecision: EVENT_LOOP_PRECISION_MS,
    });
    this.#registry.registerMetric(
      exposed(
        this.#latency,
        'vendaval_end_to_end_latency_seconds',
        "From a record's Kafka timestamp until it is durable, counted or rejected.",
      ),
    );
    this.#checkpointSeconds = new Histogram({
      name: 'vendaval_checkpoint_seconds',
      help: 'From the start of a checkpoint until all of it is durable.',
      buckets: STEP_BOUNDS_S,
      registers,
    });
    this.#stepSeconds = new Histogram({
      name: 'vendaval_checkpoint_step_seconds',
      help: 'What each step of a checkpoint takes.',
      labelNames: ['step'],
      buckets: STEP_BOUNDS_S,
      registers,
    });
    for (const step of CHECKPOINT_STEPS) this.#stepSeconds.zero({ step });
    this.#events = new Counter({
      name: 'vendaval_events_total',
      help: 'Events that the engine has told, by level and code; codes are in docs/OPERATIONS.md.',
      labelNames: ['level', 'code'],
      registers,
    });
    this.#addEngine();
    this.#addPartitions();
    this.#addWatermark();
  }

  checkpoint(report: CheckpointReport): void {
    this.#durableAtMs = report.durableAtMs;
    this.#checkpointSeconds.observe(report.durationMs / 1000);
    for (const step of CHECKPOINT_STEPS) {
      this.#stepSeconds.observe({ step }, report.stepMs[step] / 1000);
    }
    for (const [leastMs, mostMs, records] of latenciesOf(report)) {
      this.#latency.add(leastMs, mostMs, records);
    }
  }

  event({ level, code }: EngineEvent): void {
    this.#events.inc({ level, code });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  // --- registration -------------------------------------------------------------------------

  #gauge(name: string, help: string, labelNames: string[], read: (s: EngineStatus) => Sample[]) {
    const { status } = this.#sources;
    new Gauge({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [labels, value] of read(status())) if (value !== null) this.set(labels, value);
      },
    });
  }

  /** What only ever grows is kept elsewhere; each scrape takes it as it stands. */
  #counter(name: string, help: string, labelNames: string[], read: (s: EngineStatus) => Sample[]) {
    const { status } = this.#sources;
    new Counter({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [labels, value] of read(status())) if (value !== null) this.inc(labels, value);
      },
    });
  }

  #addEngine(): void {
    const { settings, version, viewers } = this.#sources;
    const one = (value: number | null): Sample[] => [[{}, value]];
    this.#gauge('vendaval_build_info', 'Version of the engine; always 1.', ['version'], () => [
      [{ version }, 1],
    ]);
    this.#gauge('vendaval_state', '1 for the state that the engine is in.', ['state'], (status) =>
      STATES.map((state) => [{ state }, status.state === state ? 1 : 0]),
    );
    this.#gauge('vendaval_window_seconds', 'Length of a window.', [], () =>
      one(settings.windowMs / 1000),
    );
    this.#gauge(
      'vendaval_watermark_delay_setting_seconds',
      'The setting --watermark-delay.',
      [],
      () => one(settings.watermarkDelayMs / 1000),
    );
    this.#counter('vendaval_checkpoints_total', 'Checkpoints that became durable.', [], (status) =>
      one(status.checkpoints),
    );
    this.#gauge(
      'vendaval_checkpoint_durable_timestamp_seconds',
      'When the last checkpoint became durable.',
      [],
      () => one(seconds(this.#durableAtMs)),
    );
    this.#counter(
      'vendaval_windows_closed_total',
      'Totals that this process closed.',
      [],
      (status) => one(status.windowsClosed),
    );
    this.#gauge('vendaval_page_viewers', 'Live pages that are open.', [], () => one(viewers()));
    this.#gauge(
      'vendaval_shared_memory_bytes',
      'Memory that worker threads share with the coordinator.',
      [],
      ({ partitions }) => one(partitions.reduce((sum, { sharedBytes }) => sum + sharedBytes, 0)),
    );
  }

  #addPartitions(): void {
    const { topic, group } = this.#sources.settings;
    const each =
      (labels: Labels, read: (one: PartitionStatus) => number | null) =>
      ({ partitions }: EngineStatus): Sample[] =>
        partitions.map((one) => [{ ...labels, partition: one.partition }, read(one)]);
    const known = (value: number) => (value < 0 ? null : value);
    const own = ['topic', 'partition'];
    const ofGroup = ['group', 'topic', 'partition'];
    this.#counter(
      'vendaval_records_counted_total',
      "Sales counted and durable, since the partition's first; as the progress document has it.",
      own,
      each({ topic }, (one) => (one.durableOffset < 0 ? null : one.durableCounted)),
    );
    this.#counter(
      'vendaval_records_late_counted_total',
      'Of the counted ones, those that were late and are counted all the same, by --late count.',
      own,
      each({ topic }, (one) => (one.durableOffset < 0 ? null : one.durableLateCounted)),
    );
    this.#counter(
      'vendaval_records_rejected_total',
      "Records rejected, sent to the dead-letter topic and durable, since the partition's first.",
      [...own, 'reason'],
      ({ partitions }) =>
        partitions
          .filter(({ durableOffset }) => durableOffset >= 0)
          .flatMap(({ partition, rejectedByReason }) =>
            REJECT_REASONS.map(
              ({ name }): Sample => [
                { topic, partition, reason: name },
                rejectedByReason[name] ?? 0,
              ],
            ),
          ),
    );
    this.#gauge(
      'vendaval_partition_state',
      '1 for the state that a partition of this process is in.',
      [...own, 'state'],
      ({ partitions }) =>
        partitions.map(({ partition, state }) => [{ topic, partition, state }, 1]),
    );
    this.#gauge(
      'vendaval_partition_open_transaction',
      "1 while a producer's open transaction keeps records from being read.",
      own,
      each({ topic }, ({ openTransactionAt }) => (openTransactionAt === null ? 0 : 1)),
    );
    this.#counter(
      'vendaval_fetched_bytes_total',
      'Record batches read since the lease began, compressed where they are.',
      own,
      each({ topic }, ({ bytesRead }) => bytesRead),
    );
    this.#counter(
      'vendaval_reconnects_total',
      'Connections to the leader that were lost since the lease began.',
      own,
      each({ topic }, ({ reconnects }) => reconnects),
    );
    this.#gauge(
      'kafka_partition_latest_offset',
      "End of the partition's log, as last seen.",
      own,
      each({ topic }, ({ endOffset }) => known(endOffset)),
    );
    this.#gauge(
      'kafka_consumergroup_group_offset',
      'Offset up to which all is durable; what the group commits.',
      ofGroup,
      each({ group, topic }, ({ durableOffset }) => known(durableOffset)),
    );
    this.#gauge(
      'kafka_consumergroup_group_lag',
      'Records in the log that are not durable yet.',
      ofGroup,
      each({ group, topic }, ({ endOffset, durableOffset }) =>
        endOffset < 0 || durableOffset < 0 ? null : Math.max(0, endOffset - durableOffset),
      ),
    );
    this.#gauge(
      'kafka_consumergroup_group_lag_seconds',
      'Age of the newest record that was judged while more is waiting; 0 at the end of the log.',
      ofGroup,
      each({ group, topic }, (one) => seconds(lagMs(one, Date.now()))),
    );
  }

  #addWatermark(): void {
    const { topic } = this.#sources.settings;
    this.#gauge(
      'vendaval_watermark_timestamp_seconds',
      'The global watermark: windows that end before it are closed.',
      ['topic'],
      ({ watermarkMs }) => [[{ topic }, seconds(watermarkMs)]],
    );
    this.#gauge(
      'vendaval_watermark_delay_seconds',
      'How far the global watermark is behind the clock.',
      ['topic'],
      ({ watermarkMs }) => [[{ topic }, watermarkMs && seconds(Date.now() - watermarkMs)]],
    );
    this.#gauge(
      'vendaval_watermark_hold',
      '1 for the reason why the watermark stands where it does, and the partition that is it.',
      ['topic', 'partition', 'kind'],
      ({ hold }) =>
        hold === null
          ? []
          : [[{ topic, kind: hold.kind, partition: 'partition' in hold ? hold.partition : '' }, 1]],
    );
    this.#gauge(
      'vendaval_partition_watermark_timestamp_seconds',
      'Closing watermark of each partition of the topic, those of other processes included.',
      ['topic', 'partition'],
      ({ times }) =>
        times.flatMap((time): Sample[] =>
          time === null || time.closingWatermarkMs === NO_WATERMARK_MS
            ? []
            : [[{ topic, partition: time.partition }, seconds(time.closingWatermarkMs)]],
        ),
    );
  }
}

const seconds = (ms: number | null) => (ms === null ? null : ms / 1000);

/** prom-client counts one observation at a time; this one comes by the thousand. */
function exposed(histogram: LatencyHistogram, name: string, help: string): Metric {
  const get = async () => {
    let below = 0;
    const buckets = histogram.counts.map((count, i) => {
      below += count;
      const le = i < histogram.boundsMs.length ? histogram.boundsMs[i] / 1000 : '+Inf';
      return { value: below, labels: { le }, metricName: `${name}_bucket` };
    });
    const sum = { value: histogram.sumMs / 1000, labels: {}, metricName: `${name}_sum` };
    const total = { value: histogram.total, labels: {}, metricName: `${name}_count` };
    return { name, help, type: 'histogram', values: [...buckets, sum, total], aggregator: 'sum' };
  };
  return { name, get } as unknown as Metric;
}
