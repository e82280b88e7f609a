import { expect, test } from 'vitest';
import { createSaleGenerator } from '../../../src/commands/sale-generator.ts';
import { SALE_CATEGORIES } from '../../../src/load/shop.ts';

const AT = Date.UTC(2024, 10, 25, 10, 30, 0, 999);

test('a sale has the four fields of its topic, its time in UTC without a suffix', () => {
  const { sale } = createSaleGenerator(1)(AT);
  expect(Object.keys(sale)).toEqual(['id_pedido', 'categoria', 'valor', 'timestamp']);
  expect(sale.id_pedido).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  expect(sale.timestamp).toBe('2024-11-25T10:30:00');
});

test('values are whole centavos from R$ 10.00 to R$ 5000.00 and print with two decimals at most', () => {
  const generate = createSaleGenerator(2);
  const sales = Array.from({ length: 20_000 }, () => generate(AT));
  for (const { sale, valorCentavos } of sales) {
    expect(Number.isInteger(valorCentavos)).toBe(true);
    expect(valorCentavos).toBeGreaterThanOrEqual(1000);
    expect(valorCentavos).toBeLessThanOrEqual(500_000);
    expect(JSON.stringify(sale.valor)).toMatch(/^\d+(\.\d{1,2})?$/);
    expect(Math.round(sale.valor * 100)).toBe(valorCentavos);
  }
  expect(new Set(sales.map(({ sale }) => sale.categoria))).toEqual(new Set(SALE_CATEGORIES));
});

test('the same seed gives the same sales, no seed different ones', () => {
  const first = (seed?: number) => createSaleGenerator(seed)(AT);
  expect(first(7)).toEqual(first(7));
  expect(first(7)).not.toEqual(first(8));
  expect(first()).not.toEqual(first());
});
