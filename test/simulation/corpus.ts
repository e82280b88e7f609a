/** Histories that failed once: shrunk, kept, and always replayed. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../scripts/build.ts';
import type { Plan } from './plan.ts';

const DIRECTORY = join(ROOT, 'test/corpus/simulation');

export interface Kept {
  readonly name: string;
  /** What it broke, and which fault of the source made it so. */
  readonly invariant: string;
  readonly fault: string;
  readonly plan: Plan;
}

export function keptHistories(): Kept[] {
  if (!existsSync(DIRECTORY)) return [];
  return readdirSync(DIRECTORY)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => ({
      name: file.slice(0, -'.json'.length),
      ...JSON.parse(readFileSync(join(DIRECTORY, file), 'utf8')),
    }));
}

/** @returns the file, from the repository's root */
export function keep({ name, ...history }: Kept): string {
  mkdirSync(DIRECTORY, { recursive: true });
  writeFileSync(join(DIRECTORY, `${name}.json`), `${JSON.stringify(history, null, 1)}\n`);
  return `test/corpus/simulation/${name}.json`;
}
