/** What a load test came to, in lines for people, and whether it passed. */
import type { Used } from './process-usage.ts';

interface Times {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export interface LoadTestReport {
  readonly size: {
    readonly profile: string;
    readonly rate: number;
    readonly duration: string;
    readonly format: string;
    readonly partitions: string;
  };
  readonly machine: string;
  /** The load's last line. */
  readonly done: {
    readonly held: boolean;
    readonly rate: number;
    readonly acknowledged: number;
    readonly total: number;
    readonly elapsedMs: number;
    readonly lagMsMax: number;
    readonly troubles: number;
    readonly contadas: number;
    readonly rejeitadas: Readonly<Record<string, number>>;
  };
  readonly checked: {
    readonly exact: boolean;
    readonly differences: number;
    readonly shown: readonly string[];
    readonly visible: { readonly sinceSentMs: Times | null; readonly sinceDueMs: Times | null };
    readonly closed: { readonly windows: number; readonly afterMs: Times | null };
  };
  /** Sales acknowledged and not yet visible, at the worst. */
  readonly notVisibleMax: number;
  readonly used: Readonly<Record<string, Used>>;
  /** null when verify was left out. */
  readonly verified: boolean | null;
  /** Whether a rate that was not kept is a failure. */
  readonly judgesRate: boolean;
}

const count = (value: number) => Math.round(value).toLocaleString('en-US');
const mark = (ok: boolean) => (ok ? 'pass' : 'FAIL');
const times = (list: Times | null) =>
  list ? `p50 ${list.p50} ms, p99 ${list.p99} ms, p99.9 ${list.p999} ms, most ${list.max} ms` : '–';
const fixed = (value: number | null) => (value === null ? '–' : value.toFixed(2));

export function reportLines(report: LoadTestReport): { lines: string[]; passed: boolean } {
  const { size, machine, done, checked, used, verified, notVisibleMax, judgesRate } = report;
  const rejected = Object.values(done.rejeitadas).reduce((sum, n) => sum + n, 0);
  const verdicts: [boolean, string][] = [
    [
      checked.exact,
      `totals exact: ${count(done.contadas)} counted, ${count(rejected)} rejected, ` +
        `${checked.differences} differences from the oracle`,
    ],
    ...(verified === null ? [] : [[verified, 'vendaval verify agrees'] as [boolean, string]]),
    [
      done.held || !judgesRate,
      `rate ${done.held ? 'kept' : 'not kept'}: ${count(done.acknowledged)} sales in ` +
        `${(done.elapsedMs / 1000).toFixed(1)} s, ${count(done.rate)}/s in the mean, ` +
        `at most ${count(done.lagMsMax)} ms behind its schedule`,
    ],
  ];
  const lines = [
    '',
    `${size.profile} up to ${count(size.rate)} sales/s for ${size.duration}, ${size.format}, ` +
      `${size.partitions} partitions, all on ${machine}`,
    ...verdicts.map(([ok, text]) => `  ${mark(ok)}  ${text}`),
    `  visible after sending: ${times(checked.visible.sinceSentMs)}`,
    `  visible after due:     ${times(checked.visible.sinceDueMs)}`,
    `  closed after closable: ${times(checked.closed.afterMs)} (${checked.closed.windows} windows)`,
    `  at most ${count(notVisibleMax)} acknowledged and not yet visible; ` +
      `${count(done.troubles)} tries repeated`,
    ...Object.entries(used).map(
      ([name, { cpuS, cores, peakMb }]) =>
        `  ${name.padEnd(8)} ${fixed(cpuS)} CPU s, ${fixed(cores)} cores, ` +
        `${peakMb === null ? '–' : count(peakMb)} MB at most`,
    ),
    ...checked.shown.map((text) => `  ${text}`),
  ];
  return { lines, passed: verdicts.every(([ok]) => ok) };
}

/** A row for each rate. */
export function latencyTable(reports: readonly LoadTestReport[]): string {
  const cells = (list: Times | null) =>
    list ? [list.p50, list.p99, list.p999].map((ms) => `${count(ms)}`) : ['–', '–', '–'];
  const rows = reports.map(({ size, done, checked, used }) => {
    const { sinceSentMs, sinceDueMs } = checked.visible;
    const closed = checked.closed.afterMs;
    const cpu = (name: string) => fixed(used[name]?.cpuS ?? null);
    return [
      count(size.rate),
      done.held ? 'yes' : `no: ${count(done.rate)}/s`,
      checked.exact ? 'yes' : 'NO',
      ...cells(sinceSentMs),
      ...cells(sinceDueMs),
      closed ? `${count(closed.p50)} to ${count(closed.max)} (${checked.closed.windows})` : '–',
      ['load', 'engine', 'broker', 'database'].map(cpu).join(' / '),
    ].join(' | ');
  });
  return [
    '# Latency',
    '',
    `Load, engine, broker and database on ${reports[0].machine}; ${reports[0].size.duration} of a ` +
      'constant rate, windows of 20 s, watermark delay 10 s. Milliseconds. Visible is a read of the ' +
      'database that shows the sale (docs/LOAD.md says how it is measured, and that it is never too ' +
      'good); closed is from when the last partition has passed the window. Made by ' +
      '`npm run load-test -- --latency`.',
    '',
    '| sales/s | kept | exact | sent to visible p50 | p99 | p99.9 | due to visible p50 | p99 | p99.9 | closable to closed | CPU s: load / engine / broker / database |',
    '|---:|---|---|---:|---:|---:|---:|---:|---:|---|---|',
    ...rows.map((row) => `| ${row} |`),
    '',
  ].join('\n');
}
