/** What every system must come to, and a hash of it to compare and to print. */
import { createHash } from 'node:crypto';

/** `YYYY-MM-DDTHH:MM|categoria` to number of sales and centavos. */
export type Sums = Map<string, { count: number; centavos: number }>;

/** The plain way that the peers share: JSON.parse, minute and category, whole centavos. */
export function addSale(sums: Sums, value: string): void {
  const { categoria, valor, timestamp } = JSON.parse(value);
  const key = `${timestamp.slice(0, 16)}|${categoria}`;
  let sum = sums.get(key);
  if (!sum) {
    sum = { count: 0, centavos: 0 };
    sums.set(key, sum);
  }
  sum.count++;
  sum.centavos += Math.round(valor * 100);
}

export function merged(parts: readonly Sums[]): Sums {
  const all: Sums = new Map();
  for (const [key, { count, centavos }] of parts.flatMap((part) => [...part])) {
    const sum = all.get(key) ?? { count: 0, centavos: 0 };
    all.set(key, { count: sum.count + count, centavos: sum.centavos + centavos });
  }
  return all;
}

export function hashOf(sums: Sums): string {
  const lines = [...sums].map(([key, { count, centavos }]) => `${key}|${count}|${centavos}`).sort();
  return createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16);
}

export function countOf(sums: Sums): number {
  return [...sums.values()].reduce((total, { count }) => total + count, 0);
}

/** What a peer prints when it is done. */
export function report(sums: Sums, readingMs: number): void {
  const sales = countOf(sums);
  console.log(JSON.stringify({ code: 'done', sales, readingMs, hash: hashOf(sums) }));
}
