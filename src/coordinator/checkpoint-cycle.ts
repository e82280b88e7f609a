/**
 * One checkpoint after the other, each in the order that exactness rests on (docs/ARCHITECTURE.md):
 * freeze, drain, dead letters, totals, progress, close windows, commit. Content that was drained and
 * did not become durable is the last that is drained: no checkpoint follows one that failed.
 */
import { endsBefore, systemClock } from '../lib/clock.ts';
import type { StoredContribution, TotalsKey } from '../mongo/totals-store.ts';
import { type CheckpointReport, StepTimer } from './checkpoint-report.ts';
import type { Checkpointer } from './checkpointer.ts';
import type { Health } from './health.ts';
import type { OffsetCommits } from './offset-commits.ts';
import type { CheckpointContent, OwnedPartition } from './owned-partition.ts';
import type { PartitionManager } from './partition-manager.ts';
import { type RecoverySources, readLate } from './recovery.ts';
import type { RunTally } from './run-tally.ts';
import type { WindowCloser } from './window-closer.ts';

/** How often the watermark of an idle partition is written, and other processes' are read. */
const IDLE_INTERVAL_MS = 1000;
/** Rejected records in one checkpoint; as dead letters they take about ten times that. */
const LETTER_BYTES_MAX = 24 * 1024 * 1024;

export interface CycleContext {
  readonly manager: PartitionManager;
  readonly checkpointer: Checkpointer;
  readonly closer: WindowCloser;
  readonly commits: OffsetCommits;
  readonly sources: RecoverySources;
  readonly tally: RunTally;
  readonly health: Health;
  /** Ends a checkpoint that is being tried again; nothing of it may then be taken for durable. */
  readonly giveUp: AbortSignal;
  readonly onCheckpoint: ((report: CheckpointReport) => void) | undefined;
  partitionCount(): number;
  /** A checkpoint is wanted before the next tick. */
  wake(): void;
}

export class CheckpointCycle {
  readonly #context: CycleContext;
  #hasUnsettled = false;
  #leastTouchedMs = Number.POSITIVE_INFINITY;
  #lastCloseAtMs = Number.NEGATIVE_INFINITY;
  #checkpoints = 0;
  #lastCheckpointMs = 0;

  constructor(context: CycleContext) {
    this.#context = context;
  }

  /** Drained content did not become durable: nothing more is drained. */
  get hasUnsettled(): boolean {
    return this.#hasUnsettled;
  }

  get checkpoints(): number {
    return this.#checkpoints;
  }

  get lastCheckpointMs(): number {
    return this.#lastCheckpointMs;
  }

  async run(): Promise<void> {
    // Drained content is in its partition's sums and comes in no later delta: to write those after
    // a checkpoint that failed would pass over it. The next start counts it again.
    if (this.#hasUnsettled) return;
    const { manager, commits } = this.#context;
    const startMs = systemClock.monotonicMs();
    const timer = new StepTimer();
    const taking = manager.owned.filter((owned) => owned.hasNews(startMs, IDLE_INTERVAL_MS));
    await Promise.all(taking.map((owned) => owned.lease.freeze()));
    timer.done('freeze');
    this.#hasUnsettled = true;
    if (!(await this.#reopenLate(taking))) return;
    const contents = this.#drainFrozen(taking.filter((owned) => manager.has(owned)));
    timer.done('drain');
    if (contents.size > 0 && !(await this.#persist(contents, startMs, timer))) return;
    this.#hasUnsettled = false;
    const durableAtMs = systemClock.now();
    await this.#closeWindows(contents.size > 0);
    timer.done('close');
    await commits.commit();
    timer.done('commit');
    if (contents.size > 0) this.#report([...contents.values()], durableAtMs, timer);
    manager.reap();
  }

  /** @returns false when it was given up */
  async #persist(
    contents: ReadonlyMap<OwnedPartition, CheckpointContent>,
    startMs: number,
    timer: StepTimer,
  ): Promise<boolean> {
    const { checkpointer, commits, tally, giveUp } = this.#context;
    const permits = await checkpointer.persist([...contents.values()], giveUp, timer);
    if (!permits) return false;
    const nowMs = systemClock.monotonicMs();
    for (const [owned, { progress }] of contents) {
      tally.add(owned.durable, progress, owned.live);
      owned.settle(progress, nowMs);
    }
    commits.add(permits);
    this.#noteTouched([...contents.values()]);
    this.#checkpoints++;
    this.#lastCheckpointMs = nowMs - startMs;
    return true;
  }

  #report(
    contents: readonly CheckpointContent[],
    durableAtMs: number,
    { stepMs }: StepTimer,
  ): void {
    this.#context.onCheckpoint?.({
      durableAtMs,
      durationMs: this.#lastCheckpointMs,
      stepMs,
      registers: contents.reduce((count, { updates }) => count + updates.length, 0),
      arrivals: contents.map(({ arrivals }) => arrivals),
      letters: contents.flatMap(({ letters }) => letters),
    });
  }

  /**
   * Where late sales are counted: learns what the database says of late windows that frozen deltas
   * add to. A partition whose delta can't be added to that begins again, and gives no content.
   *
   * @returns false when it was given up
   */
  async #reopenLate(taking: readonly OwnedPartition[]): Promise<boolean> {
    const { checkpointer, sources, giveUp } = this.#context;
    const late = taking.flatMap((owned) => {
      const keys = owned.lateKeys();
      return keys.length === 0 ? [] : [{ owned, keys }];
    });
    if (late.length === 0) return true;
    let found: readonly (readonly StoredContribution[])[] = [];
    // One step for all: of several, the first to hold again would tell that nothing is wrong.
    const read = async () => {
      const reads = late.map(({ owned, keys }) => readLate(sources, owned.durable, keys));
      found = await Promise.all(reads);
    };
    if (!(await checkpointer.untilItHolds(read, giveUp))) return false;
    for (const [i, { owned, keys }] of late.entries()) this.#reopen(owned, keys, found[i]);
    return true;
  }

  #reopen(
    owned: OwnedPartition,
    keys: readonly TotalsKey[],
    stored: readonly StoredContribution[],
  ): void {
    if (owned.reopen(stored)) return;
    const { partition, durable } = owned;
    const { health, manager } = this.#context;
    const where = `partition ${partition}: late sales are counted further than`;
    health.info('begins-again', `${where} ${durable.nextOffset}`);
    manager.beginAgain(partition, keys);
  }

  /** Takes the frozen deltas, longest waiting first, as far as their dead letters fit in memory. */
  #drainFrozen(taking: OwnedPartition[]): Map<OwnedPartition, CheckpointContent> {
    const { closer, wake } = this.#context;
    const contents = new Map<OwnedPartition, CheckpointContent>();
    let letterBytes = 0;
    for (const owned of taking.sort((a, b) => a.durableAtMs - b.durableAtMs)) {
      const { frozen } = owned.lease.region;
      if (!frozen) continue;
      letterBytes += frozen.rejectLog.sizeBytes;
      if (contents.size > 0 && letterBytes > LETTER_BYTES_MAX) {
        // It stays frozen for the next checkpoint, which shall not wait for its time.
        wake();
        break;
      }
      contents.set(owned, owned.drain(closer.times));
    }
    return contents;
  }

  #noteTouched(contents: readonly CheckpointContent[]): void {
    for (const { updates } of contents) {
      for (const { windowEndMs } of updates) {
        this.#leastTouchedMs = Math.min(this.#leastTouchedMs, windowEndMs);
      }
    }
  }

  async #closeWindows(hasNews: boolean): Promise<void> {
    const { closer, giveUp, health, partitionCount } = this.#context;
    const nowMs = systemClock.monotonicMs();
    if (!hasNews && nowMs - this.#lastCloseAtMs < IDLE_INTERVAL_MS) return;
    try {
      const closing = closer.run(partitionCount(), this.#leastTouchedMs);
      if (!(await endsBefore(closing, giveUp))) return;
      this.#leastTouchedMs = Number.POSITIVE_INFINITY;
      this.#lastCloseAtMs = nowMs;
    } catch (error) {
      const { code, message } = health.asError(error);
      health.trouble(code, `windows stay open for now: ${message}`);
    }
  }
}
