/** Times by whole milliseconds, each with a weight: exact to the millisecond up to a minute. */
const LIMIT_MS = 60_000;

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export class MsHistogram {
  readonly #counts = new Float64Array(LIMIT_MS + 1);
  #total = 0;
  #max = 0;

  /** Times beyond a minute count as a minute, but for the greatest. */
  add(ms: number, weight: number): void {
    this.#counts[Math.min(LIMIT_MS, Math.max(0, Math.ceil(ms)))] += weight;
    this.#total += weight;
    if (ms > this.#max) this.#max = ms;
  }

  get total(): number {
    return this.#total;
  }

  /** null when nothing was added. The time that such a share of all did not exceed. */
  percentiles(): Percentiles | null {
    if (this.#total === 0) return null;
    return {
      p50: this.#at(0.5),
      p99: this.#at(0.99),
      p999: this.#at(0.999),
      max: Math.ceil(this.#max),
    };
  }

  #at(share: number): number {
    let below = 0;
    for (let ms = 0; ms < LIMIT_MS; ms++) {
      below += this.#counts[ms];
      // Sums of weights may miss the whole by a rounding.
      if (below >= share * this.#total - 1e-6) return ms;
    }
    return this.#max;
  }
}
