import { describe, expect, it } from 'vitest';
import type { LogRecord } from '../../../src/verification/dead-letter.ts';
import {
  documentId,
  PartitionJudge,
  type PartitionTask,
} from '../../../src/verification/partition-judge.ts';
import { plainSale } from '../../parts/sales.ts';

const T = Date.UTC(2024, 10, 29, 12);
const MINUTE_MS = 60_000;
const RULES = {
  ...{ version: 2, topic: 'sales', collection: 'totals', windowMs: MINUTE_MS, delayMs: 120_000 },
  ...{ futureToleranceMs: 300_000, timeZone: 'UTC', maxCategories: 3, isLateCounted: false },
};

const record = (
  offset: number,
  eventMs: number,
  more: Partial<LogRecord> & { c?: string } = {},
) => ({
  offset,
  timestampMs: eventMs,
  key: null,
  value: Buffer.from(plainSale(eventMs, '1.00', more.c ?? 'Casa')),
  headers: [],
  ...more,
});

function judge(records: readonly LogRecord[], task: Partial<PartitionTask> = {}) {
  const judging = new PartitionJudge(RULES, {
    ...{ partition: 4, progressOffset: 1000, ahead: new Map(), missing: 'nothing' as const },
    ...{ range: { fromMs: -Infinity, toMs: Infinity }, admitted: [], skips: [] },
    ...task,
  });
  for (const one of records) judging.add(one);
  const findings = judging.findings(true);
  const { rejects } = findings;
  const rejected = [...rejects.offsets].map(
    (offset, row) => `${offset} ${rejects.reasonNames[rejects.reasons[row]]}`,
  );
  const count = (minute: number, c = 'Casa') =>
    Number(findings.sums.get(T + minute * MINUTE_MS)?.get(c)?.n ?? 0);
  return { findings, rejected, count, judging };
}

describe('PartitionJudge', () => {
  it('counts a sale up to the very millisecond at which its window is late', () => {
    const { rejected, count } = judge([
      record(0, T + 3 * MINUTE_MS - 1),
      record(1, T),
      record(2, T + 3 * MINUTE_MS),
      record(3, T + MINUTE_MS - 1),
      record(4, T + MINUTE_MS),
    ]);
    expect(rejected).toEqual(['3 late']);
    expect([count(0), count(1), count(2), count(3)]).toEqual([1, 1, 1, 1]);
  });

  it('judges the category before the time, and lets no rejected sale move time', () => {
    const { rejected, findings } = judge([
      record(0, T, { c: 'A' }),
      record(1, T + 10 * MINUTE_MS, { c: 'B', timestampMs: T }),
      record(2, T, { c: 'C' }),
      record(3, T, { c: 'D' }),
      record(4, T + 5 * MINUTE_MS, { timestampMs: T, c: 'A' }),
      record(5, T + 5 * MINUTE_MS + 1, { timestampMs: T, c: 'A' }),
      record(6, T + 9 * MINUTE_MS, { timestampMs: -1, c: 'A' }),
    ]);
    expect(rejected).toEqual(['1 future_timestamp', '3 category_limit', '5 future_timestamp']);
    expect(findings.atProgress).toEqual({
      counted: 4,
      lateCounted: 0,
      rejected: new Map([
        ['future_timestamp', 2],
        ['category_limit', 1],
      ]),
      maxEventMs: T + 9 * MINUTE_MS,
      categories: ['A', 'B', 'C'],
    });
  });

  it('adds what lies past the progress only below its own register, and counts only below it', () => {
    const records = [0, 1, 2, 3, 4, 5].map((offset) =>
      record(offset, T + (offset % 2) * MINUTE_MS),
    );
    const ahead = new Map([[documentId(T + MINUTE_MS, 'Casa'), 5]]);
    const { findings, count } = judge(records, { progressOffset: 2, ahead });
    expect([count(0), count(1)]).toEqual([1, 2]);
    expect(findings.atProgress?.counted).toBe(2);
    expect(findings.sums.get(T + MINUTE_MS)?.get('Casa')?.lastOffset).toBe(3);
  });

  it('keeps sums of the range only, and is beyond it when all that comes is late for it', () => {
    const range = { fromMs: T + MINUTE_MS, toMs: T + 2 * MINUTE_MS };
    const early = judge([record(0, T), record(1, T + MINUTE_MS), record(2, T + 2 * MINUTE_MS)], {
      range,
    });
    expect([early.count(0), early.count(1), early.count(2)]).toEqual([0, 1, 0]);
    expect(early.judging.isBeyondRange).toBe(false);
    expect(judge([record(0, T + 4 * MINUTE_MS - 1)], { range }).judging.isBeyondRange).toBe(false);
    expect(judge([record(0, T + 4 * MINUTE_MS)], { range }).judging.isBeyondRange).toBe(true);
  });

  it('says of a cut log from which window on it can be judged, and which verdicts are settled', () => {
    const { findings } = judge([record(500, T), record(501, T + 8 * MINUTE_MS), record(502, T)], {
      missing: 'unknown',
      admitted: ['Casa'],
    });
    // The latest of the first timestamps, tolerance and delay.
    expect(findings.judgedFromMs).toBe(T + 16 * MINUTE_MS);
    expect(findings.atProgress).toBeNull();
    expect(findings.settledOffset).toBe(Number.POSITIVE_INFINITY);
    const known = judge([record(500, T), record(501, T + 8 * MINUTE_MS), record(502, T)], {
      missing: { boundMs: T + 5 * MINUTE_MS },
    });
    expect(known.findings).toMatchObject({ judgedFromMs: T + 5 * MINUTE_MS, settledOffset: 502 });
  });

  it('judges nothing of a log of which nothing is left, or without timestamps', () => {
    expect(judge([], { missing: 'unknown' }).findings.judgedFromMs).toBe(Infinity);
    const { findings } = judge([record(7, T, { timestampMs: -1 })], { missing: 'unknown' });
    expect(findings.judgedFromMs).toBe(Infinity);
  });

  it('counts offsets that were passed over, with one letter at the first', () => {
    const { judging } = judge([record(0, T)]);
    judging.skip({ from: 1, to: 4 });
    const { atProgress, rejects } = judging.findings(true);
    expect(atProgress?.rejected).toEqual(new Map([['corrupt_batch', 3]]));
    expect([...rejects.offsets]).toEqual([1]);
  });
});
