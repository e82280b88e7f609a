/** docs/COMPARISON.md with the figures of the last run in their place, so that nobody copies them. */
import { type Results, wholeText } from './results.ts';

const FROM = '<!-- figures of bench/results/latest.json, put here by npm run bench -->';
const TO = '<!-- end of figures -->';

export function withFigures(page: string, { whole }: Results): string {
  const from = page.indexOf(FROM);
  const to = page.indexOf(TO, from);
  if (from < 0 || to < 0) throw new Error(`docs/COMPARISON.md has no place for figures: ${FROM}`);
  if (!whole) return page;
  // Without the heading: the page has its own.
  const figures = wholeText(whole).slice(1).join('\n');
  return `${page.slice(0, from)}${FROM}\n${figures}\n\n${page.slice(to)}`;
}
