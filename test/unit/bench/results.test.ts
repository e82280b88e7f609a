import { describe, expect, it } from 'vitest';
import { chart } from '../../../bench/parts/chart.ts';
import { markdown, type Results } from '../../../bench/parts/results.ts';

const figures = (salesPerSecond: number[], dropped: number[]) => ({
  hash: 'abc',
  salesPerSecond,
  wholeMs: [2000, 3000],
  cpuMs: [1000, 1000],
  brokerCpuMs: [100, 100],
  peakMb: [150, 160],
  dropped,
});

const WHOLE: NonNullable<Results['whole']> = {
  machine: { cpu: 'a CPU', cores: 2, memoryGb: 24, node: 'v20', date: '2026-01-01' },
  sales: 10_000_000,
  rounds: 2,
  settings: ['a broker'],
  rows: [
    { system: 'vendaval engine', ...figures([6_000_000, 8_000_000], [0, 0]) },
    {
      system: 'a <peer>',
      ...figures([500_000, 1_000_000], [6_000_000, 6_100_000]),
      settings: ['a heap', 'a grace'],
    },
  ],
  passedOver: [{ name: 'another peer', why: 'there is no mvn. Install Apache Maven.' }],
};

const row = (text: string, system: string) =>
  text
    .split('\n')
    .find((line) => line.startsWith(`| ${system}`))!
    .split(' | ')
    .map((cell) => cell.replace(/^\| | \|$/g, ''));

describe('the table of the whole job', () => {
  const text = markdown({ whole: WHOLE });

  it('has median and spread, and the median of the ratios of each round', () => {
    const [, rate, ratio, whole] = row(text, 'a <peer>');
    expect(rate).toBe('750,000 (500,000 to 1,000,000)');
    expect(ratio).toBe('10.0 x');
    expect(whole).toBe('2.5 (2.0 to 3.0)');
  });

  it('says how many records a system dropped, and 0 of one that dropped none', () => {
    expect(row(text, 'a <peer>').at(-1)).toBe('6,050,000 (6,000,000 to 6,100,000)');
    expect(row(text, 'vendaval engine').at(-1)).toBe('0');
  });

  it('lists how the others are set, and who was passed over and why', () => {
    expect(text).toContain('How the others are set:\n\n- a <peer>: a heap; a grace\n');
    expect(text).toContain(
      'Passed over:\n\n- another peer: there is no mvn. Install Apache Maven.\n',
    );
  });

  it('has neither list if there is nothing to say', () => {
    const plain = markdown({ whole: { ...WHOLE, rows: WHOLE.rows.slice(0, 1), passedOver: [] } });
    expect(plain).not.toMatch(/How the others|Passed over/);
  });
});

describe('the chart', () => {
  it('has a bar for each system, its name fit for SVG', () => {
    const svg = chart({ whole: WHOLE });
    expect(svg.match(/<rect x/g)).toHaveLength(2);
    expect(svg).toContain('>a &lt;peer&gt;</text>');
  });
});
