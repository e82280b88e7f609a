import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EVENT_TIME_MS_LIMIT } from '../../../src/sale/rules.ts';
import {
  firstOpenWindow,
  windowEndMs,
  windowIndexOf,
  windowStartMs,
} from '../../../src/window/window.ts';

const MINUTE = 60_000;

describe('a window', () => {
  it.each([
    [0, 0],
    [MINUTE - 1, 0],
    [MINUTE, 1],
    [-1, -1],
    [-MINUTE, -1],
    [-MINUTE - 1, -2],
  ])('of a minute that holds %i has the index %i', (eventMs, index) => {
    expect(windowIndexOf(eventMs, MINUTE)).toBe(index);
  });

  it('ends where the next one starts', () => {
    expect(windowEndMs(41, MINUTE)).toBe(windowStartMs(42, MINUTE));
    expect(windowEndMs(-1, MINUTE)).toBe(0);
  });

  it('holds its start and not its end, whatever its length', () => {
    fc.assert(
      fc.property(
        fc.nat(EVENT_TIME_MS_LIMIT - 1),
        fc.integer({ min: 1, max: 86_400 }).map((seconds) => seconds * 1000),
        (eventMs, windowMs) => {
          const index = windowIndexOf(eventMs, windowMs);
          expect(windowStartMs(index, windowMs)).toBeLessThanOrEqual(eventMs);
          expect(windowEndMs(index, windowMs)).toBeGreaterThan(eventMs);
          expect(index).toBeLessThan(2 ** 32);
        },
      ),
    );
  });
});

describe('the first open window', () => {
  it.each([
    ['one millisecond before a window ends', MINUTE - 1, 0],
    ['where a window ends', MINUTE, 1],
    ['one millisecond after it', MINUTE + 1, 1],
    ['nowhere yet', Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ])('with the watermark %s', (_, watermarkMs, index) => {
    expect(firstOpenWindow(watermarkMs, MINUTE)).toBe(index);
  });

  it('is late below, where every end is at or before the watermark, and nowhere else', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 40), fc.integer({ min: 1, max: 1e8 }), (watermarkMs, windowMs) => {
        const first = firstOpenWindow(watermarkMs, windowMs);
        expect(windowEndMs(first - 1, windowMs)).toBeLessThanOrEqual(watermarkMs);
        expect(windowEndMs(first, windowMs)).toBeGreaterThan(watermarkMs);
      }),
    );
  });
});
