import * as flatbuffers from 'flatbuffers';
import { describe, expect, it } from 'vitest';
import {
  type EncodableSale,
  encodeSale,
  encodeSaleBatch,
} from '../../../../src/sale/flatbuffers/encode.ts';
import { Sale } from '../../../../src/sale/flatbuffers/generated/sale.ts';
import { SaleBatch } from '../../../../src/sale/flatbuffers/generated/sale-batch.ts';

const SALE: EncodableSale = {
  idPedido: '8c5b4a5e-0f6e-4f0e-9a55-0e9d3a3c7f11',
  categoria: 'Eletrônicos 家電 😀',
  valorCentavos: 129_999,
  timestampMs: Date.UTC(2024, 10, 25, 10, 30),
};

/** A sale as the generated code reads it; 64-bit numbers as bigints. */
const fields = (sale: Sale) => ({
  idPedido: sale.idPedido(),
  categoria: sale.categoria(),
  valorCentavos: sale.valorCentavos(),
  timestampMs: sale.timestampMs(),
});
const expected = (sale: EncodableSale) => ({
  ...sale,
  valorCentavos: BigInt(sale.valorCentavos),
  timestampMs: BigInt(sale.timestampMs),
});

function decoded(value: Buffer) {
  const bytes = new flatbuffers.ByteBuffer(value);
  expect(Sale.bufferHasIdentifier(bytes)).toBe(true);
  return fields(Sale.getRootAsSale(bytes));
}

function decodedBatch(value: Buffer) {
  const bytes = new flatbuffers.ByteBuffer(value);
  expect(SaleBatch.bufferHasIdentifier(bytes)).toBe(true);
  const batch = SaleBatch.getRootAsSaleBatch(bytes);
  return Array.from({ length: batch.vendasLength() }, (_, i) => fields(batch.vendas(i)!));
}

describe('sales as FlatBuffers', () => {
  it('read back as they were written', () => {
    expect(decoded(encodeSale(SALE))).toEqual(expected(SALE));
  });

  it('keep zeros, empty strings and the ends of 64 bits', () => {
    const sales: EncodableSale[] = [
      { idPedido: '', categoria: '', valorCentavos: 0, timestampMs: 0 },
      { ...SALE, valorCentavos: 2n ** 63n - 1n, timestampMs: -(2n ** 63n) },
    ];
    for (const sale of sales) expect(decoded(encodeSale(sale))).toEqual(expected(sale));
    expect(decodedBatch(encodeSaleBatch(sales))).toEqual(sales.map(expected));
  });

  it('keep their order in a batch, with each category written once', () => {
    const sales = Array.from({ length: 300 }, (_, i) => ({
      ...SALE,
      categoria: ['Casa', 'Gamer', 'Livros'][i % 3],
      valorCentavos: i,
    }));
    const value = encodeSaleBatch(sales);
    expect(decodedBatch(value)).toEqual(sales.map(expected));
    expect(value.toString('latin1').split('Gamer')).toHaveLength(2);
    expect(decodedBatch(encodeSaleBatch([]))).toEqual([]);
  });

  it('are not touched by what is encoded after them', () => {
    const first = encodeSale(SALE);
    const copy = Buffer.from(first);
    encodeSaleBatch([{ ...SALE, categoria: 'Outra', valorCentavos: 1 }]);
    expect(first).toEqual(copy);
  });
});
