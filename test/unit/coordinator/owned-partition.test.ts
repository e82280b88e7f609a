import { describe, expect, it } from 'vitest';
import { OwnedPartition } from '../../../src/coordinator/owned-partition.ts';
import type { Progress } from '../../../src/mongo/progress-document.ts';
import { REASON } from '../../../src/sale/reasons.ts';
import { NO_MARK } from '../../../src/state/batch-mark.ts';
import { LIVE, SNAPSHOT } from '../../../src/state/layout.ts';
import { NO_EVENT_MS, NO_WATERMARK_MS } from '../../../src/window/watermark.ts';
import { RULES, regionPair } from '../../parts/lease-regions.ts';

const T = 1_732_530_600_000;

function setUp(before: Partial<Progress> = {}) {
  const progress: Progress = {
    partition: 4,
    countId: null,
    topicId: 'id',
    startOffset: 0,
    nextOffset: 10,
    lastBatch: NO_MARK,
    skips: [],
    maxEventMs: NO_EVENT_MS,
    closingWatermarkMs: NO_WATERMARK_MS,
    atEnd: false,
    counted: 0,
    lateCounted: 0,
    rejected: [],
    categories: [],
    ...before,
  };
  const { worker, coordinator } = regionPair(undefined, progress.categories);
  coordinator.live[LIVE.nextOffset] = progress.nextOffset;
  let released = 0;
  const release = () => {
    coordinator.release();
    released++;
  };
  const lease = { region: coordinator, release } as never;
  const owned = new OwnedPartition({ progress, contributions: [] }, lease, RULES, 1000);
  /** Freezes a delta with this state. */
  const freeze = (state: Partial<Record<keyof typeof SNAPSHOT, number>>) => {
    for (const [name, value] of Object.entries(state)) {
      worker.active.snapshot[SNAPSHOT[name as keyof typeof SNAPSHOT]] = value;
    }
    worker.freeze();
  };
  return { owned, worker, coordinator, freeze, releases: () => released };
}

describe('OwnedPartition', () => {
  it('turns a frozen delta into the content of a checkpoint, and hands the delta back', () => {
    const { owned, worker, freeze, releases } = setUp({ categories: ['Casa'] });
    worker.active.table.add(T / 60_000, worker.dictionary.intern('Livros'), 500);
    const spans = {
      keyStart: 0,
      keyEnd: -1,
      valueStart: 0,
      valueEnd: 1,
      headersStart: 1,
      headersEnd: 2,
    };
    worker.active.rejectLog.append(Buffer.from('x\0'), spans, 12, T, REASON.not_json, '');
    freeze({
      ...{ nextOffset: 13, maxEventMs: T, counted: 1, dictionaryCount: 2, atEnd: 1 },
      ...{ oldestRecordMs: T - 500, newestRecordMs: T - 20 },
    });
    const { progress, updates, letters, hasNewCategories, arrivals } = owned.drain([]);
    expect(progress).toMatchObject({
      partition: 4,
      nextOffset: 13,
      maxEventMs: T,
      closingWatermarkMs: T - 120_000,
      atEnd: true,
      counted: 1,
      categories: ['Casa', 'Livros'],
    });
    expect(hasNewCategories).toBe(true);
    expect(arrivals).toEqual({ partition: 4, records: 1, oldestMs: T - 500, newestMs: T - 20 });
    expect(updates[0]).toMatchObject({
      categoria: 'Livros',
      registers: [{ partition: 4, register: { count: 1, centavos: 500n, ate: 13 } }],
    });
    expect(letters).toMatchObject([{ partition: 4, record: { offset: 12 } }]);
    expect(releases()).toBe(1);
    expect(owned.durable.nextOffset).toBe(10);
  });

  it('moves its closing watermark on with idle time, and never back', () => {
    const { owned, freeze } = setUp({ maxEventMs: T, closingWatermarkMs: T });
    freeze({ nextOffset: 10, maxEventMs: T, idleMs: 119_999.9 });
    const first = owned.drain([]).progress;
    expect(first.closingWatermarkMs).toBe(T);
    owned.settle(first, 2000);
    freeze({ nextOffset: 10, maxEventMs: T, idleMs: 130_000 });
    const second = owned.drain([]).progress;
    expect(second.closingWatermarkMs).toBe(T + 10_000);
    owned.settle(second, 3000);
    freeze({ nextOffset: 11, maxEventMs: T + 1, idleMs: 0 });
    expect(owned.drain([]).progress.closingWatermarkMs).toBe(T + 10_000);
  });

  it('follows the others once it has been idle for the delay, and not before', () => {
    const { owned, freeze } = setUp({
      maxEventMs: T,
      closingWatermarkMs: T - 120_000,
      atEnd: true,
    });
    const hourMs = 3_600_000;
    const other = {
      maxEventMs: T + hourMs,
      closingWatermarkMs: T + hourMs - 120_000,
      atEnd: false,
    };
    const times = Array.from({ length: 6 }, (_, partition) => ({ ...other, partition }));
    times[4] = { ...owned.durable };
    freeze({ nextOffset: 10, maxEventMs: T, atEnd: 1, idleMs: 119_999 });
    const before = owned.drain(times).progress;
    expect(before.closingWatermarkMs).toBe(T - 1);
    owned.settle(before, 2000);
    freeze({ nextOffset: 10, maxEventMs: T, atEnd: 1, idleMs: 120_000 });
    const after = owned.drain(times).progress;
    expect(after.closingWatermarkMs).toBe(T + hourMs - 120_000);
    owned.settle(after, 3000);
    // Back with an older sale: it stands where it is, and goes on when it is idle again.
    freeze({ nextOffset: 11, maxEventMs: T + 5, idleMs: 0 });
    expect(owned.drain(times).progress.closingWatermarkMs).toBe(T + hourMs - 120_000);
  });

  it('has no closing watermark without an event, however long it is idle', () => {
    const { owned, freeze } = setUp();
    freeze({ nextOffset: 10, maxEventMs: NO_EVENT_MS, idleMs: 1e9, atEnd: 1 });
    expect(owned.drain([]).progress.closingWatermarkMs).toBe(NO_WATERMARK_MS);
  });

  it('has news when offsets moved, when the end came or went, and once an interval in any case', () => {
    const { owned, coordinator, freeze } = setUp();
    const news = (nowMs: number) => owned.hasNews(nowMs, 500);
    expect(news(1499)).toBe(false);
    expect(news(1500)).toBe(true);
    coordinator.live[LIVE.atEnd] = 1;
    expect(news(1000)).toBe(true);
    owned.settle({ ...owned.durable, atEnd: true }, 1000);
    expect(news(1499)).toBe(false);
    expect(news(1500)).toBe(true);
    coordinator.live[LIVE.nextOffset] = 11;
    expect(news(1000)).toBe(true);
    coordinator.live[LIVE.nextOffset] = 10;
    freeze({});
    expect(news(1000)).toBe(true);
  });
});
