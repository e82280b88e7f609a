import { beforeEach, describe, expect, it } from 'vitest';
import { WindowCloser } from '../../../src/coordinator/window-closer.ts';
import type { PartitionTime } from '../../../src/window/watermark.ts';

const MINUTE = 60_000;
const NOTHING = Number.POSITIVE_INFINITY;

let times: (PartitionTime | null)[];
/** Of every document. */
let countId: string;
let closed: number[];
let closeFails: boolean;
/** One was written later than the progress. */
let isLeftOpen: boolean;
/** When each close's progress was written. */
let writtenAt: number[];
let writtenAtMs: number;

beforeEach(() => {
  times = [];
  countId = 'first';
  closed = [];
  closeFails = false;
  isLeftOpen = false;
  writtenAt = [];
  writtenAtMs = 1;
});

function closer(): WindowCloser {
  const countIds = () => times.map((time) => time && countId);
  const progress = { readTimes: async () => ({ times, countIds: countIds(), writtenAtMs }) };
  const totals = {
    close: async (watermarkMs: number, atMs: number) => {
      if (closeFails) throw new Error('no server');
      closed.push(watermarkMs);
      writtenAt.push(atMs);
      return 2;
    },
    isLeftOpen: async () => isLeftOpen,
  };
  return new WindowCloser(progress as never, totals as never, MINUTE);
}

const at = (closingWatermarkMs: number): PartitionTime => ({
  partition: 0,
  maxEventMs: closingWatermarkMs,
  closingWatermarkMs,
  atEnd: false,
});

describe('WindowCloser', () => {
  it('closes nothing while there is no watermark', async () => {
    const windows = closer();
    times = [at(5 * MINUTE), null];
    await windows.run(2, NOTHING);
    expect(closed).toEqual([]);
    expect(windows).toMatchObject({
      watermarkMs: null,
      hold: { kind: 'no-document', partition: 1 },
    });
  });

  it('closes once for each window that the watermark passes', async () => {
    const windows = closer();
    for (const ms of [5 * MINUTE, 5 * MINUTE + 1, 6 * MINUTE - 1, 6 * MINUTE]) {
      times = [at(ms)];
      await windows.run(1, NOTHING);
    }
    expect(closed).toEqual([5 * MINUTE, 6 * MINUTE]);
    expect(windows.closedCount).toBe(4);
  });

  it('never goes back, were it for a new partition or a slower one', async () => {
    const windows = closer();
    times = [at(5 * MINUTE)];
    await windows.run(1, NOTHING);
    for (const later of [[at(3 * MINUTE)], [at(9 * MINUTE), null], []]) {
      times = later;
      await windows.run(later.length, NOTHING);
      expect(windows.watermarkMs).toBe(5 * MINUTE);
    }
    expect(closed).toEqual([5 * MINUTE]);
  });

  it('closes by the watermark of a new count what an engine that slept through a reset finds', async () => {
    const windows = closer();
    times = [at(9 * MINUTE), at(9 * MINUTE)];
    await windows.run(2, NOTHING);
    countId = 'second';
    times = [at(2 * MINUTE), at(3 * MINUTE)];
    await windows.run(2, MINUTE);
    expect(windows.watermarkMs).toBe(2 * MINUTE);
    expect(closed).toEqual([9 * MINUTE, 2 * MINUTE]);
  });

  it('and nothing by the old one once the documents of a count are gone', async () => {
    const windows = closer();
    times = [at(9 * MINUTE), at(9 * MINUTE)];
    await windows.run(2, NOTHING);
    times = [at(9 * MINUTE), null];
    await windows.run(2, MINUTE);
    expect(windows.watermarkMs).toBeNull();
    expect(closed).toEqual([9 * MINUTE]);
  });

  it('closes again when a document behind the watermark was written since', async () => {
    const windows = closer();
    times = [at(5 * MINUTE + 7)];
    await windows.run(1, NOTHING);
    await windows.run(1, 5 * MINUTE + 8);
    expect(closed).toHaveLength(1);
    await windows.run(1, 5 * MINUTE + 7);
    expect(closed).toHaveLength(2);
  });

  it('closes again by later progress what was written too late for this one', async () => {
    const windows = closer();
    times = [at(5 * MINUTE)];
    isLeftOpen = true;
    await windows.run(1, NOTHING);
    writtenAtMs = 2;
    isLeftOpen = false;
    await windows.run(1, NOTHING);
    await windows.run(1, NOTHING);
    expect(closed).toEqual([5 * MINUTE, 5 * MINUTE]);
    expect(writtenAt).toEqual([1, 2]);
  });

  it('tries again what failed', async () => {
    const windows = closer();
    times = [at(5 * MINUTE)];
    closeFails = true;
    await expect(windows.run(1, NOTHING)).rejects.toThrow('no server');
    closeFails = false;
    await windows.run(1, NOTHING);
    expect(closed).toEqual([5 * MINUTE]);
  });

  describe('tells when a checkpoint would let a window close', () => {
    const DELAY = 2 * MINUTE;
    /** Two partitions, both with an event time of 7:30 and a watermark of 5:30 in the database. */
    async function started(): Promise<WindowCloser> {
      const windows = closer();
      const time = { maxEventMs: 7.5 * MINUTE, closingWatermarkMs: 5.5 * MINUTE, atEnd: false };
      times = [
        { partition: 0, ...time },
        { partition: 1, ...time },
      ];
      await windows.run(2, NOTHING);
      return windows;
    }
    const read = (...maxEventMs: (number | undefined)[]) =>
      [(partition: number) => maxEventMs[partition], DELAY] as const;

    it('once the slowest partition has passed its end', async () => {
      const windows = await started();
      expect(windows.becomesClosable(...read(9 * MINUTE, 8 * MINUTE - 1))).toBe(false);
      expect(windows.becomesClosable(...read(9 * MINUTE, 8 * MINUTE))).toBe(true);
    });

    it('by what the database last said of the partitions of others', async () => {
      const windows = await started();
      expect(windows.becomesClosable(...read(9 * MINUTE, undefined))).toBe(false);
      times = [times[0], { ...(times[1] as PartitionTime), closingWatermarkMs: 6.5 * MINUTE }];
      await windows.run(2, NOTHING);
      expect(windows.becomesClosable(...read(9 * MINUTE, undefined))).toBe(true);
    });

    it('once for each window, though it stays open, and never for one that is closed', async () => {
      const windows = await started();
      expect(windows.becomesClosable(...read(8 * MINUTE, 8 * MINUTE))).toBe(true);
      expect(windows.becomesClosable(...read(8 * MINUTE, 8 * MINUTE))).toBe(false);
      expect(windows.becomesClosable(...read(9 * MINUTE, 9 * MINUTE))).toBe(true);
      times = times.map((time) => ({ ...(time as PartitionTime), closingWatermarkMs: 8 * MINUTE }));
      await windows.run(2, NOTHING);
      expect(windows.becomesClosable(...read(10 * MINUTE, 10 * MINUTE))).toBe(false);
    });

    it('not while a partition has no document', async () => {
      const windows = await started();
      times = [times[0], null];
      await windows.run(2, NOTHING);
      expect(windows.becomesClosable(...read(9 * MINUTE, 9 * MINUTE))).toBe(false);
    });
  });
});
