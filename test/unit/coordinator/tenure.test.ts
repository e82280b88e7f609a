import { expect, test } from 'vitest';
import { Tenure } from '../../../src/coordinator/tenure.ts';

test('deaths are counted as long as nothing becomes durable in between', () => {
  const tenure = new Tenure();
  expect([10, 10, 10].map((offset) => tenure.died(offset))).toEqual([1, 2, 3]);
  expect(tenure.died(11)).toBe(1);
});
