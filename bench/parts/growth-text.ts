/** What a growth run leaves, and its Markdown. */
import { count, line, type Machine, machineText, median, perMillion, spread } from './results.ts';
import type { Figures } from './rounds.ts';

export interface GrowthRow extends Figures {
  readonly axis: string;
  readonly value: number;
}

export interface MemoryRun {
  readonly sales: number;
  readonly wholeMs: number;
  readonly peakMb: number;
  /** Samples in order of time. */
  readonly residentMb: readonly number[];
}

export interface Growth {
  readonly machine: Machine;
  readonly sales: number;
  readonly rounds: number;
  readonly rows: readonly GrowthRow[];
  readonly memory: MemoryRun;
}

const TENTHS = 10;

function memoryText({ sales, wholeMs, peakMb, residentMb }: MemoryRun): string[] {
  const tenth = (i: number) => {
    const [from, to] = [i, i + 1].map((n) => Math.floor((n * residentMb.length) / TENTHS));
    return count(median(residentMb.slice(from, to)));
  };
  const heads = Array.from({ length: TENTHS }, (_, i) => `${(i + 1) * TENTHS} %`);
  return [
    '## Memory over a long log',
    '',
    `${count(sales)} sales in ${(wholeMs / 1000).toFixed(1)} s, peak ${count(peakMb)} MB. Resident ` +
      'memory in MB, the median of each tenth of the run, from start-up to the end:',
    '',
    line(heads),
    line(heads.map(() => '---:')),
    line(heads.map((_, i) => tenth(i))),
  ];
}

export function growthText({ machine, sales, rounds, rows, memory }: Growth): string {
  const two = (value: number) => value.toFixed(3);
  return [
    '# Growth',
    '',
    `Made by \`node --import tsx bench/growth.ts\`. ${machineText(machine)} ${count(sales)} JSON ` +
      `sales a topic, rounds: ${rounds}, broker and database on the same cores; the engine, durable ` +
      'and committed, its start included. One thing grows at a time; the rest is as usual: 3 ' +
      'partitions, 4 categories, windows of a minute over 20 minutes. Median (least to most).',
    '',
    '![CPU for a million sales along each axis](growth.svg)',
    '',
    '| grows | to | sales/s | CPU s per million | broker CPU s per million | whole job, s | peak MB |',
    '|---|---:|---:|---:|---:|---:|---:|',
    ...rows.map((row) =>
      line([
        row.axis,
        count(row.value),
        spread(row.salesPerSecond, count),
        spread(perMillion(row.cpuMs, sales), two),
        spread(perMillion(row.brokerCpuMs, sales), two),
        spread(row.wholeMs, (ms) => (ms / 1000).toFixed(1)),
        spread(row.peakMb, count),
      ]),
    ),
    '',
    ...memoryText(memory),
    '',
  ].join('\n');
}
