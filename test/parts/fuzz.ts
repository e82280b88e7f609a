/** One fuzz case from one number. What each kind of case does stands in its own file. */
import { bombCase } from './fuzz-bombs.ts';
import { responseCase } from './fuzz-responses.ts';
import { valuesCase } from './fuzz-values.ts';
import { seeded } from './random.ts';

/** Of a thousand cases that are not of responses. */
const BOMBS = 2;

/**
 * Even seeds change responses and batches, odd ones values; a few of those are bombs instead.
 *
 * @returns what came of it: an error's code, or `right`, behind the kind of case
 */
export function fuzzCase(seed: number): string {
  const random = seeded(seed).next;
  if (seed % 2 === 0) return responseCase(random);
  return random() < BOMBS / 1000 ? bombCase(random) : valuesCase(random);
}
