import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { PAGES, withFigures } from '../../../bench/parts/comparison.ts';
import type { Results } from '../../../bench/parts/results.ts';

const root = new URL('../../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const PAGE = 'docs/COMPARISON.md';
const page = read(PAGE);
const results: Results = JSON.parse(read('bench/results/latest.json'));

it.each(Object.keys(PAGES))('%s has the figures of the last run', (path) => {
  const text = read(path);
  expect(text, 'run: npm run bench -- --render').toBe(withFigures(path, text, results));
});

it('takes others when there are others, and keeps all the rest', () => {
  const whole = { ...results.whole!, settings: ['other settings'] };
  const changed = withFigures(PAGE, page, { ...results, whole });
  expect(changed).not.toBe(page);
  expect(withFigures(PAGE, changed, results)).toBe(page);
  expect(() => withFigures(PAGE, '# Other', results)).toThrow(/no place for figures/);
});

it('has the latency of the last run at 5,000 sales a second', () => {
  const row = read('bench/results/latency.md')
    .split('\n')
    .find((line) => line.startsWith('| 5,000 |'))!;
  const cells = row.split('|').map((cell) => cell.trim());
  const [visibleP50, closed, cpu] = [cells[4], cells[10].split(' (')[0], cells[11].split(' / ')[1]];
  expect(page).toContain(
    `| Vendaval | ${visibleP50} ms at the median | ${closed} ms | ${Number(cpu).toFixed(1)} |`,
  );
});
