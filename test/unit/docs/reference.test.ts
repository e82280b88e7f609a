import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { reference } from '../../../scripts/make-reference.ts';

test('docs/REFERENCE.md is what the commands and the table of options make of it', () => {
  const file = new URL('../../../docs/REFERENCE.md', import.meta.url);
  expect(readFileSync(file, 'utf8'), 'run: npm run reference').toBe(reference());
});
