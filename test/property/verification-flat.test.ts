/** The verifier's reading of FlatBuffers and the engine's plain reader were written apart. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRecord, type SaleVerdict } from '../../src/sale/flatbuffers/reference.ts';
import { SaleRules } from '../../src/verification/sale-rules.ts';
import { flatBatch, flatSale } from '../parts/flat-sales.ts';
import { REJECTED, VALID } from '../unit/sale/flatbuffers/values.ts';

const rules = new SaleRules('UTC', 2);

function plain(verdict: SaleVerdict) {
  if (verdict.verdict === 'rejected') return verdict.reason;
  const { categoria, valorCentavos, eventMs } = verdict;
  return { categoria, centavos: BigInt(valorCentavos), eventMs };
}

function byTheEngine(value: Buffer) {
  const parsed = parseRecord(value, { timeZone: 'UTC' });
  if (parsed.kind === 'one') return plain(parsed.verdict);
  return parsed.sales.map(({ verdict }) => plain(verdict));
}

function byTheVerifier(value: Buffer) {
  const verdict = rules.judge(value);
  return Array.isArray(verdict) ? verdict.map((sale) => sale.verdict) : verdict;
}

function expectAgreement(value: Buffer) {
  expect(byTheVerifier(value), value.toString('hex')).toEqual(byTheEngine(value));
}

const SALE = flatSale({ idPedido: '8', categoria: 'TV' });
const BATCH = flatBatch([
  { idPedido: 'a', categoria: 'TV' },
  { idPedido: 'b', valorCentavos: null },
]);

describe('the verifier agrees with the engine on FlatBuffers', { timeout: 120_000 }, () => {
  const table = [
    ...VALID.map(([name, value]) => ({ name, value })),
    ...REJECTED.map(([, name, value]) => ({ name, value })),
  ];
  it.each(table)('on $name', ({ value }) => expectAgreement(value));

  it.each([
    ['a sale', SALE],
    ['a batch', BATCH],
  ])('on every byte of %s changed to any other, and on every truncation', (_, value) => {
    const reasons = new Set<unknown>();
    for (let i = 0; i < value.length; i++) {
      expectAgreement(value.subarray(0, i));
      for (let byte = 0; byte < 256; byte++) {
        const changed = Buffer.from(value);
        changed[i] = byte;
        expectAgreement(changed);
        reasons.add(typeof byTheVerifier(changed));
      }
    }
    expect(reasons.size).toBe(2);
  });

  it('on words of a batch changed to what an offset or a length may be', () => {
    const word = fc.oneof(
      fc.integer({ min: -16, max: BATCH.length + 4 }),
      fc.constantFrom(2 ** 31 - 1, -(2 ** 31), 2 ** 29 - 1, 0xffff, 0x8000),
    );
    const at = fc.integer({ min: 0, max: BATCH.length - 4 });
    fc.assert(
      fc.property(fc.array(fc.tuple(at, word), { minLength: 1, maxLength: 3 }), (changes) => {
        const value = Buffer.from(BATCH);
        for (const [position, number] of changes) value.writeInt32LE(number, position & ~1);
        expectAgreement(value);
      }),
      { numRuns: 20_000 },
    );
  });

  it('reads them as JSON by the first version of the rules, which knew none', () => {
    expect(new SaleRules('UTC', 1).judge(SALE)).toBe('not_json');
  });
});
