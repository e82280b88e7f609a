/** Two real threads on one region: what the contract of PartitionRegion is worth. */
import { expect, it } from 'vitest';
import { handOver } from '../../parts/hand-over.ts';

const SALES = 2_000_000;
const KEYS = 7;

it('hands deltas over between two threads thousands of times without a torn or lost row', async () => {
  const { torn, counted, centavos, drains } = await handOver({
    limits: { tableSlots: 16, rejectLogBytes: 256, categoryCount: KEYS + 1 },
    sales: SALES,
    windows: Uint32Array.from({ length: KEYS }, (_, key) => key),
    categories: Uint32Array.from({ length: KEYS }, (_, key) => key),
    deltaSalesMin: 1,
    deltaSalesMax: 1000,
  });
  expect(torn).toBe(0);
  expect(counted).toBe(SALES);
  expect(centavos).toBe((SALES * (SALES - 1)) / 2);
  expect(drains).toBeGreaterThanOrEqual(SALES / 1000);
}, 60_000);
