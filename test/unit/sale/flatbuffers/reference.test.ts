import { describe, expect, it } from 'vitest';
import { parseRecord } from '../../../../src/sale/flatbuffers/reference.ts';
import { DETAIL_LENGTH_MAX } from '../../../../src/sale/reference.ts';
import { SALES_PER_BATCH_MAX } from '../../../../src/sale/rules.ts';
import { type FlatSpec, flatBatch, flatSale } from '../../../parts/flat-sales.ts';
import { SALE as JSON_SALE, rules, saleText } from '../sales.ts';
import { REJECTED, SALE, VALID } from './values.ts';

const parse = (value: Buffer) => parseRecord(value, rules);

/** The verdict on each sale of a batch. */
function verdicts(value: Buffer) {
  const record = parse(value);
  if (record.kind !== 'batch') throw new Error(`not a batch: ${JSON.stringify(record.verdict)}`);
  return record.sales.map(({ verdict }) => verdict);
}

describe('parseRecord', () => {
  it.each(VALID)('accepts: %s', (_name, value, expected) => {
    expect(parse(value)).toEqual({
      kind: 'one',
      verdict: { verdict: 'valid', ...SALE, ...expected },
    });
  });

  it.each(REJECTED)('refuses as %s: %s', (reason, _name, value) => {
    const record = parse(value);
    expect(record).toMatchObject({ kind: 'one', verdict: { verdict: 'rejected', reason } });
    const { detail } = (record as { verdict: { detail: string } }).verdict;
    expect(detail.length).toBeGreaterThan(5);
    expect(detail.length).toBeLessThanOrEqual(DETAIL_LENGTH_MAX);
    expect(detail).not.toMatch(/[\p{Cc}\p{Surrogate}]/u);
  });

  it('reads everything else as JSON', () => {
    expect(parse(Buffer.from(saleText({})))).toEqual({
      kind: 'one',
      verdict: { verdict: 'valid', ...JSON_SALE },
    });
    expect(parseRecord(null, rules)).toMatchObject({ verdict: { reason: 'not_json' } });
  });

  it('judges each sale of a batch on its own, in order', () => {
    const specs: FlatSpec[] = [{}, { valorCentavos: -1n }, { categoria: null }, { categoria: 'B' }];
    for (const shared of [true, false]) {
      expect(verdicts(flatBatch(specs, shared))).toMatchObject([
        { verdict: 'valid', ...SALE },
        { reason: 'valor_out_of_range', detail: 'valor_centavos -1 is negative or too large' },
        { reason: 'missing_field', detail: 'categoria is missing' },
        { verdict: 'valid', ...SALE, categoria: 'B' },
      ]);
    }
  });

  it('takes a batch of the greatest size', () => {
    expect(verdicts(flatBatch(new Array(SALES_PER_BATCH_MAX).fill({})))).toHaveLength(4096);
  });

  it('lets one broken sale break its batch, and says which', () => {
    const whole = flatBatch([{}, {}, {}], false);
    const table = whole.readInt32LE(0);
    const field = table + whole.readInt16LE(table - whole.readInt32LE(table) + 4);
    const third = field + whole.readInt32LE(field) + 4 + 4 * 2;
    whole.writeInt32LE(whole.length, third);
    expect(parse(whole)).toMatchObject({
      verdict: { reason: 'malformed_flatbuffer', detail: expect.stringContaining('sale 2 ') },
    });
  });

  it('tells the fields of a batched sale as they stand there', () => {
    const record = parse(flatBatch([{ idPedido: Buffer.of(255), valorCentavos: -(2n ** 63n) }]));
    expect(record).toMatchObject({
      sales: [{ fields: { idPedido: Buffer.of(255), valorCentavos: -(2n ** 63n) } }],
    });
  });

  it('takes a value for malformed wherever before its padding it is cut off', () => {
    const value = flatSale();
    for (let length = 8; length < value.length - 4; length++) {
      expect(parse(value.subarray(0, length))).toMatchObject({
        verdict: { reason: 'malformed_flatbuffer' },
      });
    }
  });
});
