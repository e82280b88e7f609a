import { expect, it } from 'vitest';
import { DEFAULT_LIMITS, LIVE } from '../../../src/state/layout.ts';
import { CoordinatorRegion, createRegion } from '../../../src/state/partition-region.ts';

it('knows no end of the log before its worker has started: 0 would be an empty log, drained', () => {
  const buffer = createRegion({ ...DEFAULT_LIMITS, categoryCount: 10 }, []);
  const { live } = new CoordinatorRegion(buffer);
  expect(live[LIVE.firstEndOffset]).toBe(-1);
  expect(live[LIVE.highWatermark]).toBe(-1);
});
