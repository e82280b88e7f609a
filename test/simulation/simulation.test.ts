/**
 * Thousands of histories of the engine's core under a seeded scheduler (history.ts), each with
 * crashes, freezes, rebalances, failovers, lost, late and repeated messages, and each judged at
 * every step and at its end. `npm run simulate` runs more of them, and tells one step by step.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keptHistories } from './corpus.ts';
import { Fleet } from './fleet.ts';

const HISTORIES = 3000;
const TWICE = 200;
/** A kept history is replayed with some other choices too: what led to it may have moved. */
const SEEDS_AROUND = 20;

let fleet: Fleet;

beforeAll(async () => {
  fleet = await Fleet.start();
});

afterAll(() => fleet.close());

describe('the core of the engine', () => {
  it('keeps every promise in every history', async () => {
    const { histories, failures, lives } = await fleet.run({ from: 1, count: HISTORIES });
    expect(failures).toEqual([]);
    expect(histories).toBe(HISTORIES);
    // Engines did die: the histories were not idle ones.
    expect(lives).toBeGreaterThan(HISTORIES);
  });

  it('makes the same history again from the same seed, step by step', async () => {
    const alone = await Fleet.start([], 1);
    const [first, again] = await Promise.all(
      [fleet, alone].map((some) => some.run({ from: 1, count: TWICE })),
    );
    alone.close();
    expect(again.hash).toBe(first.hash);
    expect(again.steps).toBe(first.steps);
  });

  it.each(keptHistories())('ends right where it once did not: $name', async ({ plan }) => {
    for (let i = 0; i < SEEDS_AROUND; i++) {
      const { failure } = await fleet.tell({ ...plan, seed: plan.seed + i });
      expect(failure).toBeNull();
    }
  });
});
