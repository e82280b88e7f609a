import { describe, expect, it } from 'vitest';
import { FIRST_TABLE_SLOTS, usedSlotsMax } from '../../../src/state/layout.ts';
import {
  CoordinatorRegion,
  createRegion,
  WorkerRegion,
} from '../../../src/state/partition-region.ts';

const SLOTS_MAX = 4 * FIRST_TABLE_SLOTS;

/** One delta's table as its worker fills it; a new worker for each call. */
function emptyTable() {
  const limits = { tableSlots: SLOTS_MAX, rejectLogBytes: 1024, categoryCount: 1 };
  return new WorkerRegion(createRegion(limits, [])).active.table;
}

/** Adds sales of one key each until one is refused. */
function fill(table: ReturnType<typeof emptyTable>): number {
  for (let window = 0; ; window++) if (!table.add(window, 0, window)) return window;
}

describe('a table grows', () => {
  it('to twice as many keys each time that it was full and is empty again, up to its limit', () => {
    const table = emptyTable();
    const filled = Array.from({ length: 4 }, () => {
      const keys = fill(table);
      table.clear();
      return keys;
    });
    const slots = [1, 2, 4, 4].map((times) => times * FIRST_TABLE_SLOTS);
    expect(filled).toEqual(slots.map(usedSlotsMax));
  });

  it('and has every key once, with its sum, however often it grew', () => {
    const table = emptyTable();
    for (let round = 0; round < 3; round++) {
      fill(table);
      table.clear();
    }
    const keys = usedSlotsMax(SLOTS_MAX);
    for (let time = 0; time < 2; time++) {
      for (let window = 0; window < keys; window++) expect(table.add(window, 0, window)).toBe(true);
    }
    let next = 0;
    table.forEach((window, _category, count, centavos) => {
      expect([window, count, centavos]).toEqual([next, 2, 2 * next]);
      next++;
    });
    expect(next).toBe(keys);
  });

  it('not while it was never full', () => {
    const table = emptyTable();
    for (let round = 0; round < 3; round++) {
      for (let window = 0; window < usedSlotsMax(FIRST_TABLE_SLOTS); window++) {
        table.add(window + round, 0, 1);
      }
      table.clear();
    }
    expect(fill(table)).toBe(usedSlotsMax(FIRST_TABLE_SLOTS));
  });

  it("and the coordinator drains it whole, though it knows nothing of the table's growth", () => {
    const limits = { tableSlots: SLOTS_MAX, rejectLogBytes: 1024, categoryCount: 1 };
    const buffer = createRegion(limits, []);
    const worker = new WorkerRegion(buffer);
    const coordinator = new CoordinatorRegion(buffer);
    const drained = Array.from({ length: 4 }, () => {
      fill(worker.active.table);
      worker.freeze();
      let keys = 0;
      coordinator.frozen!.table.forEach(() => {
        keys++;
      });
      coordinator.release();
      return keys;
    });
    const [first, second] = [1, 2].map((times) => usedSlotsMax(times * FIRST_TABLE_SLOTS));
    // Two tables in turns.
    expect(drained).toEqual([first, first, second, second]);
  });
});
