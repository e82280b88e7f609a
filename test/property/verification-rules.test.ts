/** The verifier's rules and the engine's reference parser were written apart: they must agree. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { centavosOf as engineCentavosOf } from '../../src/sale/money.ts';
import { parseSale } from '../../src/sale/reference.ts';
import { eventMsOf, zoneOf } from '../../src/sale/time.ts';
import { EventTimes } from '../../src/verification/event-time.ts';
import { SaleRules } from '../../src/verification/sale-rules.ts';
import { centavosOf } from '../../src/verification/valor.ts';
import { REJECTED, VALID } from '../unit/sale/sales.ts';
import { numberText, saleBytes, timestampValue } from './sale-generators.ts';

const ZONES = ['UTC', 'America/Sao_Paulo', 'Africa/Monrovia', 'Pacific/Apia', 'Asia/Kolkata'];
const rulesOf = new Map(ZONES.map((timeZone) => [timeZone, new SaleRules(timeZone, 2)]));
const timesOf = new Map(ZONES.map((timeZone) => [timeZone, new EventTimes(timeZone)]));

function byTheEngine(value: Buffer | null, timeZone: string) {
  const sale = parseSale(value, { timeZone });
  if (sale.verdict === 'rejected') return sale.reason;
  const { categoria, valorCentavos, eventMs } = sale;
  return { categoria, centavos: BigInt(valorCentavos), eventMs };
}

const byTheVerifier = (value: Buffer | null, timeZone: string) =>
  rulesOf.get(timeZone)!.judge(value);

const DAY_MS = 86_400_000;
const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const dayText = (day: number) => new Date(day * DAY_MS).toISOString().slice(0, 10);

/** Only against hanging: the machine may be busy. */
describe('the verifier agrees with the engine', { timeout: 120_000 }, () => {
  const table = [
    ...VALID.map(([name, value]) => ({ name, value })),
    ...REJECTED.map(([, name, value]) => ({ name, value })),
  ];
  it.each(table)('on $name', ({ value: text }) => {
    const value = Buffer.from(text as string);
    expect(byTheVerifier(value, 'UTC')).toEqual(byTheEngine(value, 'UTC'));
  });

  it('on a tombstone', () => {
    expect(byTheVerifier(null, 'UTC')).toBe(byTheEngine(null, 'UTC'));
  });

  it('on generated and mutated sales in every kind of zone', () => {
    let valid = 0;
    fc.assert(
      fc.property(saleBytes, fc.constantFrom(...ZONES), (value, timeZone) => {
        const expected = byTheEngine(value, timeZone);
        if (typeof expected !== 'string') valid++;
        expect(byTheVerifier(value, timeZone), value.toString('latin1')).toEqual(expected);
      }),
      { numRuns: 20_000 },
    );
    expect(valid).toBeGreaterThan(1000);
  });

  it('on every byte of a sale changed to any other, and on every truncation', () => {
    const sale = Buffer.from(
      '{"id_pedido":"8","categoria":"TV","valor":12.5,"timestamp":"2024-11-25T10:30:00.5Z"}',
    );
    for (let i = 0; i < sale.length; i++) {
      const cut = sale.subarray(0, i);
      expect(byTheVerifier(cut, 'UTC')).toEqual(byTheEngine(cut, 'UTC'));
      for (let byte = 0; byte < 256; byte++) {
        const changed = Buffer.from(sale);
        changed[i] = byte;
        const wanted = byTheEngine(changed, 'UTC');
        expect(byTheVerifier(changed, 'UTC'), changed.toString('latin1')).toEqual(wanted);
      }
    }
  });

  it('on how numbers may be spelled', () => {
    const reasons = new Map([
      [-1, 'valor_out_of_range'],
      [-2, 'valor_decimals'],
    ]);
    const number = numberText.filter((text) => JSON_NUMBER.test(text));
    fc.assert(
      fc.property(number, (text) => {
        const wanted = engineCentavosOf(text);
        expect(centavosOf(text), text).toBe(reasons.get(wanted) ?? BigInt(wanted));
      }),
      { numRuns: 20_000 },
    );
  });

  it('on local times around every clock change from 1970 to 2030', () => {
    let changes = 0;
    for (const timeZone of ZONES) {
      const zone = zoneOf(timeZone);
      const times = timesOf.get(timeZone)!;
      const noon = (day: number) => eventMsOf(`${dayText(day)}T12:00`, zone);
      for (let day = 1; day < 365 * 60; day++) {
        if (noon(day) - noon(day - 1) === DAY_MS) continue;
        changes++;
        for (let minute = -24 * 60; minute < 24 * 60; minute += 15) {
          const local = new Date(day * DAY_MS + minute * 60_000 + 45_750).toISOString();
          const text = local.slice(0, -1);
          const wanted = eventMsOf(text, zone);
          expect(times.of(text), `${text} in ${timeZone}`).toBe(wanted < 0 ? Number.NaN : wanted);
        }
      }
    }
    expect(changes).toBeGreaterThan(60);
  });

  it('on generated timestamps', () => {
    fc.assert(
      fc.property(timestampValue, fc.constantFrom(...ZONES), (text, timeZone) => {
        const wanted = eventMsOf(text, zoneOf(timeZone));
        expect(timesOf.get(timeZone)!.of(text), text).toBe(wanted < 0 ? Number.NaN : wanted);
      }),
      { numRuns: 20_000 },
    );
  });
});
