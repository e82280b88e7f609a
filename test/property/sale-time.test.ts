/** Event time against Date, for the shapes that Date reads the same way, and against Intl. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EVENT_TIME_MS_LIMIT } from '../../src/sale/rules.ts';
import { BAD_TIMESTAMP, eventMsOf, zoneOf } from '../../src/sale/time.ts';
import { timestampValue } from './sale-generators.ts';

const utc = zoneOf('UTC');

/** What ECMAScript's date time format shares with ours. */
const SHARED = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{3})?)?(Z|[+-]\d\d:\d\d)$/;

function oracle(text: string): number {
  // Date.parse carries 30 February over and takes 24:00.
  const day = Number(text.slice(8, 10));
  const monthDays = new Date(
    Date.UTC(Number(text.slice(0, 4)), Number(text.slice(5, 7)), 0),
  ).getUTCDate();
  if (day > monthDays || text.slice(11, 13) === '24') return BAD_TIMESTAMP;
  const ms = Date.parse(text);
  return ms >= 0 && ms < EVENT_TIME_MS_LIMIT ? ms : BAD_TIMESTAMP;
}

/** Milliseconds in [0, EVENT_TIME_MS_LIMIT). */
const instant = fc.integer({ min: 0, max: EVENT_TIME_MS_LIMIT - 1 });

describe('eventMsOf', { timeout: 120_000 }, () => {
  it('agrees with Date.parse where both read the text', () => {
    let shared = 0;
    fc.assert(
      fc.property(timestampValue, (text) => {
        if (!SHARED.test(text)) return;
        shared++;
        expect(eventMsOf(text, utc), text).toBe(oracle(text));
      }),
      { numRuns: 20_000 },
    );
    expect(shared).toBeGreaterThan(100);
  });

  it('reads back every instant, with any offset and in any spelling', () => {
    fc.assert(
      fc.property(
        instant,
        fc.integer({ min: -1439, max: 1439 }),
        fc.constantFrom('T', 't', ' '),
        fc.constantFrom(':', ''),
        fc.stringMatching(/^\d{0,9}$/),
        (ms, offset, separator, colon, moreDigits) => {
          const local = new Date(ms + offset * 60_000).toISOString();
          const hours = String(Math.floor(Math.abs(offset) / 60)).padStart(2, '0');
          const minutes = String(Math.abs(offset) % 60).padStart(2, '0');
          const zone = `${offset < 0 ? '-' : '+'}${hours}${colon}${minutes}`;
          const text = local.replace('T', separator).replace('Z', moreDigits + zone);
          expect(eventMsOf(text, utc), text).toBe(ms);
          expect(eventMsOf(new Date(ms).toISOString().replace('Z', ''), utc)).toBe(ms);
        },
      ),
      { numRuns: 5000 },
    );
  });

  it('in a zone, reads back what Intl shows, or its first occurrence', () => {
    const names = [
      'America/Sao_Paulo',
      'America/New_York',
      'Africa/Monrovia',
      'Pacific/Apia',
      'Asia/Kolkata',
    ];
    // Around clock changes, where it matters, and anywhere.
    const changes = [
      Date.UTC(2018, 10, 4, 3),
      Date.UTC(2019, 1, 17, 2),
      Date.UTC(2024, 2, 10, 7),
      Date.UTC(2024, 10, 3, 6),
      Date.UTC(1972, 0, 7, 0, 44, 30),
      Date.UTC(2011, 11, 30, 10),
    ];
    const near = fc
      .tuple(fc.constantFrom(...changes), fc.integer({ min: -7200, max: 7200 }))
      .map(([change, seconds]) => change + 1000 * seconds);
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.oneof(near, instant), (timeZone, ms) => {
        const wholeMs = Math.floor(ms / 1000) * 1000;
        // Swedish writes dates as ISO does.
        const show = (at: number) =>
          new Intl.DateTimeFormat('sv-SE', {
            timeZone,
            dateStyle: 'short',
            timeStyle: 'medium',
          }).format(at);
        const text = show(wholeMs);
        const actual = eventMsOf(text, zoneOf(timeZone));
        if (actual === BAD_TIMESTAMP) return; // first occurrence before 1970
        expect(show(actual), text).toBe(text);
        expect(actual).toBeLessThanOrEqual(wholeMs);
        expect(wholeMs - actual).toBeLessThanOrEqual(3_600_000);
      }),
      { numRuns: 1000 },
    );
  });
});
