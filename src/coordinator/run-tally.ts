/** What this run has made durable, over leases that come and go. */
import type { Progress } from '../mongo/progress-document.ts';
import { LIVE } from '../state/layout.ts';

export interface RunSummary {
  /** Records judged by this process and durable: counted and rejected ones. */
  readonly counted: number;
  readonly rejected: number;
  /** Wall clock from the first record read to the last, in ms; 0 when there was none. */
  readonly readingMs: number;
  readonly checkpoints: number;
  readonly windowsClosed: number;
}

const rejectedTotal = ({ rejected }: Progress) => rejected.reduce((sum, count) => sum + count, 0);

export class RunTally {
  #counted = 0;
  #rejected = 0;
  #firstMs = Number.POSITIVE_INFINITY;
  #lastMs = 0;
  /** The furthest that this run has taken each partition: a replay is not told twice. */
  readonly #furthest = new Map<number, Progress>();

  /** A checkpoint took a partition from `before` to `after`. */
  add(before: Progress, after: Progress, live: Float64Array): void {
    const known = this.#furthest.get(after.partition);
    const from = known && known.nextOffset > before.nextOffset ? known : before;
    if (after.nextOffset > from.nextOffset) {
      this.#counted += after.counted - from.counted;
      this.#rejected += rejectedTotal(after) - rejectedTotal(from);
      this.#furthest.set(after.partition, after);
    }
    if (live[LIVE.firstRecordEpochMs] === 0) return;
    this.#firstMs = Math.min(this.#firstMs, live[LIVE.firstRecordEpochMs]);
    this.#lastMs = Math.max(this.#lastMs, live[LIVE.lastRecordEpochMs]);
  }

  /** Offsets were passed over, and that is durable. */
  skipped(offsets: number): void {
    this.#rejected += offsets;
  }

  get counted(): number {
    return this.#counted;
  }

  get rejected(): number {
    return this.#rejected;
  }

  get readingMs(): number {
    return Math.max(0, this.#lastMs - this.#firstMs);
  }
}
