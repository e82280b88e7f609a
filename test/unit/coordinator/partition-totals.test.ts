import { describe, expect, it } from 'vitest';
import { mergeByDocument, PartitionTotals } from '../../../src/coordinator/partition-totals.ts';
import type { TotalsUpdate } from '../../../src/mongo/totals-store.ts';
import type { SingleWriterTable } from '../../../src/state/single-writer-table.ts';
import { LIMITS, regionPair } from '../../parts/lease-regions.ts';

const MINUTE = 60_000;
const NAMES = ['Casa', 'Livros'];
const nameOf = (category: number) => NAMES[category];

/** A table with these sales in it: window, category, centavos. */
function tableOf(
  ...sales: [window: number, category: number, centavos: number][]
): SingleWriterTable {
  const { table } = regionPair(LIMITS).worker.active;
  for (const sale of sales) table.add(...sale);
  return table;
}

const registerOf = (update: TotalsUpdate) => update.registers[0].register;

describe('PartitionTotals', () => {
  it('says what every touched document must hold, up to the offset', () => {
    const totals = new PartitionTotals(2, MINUTE, []);
    expect(totals.absorb(tableOf([5, 0, 10], [5, 0, 3], [6, 1, 7]), nameOf, 40)).toEqual([
      {
        windowStartMs: 5 * MINUTE,
        windowEndMs: 6 * MINUTE,
        categoria: 'Casa',
        registers: [
          { partition: 2, register: { count: 2, centavos: 13n, menor: 3, maior: 10, ate: 40 } },
        ],
      },
      {
        windowStartMs: 6 * MINUTE,
        windowEndMs: 7 * MINUTE,
        categoria: 'Livros',
        registers: [
          { partition: 2, register: { count: 1, centavos: 7n, menor: 7, maior: 7, ate: 40 } },
        ],
      },
    ]);
  });

  it('adds up deltas, and names only what the last one touched', () => {
    const totals = new PartitionTotals(0, MINUTE, []);
    totals.absorb(tableOf([5, 0, 10], [6, 0, 1]), nameOf, 40);
    const updates = totals.absorb(tableOf([5, 0, 2], [5, 0, 50]), nameOf, 60);
    expect(updates.map(registerOf)).toEqual([
      { count: 3, centavos: 62n, menor: 2, maior: 50, ate: 60 },
    ]);
  });

  it('goes on from what recovery found', () => {
    const totals = new PartitionTotals(0, MINUTE, [
      {
        windowStartMs: 5 * MINUTE,
        categoria: 'Casa',
        register: { count: 9, centavos: 900n, menor: 4, maior: 300, ate: 33 },
      },
    ]);
    const [update] = totals.absorb(tableOf([5, 0, 3]), nameOf, 60);
    expect(registerOf(update)).toEqual({
      count: 10,
      centavos: 903n,
      menor: 3,
      maior: 300,
      ate: 60,
    });
  });

  it('never changes an update that it has given, whatever it absorbs later', () => {
    const totals = new PartitionTotals(0, MINUTE, []);
    const updates = totals.absorb(tableOf([5, 0, 10]), nameOf, 40);
    const before = structuredClone(updates);
    totals.absorb(tableOf([5, 0, 99]), nameOf, 60);
    totals.forgetBefore(100, 60);
    expect(updates).toEqual(before);
  });

  it('keeps what was ahead of the progress until that has come as far', () => {
    const register = { count: 1, centavos: 1n, menor: 1, maior: 1, ate: 20 };
    const stored = [{ windowStartMs: 4 * MINUTE, categoria: 'Casa', register }];
    const totals = new PartitionTotals(0, MINUTE, stored);
    totals.forgetBefore(9, 19);
    expect(totals.size).toBe(1);
    totals.forgetBefore(9, 20);
    expect(totals.size).toBe(0);
  });

  it('names the keys of closed windows that it has no sums of, and goes on from their registers', () => {
    const totals = new PartitionTotals(0, MINUTE, []);
    const first = tableOf([4, 0, 1], [5, 0, 2], [4, 1, 3]);
    expect(totals.unknownBefore(5, first, nameOf)).toEqual([
      { windowStartMs: 4 * MINUTE, categoria: 'Casa' },
      { windowStartMs: 4 * MINUTE, categoria: 'Livros' },
    ]);
    const register = { count: 7, centavos: 70n, menor: 5, maior: 20, ate: 30 };
    totals.reopen([{ windowStartMs: 4 * MINUTE, categoria: 'Casa', register }]);
    expect(totals.absorb(first, nameOf, 40).map(registerOf)).toEqual([
      { count: 8, centavos: 71n, menor: 1, maior: 20, ate: 40 },
      { count: 1, centavos: 2n, menor: 2, maior: 2, ate: 40 },
      { count: 1, centavos: 3n, menor: 3, maior: 3, ate: 40 },
    ]);
    expect(totals.unknownBefore(5, first, nameOf)).toEqual([]);
    totals.forgetBefore(5, 40);
    expect(totals.unknownBefore(5, first, nameOf)).toHaveLength(2);
  });

  it('sums beyond what a double holds exactly', () => {
    const totals = new PartitionTotals(0, MINUTE, []);
    const most = Number.MAX_SAFE_INTEGER;
    totals.absorb(tableOf([5, 0, most]), nameOf, 1);
    const [update] = totals.absorb(tableOf([5, 0, most]), nameOf, 2);
    expect(registerOf(update).centavos).toBe(2n * BigInt(most));
  });

  it('forgets windows below the first open one, and keeps that one', () => {
    const totals = new PartitionTotals(0, MINUTE, []);
    totals.absorb(tableOf([4, 0, 1], [5, 0, 1], [6, 1, 1]), nameOf, 1);
    totals.forgetBefore(5, 1);
    expect(totals.size).toBe(2);
    totals.forgetBefore(Number.NEGATIVE_INFINITY, 1);
    expect(totals.size).toBe(2);
    const [kept] = totals.absorb(tableOf([5, 0, 1]), nameOf, 2);
    expect(registerOf(kept).count).toBe(2);
  });
});

describe('mergeByDocument', () => {
  const update = (partition: number, window: number, categoria: string): TotalsUpdate => ({
    windowStartMs: window * MINUTE,
    windowEndMs: (window + 1) * MINUTE,
    categoria,
    registers: [
      { partition, register: { count: 1, centavos: 1n, menor: 1, maior: 1, ate: partition } },
    ],
  });

  it('gives one update for each document, with the register of every partition', () => {
    const merged = mergeByDocument([
      update(0, 5, 'Casa'),
      update(1, 5, 'Casa'),
      update(1, 5, 'Livros'),
      update(2, 6, 'Casa'),
      update(2, 5, 'Casa'),
    ]);
    expect(
      merged.map(({ windowStartMs, categoria, registers }) => [
        windowStartMs / MINUTE,
        categoria,
        registers.map(({ partition, register }) => [partition, register.ate]),
      ]),
    ).toEqual([
      [
        5,
        'Casa',
        [
          [0, 0],
          [1, 1],
          [2, 2],
        ],
      ],
      [5, 'Livros', [[1, 1]]],
      [6, 'Casa', [[2, 2]]],
    ]);
  });

  it('leaves the updates that it was given as they were', () => {
    const updates = [update(0, 5, 'Casa'), update(1, 5, 'Casa')];
    mergeByDocument(updates);
    expect(updates.map(({ registers }) => registers.length)).toEqual([1, 1]);
  });
});
