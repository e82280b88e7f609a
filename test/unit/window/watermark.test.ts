import { describe, expect, it } from 'vitest';
import {
  followedWatermarkMs,
  globalWatermark,
  IdleTimer,
  NO_EVENT_MS,
  NO_WATERMARK_MS,
  type PartitionTime,
  pureWatermarkMs,
} from '../../../src/window/watermark.ts';

describe("a partition's own watermark", () => {
  it('stands the delay behind its greatest event time', () => {
    expect(pureWatermarkMs(1_000_000, 120_000)).toBe(880_000);
    expect(pureWatermarkMs(1_000_000, 0)).toBe(1_000_000);
  });

  it('may stand before 1970, and is none only without an event', () => {
    expect(pureWatermarkMs(0, 120_000)).toBe(-120_000);
    expect(pureWatermarkMs(NO_EVENT_MS, 120_000)).toBe(NO_WATERMARK_MS);
  });
});

describe('IdleTimer', () => {
  const POLL_MAX = 1000;

  /** Idle time after polls at these times. */
  const idleAfter = (...times: number[]) => {
    const timer = new IdleTimer(POLL_MAX);
    for (const time of times) timer.pollAtEnd(time);
    return timer.idleMs;
  };

  it.each([
    ['nothing at all', [], 0],
    ['the first poll, which shows a moment only', [5000], 0],
    ['polls half a second apart', [5000, 5500, 6000], 1000],
    ['a gap, which counts as one poll', [5000, 5500, 90_000], 1500],
    ['a gap of exactly one poll', [5000, 6000], 1000],
    ['a clock that steps back, which takes nothing away', [5000, 5500, 100, 400], 800],
    ['polls at the time zero', [0, 10], 10],
  ])('counts %s', (_, times, idleMs) => {
    expect(idleAfter(...times)).toBe(idleMs);
  });

  it('starts again from nothing after a reset, without the time between', () => {
    const timer = new IdleTimer(POLL_MAX);
    timer.pollAtEnd(0);
    timer.pollAtEnd(700);
    timer.reset();
    expect(timer.idleMs).toBe(0);
    timer.pollAtEnd(1200);
    expect(timer.idleMs).toBe(0);
    timer.pollAtEnd(1300);
    expect(timer.idleMs).toBe(100);
  });
});

describe('the global watermark', () => {
  const T = 1_732_530_600_000;
  const at = (partition: number, closingWatermarkMs: number): PartitionTime => ({
    partition,
    maxEventMs: closingWatermarkMs + 120_000,
    closingWatermarkMs,
    atEnd: false,
  });
  const without = (partition: number, atEnd: boolean): PartitionTime => ({
    partition,
    maxEventMs: NO_EVENT_MS,
    closingWatermarkMs: NO_WATERMARK_MS,
    atEnd,
  });
  const none = NO_WATERMARK_MS;

  it.each<[string, (PartitionTime | null)[], number, object]>([
    [
      'is that of the slowest',
      [at(0, T + 5), at(1, T), at(2, T + 9)],
      T,
      { kind: 'slowest', partition: 1 },
    ],
    [
      'is that of the first of two equals',
      [at(0, T), at(1, T)],
      T,
      { kind: 'slowest', partition: 0 },
    ],
    [
      'does not exist while a partition has no document',
      [at(0, T), null, at(2, T)],
      none,
      { kind: 'no-document', partition: 1 },
    ],
    [
      'does not exist while one without an event has records to read',
      [at(0, T), without(1, false)],
      none,
      { kind: 'unread-backlog', partition: 1 },
    ],
    [
      'leaves out one that never had an event and is at its end',
      [without(0, true), at(1, T)],
      T,
      { kind: 'slowest', partition: 1 },
    ],
    [
      'does not exist while none had an event',
      [without(0, true), without(1, true)],
      none,
      { kind: 'no-events' },
    ],
    ['does not exist for a topic without partitions', [], none, { kind: 'no-events' }],
    [
      'waits for a missing document though all others are idle',
      [without(0, true), null],
      none,
      { kind: 'no-document', partition: 1 },
    ],
  ])('%s', (_, partitions, watermarkMs, hold) => {
    expect(globalWatermark(partitions)).toEqual({ watermarkMs, hold });
  });

  it('counts one with events though it is not at its end', () => {
    expect(globalWatermark([{ ...at(0, T), atEnd: true }, at(1, T - 1)]).watermarkMs).toBe(T - 1);
  });

  it('takes an event at the very start of 1970 for an event', () => {
    const first = { partition: 0, maxEventMs: 0, closingWatermarkMs: -120_000, atEnd: false };
    expect(globalWatermark([first]).watermarkMs).toBe(-120_000);
  });
});

describe('what an idle partition may follow', () => {
  const T = 1_732_530_600_000;
  const DELAY_MS = 120_000;
  const at = (eventMs: number, idleMs: number, atEnd = true): PartitionTime => ({
    partition: 0,
    maxEventMs: eventMs,
    closingWatermarkMs: eventMs - DELAY_MS + idleMs,
    atEnd,
  });
  const silent = (atEnd: boolean): PartitionTime => ({
    partition: 0,
    maxEventMs: NO_EVENT_MS,
    closingWatermarkMs: NO_WATERMARK_MS,
    atEnd,
  });

  it.each<[string, (PartitionTime | null)[], number]>([
    ['is the least of those that are not idle', [at(T, 0), at(T - 7, 9)], T - DELAY_MS],
    ['passes over those that are idle for the delay', [at(T, 0), at(0, DELAY_MS)], T - DELAY_MS],
    ['is the greatest when all are', [at(T, DELAY_MS), at(0, DELAY_MS)], T],
    [
      'counts one that has records to read as not idle, however far its watermark was before',
      [at(T, 0), at(T - 9 * DELAY_MS, 2 * DELAY_MS, false)],
      T - 8 * DELAY_MS,
    ],
    ['passes over those that never had an event', [at(T, 0), silent(true)], T - DELAY_MS],
    ['is nothing while one of those has records to read', [at(T, 0), silent(false)], -Infinity],
    ['is nothing while a document is missing', [at(T, 0), null], -Infinity],
    ['is nothing without others', [], -Infinity],
  ])('%s', (_, others, watermarkMs) => {
    expect(followedWatermarkMs(others, DELAY_MS)).toBe(watermarkMs);
  });
});
