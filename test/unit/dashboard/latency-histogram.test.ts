import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LatencyHistogram } from '../../../src/dashboard/latency-histogram.ts';

const BOUNDS = [50, 100, 250, 1000];

describe('a histogram of latencies', () => {
  it('spreads the records of a checkpoint evenly between its oldest and its newest', () => {
    const histogram = new LatencyHistogram(BOUNDS);
    histogram.add(0, 200, 100);
    expect(histogram.counts).toEqual([25, 25, 50, 0, 0]);
    histogram.add(500, 2500, 4);
    expect(histogram.counts).toEqual([25, 25, 50, 1, 3]);
    expect(histogram.sumMs).toBe(100 * 100 + 4 * 1500);
  });

  it('puts records of one age into the bucket that ends at or after it', () => {
    const histogram = new LatencyHistogram(BOUNDS);
    histogram.add(100, 100, 3);
    histogram.add(101, 101, 2);
    expect(histogram.counts).toEqual([0, 3, 2, 0, 0]);
  });

  it('reads quantiles off the buckets', () => {
    const histogram = new LatencyHistogram(BOUNDS);
    expect(histogram.quantileMs(0.5)).toBeNaN();
    histogram.add(0, 100, 100);
    expect(histogram.quantileMs(0.5)).toBe(50);
    expect(histogram.quantileMs(0.99)).toBeCloseTo(99, 5);
    histogram.add(5000, 5000, 900);
    // Above the last bound nothing more is known.
    expect(histogram.quantileMs(0.99)).toBe(1000);
  });

  it('loses no record and makes none', () => {
    const latency = fc.nat({ max: 5000 });
    fc.assert(
      fc.property(fc.array(fc.tuple(latency, latency, fc.nat({ max: 1e6 }))), (checkpoints) => {
        const histogram = new LatencyHistogram(BOUNDS);
        for (const [a, b, records] of checkpoints) {
          histogram.add(Math.min(a, b), Math.max(a, b), records);
        }
        const total = checkpoints.reduce((sum, [, , records]) => sum + records, 0);
        expect(histogram.counts.reduce((sum, count) => sum + count, 0)).toBe(total);
        expect(histogram.counts.every((count) => count >= 0)).toBe(true);
        expect(histogram.total).toBe(total);
      }),
    );
  });
});
