/**
 * Makes the content of a checkpoint durable, in the order that exactness rests on: dead letters,
 * totals, progress. Content is frozen: a step that fails is tried again with the same content
 * until it holds or the caller gives up, and what held is not done twice.
 */
import { Backoff } from '../lib/backoff.ts';
import { endsBefore, sleep } from '../lib/clock.ts';
import type { CommitPermit } from '../lib/commit-permit.ts';
import { EXIT, type VendavalError } from '../lib/errors.ts';
import type { ProgressStore } from '../mongo/progress-store.ts';
import type { TotalsStore } from '../mongo/totals-store.ts';
import type { StepTimer } from './checkpoint-report.ts';
import type { DeadLetters } from './outside.ts';
import type { CheckpointContent } from './owned-partition.ts';
import { mergeByDocument } from './partition-totals.ts';

const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 5000;

export interface CheckpointSinks {
  readonly deadLetters: Pick<DeadLetters, 'send'>;
  readonly totals: TotalsStore;
  readonly progress: ProgressStore;
}

export interface CheckpointWatcher {
  /** A step failed and will be tried again with the same content. */
  retrying(error: VendavalError, attempt: number): void;
  recovered(): void;
}

export class Checkpointer {
  readonly #sinks: CheckpointSinks;
  readonly #asError: (error: unknown) => VendavalError;
  readonly #watcher: CheckpointWatcher;

  /** @param asError makes what a sink throws into an error of ours */
  constructor(
    sinks: CheckpointSinks,
    asError: (error: unknown) => VendavalError,
    watcher: CheckpointWatcher,
  ) {
    this.#sinks = sinks;
    this.#asError = asError;
    this.#watcher = watcher;
  }

  /**
   * @param giveUp ends the retries; nothing of the content may then be taken for durable
   * @param timer is told when each step is over
   * @returns the permits to commit, or null when it was given up
   */
  async persist(
    contents: readonly CheckpointContent[],
    giveUp: AbortSignal,
    timer?: Pick<StepTimer, 'done'>,
  ): Promise<CommitPermit[] | null> {
    const { deadLetters, totals, progress } = this.#sinks;
    const letters = contents.flatMap((content) => content.letters);
    const updates = mergeByDocument(contents.flatMap((content) => content.updates));
    const grown = contents.filter(({ hasNewCategories }) => hasNewCategories);
    const withCategories = new Set(grown.map((content) => content.progress.partition));
    if (!(await this.untilItHolds(() => deadLetters.send(letters), giveUp))) return null;
    timer?.done('letters');
    if (!(await this.untilItHolds(() => totals.write(updates), giveUp))) return null;
    timer?.done('totals');
    let permits: CommitPermit[] = [];
    const advance = async () => {
      const states = contents.map((content) => content.progress);
      permits = await progress.advance(states, withCategories);
    };
    if (!(await this.untilItHolds(advance, giveUp))) return null;
    timer?.done('progress');
    return permits;
  }

  /** @returns false when it was given up */
  async untilItHolds(step: () => Promise<void>, giveUp: AbortSignal): Promise<boolean> {
    const backoff = new Backoff(BACKOFF_MIN_MS, BACKOFF_MAX_MS);
    for (;;) {
      try {
        // A database that hangs must not hold up a stop; should the write still land, it is right.
        if (!(await endsBefore(step(), giveUp))) return false;
        if (backoff.attempts > 0) this.#watcher.recovered();
        return true;
      } catch (error) {
        if (giveUp.aborted) return false;
        const failure = this.#asError(error);
        // A bug would fail for ever. Everything from outside may mend, rights and disks included.
        if (failure.code === 'E_INTERNAL' || failure.exitCode === EXIT.dataLossGuard) throw failure;
        const waitMs = backoff.nextMs();
        this.#watcher.retrying(failure, backoff.attempts);
        await sleep(waitMs, giveUp);
        if (giveUp.aborted) return false;
      }
    }
  }
}
