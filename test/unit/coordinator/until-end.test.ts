import { describe, expect, it } from 'vitest';
import type { OwnedPartition } from '../../../src/coordinator/owned-partition.ts';
import { UntilEnd } from '../../../src/coordinator/until-end.ts';
import { VendavalError } from '../../../src/lib/errors.ts';
import type { ProgressCounts } from '../../../src/mongo/progress-reader.ts';
import { LIVE, LIVE_WORDS } from '../../../src/state/layout.ts';

const PARTITIONS = 3;

function owned(partition: number, nextOffset: number, firstEndOffset: number): OwnedPartition {
  const live = new Float64Array(LIVE_WORDS);
  live[LIVE.firstEndOffset] = firstEndOffset;
  return { partition, live, durable: { nextOffset } } as unknown as OwnedPartition;
}

function rig(ends: readonly number[]) {
  const durable = new Map<number, number>();
  const asked: number[] = [];
  const told: string[] = [];
  const world = { isUp: true };
  const progress = {
    readCounts: async () =>
      [...durable].map(([partition, nextOffset]) => ({ partition, nextOffset }) as ProgressCounts),
  };
  const logRange = async (partition: number) => {
    if (!world.isUp) throw new VendavalError('no leader', { code: 'E_BROKER_UNREACHABLE' });
    asked.push(partition);
    return { start: 0, end: ends[partition] };
  };
  const untilEnd = new UntilEnd(
    progress,
    { logRange },
    {
      info: (code, message) => void told.push(`${code}: ${message}`),
      trouble: (code, message) => void told.push(`${code}: ${message}`),
      asError: (error) => error as VendavalError,
    },
  );
  const isReached = (...own: OwnedPartition[]) => untilEnd.isReached(own, PARTITIONS);
  return { durable, asked, told, world, isReached };
}

describe('the end of the log', () => {
  it('is reached by one that has every partition when all are durable up to where they began', async () => {
    const { isReached, asked } = rig([5, 5, 5]);
    expect(await isReached(owned(0, 5, 5), owned(1, 4, 5), owned(2, 5, 5))).toBe(false);
    expect(await isReached(owned(0, 5, 5), owned(1, 0, -1), owned(2, 5, 5))).toBe(false);
    expect(await isReached(owned(0, 5, 5), owned(1, 7, 5), owned(2, 5, 5))).toBe(true);
    expect(asked).toEqual([]);
  });

  it('is not reached by one that the group gave nothing, before the others are there', async () => {
    const { isReached, durable, told } = rig([5, 7, 0]);
    expect(await isReached()).toBe(false);
    durable.set(0, 5).set(1, 6);
    expect(await isReached()).toBe(false);
    durable.set(1, 7);
    expect(await isReached()).toBe(true);
    expect(told).toEqual([
      "until-end: its own part is done; the group's others count partitions 0, 1",
      "until-end: its own part is done; the group's others count partitions 1",
    ]);
  });

  it('waits for what was taken from it, and counts what it is given back', async () => {
    const { isReached, durable } = rig([5, 5, 5]);
    durable.set(0, 5).set(1, 3).set(2, 5);
    expect(await isReached(owned(0, 5, 5), owned(2, 5, 5))).toBe(false);
    expect(await isReached(owned(0, 5, 5), owned(1, 3, 5), owned(2, 5, 5))).toBe(false);
    expect(await isReached(owned(0, 5, 5), owned(1, 5, 5), owned(2, 5, 5))).toBe(true);
  });

  it('is asked for again when a leader does not answer, and stays where it was then', async () => {
    const { isReached, durable, asked, told, world } = rig([5, 5, 5]);
    durable.set(0, 5).set(1, 5).set(2, 5);
    world.isUp = false;
    expect(await isReached(owned(0, 5, 5))).toBe(false);
    expect(told).toEqual(['E_BROKER_UNREACHABLE: no leader']);
    world.isUp = true;
    expect(await isReached(owned(0, 5, 5))).toBe(true);
    expect(await isReached(owned(0, 5, 5))).toBe(true);
    expect(asked).toEqual([1, 2]);
  });
});
