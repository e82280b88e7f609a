import { describe, expect, it } from 'vitest';
import { Closing } from '../../../src/load/closing.ts';
import type { Acknowledgement } from '../../../src/load/load-protocol.ts';

const WINDOW_MS = 20_000;
const DELAY_MS = 10_000;
/** The window 0 may close when every partition has a sale of second 30. */
function batch(partition: number, firstDueMs: number, lastDueMs: number): Acknowledgement {
  const times = { sentMs: lastDueMs + 2, acknowledgedMs: lastDueMs + 5 };
  return { partition, endOffset: 1, sales: 1, firstDueMs, lastDueMs, ...times };
}

describe('the times until windows are closed', () => {
  it('begin when the last partition has passed the end and the delay', () => {
    const closing = new Closing(WINDOW_MS, DELAY_MS, 2);
    closing.acknowledged([batch(0, 12_000, 12_010), batch(1, 12_000, 12_010)]);
    closing.acknowledged([batch(0, 29_990, 30_003)]);
    closing.closed(0, 30_100);
    expect(closing.figures()).toEqual({ windows: 0, times: null });
    closing.acknowledged([batch(1, 29_999, 30_050)]);
    expect(closing.figures()).toMatchObject({ windows: 1, times: { p50: 48, max: 48 } });
    closing.closed(0, 30_200);
    expect(closing.figures().windows).toBe(1);
  });

  it('count each window once, also when a batch passes several', () => {
    const closing = new Closing(WINDOW_MS, DELAY_MS, 1);
    closing.acknowledged([batch(0, 12_000, 71_000)]);
    for (const window of [0, 1, 2]) closing.closed(window, 71_100);
    expect(closing.figures()).toMatchObject({ windows: 3, times: { p50: 98, max: 98 } });
  });

  it('leave out windows that were passed before the load', () => {
    const closing = new Closing(WINDOW_MS, DELAY_MS, 1);
    closing.acknowledged([batch(0, 52_000, 52_010)]);
    closing.closed(0, 53_000);
    closing.closed(1, 53_000);
    expect(closing.figures().windows).toBe(0);
    closing.acknowledged([batch(0, 69_000, 70_001)]);
    closing.closed(2, 70_050);
    expect(closing.figures().windows).toBe(1);
  });

  it('do not take a sale that is due in a second for one that says so', () => {
    const closing = new Closing(WINDOW_MS, DELAY_MS, 1);
    closing.acknowledged([batch(0, 12_000, 29_999.9)]);
    closing.closed(0, 30_000);
    expect(closing.figures().windows).toBe(0);
  });
});
