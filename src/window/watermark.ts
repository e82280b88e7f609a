/**
 * Watermarks as pure decisions. A partition's own watermark judges lateness and depends on its
 * log alone; the closing watermark adds idle time and only ever closes windows; the global one is
 * the least closing watermark over all partitions of the topic.
 */

import { firstOpenWindow } from './window.ts';

/** The greatest event time of a partition that has had no valid event. */
export const NO_EVENT_MS = -1;

/** A watermark that no window's end can reach. */
export const NO_WATERMARK_MS = Number.NEGATIVE_INFINITY;

/** What lateness is judged by: the greatest valid event time so far, less the delay. */
export function pureWatermarkMs(maxEventMs: number, delayMs: number): number {
  return maxEventMs === NO_EVENT_MS ? NO_WATERMARK_MS : maxEventMs - delayMs;
}

/**
 * The least window index that a sale of this partition can still be counted in. Lateness and the
 * forgetting of sums both go by it, so that neither is ever ahead of the other.
 */
export function firstTimelyWindow(maxEventMs: number, delayMs: number, windowMs: number): number {
  return firstOpenWindow(pureWatermarkMs(maxEventMs, delayMs), windowMs);
}

/**
 * How long a partition has been shown, by successful fetches, to be at the end of its log.
 * Driven by fetch results and a monotonic clock; a gap between polls counts as one poll at most,
 * so a frozen process or a dead broker never makes idle time.
 */
export class IdleTimer {
  readonly #pollMsMax: number;
  #idleMs = 0;
  #lastPollMs = Number.NaN;

  constructor(pollMsMax: number) {
    this.#pollMsMax = pollMsMax;
  }

  /** A successful fetch found nothing new and the position is the end of the log. */
  pollAtEnd(nowMs: number): void {
    if (!Number.isNaN(this.#lastPollMs)) {
      this.#idleMs += Math.min(Math.max(0, nowMs - this.#lastPollMs), this.#pollMsMax);
    }
    this.#lastPollMs = nowMs;
  }

  /** Records arrived, or the end of the log was not shown: idleness starts again from nothing. */
  reset(): void {
    this.#idleMs = 0;
    this.#lastPollMs = Number.NaN;
  }

  get idleMs(): number {
    return this.#idleMs;
  }
}

/** What one partition's progress document says about time. */
export interface PartitionTime {
  readonly partition: number;
  /** Greatest valid event time; NO_EVENT_MS when there was none. */
  readonly maxEventMs: number;
  /** Idle-adjusted watermark; NO_WATERMARK_MS when there was no event. */
  readonly closingWatermarkMs: number;
  /** The last successful fetch showed the end of the log. */
  readonly atEnd: boolean;
}

export type WatermarkHold =
  | { readonly kind: 'no-document'; readonly partition: number }
  | { readonly kind: 'unread-backlog'; readonly partition: number }
  | { readonly kind: 'no-events' }
  | { readonly kind: 'slowest'; readonly partition: number };

export interface GlobalWatermark {
  readonly watermarkMs: number;
  /** Which partition holds the watermark where it is, and why. */
  readonly hold: WatermarkHold;
}

/**
 * How far a partition that has been idle for the delay or longer may follow the others: to the
 * least of those that are not so idle, or, when every one is, to the greatest. Without it, one
 * whose last sale is old by the others' time would hold every window open for as long as that,
 * after each start anew.
 *
 * @param others one entry for each other partition of the topic; null for a missing document
 */
export function followedWatermarkMs(
  others: readonly (PartitionTime | null)[],
  delayMs: number,
): number {
  let least = Number.POSITIVE_INFINITY;
  let greatest = NO_WATERMARK_MS;
  for (const time of others) {
    if (time === null) return NO_WATERMARK_MS;
    const { maxEventMs, closingWatermarkMs, atEnd } = time;
    if (maxEventMs === NO_EVENT_MS) {
      if (atEnd) continue;
      return NO_WATERMARK_MS;
    }
    greatest = Math.max(greatest, closingWatermarkMs);
    const isIdle = atEnd && closingWatermarkMs - pureWatermarkMs(maxEventMs, delayMs) >= delayMs;
    if (!isIdle) least = Math.min(least, closingWatermarkMs);
  }
  return least === Number.POSITIVE_INFINITY ? greatest : least;
}

/**
 * The least closing watermark. A partition without a document holds everything back until its
 * owner has made one; one that never had an event follows the others if it is at the end of its
 * log, and holds everything back while it is not.
 *
 * @param partitions one entry for each partition of the topic; null for a missing document
 */
export function globalWatermark(partitions: readonly (PartitionTime | null)[]): GlobalWatermark {
  let least: PartitionTime | undefined;
  for (let partition = 0; partition < partitions.length; partition++) {
    const time = partitions[partition];
    if (time === null) {
      return { watermarkMs: NO_WATERMARK_MS, hold: { kind: 'no-document', partition } };
    }
    if (time.maxEventMs === NO_EVENT_MS) {
      if (time.atEnd) continue;
      return { watermarkMs: NO_WATERMARK_MS, hold: { kind: 'unread-backlog', partition } };
    }
    if (!least || time.closingWatermarkMs < least.closingWatermarkMs) least = time;
  }
  if (!least) return { watermarkMs: NO_WATERMARK_MS, hold: { kind: 'no-events' } };
  return {
    watermarkMs: least.closingWatermarkMs,
    hold: { kind: 'slowest', partition: least.partition },
  };
}
