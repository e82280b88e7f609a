/**
 * One partition that this process owns: its lease, its totals, and what of it is durable. Turns a
 * frozen delta into the content of a checkpoint, which never changes afterwards.
 */

import type { DeadLetter } from '../kafka/dead-letters.ts';
import { assert } from '../lib/assert.ts';
import { failPoint } from '../lib/fail-point.ts';
import type { Progress } from '../mongo/progress-document.ts';
import type { StoredContribution, TotalsKey, TotalsUpdate } from '../mongo/totals-store.ts';
import { LIVE } from '../state/layout.ts';
import { readSnapshot } from '../state/partition-region.ts';
import {
  firstTimelyWindow,
  followedWatermarkMs,
  NO_EVENT_MS,
  NO_WATERMARK_MS,
  type PartitionTime,
  pureWatermarkMs,
} from '../window/watermark.ts';
import type { TimeRules } from '../workers/lease-protocol.ts';
import type { LeaseHandle } from './lease-handle.ts';
import { PartitionTotals } from './partition-totals.ts';
import type { RecoveredPartition } from './recovery.ts';

/** What one partition brings to one checkpoint. */
export interface CheckpointContent {
  readonly progress: Progress;
  readonly updates: readonly TotalsUpdate[];
  readonly letters: readonly DeadLetter[];
  /** The dictionary has grown since it was last written. */
  readonly hasNewCategories: boolean;
  readonly arrivals: Arrivals;
}

/** How many records a checkpoint took from one partition, and when Kafka got them. */
export interface Arrivals {
  readonly partition: number;
  readonly records: number;
  /** Kafka timestamps, by batch; -1 when there are none. */
  readonly oldestMs: number;
  readonly newestMs: number;
}

/** Records with a verdict. */
const judged = ({ counted, rejected }: Progress) =>
  rejected.reduce((sum, count) => sum + count, counted);

export class OwnedPartition {
  readonly partition: number;
  readonly lease: LeaseHandle;
  /** As of the last durable checkpoint. */
  durable: Progress;
  /** When that checkpoint was made, monotonic. */
  durableAtMs: number;
  readonly #totals: PartitionTotals;
  readonly #rules: TimeRules;

  constructor(recovered: RecoveredPartition, lease: LeaseHandle, rules: TimeRules, nowMs: number) {
    this.partition = recovered.progress.partition;
    this.lease = lease;
    this.durable = recovered.progress;
    this.durableAtMs = nowMs;
    this.#rules = rules;
    this.#totals = new PartitionTotals(this.partition, rules.windowMs, recovered.contributions);
  }

  get live(): Float64Array {
    return this.lease.region.live;
  }

  /**
   * Whether a checkpoint would say anything new, or nothing was said for `idleIntervalMs`: an idle
   * partition's watermark moves with the clock, others see that its owner lives, and a worker that
   * hangs is found by being asked.
   */
  hasNews(nowMs: number, idleIntervalMs: number): boolean {
    if (this.lease.region.frozen) return true;
    if (this.live[LIVE.nextOffset] !== this.durable.nextOffset) return true;
    const isAtEnd = this.live[LIVE.atEnd] === 1;
    if (isAtEnd !== this.durable.atEnd) return true;
    return nowMs - this.durableAtMs >= idleIntervalMs;
  }

  /**
   * Takes the frozen delta and hands it back to the worker.
   *
   * @param times what all partitions' documents said last, by partition; empty when not read yet
   */
  drain(times: readonly (PartitionTime | null)[]): CheckpointContent {
    failPoint('before-drain');
    const { region } = this.lease;
    const delta = region.frozen;
    assert(delta !== null, 'there is a frozen delta to drain');
    const snapshot = readSnapshot(delta);
    region.dictionary.readNew();
    const { nextOffset, lastBatch, maxEventMs, atEnd } = snapshot;
    const { counted, lateCounted, rejected } = snapshot;
    const { partition, topicId } = this.durable;
    const letters = delta.rejectLog.read().map((record) => ({ topicId, partition, record }));
    const updates = this.#totals.absorb(
      delta.table,
      (category) => region.dictionary.nameOf(category),
      nextOffset,
    );
    failPoint('in-drain');
    this.lease.release();
    const progress: Progress = {
      ...this.durable,
      nextOffset,
      lastBatch,
      maxEventMs,
      closingWatermarkMs: this.#closingWatermarkMs(maxEventMs, snapshot.idleMs, times),
      atEnd,
      counted,
      lateCounted,
      rejected,
      categories: region.dictionary.names(snapshot.dictionaryCount),
    };
    const hasNewCategories = progress.categories.length > this.durable.categories.length;
    const arrivals = {
      partition: this.partition,
      records: judged(progress) - judged(this.durable),
      oldestMs: snapshot.oldestRecordMs,
      newestMs: snapshot.newestRecordMs,
    };
    failPoint('after-drain');
    return { progress, updates, letters, hasNewCategories, arrivals };
  }

  /** The content is durable. */
  settle(progress: Progress, nowMs: number): void {
    this.durable = progress;
    this.durableAtMs = nowMs;
    const { watermarkDelayMs, windowMs } = this.#rules;
    const firstTimely = firstTimelyWindow(progress.maxEventMs, watermarkDelayMs, windowMs);
    this.#totals.forgetBefore(firstTimely, progress.nextOffset);
  }

  /**
   * Keys of the frozen delta whose windows are late and whose sums are not known here: what the
   * database says of them must be reopened before the delta is drained.
   */
  lateKeys(): TotalsKey[] {
    const { region } = this.lease;
    const { late, watermarkDelayMs, windowMs } = this.#rules;
    if (late === 'reject' || !region.frozen) return [];
    region.dictionary.readNew();
    const { maxEventMs } = this.durable;
    const firstTimely = firstTimelyWindow(maxEventMs, watermarkDelayMs, windowMs);
    const nameOf = (category: number) => region.dictionary.nameOf(category);
    return this.#totals.unknownBefore(firstTimely, region.frozen.table, nameOf);
  }

  /**
   * @param stored registers of late keys, read since they were asked for
   * @returns false when some hold more than what is durable here: another owner has been at work,
   *   or one before this, and the delta holds sales that are in them already. It must be counted
   *   again by a lease that knows up to where.
   */
  reopen(stored: readonly StoredContribution[]): boolean {
    if (stored.some(({ register }) => register.ate > this.durable.nextOffset)) return false;
    this.#totals.reopen(stored);
    return true;
  }

  #closingWatermarkMs(
    maxEventMs: number,
    idleMs: number,
    times: readonly (PartitionTime | null)[],
  ): number {
    if (maxEventMs === NO_EVENT_MS) return NO_WATERMARK_MS;
    const { watermarkDelayMs } = this.#rules;
    const others = times.filter((_, partition) => partition !== this.partition);
    return Math.max(
      this.durable.closingWatermarkMs,
      Math.floor(pureWatermarkMs(maxEventMs, watermarkDelayMs) + idleMs),
      idleMs >= watermarkDelayMs ? followedWatermarkMs(others, watermarkDelayMs) : NO_WATERMARK_MS,
    );
  }
}
