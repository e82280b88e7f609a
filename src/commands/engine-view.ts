/**
 * What `vendaval engine` shows: on a terminal a table of its partitions that stays in place, with
 * the watermark and what is wrong under it; in a pipe a JSON line now and then.
 */
import Table from 'cli-table3';
import logUpdate from 'log-update';
import { maskText } from '../config/settings.ts';
import type { EngineStatus, PartitionStatus } from '../coordinator/engine-events.ts';
import type { RunSummary } from '../coordinator/run-tally.ts';
import { formatCount, humanDurationMs } from '../lib/units.ts';
import { outColour as pc, TABLE_STYLE } from './colour.ts';
import type { Shell } from './shell.ts';
import { describeHold } from './watermark-text.ts';

/** Lines beside the partitions' own: frame, head, stream, watermark, problem, the prompt. */
const OTHER_LINES = 9;
const ROWS_WITHOUT_TERMINAL = 24;

const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);

/** Why a lag stays: records behind an open transaction must not be read. */
function heldText(partitions: readonly PartitionStatus[]): string {
  const held = partitions.find((partition) => partition.openTransactionAt !== null);
  if (!held) return '';
  return `, partition ${held.partition} behind a transaction open at ${held.openTransactionAt}`;
}

/**
 * @param ratesOf sales a second, by partition
 * @param rowsMax partitions that have room; the furthest behind are kept
 */
export function renderEngine(
  status: EngineStatus,
  ratesOf: ReadonlyMap<number, number>,
  rowsMax: number,
  nowMs: number,
): string {
  const { partitions } = status;
  const shown = partitions
    .toSorted((a, b) => b.lag - a.lag)
    .slice(0, rowsMax)
    .sort((a, b) => a.partition - b.partition);
  const table = new Table({
    head: ['partition', 'state', 'sales/s', 'lag', 'newest sale', 'counted', 'rejected'].map((h) =>
      pc.bold(h),
    ),
    colAligns: ['right', 'left', 'right', 'right', 'right', 'right', 'right'],
    style: TABLE_STYLE,
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  });
  for (const one of shown) table.push(rowOf(one, ratesOf.get(one.partition) ?? 0, nowMs));
  const hidden = partitions.length - shown.length;
  const rate = sum([...ratesOf.values()]);
  const read = sum(partitions.map((p) => p.counted + p.rejected));
  const lag = sum(partitions.map((p) => p.lag));
  const behind =
    status.watermarkMs === null ? '' : `, ${humanDurationMs(nowMs - status.watermarkMs)} behind`;
  const colour = status.state === 'running' ? pc.green : pc.yellow;
  return [
    table.toString(),
    ...(hidden > 0 ? [pc.dim(`… and ${hidden} partitions that are less far behind`)] : []),
    [
      colour(status.state),
      `${formatCount(rate)} sales/s`,
      `${formatCount(read)} read`,
      `lag ${formatCount(lag)}${heldText(partitions)}`,
      `checkpoint ${humanDurationMs(status.lastCheckpointMs)}`,
    ].join(pc.dim(' | ')),
    `watermark ${describeHold(status.hold)}${behind}`,
    ...(status.problem
      ? [`${pc.red(status.problem.code)} ${maskText(status.problem.message)}`]
      : []),
  ].join('\n');
}

function rowOf(one: PartitionStatus, rate: number, nowMs: number): string[] {
  const isWell = one.state === 'fetching';
  const { newestRecordMs } = one;
  return [
    String(one.partition),
    isWell ? one.state : pc.yellow(one.state),
    formatCount(rate),
    formatCount(one.lag),
    newestRecordMs === null ? '-' : `${humanDurationMs(Math.max(0, nowMs - newestRecordMs))} ago`,
    formatCount(one.counted),
    one.rejected > 0 ? pc.yellow(formatCount(one.rejected)) : '0',
  ];
}

export class EngineView {
  readonly #shell: Shell;
  #last = new Map<number, number>();
  #lastMs = Number.NaN;
  #block = '';

  constructor(shell: Shell) {
    this.#shell = shell;
  }

  /** Writes a line above the table. */
  above(line: string): void {
    if (this.#block) logUpdate.clear();
    this.#shell.err.write(`${line}\n`);
    if (this.#block) logUpdate(this.#block);
  }

  show(status: EngineStatus): void {
    if (this.#shell.json) return this.#json('status', status);
    const rowsMax = (this.#shell.out.rows ?? ROWS_WITHOUT_TERMINAL) - OTHER_LINES;
    const rates = this.#rates(status.partitions);
    this.#block = renderEngine(status, rates, Math.max(1, rowsMax), Date.now());
    logUpdate(this.#block);
  }

  #rates(partitions: readonly PartitionStatus[]): Map<number, number> {
    const nowMs = performance.now();
    const passedS = (nowMs - this.#lastMs) / 1000;
    const now = new Map(partitions.map((p) => [p.partition, p.counted + p.rejected]));
    const rates = [...now].map(([partition, judged]): [number, number] => {
      const before = this.#last.get(partition);
      // A partition that has just come brings what others have counted.
      const isKnown = before !== undefined && passedS > 0;
      return [partition, isKnown ? Math.max(0, judged - before) / passedS : 0];
    });
    this.#last = now;
    this.#lastMs = nowMs;
    return new Map(rates);
  }

  done(summary: RunSummary, wholeMs: number): void {
    if (this.#shell.json) return this.#json('done', { ...summary, wholeMs: Math.round(wholeMs) });
    this.above(
      `${pc.green('done')}  ${formatCount(summary.counted)} counted, ` +
        `${formatCount(summary.rejected)} rejected, ${summary.windowsClosed} totals closed, ` +
        `in ${humanDurationMs(wholeMs)}`,
    );
  }

  #json(code: string, fields: object): void {
    const time = new Date().toISOString();
    const text = JSON.stringify({ level: 30, time, code, ...fields }, (_, value) =>
      typeof value === 'string' ? maskText(value) : value,
    );
    this.#shell.out.write(`${text}\n`);
  }

  close(): void {
    if (this.#block) logUpdate.done();
    this.#block = '';
  }
}
