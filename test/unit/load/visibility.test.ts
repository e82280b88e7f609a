import { describe, expect, it } from 'vitest';
import type { Acknowledgement } from '../../../src/load/load-protocol.ts';
import { MsHistogram } from '../../../src/load/ms-histogram.ts';
import { Visibility } from '../../../src/load/visibility.ts';

function batch(endOffset: number, changes: Partial<Acknowledgement> = {}): Acknowledgement {
  const times = { firstDueMs: 980, lastDueMs: 996, sentMs: 1000, acknowledgedMs: 1005 };
  return { partition: 0, endOffset, sales: 10, ...times, ...changes };
}

describe('the times until sales are visible', () => {
  it('end with the first read that shows the whole batch', () => {
    const visibility = new Visibility();
    visibility.acknowledged([batch(10), batch(20)]);
    visibility.seen(0, 5, 1100);
    expect(visibility.figures()).toMatchObject({ visible: 0, notVisible: 20, sinceSent: null });
    visibility.seen(0, 19, 1200);
    expect(visibility.figures()).toMatchObject({ visible: 10, notVisible: 10 });
    visibility.seen(0, 20, 1300);
    visibility.seen(0, 20, 1400);
    expect(visibility.figures()).toMatchObject({
      visible: 20,
      notVisible: 0,
      sinceSent: { p50: 200, p99: 300, max: 300 },
    });
  });

  it('are the same when the acknowledgement is told after the read', () => {
    const visibility = new Visibility();
    visibility.seen(0, 10, 1100);
    visibility.seen(0, 30, 1200);
    visibility.acknowledged([batch(10)]);
    visibility.acknowledged([batch(20), batch(30), batch(40)]);
    expect(visibility.figures()).toMatchObject({
      visible: 30,
      notVisible: 10,
      sinceSent: { p50: 200, max: 200 },
    });
    visibility.seen(0, 40, 1500);
    expect(visibility.figures()).toMatchObject({ visible: 40, sinceSent: { max: 500 } });
  });

  it('are kept apart by partition', () => {
    const visibility = new Visibility();
    visibility.acknowledged([batch(10), batch(10, { partition: 1 })]);
    visibility.seen(1, 10, 1050);
    expect(visibility.figures()).toMatchObject({ visible: 10, notVisible: 10 });
  });

  it('count from when each sale was due as well, spread over its batch', () => {
    const visibility = new Visibility();
    visibility.acknowledged([batch(10)]);
    visibility.seen(0, 10, 1100);
    const { sinceDue } = visibility.figures();
    expect(sinceDue).toEqual({ p50: 111, p99: 119, p999: 119, max: 119 });
  });
});

describe('a histogram of milliseconds', () => {
  it('gives the time that a share of all did not exceed', () => {
    const histogram = new MsHistogram();
    expect(histogram.percentiles()).toBeNull();
    for (let ms = 1; ms <= 1000; ms++) histogram.add(ms, 3);
    expect(histogram.percentiles()).toEqual({ p50: 500, p99: 990, p999: 999, max: 1000 });
  });

  it('keeps the greatest time, beyond what it tells apart', () => {
    const histogram = new MsHistogram();
    histogram.add(1, 1);
    histogram.add(3_600_000, 1);
    expect(histogram.percentiles()).toMatchObject({ p50: 1, p99: 3_600_000, max: 3_600_000 });
  });
});
