/** Money against an oracle in whole numbers of any size. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { centavosOf, VALOR_DECIMALS, VALOR_OUT_OF_RANGE } from '../../src/sale/money.ts';
import { VALOR_CENTAVOS_MAX } from '../../src/sale/rules.ts';

/** The verdict on sign * coefficient * 10^exponent, by BigInt arithmetic on a fraction. */
function oracle(negative: boolean, coefficient: bigint, exponent: number): number {
  const up = 10n ** BigInt(Math.max(0, exponent));
  const down = 10n ** BigInt(Math.max(0, -exponent));
  const centavos = 100n * coefficient * up; // over `down`
  if (coefficient !== 0n && negative) return VALOR_OUT_OF_RANGE;
  if (centavos > BigInt(VALOR_CENTAVOS_MAX) * down) return VALOR_OUT_OF_RANGE;
  return centavos % down === 0n ? Number(centavos / down) : VALOR_DECIMALS;
}

const digits = fc.oneof(
  fc.bigInt({ min: 0n, max: 10n ** 30n }),
  fc.bigInt({ min: 0n, max: 200_000_000_000n }),
  fc.constantFrom(0n, 1n, 99_999_999_999n, 100_000_000_000n, 100_000_000_001n, 10n ** 20n),
);

describe('centavosOf', { timeout: 120_000 }, () => {
  it('is exact for every spelling of a number', () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        digits,
        fc.nat({ max: 40 }),
        fc.integer({ min: -40, max: 40 }),
        fc.nat({ max: 5 }),
        fc.constantFrom('e', 'E'),
        fc.boolean(),
        (negative, coefficient, point, exponent, zeros, letter, plus) => {
          // Put the decimal point `point` digits from the right, add zeros, and an exponent.
          const padded = coefficient.toString().padStart(point + 1, '0');
          const whole = padded.slice(0, padded.length - point);
          const fraction = padded.slice(padded.length - point) + '0'.repeat(zeros);
          const sign = plus && exponent >= 0 ? '+' : '';
          const suffix = exponent === 0 && !plus ? '' : `${letter}${sign}${exponent}`;
          const text = `${negative ? '-' : ''}${whole}${fraction && '.'}${fraction}${suffix}`;
          expect(() => JSON.parse(text)).not.toThrow();
          expect(centavosOf(text), text).toBe(oracle(negative, coefficient, exponent - point));
        },
      ),
      { numRuns: 5000 },
    );
  });

  it('gives back any centavos written with two decimals', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: VALOR_CENTAVOS_MAX }), (centavos) => {
        const text = centavos.toString().padStart(3, '0');
        expect(centavosOf(`${text.slice(0, -2)}.${text.slice(-2)}`)).toBe(centavos);
      }),
    );
  });
});
