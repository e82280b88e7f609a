/** The WebAssembly that is in the repository is what its source compiles to. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { generated } from '../../../scripts/generate-simd.ts';

test('the reader of plain sales is made from its source: npm run generate', async () => {
  const file = new URL('../../../src/sale/simd/generated.ts', import.meta.url);
  expect(readFileSync(file, 'utf8')).toBe(await generated());
}, 60_000);
