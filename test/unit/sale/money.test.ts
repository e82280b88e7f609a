import { describe, expect, it } from 'vitest';
import { centavosOf, VALOR_DECIMALS, VALOR_OUT_OF_RANGE } from '../../../src/sale/money.ts';

const ZEROS = '0'.repeat(100_000);

describe('centavosOf', () => {
  it.each([
    ['0.1', 10],
    ['1299.99', 129_999],
    ['1e3', 100_000],
    ['1E+3', 100_000],
    ['10.500', 1050],
    ['1050e-2', 1050],
    ['1e-2', 1],
    ['0.01', 1],
    ['100000000000e-2', 100_000_000_000],
    ['1000000000', 100_000_000_000],
    ['1000000000.00', 100_000_000_000],
    ['1e9', 100_000_000_000],
    ['999999999.99', 99_999_999_999],
    ['0.00000000000000000001e20', 100],
    [`1${ZEROS}e-${ZEROS.length}`, 100],
    [`0.${ZEROS}1e${ZEROS.length + 1}`, 100],
    [`1.${ZEROS}`, 100],
    // The nearest double to each of these is not a whole number of centavos.
    ['1.005e1', 1005],
    ['8.41', 841],
    ['1.1', 110],
    ['33333333.33', 3_333_333_333],
  ])('takes the exact value of %.40s', (text, centavos) => {
    expect(centavosOf(text)).toBe(centavos);
  });

  it.each(['0', '-0', '0.0', '-0.000', '0e5', '0e999999999999', '-0e-999999999999'])(
    'takes %s as zero, not as minus zero',
    (text) => {
      expect(Object.is(centavosOf(text), 0)).toBe(true);
    },
  );

  it.each(['10.005', '0.001', '1e-3', '1e-400', '1e-999999999', '999999999.999', '0.129999999'])(
    'refuses %s for its decimals',
    (text) => {
      expect(centavosOf(text)).toBe(VALOR_DECIMALS);
    },
  );

  it.each([
    '-1',
    '-0.01',
    '1000000000.01',
    '10000000000',
    '1e10',
    '1e400',
    '1e999999999',
    '1e99999999999999999999999999',
    `1${ZEROS}`,
  ])('refuses %.40s for its range', (text) => {
    expect(centavosOf(text)).toBe(VALOR_OUT_OF_RANGE);
  });

  it.each(['-0.001', '-1e-400', '1000000000.001', '123456789012.345'])(
    'names the range first for %s, which also has too many decimals',
    (text) => {
      expect(centavosOf(text)).toBe(VALOR_OUT_OF_RANGE);
    },
  );
});
