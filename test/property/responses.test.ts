/** Fetch responses changed at every level: see test/parts/fuzz.ts. `npm run fuzz` does many more. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fuzzCase } from '../parts/fuzz.ts';

const CASES = 3000;
const CORPUS = new URL('../corpus/responses/seeds.json', import.meta.url);

test('a changed response is an error with its reason, or gives the right sums', () => {
  const outcomes = new Set<string>();
  for (let seed = 1; seed <= CASES; seed++) outcomes.add(fuzzCase(seed));
  // Every level is reached, with and without harm.
  for (const level of ['response', 'batch', 'stored', 'head']) {
    const found = [...outcomes].filter((outcome) => outcome.startsWith(level));
    expect(found.length, level).toBeGreaterThan(1);
  }
}, 120_000);

test.each(JSON.parse(readFileSync(CORPUS, 'utf8')).seeds as number[])(
  'the kept case %i still holds',
  (seed) => {
    expect(fuzzCase(seed)).toMatch(/^\w+ (right|E_[A-Z_]+)$/);
  },
);
