/**
 * Latencies by bucket, as Prometheus counts them. A checkpoint says how many records it made
 * durable and how old the oldest and the newest of them were; the ones between are taken as
 * spread evenly, so that nothing has to be measured for each record.
 */
import { assert } from '../lib/assert.ts';

export class LatencyHistogram {
  /** Upper bounds in ms, ascending; what is above the last one is counted too. */
  readonly boundsMs: readonly number[];
  /** Not cumulative; one more than there are bounds. */
  readonly counts: number[];
  sumMs = 0;
  total = 0;

  constructor(boundsMs: readonly number[]) {
    this.boundsMs = boundsMs;
    this.counts = new Array(boundsMs.length + 1).fill(0);
  }

  add(leastMs: number, mostMs: number, records: number): void {
    assert(leastMs <= mostMs && records >= 0, 'latencies are in order');
    let below = 0;
    this.boundsMs.forEach((boundMs, i) => {
      // Rounded where they accumulate, so that whole records come out and none is lost.
      const upTo = Math.round(records * shareBelow(boundMs, leastMs, mostMs));
      this.counts[i] += upTo - below;
      below = upTo;
    });
    this.counts[this.boundsMs.length] += records - below;
    this.sumMs += (records * (leastMs + mostMs)) / 2;
    this.total += records;
  }

  /** The latency that a share of all records did not exceed; NaN when there are none. */
  quantileMs(share: number): number {
    let left = share * this.total;
    for (let i = 0; i < this.counts.length; i++) {
      if (this.counts[i] > 0 && left <= this.counts[i]) {
        const low = i === 0 ? 0 : this.boundsMs[i - 1];
        const high = this.boundsMs[i] ?? low;
        return low + ((high - low) * left) / this.counts[i];
      }
      left -= this.counts[i];
    }
    return Number.NaN;
  }
}

function shareBelow(boundMs: number, leastMs: number, mostMs: number): number {
  if (boundMs >= mostMs) return 1;
  if (boundMs < leastMs) return 0;
  return (boundMs - leastMs) / (mostMs - leastMs);
}
