/**
 * How long it is from one checkpoint to the next. While the engine is far behind, nobody waits for
 * its newest totals, and a checkpoint costs the cores that could catch up: then it comes less often,
 * and writes each document once for the many times it changed. One that closes a window comes at
 * once. Whoever cannot wait, as a full table, wakes it all the same.
 */
import type { Settings } from '../config/options.ts';
import { sleep, systemClock } from '../lib/clock.ts';
import { LIVE } from '../state/layout.ts';
import type { OwnedPartition } from './owned-partition.ts';
import type { WindowCloser } from './window-closer.ts';

/** Records between a position and its log's end from which on an engine is catching up. */
const CATCH_UP_LAG = 100_000;
const CATCH_UP_INTERVAL_MS = 1000;
/** How often it is looked whether a checkpoint would let a window close. */
const CLOSABLE_POLL_MS = 25;

const isFarBehind = ({ live }: OwnedPartition) =>
  live[LIVE.highWatermark] - live[LIVE.nextOffset] > CATCH_UP_LAG;

export class Pace {
  readonly #settings: Pick<Settings, 'flushIntervalMs' | 'watermarkDelayMs'>;
  readonly #closer: WindowCloser;
  #wake = new AbortController();

  constructor(
    settings: Pick<Settings, 'flushIntervalMs' | 'watermarkDelayMs'>,
    closer: WindowCloser,
  ) {
    this.#settings = settings;
    this.#closer = closer;
  }

  /** The next checkpoint shall not wait for its time. */
  wake(): void {
    this.#wake.abort();
  }

  /** Until the next checkpoint. */
  async pause(owned: () => readonly OwnedPartition[]): Promise<void> {
    const { signal } = this.#wake;
    const { flushIntervalMs } = this.#settings;
    const startMs = systemClock.monotonicMs();
    for (;;) {
      const isCatchingUp = owned().some(isFarBehind);
      const limitMs = isCatchingUp
        ? Math.max(flushIntervalMs, CATCH_UP_INTERVAL_MS)
        : flushIntervalMs;
      const leftMs = limitMs - (systemClock.monotonicMs() - startMs);
      if (leftMs <= 0 || signal.aborted || (!isCatchingUp && this.#becomesClosable(owned()))) break;
      await sleep(Math.min(leftMs, CLOSABLE_POLL_MS), signal);
    }
    this.#wake = new AbortController();
  }

  #becomesClosable(owned: readonly OwnedPartition[]): boolean {
    const read = new Map(owned.map(({ partition, live }) => [partition, live[LIVE.maxEventMs]]));
    const { watermarkDelayMs } = this.#settings;
    return this.#closer.becomesClosable((partition) => read.get(partition), watermarkDelayMs);
  }
}
