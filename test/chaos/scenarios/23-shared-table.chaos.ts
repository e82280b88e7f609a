/**
 * The memory that a worker and the coordinator share, at its limits: keys that all collide, a
 * million categories, and both threads at work without a pause.
 */
import { expect } from 'vitest';
import { DEFAULT_LIMITS } from '../../../src/state/layout.ts';
import { firstSlot } from '../../../src/state/single-writer-table.ts';
import { type HandOver, handOver } from '../../parts/hand-over.ts';
import { plainSale } from '../../parts/sales.ts';
import { MemorySampler } from '../memory-sampler.ts';
import { scenario } from '../scenario.ts';

/** Under three quarters of the slots. */
const KEYS = 6000;
const CATEGORIES = 100;
const CATEGORY_LIMIT = 10_000;
const PEAK_MB_MAX = 512;

type Keys = Pick<HandOver, 'windows' | 'categories'>;

/** Keys whose search begins at the same slot, so that it passes over all that came before. */
function collidingKeys(): Keys {
  const [windows, categories] = [new Uint32Array(KEYS), new Uint32Array(KEYS)];
  let found = 0;
  for (let window = 0; found < KEYS; window++) {
    for (let category = 0; category < CATEGORIES && found < KEYS; category++) {
      if (firstSlot(window, category, DEFAULT_LIMITS.tableSlots - 1) !== 0) continue;
      windows[found] = window;
      categories[found] = category;
      found++;
    }
  }
  return { windows, categories };
}

scenario(
  {
    row: 23,
    title: 'two threads on one table, a flood of collisions',
    invariant: 'no torn read, bounded',
  },
  async (chaos) => {
    const sales = chaos.times(1_000_000, 100_000);
    const limits = { ...DEFAULT_LIMITS, categoryCount: CATEGORIES + 1 };
    const spread: Keys = {
      windows: Uint32Array.from({ length: KEYS }, (_, key) => Math.floor(key / CATEGORIES)),
      categories: Uint32Array.from({ length: KEYS }, (_, key) => key % CATEGORIES),
    };
    const kinds = { 'spread keys': spread, 'colliding keys': collidingKeys() };
    let torn = 0;
    for (const [name, keys] of Object.entries(kinds)) {
      const result = await handOver({
        limits,
        sales,
        ...keys,
        knownCategories: CATEGORIES,
        deltaSalesMin: KEYS,
        deltaSalesMax: KEYS,
      });
      expect({ name, ...result }).toMatchObject({
        torn: 0,
        counted: sales,
        centavos: (sales * (sales - 1)) / 2,
      });
      torn += result.torn;
      chaos.figure(`${name}: operations`, result.counted);
      chaos.figure(`${name}: deltas handed over`, result.drains);
      chaos.figure(`${name}: rate`, Math.round(sales / (result.elapsedMs / 1000)), 'a second');
    }
    chaos.figure('torn', torn);
  },
);

scenario(
  { row: 23, title: 'a million categories', invariant: 'the limit holds, memory is bounded' },
  async (chaos) => {
    const names = chaos.times(1_000_000, 50_000);
    const result = await handOver({
      limits: { ...DEFAULT_LIMITS, categoryCount: CATEGORY_LIMIT },
      sales: 2 * names,
      windows: new Uint32Array(names),
      categories: Uint32Array.from({ length: names }, (_, i) => i),
      deltaSalesMin: 1,
      deltaSalesMax: 5000,
    });
    expect(result).toMatchObject({ torn: 0, counted: 2 * CATEGORY_LIMIT });
    chaos.figure('categories in shared memory', names);
    chaos.figure('of them admitted', CATEGORY_LIMIT);

    const sold = chaos.times(200_000, 3000);
    const maxCategories = chaos.times(CATEGORY_LIMIT, 300);
    const scene = await chaos.scene({ rules: { maxCategories } });
    const timestamp = Date.UTC(2024, 10, 29, 12);
    await scene.produce(
      Array.from({ length: sold }, (_, i) => ({
        value: plainSale(timestamp, '1.00', `categoria ${i}`),
        timestamp,
        partition: i % 3,
      })),
    );
    const engine = scene.engine({}, { untilEnd: true });
    const memory = new MemorySampler(chaos, engine.pid);
    await engine.endsWell(10 * 60_000);
    const oracle = await scene.expectExact();
    expect(oracle.documents.size).toBe(3 * maxCategories);
    expect(oracle.deadLetters.size).toBe(sold - 3 * maxCategories);
    expect(memory.peakMb).toBeLessThan(PEAK_MB_MAX);
    chaos.figure('categories sold', sold);
    chaos.figure('rejected for the limit', oracle.deadLetters.size);
    chaos.figure('peak memory of the engine', memory.peakMb, 'MB');
  },
);
