import { expect, test } from 'vitest';
import { percentile } from '../../chaos/percentile.ts';
import { markdown, merged, type RowReport } from '../../chaos/report.ts';

function row(number: number, date: string, passed = true): RowReport {
  return {
    row: number,
    scale: 'full',
    date,
    commit: '0123456789',
    source: 'abcdef0123',
    cpu: 'a processor',
    cores: 2,
    memoryGb: 24,
    versions: { Node: '20.20.2' },
    scenarios: [
      {
        row: number,
        title: `fault ${number}`,
        invariant: 'exact',
        seed: 42,
        passed,
        ...(passed ? {} : { failure: 'Casa: missing' }),
        durationMs: 61_000,
        figures: [{ name: 'drain, p99', value: 1234.5, unit: 'ms' }],
      },
    ],
  };
}

test('a run replaces the rows that it ran and leaves the others with their dates', () => {
  const old = { rows: [row(1, '2024-11-01'), row(2, '2024-11-01')], canaries: [] };
  const { rows } = merged(old, {
    rows: [row(2, '2024-11-29'), row(3, '2024-11-29')],
    canaries: [],
  });
  expect(rows.map(({ row, date }) => `${row} ${date}`)).toEqual([
    '1 2024-11-01',
    '2 2024-11-29',
    '3 2024-11-29',
  ]);
});

test('the report shows verdict, figures with units, seed and machine, and what failed', () => {
  const text = markdown({
    rows: [row(1, '2024-11-29'), row(2, '2024-11-29', false)],
    canaries: [],
  });
  expect(text).toContain('**fault 1**: exact: held, in 1 min 01 s');
  expect(text).toContain('2 scenarios of 2 rows, ');
  expect(text).toContain('`src` abcdef0123');
  expect(text).toContain('1 held, 1 failed');
  expect(text).toContain('2024-11-29, commit 0123456789.');
  expect(text).toContain('| drain, p99 | 1,235 ms |');
  expect(text).toContain('Seed 42.');
  expect(text).toContain('**fault 2**: exact: **FAILED**');
  expect(text).toContain('Casa: missing');
  expect(text.match(/2 cores of a processor, 24 GB/g)).toHaveLength(1);
});

test('a percentile is a value that was measured', () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  expect(percentile(values, 0.5)).toBe(50);
  expect(percentile(values, 0.99)).toBe(99);
  expect(percentile(values, 1)).toBe(100);
  expect(percentile([7], 0.99)).toBe(7);
});
