/**
 * Fetch responses, batches and values changed at every level, and decompression bombs: see
 * test/parts/fuzz.ts. `npm run fuzz` does many more.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fuzzCase } from '../parts/fuzz.ts';
import { bombCase } from '../parts/fuzz-bombs.ts';
import { seeded } from '../parts/random.ts';

const CASES = 4000;
const BOMBS = 60;
const CORPUS = new URL('../corpus/responses/seeds.json', import.meta.url);

test('what was changed is an error with its reason, or gives the right sums', () => {
  const outcomes = new Set<string>();
  for (let seed = 1; seed <= CASES; seed++) outcomes.add(fuzzCase(seed));
  // Every level is reached, with and without harm.
  for (const level of ['response', 'batch', 'stored', 'head']) {
    const found = [...outcomes].filter((outcome) => outcome.startsWith(level));
    expect(found.length, level).toBeGreaterThan(1);
  }
  expect(outcomes).toContain('values right');
}, 120_000);

test('a bomb is an error up to where it was counted, or one record that is too large', () => {
  const outcomes = new Set<string>();
  for (let seed = 1; seed <= BOMBS; seed++) outcomes.add(bombCase(seeded(seed).next));
  expect([...outcomes].sort()).toEqual([
    ...['bomb E_BATCH_TOO_LARGE', 'bomb right'],
    ...['claim E_BATCH_TOO_LARGE', 'claim E_CORRUPT_BATCH'],
  ]);
}, 120_000);

test.each(JSON.parse(readFileSync(CORPUS, 'utf8')).seeds as number[])(
  'the kept case %i still holds',
  (seed) => {
    expect(fuzzCase(seed)).toMatch(/^\w+ (right|none|forged|E_[A-Z_]+)$/);
  },
);
