/**
 * What can't be read off the engine's present state: rates, recent rejects, recent latencies and
 * checkpoints. Fed once a second with the status and once with each checkpoint; everything it
 * keeps has a limit. For display only: no decision of the engine's rests on it.
 */
import type { CheckpointReport } from '../coordinator/checkpoint-report.ts';
import type { EngineEvent, EngineStatus } from '../coordinator/engine-events.ts';
import type { DeadLetter } from '../kafka/dead-letters.ts';
import { REASONS } from '../sale/reasons.ts';
import type { EventView, RejectedSample } from './api.ts';
import { LatencyHistogram } from './latency-histogram.ts';

/** Seconds of rates that a new viewer is shown. */
const HISTORY_S = 300;
/** A rate is taken over so many seconds: at two sales a second, one alone says little. */
const RATE_S = 5;
const MINUTE_MS = 60_000;
const SLICES = 12;
const SLICE_MS = MINUTE_MS / SLICES;
const SAMPLES_PER_REASON = 5;
/** Letters looked at in one checkpoint, from its end on: a flood must not cost more. */
const LETTERS_LOOKED_AT = 200;
const SAMPLE_CHARS = 400;
const EVENTS_KEPT = 20;

/** 1 ms to a day, each a quarter more than the last: fine enough to read quantiles from. */
const FINE_BOUNDS_MS = Array.from({ length: 83 }, (_, i) => 1.25 ** i);

interface Second {
  readonly atMs: number;
  /** Since each partition's first record: only differences within one partition mean anything. */
  readonly byPartition: ReadonlyMap<number, Counts>;
}

interface Counts {
  readonly counted: number;
  readonly rejected: number;
}

export class StreamMonitor {
  readonly #seconds: Second[] = [];
  readonly #rates: number[] = [];
  readonly #samples = new Map<number, RejectedSample[]>();
  readonly #events: EventView[] = [];
  readonly #latency: { readonly slice: number; readonly histogram: LatencyHistogram }[] = [];
  readonly #checkpoints: { readonly atMs: number; readonly durationMs: number }[] = [];
  #last: CheckpointReport | null = null;

  /** To be called about once a second. */
  sample({ partitions }: EngineStatus, nowMs: number): void {
    // What has not begun to read says 0, and later all that was counted before it.
    const reading = partitions.filter(
      ({ state, counted, durableCounted }) => state !== 'recovering' && counted >= durableCounted,
    );
    const byPartition = new Map(reading.map((one) => [one.partition, one]));
    this.#seconds.push({ atMs: nowMs, byPartition });
    while (this.#seconds[0].atMs < nowMs - MINUTE_MS) this.#seconds.shift();
    // One value alone is no rate.
    if (this.#seconds.length > 1) this.#rates.push(this.salesPerSecond);
    if (this.#rates.length > HISTORY_S) this.#rates.shift();
  }

  checkpoint(report: CheckpointReport): void {
    this.#last = report;
    this.#checkpoints.push({ atMs: report.durableAtMs, durationMs: report.durationMs });
    while (this.#checkpoints[0].atMs < report.durableAtMs - MINUTE_MS) this.#checkpoints.shift();
    const histogram = this.#sliceAt(report.durableAtMs);
    for (const [leastMs, mostMs, records] of latenciesOf(report)) {
      histogram.add(leastMs, mostMs, records);
    }
    this.#keepSamples(report.letters);
  }

  event({ level, code, message }: EngineEvent, nowMs: number): void {
    this.#events.push({ atMs: nowMs, level, code, message });
    if (this.#events.length > EVENTS_KEPT) this.#events.shift();
  }

  /** Of the whole process, over the last seconds. */
  get salesPerSecond(): number {
    return this.#rate(({ counted }) => counted);
  }

  recordsPerSecond(partition: number): number {
    return this.#rate(({ counted, rejected }, of) => (of === partition ? counted + rejected : 0));
  }

  get rejectedLastMinute(): number {
    return grown(this.#seconds[0], this.#seconds.at(-1), ({ rejected }) => rejected);
  }

  /** One value a second, oldest first. */
  get rates(): readonly number[] {
    return this.#rates;
  }

  get lastCheckpoint(): CheckpointReport | null {
    return this.#last;
  }

  worstCheckpointMs(nowMs: number): number | null {
    const recent = this.#checkpoints.filter(({ atMs }) => atMs >= nowMs - MINUTE_MS);
    return recent.length === 0 ? null : Math.max(...recent.map(({ durationMs }) => durationMs));
  }

  latency(nowMs: number): { p50Ms: number; p99Ms: number } | null {
    const sum = new LatencyHistogram(FINE_BOUNDS_MS);
    const oldest = Math.floor(nowMs / SLICE_MS) - SLICES;
    for (const { slice, histogram } of this.#latency) {
      if (slice <= oldest) continue;
      histogram.counts.forEach((count, i) => {
        sum.counts[i] += count;
      });
      sum.total += histogram.total;
    }
    if (sum.total === 0) return null;
    return { p50Ms: sum.quantileMs(0.5), p99Ms: sum.quantileMs(0.99) };
  }

  samplesOf(reason: number): readonly RejectedSample[] {
    return this.#samples.get(reason) ?? [];
  }

  /** Newest first. */
  get events(): readonly EventView[] {
    return this.#events.toReversed();
  }

  #rate(countOf: (counts: Counts, partition: number) => number): number {
    const last = this.#seconds.at(-1);
    const first = this.#seconds.at(-1 - RATE_S) ?? this.#seconds[0];
    if (!last || last.atMs <= first.atMs) return 0;
    return (grown(first, last, countOf) * 1000) / (last.atMs - first.atMs);
  }

  #sliceAt(nowMs: number): LatencyHistogram {
    const slice = Math.floor(nowMs / SLICE_MS);
    let newest = this.#latency.at(-1);
    if (newest?.slice !== slice) {
      newest = { slice, histogram: new LatencyHistogram(FINE_BOUNDS_MS) };
      this.#latency.push(newest);
      if (this.#latency.length > SLICES + 1) this.#latency.shift();
    }
    return newest.histogram;
  }

  #keepSamples(letters: readonly DeadLetter[]): void {
    const fresh = new Map<number, RejectedSample[]>();
    for (const letter of letters.slice(-LETTERS_LOOKED_AT).toReversed()) {
      const list = fresh.get(letter.record.reason) ?? [];
      if (list.length < SAMPLES_PER_REASON) list.push(sampleOf(letter));
      fresh.set(letter.record.reason, list);
    }
    for (const [reason, list] of fresh) {
      const kept = [...list, ...this.samplesOf(reason)].slice(0, SAMPLES_PER_REASON);
      this.#samples.set(reason, kept);
    }
  }
}

/** What came in between, over the partitions that were read all the while. */
function grown(
  first: Second | undefined,
  last: Second | undefined,
  countOf: (counts: Counts, partition: number) => number,
): number {
  let sum = 0;
  for (const [partition, before] of first?.byPartition ?? []) {
    const after = last?.byPartition.get(partition);
    // A lease that starts anew goes back to what is durable.
    if (after) sum += Math.max(0, countOf(after, partition) - countOf(before, partition));
  }
  return sum;
}

/** Least and greatest latency of each partition's records, and how many they are. */
export function latenciesOf(report: CheckpointReport): [number, number, number][] {
  return report.arrivals
    .filter(({ records, oldestMs }) => records > 0 && oldestMs >= 0)
    .map(({ records, oldestMs, newestMs }) => [
      // Clocks of producers and brokers may be ahead of ours.
      Math.max(0, report.durableAtMs - newestMs),
      Math.max(0, report.durableAtMs - oldestMs),
      records,
    ]);
}

function sampleOf({ partition, record }: DeadLetter): RejectedSample {
  return {
    partition,
    offset: record.offset,
    timestampMs: record.timestampMs < 0 ? null : record.timestampMs,
    detail: record.detail,
    value: record.value && textOf(record.value),
  };
}

/** Cut, and without control characters; what is no UTF-8 shows as such. */
function textOf(value: Buffer): string {
  const text = value.subarray(0, 4 * SAMPLE_CHARS).toString('utf8');
  const cut = text.length > SAMPLE_CHARS || value.length > 4 * SAMPLE_CHARS;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
  return `${text.slice(0, SAMPLE_CHARS).replace(/[\u0000-\u001f\u007f]/g, '\ufffd')}${cut ? '…' : ''}`;
}

/** Names of reasons with their codes, without the one for valid records. */
export const REJECT_REASONS = REASONS.map((name, code) => ({ name, code })).slice(1);
