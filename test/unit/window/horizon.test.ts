import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WindowHorizon } from '../../../src/window/horizon.ts';
import { firstTimelyWindow, NO_EVENT_MS } from '../../../src/window/watermark.ts';

const MINUTE = 60_000;

describe('WindowHorizon', () => {
  it('leaves every window open before the first event', () => {
    const horizon = new WindowHorizon(MINUTE, 0, NO_EVENT_MS);
    expect(horizon.firstOpenWindow).toBe(Number.NEGATIVE_INFINITY);
    horizon.advanceTo(0);
    expect(horizon.firstOpenWindow).toBe(0);
  });

  it('closes a window at the very millisecond that the delay is over', () => {
    const horizon = new WindowHorizon(MINUTE, 2 * MINUTE, 3 * MINUTE);
    expect(horizon.closesNextAtMs).toBe(4 * MINUTE);
    horizon.advanceTo(4 * MINUTE - 1);
    expect(horizon.firstOpenWindow).toBe(1);
    horizon.advanceTo(4 * MINUTE);
    expect(horizon.firstOpenWindow).toBe(2);
  });

  it('is at the greatest time that it was told, with the windows that this leaves open', () => {
    const ms = fc.integer({ min: 0, max: 500_000 });
    const size = fc.constantFrom(1, 7, 1000, MINUTE);
    fc.assert(
      fc.property(size, ms, fc.option(ms), fc.array(ms), (windowMs, delayMs, startMs, times) => {
        const horizon = new WindowHorizon(windowMs, delayMs, startMs ?? NO_EVENT_MS);
        let greatest = startMs ?? NO_EVENT_MS;
        for (const time of times) {
          horizon.advanceTo(time);
          greatest = Math.max(greatest, time);
          expect(horizon.maxEventMs).toBe(greatest);
          expect(horizon.firstOpenWindow).toBe(firstTimelyWindow(greatest, delayMs, windowMs));
        }
      }),
    );
  });
});
