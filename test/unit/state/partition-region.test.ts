import { describe, expect, it } from 'vitest';
import { REASON } from '../../../src/sale/reasons.ts';
import {
  LAYOUT_VERSION,
  LIVE,
  MAGIC,
  regionOffsets,
  SNAPSHOT,
  WORD,
} from '../../../src/state/layout.ts';
import {
  CoordinatorRegion,
  createRegion,
  readSnapshot,
  WorkerRegion,
} from '../../../src/state/partition-region.ts';
import { LIMITS, regionPair } from '../../parts/lease-regions.ts';

describe('attaching to a region', () => {
  const spoiled = (word: number, value: number) => {
    const buffer = createRegion(LIMITS, []);
    new Int32Array(buffer)[word] = value;
    return buffer;
  };

  it.each([
    ['memory without a header', () => new SharedArrayBuffer(64), 'has its header'],
    ['memory that is no region', () => spoiled(WORD.magic, MAGIC + 1), 'is a partition region'],
    [
      'another layout version',
      () => spoiled(WORD.version, LAYOUT_VERSION + 1),
      'this layout version',
    ],
    ['a length that its limits contradict', () => spoiled(WORD.rejectLogBytes, 1), 'as long as'],
    ['a dictionary past its limit', () => spoiled(WORD.dictionaryCount, 9), 'within its limit'],
    [
      'a table whose slots are no power of two',
      () => createRegion({ ...LIMITS, tableSlots: 24 }, []),
      'power of two',
    ],
  ])('is refused for %s', (_, make, message) => {
    const buffer = make();
    expect(() => new WorkerRegion(buffer)).toThrow(message);
    expect(() => new CoordinatorRegion(buffer)).toThrow(message);
  });

  it('refuses to label memory for more names than its limit', () => {
    expect(() => createRegion({ ...LIMITS, categoryCount: 1 }, ['a', 'b'])).toThrow('its limit');
  });

  it('finds the stored dictionary on both sides, in its order', () => {
    const { worker, coordinator } = regionPair(LIMITS, ['Livros', 'Casa']);
    expect(worker.dictionary.intern('Casa')).toBe(1);
    expect(coordinator.dictionary.nameOf(0)).toBe('Livros');
  });
});

describe('the layout', () => {
  it('lets no part overlap another, and keeps 8-byte words aligned', () => {
    const { live, deltas, dictionaryEnds, dictionaryNames, totalBytes, dictionaryNameBytes } =
      regionOffsets({ tableSlots: 4, rejectLogBytes: 100, categoryCount: 3 });
    const parts = deltas.flatMap((delta): [number, number][] => [
      [delta.snapshot, 256],
      [delta.counts, 12],
      [delta.used, 16],
      [delta.window, 16],
      [delta.category, 16],
      [delta.count, 32],
      [delta.centavos, 32],
      [delta.menor, 32],
      [delta.maior, 32],
      [delta.rejectLog, 100],
    ]);
    const all: [number, number][] = [
      [0, 192],
      [live, 128],
      ...parts,
      [dictionaryEnds, 12],
      [dictionaryNames, dictionaryNameBytes],
      [totalBytes, 0],
    ];
    all.forEach(([start, length], i) => {
      expect(start % 8).toBe(0);
      if (i + 1 < all.length) expect(start + length).toBeLessThanOrEqual(all[i + 1][0]);
    });
  });

  it('has one word for each figure', () => {
    for (const words of [LIVE, SNAPSHOT, WORD]) {
      const indices = Object.values(words);
      expect(new Set(indices).size).toBe(indices.length);
    }
  });
});

describe('the hand-over of deltas', () => {
  it('shows nothing to the coordinator before the first freeze', () => {
    const { worker, coordinator } = regionPair();
    worker.active.table.add(1, 0, 5);
    expect(coordinator.frozen).toBeNull();
    expect(() => coordinator.release()).toThrow('only a frozen delta');
  });

  it('lets the worker go on in the other delta while one is drained', () => {
    const { worker, coordinator } = regionPair();
    worker.active.table.add(1, 0, 5);
    expect(worker.freeze()).toBe(1);
    worker.active.table.add(2, 0, 6);
    const windows: number[] = [];
    coordinator.frozen?.table.forEach((window) => {
      windows.push(window);
    });
    expect(windows).toEqual([1]);
  });

  it('refuses a second freeze until the first was handed back', () => {
    const { worker, coordinator } = regionPair();
    worker.freeze();
    expect(worker.canFreeze).toBe(false);
    expect(() => worker.freeze()).toThrow('drained before');
    coordinator.release();
    expect(worker.canFreeze).toBe(true);
    expect(worker.freeze()).toBe(2);
  });

  it('hands back an empty delta', () => {
    const { worker, coordinator } = regionPair();
    const spans = {
      keyStart: 0,
      keyEnd: -1,
      valueStart: 0,
      valueEnd: 1,
      headersStart: 1,
      headersEnd: 2,
    };
    worker.active.table.add(1, 0, 5);
    worker.active.rejectLog.append(Buffer.from('x\0'), spans, 0, 0, REASON.not_json, '');
    const first = worker.active;
    worker.freeze();
    coordinator.release();
    worker.freeze();
    coordinator.release();
    expect(worker.active).toBe(first);
    expect(worker.active.table.size).toBe(0);
    expect(worker.active.rejectLog.isEmpty).toBe(true);
  });

  it('gives the snapshot as the worker wrote it', () => {
    const { worker, coordinator } = regionPair();
    const { snapshot } = worker.active;
    snapshot[SNAPSHOT.nextOffset] = 2 ** 52 + 1;
    snapshot[SNAPSHOT.maxEventMs] = 1.7e12;
    snapshot[SNAPSHOT.idleMs] = 12.5;
    snapshot[SNAPSHOT.atEnd] = 1;
    snapshot[SNAPSHOT.counted] = 7;
    snapshot[SNAPSHOT.lateCounted] = 5;
    snapshot[SNAPSHOT.dictionaryCount] = 2;
    snapshot[SNAPSHOT.oldestRecordMs] = 1.6e12;
    snapshot[SNAPSHOT.newestRecordMs] = 1.65e12;
    snapshot[SNAPSHOT.lastEpoch] = 4;
    snapshot[SNAPSHOT.lastCrc] = 2 ** 32 - 1;
    snapshot[SNAPSHOT.rejected + REASON.late] = 3;
    worker.freeze();
    const { rejected, ...rest } = readSnapshot(coordinator.frozen!);
    expect(rest).toEqual({
      nextOffset: 2 ** 52 + 1,
      maxEventMs: 1.7e12,
      idleMs: 12.5,
      atEnd: true,
      counted: 7,
      lateCounted: 5,
      dictionaryCount: 2,
      oldestRecordMs: 1.6e12,
      newestRecordMs: 1.65e12,
      lastBatch: { epoch: 4, crc: 2 ** 32 - 1 },
    });
    expect(rejected[REASON.late]).toBe(3);
    expect(rejected.reduce((sum, count) => sum + count)).toBe(3);
  });
});
