/**
 * What a process that died has left behind. Its group keeps a dead member's partitions until its
 * session is over, ten seconds later. Until the group has spoken, a starting process takes over
 * partitions whose owner has neither let go of them nor written for a while. Ownership only saves
 * work: should the owner live after all, both count the same until the group decides.
 */
import type { Ownership } from '../mongo/progress-reader.ts';

/**
 * A live owner writes each of its partitions about once a second, idle ones too. A group without a
 * dead member mostly answers sooner, so that nothing is taken over then.
 */
const STILL_MS = 2000;
/** In flush intervals, for those that are longer. */
const STILL_INTERVALS = 3;

/** Watched by one's own clock from the first look on: nobody else's clock is asked. */
export class OrphanWatch {
  readonly #stillMs: number;
  readonly #seen = new Map<number, { readonly stamp: number; readonly sinceMs: number }>();

  constructor(flushIntervalMs: number) {
    this.#stillMs = Math.max(STILL_MS, STILL_INTERVALS * flushIntervalMs);
  }

  /**
   * @param ownerships what the progress documents say now
   * @returns those that have an owner and stand still
   */
  look(ownerships: readonly Ownership[], nowMs: number): Ownership[] {
    return ownerships.filter(({ partition, owner, stamp }) => {
      const seen = this.#seen.get(partition);
      if (seen?.stamp !== stamp) {
        this.#seen.set(partition, { stamp, sinceMs: nowMs });
        return false;
      }
      return owner !== null && nowMs - seen.sinceMs >= this.#stillMs;
    });
  }
}
