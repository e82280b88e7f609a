/** What a benchmark's run leaves: in JSON, and from it alone the Markdown. */
import { cpus, totalmem } from 'node:os';
import type { EndToEndRow } from '../end-to-end.ts';
import type { FormatRow } from '../formats.ts';
import type { TimedRow } from '../micro/checkpoint.ts';
import type { MicroRow } from '../micro/hot-path.ts';
import type { PassedOver } from './peers.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly node: string;
  readonly date: string;
}

/** Each part says where and when it was measured: in one run, and not always in the others'. */
interface Part<Row> {
  readonly machine: Machine;
  readonly rows: readonly Row[];
}
interface RoundsPart<Row> extends Part<Row> {
  readonly sales: number;
  readonly rounds: number;
  readonly settings: readonly string[];
}

export interface Results {
  readonly whole?: RoundsPart<EndToEndRow> & { readonly passedOver?: readonly PassedOver[] };
  readonly formats?: RoundsPart<FormatRow>;
  readonly micro?: Part<MicroRow> & { readonly times?: readonly TimedRow[] };
}

export const thisMachine = (): Machine => ({
  cpu: cpus()[0].model.trim(),
  cores: cpus().length,
  memoryGb: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  date: new Date().toISOString().slice(0, 10),
});

export const count = (value: number) => Math.round(value).toLocaleString('en-US');
const fixed = (digits: number) => (value: number) => value.toFixed(digits);

export function median(list: readonly number[]): number {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The median over the rounds of one rate by another of the same round. */
export function ratio(of: readonly number[], to: readonly number[]): number {
  return median(of.map((value, i) => value / to[i]));
}

/** "1,234" for one round, "1,234 (1,200 to 1,300)" for several. */
export function spread(list: readonly number[], show: (value: number) => string): string {
  const middle = show(median(list));
  return list.length === 1
    ? middle
    : `${middle} (${show(Math.min(...list))} to ${show(Math.max(...list))})`;
}

/** Milliseconds for all sales to seconds for a million. */
export const perMillion = (cpuMs: readonly number[], sales: number) =>
  cpuMs.map((ms) => (ms * 1000) / sales);

export const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;

export function machineText({ date, node, cores, cpu, memoryGb }: Machine): string {
  return `${date}, Node ${node}, ${cores} cores of ${cpu}, ${memoryGb} GB.`;
}

/** A list below a table; nothing if it is empty. */
function listText(title: string, items: readonly string[]): string[] {
  return items.length === 0 ? [] : ['', title, '', ...items.map((item) => `- ${item}`)];
}

export function wholeText(whole: NonNullable<Results['whole']>) {
  const { machine, rows, sales, rounds, settings, passedOver = [] } = whole;
  const [engine] = rows;
  const seconds = (ms: number) => (ms / 1000).toFixed(1);
  return [
    `## The whole job: ${count(sales)} sales, 3 partitions, rounds: ${rounds}`,
    '',
    `${machineText(machine)} ${settings.join('; ')}. Steady is from the first record read to the ` +
      'last; the whole job is from the start of the process to its end. Median (least to most). ' +
      'All came to the same sums, but for what one dropped; a dropped record was read and is ' +
      'missing from the sums.',
    '',
    '| system | sales/s, steady | engine is faster by | whole job, s | CPU, s | peak MB | records dropped |',
    '|---|---:|---:|---:|---:|---:|---:|',
    ...rows.map((row) =>
      line([
        row.system,
        spread(row.salesPerSecond, count),
        `${fixed(1)(ratio(engine.salesPerSecond, row.salesPerSecond))} x`,
        spread(row.wholeMs, seconds),
        spread(row.cpuMs, seconds),
        spread(row.peakMb, count),
        row.dropped.every((dropped) => dropped === 0) ? '0' : spread(row.dropped, count),
      ]),
    ),
    ...listText(
      'How the others are set:',
      rows.flatMap((row) => (row.settings ? [`${row.system}: ${row.settings.join('; ')}`] : [])),
    ),
    ...listText(
      'Passed over:',
      passedOver.map(({ name, why }) => `${name}: ${why}`),
    ),
    '',
    `Result: ${engine.hash}`,
  ];
}

function formatsText({ machine, rows, sales, rounds, settings }: NonNullable<Results['formats']>) {
  const [json] = rows;
  return [
    `## Formats and codecs, end to end: ${count(sales)} sales, 3 partitions, rounds: ${rounds}`,
    '',
    `${machineText(machine)} ${settings.join('; ')}. The engine, durable and committed, as above; ` +
      'the fetch loop reads the same bytes and looks at batch heads only: the ceiling. The ' +
      "broker's CPU is what it used during the run. Rounds alternate between the rows; median " +
      '(least to most), and the median of the ratios to plain JSON in the same round.',
    '',
    '| records | codec | reader | sales/s | to plain JSON | CPU s per million | broker CPU s per million | bytes a sale | peak MB |',
    '|---|---|---|---:|---:|---:|---:|---:|---:|',
    ...rows.map((row) =>
      line([
        row.salesPerRecord === 1 ? row.format : `${row.format}, ${row.salesPerRecord} a record`,
        row.codec,
        row.reader,
        spread(row.salesPerSecond, count),
        `${fixed(2)(ratio(row.salesPerSecond, json.salesPerSecond))} x`,
        spread(perMillion(row.cpuMs, sales), fixed(3)),
        spread(perMillion(row.brokerCpuMs, sales), fixed(3)),
        fixed(1)(row.bytesPerSale),
        spread(row.peakMb, count),
      ]),
    ),
    '',
    `Result: ${json.hash}`,
  ];
}

function microText({ machine, rows, times = [] }: NonNullable<Results['micro']>): string[] {
  return [
    '## Pieces',
    '',
    machineText(machine),
    '',
    '| on one core | sales/s | result |',
    '|---|---:|---|',
    ...rows.map((row) => line([row.name, count(row.salesPerSecond), row.hash])),
    ...(times.length > 0 ? ['', '| of a checkpoint | µs, p50 | p99 |', '|---|---:|---:|'] : []),
    ...times.map(({ name, p50, p99 }) => line([name, fixed(1)(p50), fixed(1)(p99)])),
  ];
}

export function markdown({ whole, formats, micro }: Results): string {
  return [
    '# Benchmark',
    '',
    'Made by `npm run bench`; the broker and the database are on the same cores as what is ' +
      'measured. Ratios within one table are what counts; another machine gives other figures.',
    '',
    ...(whole ? [...wholeText(whole), ''] : []),
    ...(formats ? [...formatsText(formats), ''] : []),
    ...(micro ? [...microText(micro), ''] : []),
  ].join('\n');
}
