/** Which page is the Portuguese of which: by its name, or by its number among the lessons. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../../scripts/build.ts';
import { pagePaths } from './page.ts';

const LESSONS = 'docs/lessons';

/** Pairs of a Portuguese page and its original. */
export function translations(): [string, string][] {
  const suffixed = pagePaths()
    .filter((path) => path.endsWith('.pt-BR.md'))
    .map((path): [string, string] => [path, path.replace('.pt-BR.md', '.md')]);
  return [...suffixed, ...lessons()];
}

function lessons(): [string, string][] {
  if (!existsSync(join(ROOT, LESSONS))) return [];
  const [ours, originals] = ['pt-BR', 'en'].map((language) =>
    readdirSync(join(ROOT, LESSONS, language)).sort(),
  );
  const numberOf = (name: string) => name.split('-')[0];
  if (ours.map(numberOf).join() !== originals.map(numberOf).join()) {
    throw new Error('the lessons of the two languages differ in number');
  }
  return originals.map((name, i) => [join(LESSONS, 'pt-BR', ours[i]), join(LESSONS, 'en', name)]);
}
