/**
 * `npm run bench`: the one place for figures. Micro cases and the whole job beside the usual Node
 * clients, in one run; writes bench/results/latest.md and .json. `-- --small` is quick and writes
 * nothing, `-- --micro` leaves the broker out, `-- --sales N` and `-- --rounds N` change the size.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { type EndToEndRow, endToEnd } from './end-to-end.ts';
import { compressionBench } from './micro/compression.ts';
import { flatbuffersBench } from './micro/flatbuffers.ts';
import { hotPathBench, type MicroRow } from './micro/hot-path.ts';
import { scannerBench } from './micro/scanner.ts';

const { values } = parseArgs({
  options: {
    small: { type: 'boolean', default: false },
    micro: { type: 'boolean', default: false },
    sales: { type: 'string' },
    rounds: { type: 'string' },
  },
});
const isTerminal = process.stdout.isTTY === true;
const step = (text: string) => {
  process.stderr.write(
    isTerminal ? `· ${text}\n` : `${JSON.stringify({ code: 'step', message: text })}\n`,
  );
};

const count = (value: number) => Math.round(value).toLocaleString('en-US');

function median(list: readonly number[]): number {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** "1,234" for one round, "1,234 (1,200 to 1,300)" for several. */
function spread(list: readonly number[], show: (value: number) => string): string {
  const middle = show(median(list));
  return list.length === 1
    ? middle
    : `${middle} (${show(Math.min(...list))} to ${show(Math.max(...list))})`;
}

function microTable(rows: readonly MicroRow[]): string {
  return [
    '| on one core | sales/s | result |',
    '|---|---:|---|',
    ...rows.map((row) => `| ${row.name} | ${count(row.salesPerSecond)} | ${row.hash} |`),
  ].join('\n');
}

function endToEndTable(rows: readonly EndToEndRow[]): string {
  const engine = median(rows[0].salesPerSecond);
  const seconds = (ms: number) => (ms / 1000).toFixed(1);
  return [
    '| system | sales/s, steady | engine is faster by | whole job, s | CPU, s | peak MB | result |',
    '|---|---:|---:|---:|---:|---:|---|',
    ...rows.map((row) =>
      [
        '',
        row.system,
        spread(row.salesPerSecond, count),
        `${(engine / median(row.salesPerSecond)).toFixed(1)} x`,
        spread(row.wholeMs, seconds),
        spread(row.cpuMs, seconds),
        spread(row.peakMb, count),
        row.hash,
        '',
      ]
        .join(' | ')
        .trim(),
    ),
  ].join('\n');
}

const sales = Number(values.sales ?? (values.small ? 200_000 : 2_000_000));
const rounds = Number(values.rounds ?? (values.small ? 1 : 3));
const timeMs = values.small ? 150 : 1000;

step('micro cases');
const micro = [
  ...(await hotPathBench({ timeMs })),
  ...(await flatbuffersBench({ timeMs })),
  ...(await compressionBench({ timeMs })),
  ...(await scannerBench({ timeMs })),
];
const whole = values.micro ? [] : await endToEnd({ sales, rounds, onStep: step });

const machine = {
  cpu: cpus()[0].model.trim(),
  cores: cpus().length,
  memoryGb: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  date: new Date().toISOString().slice(0, 10),
};
const text = [
  '# Benchmark',
  '',
  `${machine.date}, Node ${machine.node}, ${machine.cores} cores of ${machine.cpu}, ` +
    `${machine.memoryGb} GB; the broker and the database are on the same cores. Ratios within ` +
    'this run are what counts; another machine gives other figures. Made by `npm run bench`.',
  '',
  ...(whole.length > 0
    ? [
        `## The whole job: ${count(sales)} sales, 3 partitions, ${rounds} round${rounds > 1 ? 's' : ''}`,
        '',
        'Steady is from the first record read to the last; the whole job is from the start of the ' +
          'process to its end. Median (least to most). Every result is the same.',
        '',
        endToEndTable(whole),
        '',
      ]
    : []),
  '## Pieces',
  '',
  microTable(micro),
  '',
].join('\n');

process.stdout.write(isTerminal ? text : `${JSON.stringify({ machine, sales, whole, micro })}\n`);
if (!values.small && !values.micro) {
  const folder = new URL('./results/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL('latest.md', folder), text);
  writeFileSync(
    new URL('latest.json', folder),
    `${JSON.stringify({ machine, sales, rounds, whole, micro }, null, 2)}\n`,
  );
}
