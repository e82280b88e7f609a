import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatCount,
  formatDurationMs,
  formatReais,
  humanDurationMs,
  parseDurationMs,
} from '../../../src/lib/units.ts';

describe('durations', () => {
  it.each([
    ['0ms', 0],
    ['250ms', 250],
    ['1.5s', 1500],
    ['1.005s', 1005],
    ['2m', 120_000],
    [' 1h ', 3_600_000],
    ['0.5d', 43_200_000],
  ])('reads %j', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  it.each([
    '',
    'ms',
    '5',
    '-1s',
    '1e3s',
    '1 s',
    '1M',
    '1.5ms',
    '0.0001s',
    '.5s',
    '5.s',
    `${'9'.repeat(20)}d`,
  ])('does not read %j', (text) => {
    expect(parseDurationMs(text)).toBeNaN();
  });

  it('come back from the text that is made of them', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 40), (ms) => {
        expect(parseDurationMs(formatDurationMs(ms))).toBe(ms);
      }),
    );
    expect([90_000, 120_000, 86_400_000, 1, 0].map(formatDurationMs)).toEqual([
      '90s',
      '2m',
      '1d',
      '1ms',
      '0ms',
    ]);
  });

  it('in seconds with up to three decimals are whole milliseconds', () => {
    fc.assert(
      fc.property(fc.nat(10_000_000), (ms) => {
        expect(
          parseDurationMs(`${Math.floor(ms / 1000)}.${String(ms % 1000).padStart(3, '0')}s`),
        ).toBe(ms);
      }),
    );
  });

  it.each([
    [320, '320 ms'],
    [999.6, '1.0 s'],
    [4210, '4.2 s'],
    [59_960, '1 min 00 s'],
    [185_000, '3 min 05 s'],
    [3_599_600, '1 h 00 min'],
    [7_800_000, '2 h 10 min'],
  ])('reads well to people: %d', (ms, text) => {
    expect(humanDurationMs(ms)).toBe(text);
  });
});

describe('money', () => {
  it.each([
    [0, 'R$ 0,00'],
    [5, 'R$ 0,05'],
    [123_456, 'R$ 1.234,56'],
    [-1, '-R$ 0,01'],
    [100_000_000_000, 'R$ 1.000.000.000,00'],
    [9_007_199_254_740_993n, 'R$ 90.071.992.547.409,93'],
  ])('of %d centavos is %s', (centavos, text) => {
    expect(formatReais(centavos)).toBe(text);
  });

  it('loses no digit of any sum', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 30n }), (centavos) => {
        expect(BigInt(formatReais(centavos).replace(/\D/g, ''))).toBe(centavos);
      }),
    );
  });
});

it('groups the digits of a count', () => {
  expect([0, 999, 1_234_567, 12.6].map(formatCount)).toEqual(['0', '999', '1,234,567', '13']);
});
