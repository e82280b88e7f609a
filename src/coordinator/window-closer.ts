/**
 * The global watermark, from the progress documents of every partition of the topic, and the
 * closing of windows behind it. Works the same for one process and for several: each reads all
 * documents and closes what may be closed; closing twice changes nothing. Invariant: the watermark
 * never goes back within one count, and nothing of it goes over into another, which an engine that
 * slept through a `reset` may find in its place.
 */
import { failPoint } from '../lib/fail-point.ts';
import type { ProgressReader } from '../mongo/progress-reader.ts';
import type { TotalsStore } from '../mongo/totals-store.ts';
import {
  globalWatermark,
  NO_WATERMARK_MS,
  type PartitionTime,
  pureWatermarkMs,
  type WatermarkHold,
} from '../window/watermark.ts';
import { firstOpenWindow } from '../window/window.ts';

export class WindowCloser {
  readonly #progress: ProgressReader;
  readonly #totals: TotalsStore;
  readonly #windowMs: number;
  #watermarkMs = NO_WATERMARK_MS;
  #hold: WatermarkHold | null = null;
  #times: readonly (PartitionTime | null)[] = [];
  /** Of the documents that the watermark was made from. */
  #countIds: readonly (string | null)[] = [];
  /** Every document of a window below this one is closed, as far as this process knows. */
  #closedBelow = NO_WATERMARK_MS;
  /** But for some that were written after the progress that the watermark was made from. */
  #isSomeLeft = false;
  #closedCount = 0;
  /** `becomesClosable` has told of every window below this one. */
  #toldBelow = NO_WATERMARK_MS;

  constructor(progress: ProgressReader, totals: TotalsStore, windowMs: number) {
    this.#progress = progress;
    this.#totals = totals;
    this.#windowMs = windowMs;
  }

  /**
   * Whether a checkpoint made now would let a window close. True once for each window, so that
   * one that cannot be closed (the database fails) does not drive checkpoints.
   *
   * @param maxEventMsOf by partition, the greatest event time that was read, durable or not;
   *   undefined for those of other processes
   */
  becomesClosable(
    maxEventMsOf: (partition: number) => number | undefined,
    delayMs: number,
  ): boolean {
    const times = this.#times.map((time) => {
      if (time === null) return null;
      const maxEventMs = maxEventMsOf(time.partition) ?? time.maxEventMs;
      const watermarkMs = pureWatermarkMs(maxEventMs, delayMs);
      const closingWatermarkMs = Math.max(time.closingWatermarkMs, watermarkMs);
      return { ...time, maxEventMs, closingWatermarkMs };
    });
    const openFrom = firstOpenWindow(globalWatermark(times).watermarkMs, this.#windowMs);
    if (openFrom <= Math.max(this.#closedBelow, this.#toldBelow)) return false;
    this.#toldBelow = openFrom;
    return true;
  }

  /**
   * Reads the watermark and closes what lies behind it.
   *
   * @param leastTouchedMs the least window end that was written since the last call: an honest
   *   sale of an idle partition can make a document whose window was closed before
   */
  async run(partitionCount: number, leastTouchedMs: number): Promise<void> {
    const { times, countIds, writtenAtMs } = await this.#progress.readTimes(partitionCount);
    const isAnother = countIds.some((id, partition) => (this.#countIds[partition] ?? id) !== id);
    this.#countIds = countIds;
    if (isAnother) this.#beginAgain();
    this.#times = times;
    const { watermarkMs, hold } = globalWatermark(this.#times);
    this.#hold = hold;
    // It never goes back: a new partition only keeps it where it is.
    if (watermarkMs > this.#watermarkMs) this.#watermarkMs = watermarkMs;
    if (this.#watermarkMs === NO_WATERMARK_MS) return;
    const openFrom = firstOpenWindow(this.#watermarkMs, this.#windowMs);
    const isSomeOpen = leastTouchedMs <= this.#watermarkMs || this.#isSomeLeft;
    if (openFrom <= this.#closedBelow && !isSomeOpen) return;
    failPoint('before-close');
    this.#closedCount += await this.#totals.close(this.#watermarkMs, writtenAtMs);
    this.#isSomeLeft = await this.#totals.isLeftOpen(this.#watermarkMs, writtenAtMs);
    this.#closedBelow = openFrom;
    failPoint('after-close');
  }

  /** The documents are others: their count begins anew, before windows that were closed by now. */
  #beginAgain(): void {
    this.#watermarkMs = NO_WATERMARK_MS;
    this.#closedBelow = NO_WATERMARK_MS;
    this.#toldBelow = NO_WATERMARK_MS;
    this.#isSomeLeft = false;
  }

  get watermarkMs(): number | null {
    return this.#watermarkMs === NO_WATERMARK_MS ? null : this.#watermarkMs;
  }

  get hold(): WatermarkHold | null {
    return this.#hold;
  }

  /** What the watermark was made from, by partition; null where there is no document. */
  get times(): readonly (PartitionTime | null)[] {
    return this.#times;
  }

  get closedCount(): number {
    return this.#closedCount;
  }
}
