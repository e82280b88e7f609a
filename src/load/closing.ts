/**
 * How long windows take to be closed once they may be: from when the last partition has a sale at
 * or past the window's end and the watermark delay, to a read that shows all its documents closed.
 * The former is taken as the handing of that sale's batch to the socket, so the figure is never
 * too good, and by up to a poll too bad. Only windows that sales close are measured: those that a
 * silent topic closes have no such moment.
 */
import type { Acknowledgement } from './load-protocol.ts';
import { MsHistogram, type Percentiles } from './ms-histogram.ts';

/** Windows are looked for from a little before they can be closed on, for so long. */
const POLLS_MS = 100;
const NEAR_MS = 5000;

export interface ClosingFigures {
  readonly windows: number;
  readonly times: Percentiles | null;
}

export class Closing {
  readonly #windowMs: number;
  readonly #delayMs: number;
  readonly #partitions: number;
  readonly #times = new MsHistogram();
  /** By partition: the first window that its sales have not passed yet. */
  readonly #next = new Map<number, number>();
  /** By window, while it is not known to be closed: partitions that have passed it, and when. */
  readonly #passed = new Map<number, { partitions: number; atMs: number }>();
  /** Seen closed before the acknowledgements were told. */
  readonly #closed = new Map<number, number>();
  #firstWindow = Number.POSITIVE_INFINITY;

  constructor(windowMs: number, delayMs: number, partitions: number) {
    this.#windowMs = windowMs;
    this.#delayMs = delayMs;
    this.#partitions = partitions;
  }

  /** Whether a window may be closed about now: that is when to look. */
  isNear(nowMs: number): boolean {
    const sinceMs = (nowMs - this.#delayMs) % this.#windowMs;
    return sinceMs < NEAR_MS || sinceMs > this.#windowMs - POLLS_MS;
  }

  acknowledged(batches: readonly Acknowledgement[]): void {
    for (const { partition, firstDueMs, lastDueMs, sentMs } of batches) {
      // Sales have whole seconds.
      const windowOf = (dueMs: number) =>
        Math.floor((1000 * Math.floor(dueMs / 1000) - this.#delayMs) / this.#windowMs);
      let next = this.#next.get(partition) ?? windowOf(firstDueMs);
      this.#firstWindow = Math.min(this.#firstWindow, next);
      for (; next < windowOf(lastDueMs); next++) this.#pass(next, sentMs);
      this.#next.set(partition, next);
    }
  }

  /** A read that showed the window wholly closed came back at this time of the shared clock. */
  closed(window: number, atMs: number): void {
    if (window < this.#firstWindow || this.#closed.has(window)) return;
    this.#closed.set(window, atMs);
    this.#join(window);
  }

  figures(): ClosingFigures {
    return { windows: this.#times.total, times: this.#times.percentiles() };
  }

  #pass(window: number, atMs: number): void {
    const before = this.#passed.get(window) ?? { partitions: 0, atMs: 0 };
    const passed = { partitions: before.partitions + 1, atMs: Math.max(before.atMs, atMs) };
    this.#passed.set(window, passed);
    this.#join(window);
  }

  #join(window: number): void {
    const passed = this.#passed.get(window);
    const closedMs = this.#closed.get(window);
    if (passed?.partitions !== this.#partitions || closedMs === undefined) return;
    this.#passed.delete(window);
    this.#times.add(closedMs - passed.atMs, 1);
  }
}
