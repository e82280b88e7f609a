import { describe, expect, it } from 'vitest';
import { Backoff } from '../../../src/lib/backoff.ts';

describe('Backoff', () => {
  const waits = (random: number, count: number) => {
    const backoff = new Backoff(100, 5000);
    return Array.from({ length: count }, () => backoff.nextMs(random));
  };

  it('doubles its ceiling up to the greatest wait', () => {
    expect(waits(1, 8)).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  });

  it('never waits less than half of the least', () => {
    expect(waits(0, 4)).toEqual([50, 50, 50, 50]);
  });

  it('stays within its bounds however often it is asked', () => {
    const backoff = new Backoff(100, 5000);
    for (let i = 0; i < 2000; i++) {
      const wait = backoff.nextMs();
      expect(wait >= 50 && wait <= 5000).toBe(true);
    }
  });

  it('begins again after a reset', () => {
    const backoff = new Backoff(100, 5000);
    backoff.nextMs(1);
    backoff.nextMs(1);
    expect(backoff.attempts).toBe(2);
    backoff.reset();
    expect(backoff.attempts).toBe(0);
    expect(backoff.nextMs(1)).toBe(100);
  });
});
