import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFields, type SaleFields } from '../../../../src/sale/flatbuffers/fields.ts';
import { jsonBytesMin, jsonText } from '../../../../src/sale/flatbuffers/json-text.ts';
import { parseSale } from '../../../../src/sale/reference.ts';
import { itemText } from '../../../parts/item-text.ts';
import { rules } from '../sales.ts';

const FIELDS: SaleFields = {
  idPedido: Buffer.from('8c5b4a5e'),
  categoria: Buffer.from('Eletrônicos'),
  valorCentavos: 129_999n,
  timestampMs: BigInt(Date.UTC(2024, 10, 25, 10, 30, 0, 7)),
};
const text = (fields: Partial<SaleFields>) => jsonText({ ...FIELDS, ...fields });

describe('a batched sale as JSON', () => {
  it('reads as a producer would have written it', () => {
    expect(text({})).toBe(
      '{"id_pedido":"8c5b4a5e","categoria":"Eletrônicos","valor":1299.99,' +
        '"timestamp":"2024-11-25T10:30:00.007Z"}',
    );
  });

  it.each([
    [0n, '0.00'],
    [-1n, '-0.01'],
    [5n, '0.05'],
    [2n ** 63n - 1n, '92233720368547758.07'],
    [-(2n ** 63n), '-92233720368547758.08'],
  ])('has valor exact to the last centavo: %s', (valorCentavos, valor) => {
    expect(text({ valorCentavos })).toContain(`"valor":${valor},`);
  });

  it.each([
    [0n, '1970-01-01T00:00:00.000Z'],
    [-1n, '1969-12-31T23:59:59.999Z'],
    [-62_167_219_200_000n, '0000-01-01T00:00:00.000Z'],
    [-62_167_219_200_001n, '-62167219200001'],
    [253_402_300_799_999n, '9999-12-31T23:59:59.999Z'],
    [253_402_300_800_000n, '253402300800000'],
    [2n ** 63n - 1n, '9223372036854775807'],
  ])('has a date of four-digit years, and other times in milliseconds: %s', (timestampMs, time) => {
    expect(text({ timestampMs })).toContain(`"timestamp":"${time}"}`);
  });

  it('tells each byte that is not UTF-8', () => {
    const categoria = Buffer.from('41c3a9ffeda080e5ae', 'hex');
    expect(text({ categoria })).toContain(
      '"categoria":"Aé\\udcff\\udced\\udca0\\udc80\\udce5\\udcae"',
    );
  });

  it('leaves out what is missing', () => {
    expect(text({ idPedido: null, valorCentavos: null })).toMatch(/^\{"categoria":.*,"timestamp":/);
    const none = { idPedido: null, categoria: null, valorCentavos: null, timestampMs: null };
    expect(text(none)).toBe('{}');
  });

  const bytes = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 9 }).map((s) => Buffer.from(s)),
    fc.uint8Array({ maxLength: 9 }).map((list) => Buffer.from(list)),
    fc.constantFrom(Buffer.alloc(0), Buffer.from(' '), Buffer.alloc(129, 'a')),
  );
  const int64 = fc.oneof(
    fc.bigInt({ min: -5n, max: 5n }),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.bigInt({ min: 0n, max: 10n ** 11n }),
  );
  const some = fc.record({
    idPedido: fc.option(bytes, { freq: 20 }),
    categoria: fc.option(bytes, { freq: 20 }),
    valorCentavos: fc.option(int64, { freq: 20 }),
    timestampMs: fc.option(int64, { freq: 20 }),
  });

  it('gets the same verdict when it is sent as it is, and is valid if the sale was', () => {
    fc.assert(
      fc.property(some, (fields) => {
        const again = parseSale(Buffer.from(jsonText(fields)), rules);
        const verdict = parseFields(fields);
        if (verdict.verdict === 'valid') expect(again).toEqual(verdict);
        else expect(again).toMatchObject({ reason: verdict.reason });
      }),
      { numRuns: 2000 },
    );
  });

  it('is as an independent description says, and no shorter than it was taken for', () => {
    fc.assert(
      fc.property(some, (fields) => {
        expect(jsonText(fields)).toBe(itemText(fields));
        const length = Buffer.byteLength(jsonText(fields));
        expect(jsonBytesMin(fields)).toBeLessThanOrEqual(length);
      }),
      { numRuns: 2000 },
    );
  });

  it('gives back every byte', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (list) => {
        const { categoria } = JSON.parse(text({ categoria: list }));
        const back = [...(categoria as string)].map((character) => {
          const unit = character.charCodeAt(0);
          const isByte = character.length === 1 && unit >= 0xdc80 && unit <= 0xdcff;
          return isByte ? Buffer.of(unit - 0xdc00) : Buffer.from(character);
        });
        expect(Buffer.concat(back)).toEqual(Buffer.from(list));
      }),
      { numRuns: 2000 },
    );
  });
});
