/**
 * What `vendaval load` shows: on a terminal a bar and a few figures that stay in place, in a pipe
 * a JSON line each second. Says when the broker does not keep up, and when it does again.
 */
import Table from 'cli-table3';
import logUpdate from 'log-update';
import type { EngineEvent } from '../coordinator/engine-events.ts';
import { formatCount, formatReais, humanDurationMs } from '../lib/units.ts';
import type { LoadStatus } from '../load/load-run.ts';
import type { Percentiles } from '../load/ms-histogram.ts';
import type { LoadOracle } from '../load/oracle-file.ts';
import type { VisibilityFigures } from '../load/visibility.ts';
import { outColour as pc } from './colour.ts';
import { jsonLine } from './json-line.ts';
import type { CheckResult } from './load-check.ts';
import type { Shell } from './shell.ts';

const BAR_CELLS = 30;
const DIFFERENCES_SHOWN = 20;
/** More than this behind its schedule, a load is not what it says it is. */
export const BEHIND_MS = 1000;
/** From here on it is again. */
const CAUGHT_UP_MS = 250;

export interface LoadDescription {
  readonly profile: string;
  readonly topic: string;
  readonly brokers: string;
  readonly rate: number;
  readonly durationMs: number;
  readonly seed: number;
  readonly format: string;
}

export class LoadView {
  readonly #shell: Shell;
  readonly #load: LoadDescription;
  #block = '';
  #isBehind = false;
  #last: { acknowledged: number; elapsedMs: number } = { acknowledged: 0, elapsedMs: 0 };
  #rate = 0;

  constructor(shell: Shell, load: LoadDescription) {
    this.#shell = shell;
    this.#load = load;
  }

  started(partitions: number, threads: number, total: number): void {
    const { profile, topic, brokers, rate, durationMs, seed, format } = this.#load;
    if (this.#shell.json) {
      const plan = { profile, topic, rate, durationMs, seed, format, partitions, threads, total };
      return jsonLine(this.#shell, 'load-started', plan);
    }
    this.above(
      `${pc.bold(profile)}: ${formatCount(total)} sales as ${format} to ${topic} at ${brokers}, ` +
        `up to ${formatCount(rate)}/s over ${humanDurationMs(durationMs)}; ` +
        `${partitions} partitions, ${threads} threads, seed ${seed}`,
    );
  }

  /**
   * @param visible when the database is watched
   * @returns what is worth a line of its own
   */
  show(status: LoadStatus, visible: VisibilityFigures | null): EngineEvent | null {
    const { acknowledged, elapsedMs } = status;
    const passedMs = elapsedMs - this.#last.elapsedMs;
    if (passedMs > 0) this.#rate = ((acknowledged - this.#last.acknowledged) * 1000) / passedMs;
    this.#last = { acknowledged, elapsedMs };
    if (this.#shell.json) {
      const watched = visible ? { visible: visibleFields(visible) } : {};
      jsonLine(this.#shell, 'load', {
        rate: Math.round(this.#rate),
        ...rounded(status),
        ...watched,
      });
    } else if (elapsedMs > 0) this.#draw(status, visible);
    return this.#judgeLag(status.lagMs);
  }

  #judgeLag(lagMs: number): EngineEvent | null {
    if (!this.#isBehind && lagMs > BEHIND_MS) {
      this.#isBehind = true;
      const message = `the rate is not kept: ${humanDurationMs(lagMs)} behind the schedule`;
      return { level: 'warn', code: 'load-behind', message };
    }
    if (this.#isBehind && lagMs < CAUGHT_UP_MS) {
      this.#isBehind = false;
      return { level: 'info', code: 'load-caught-up', message: 'the rate is kept again' };
    }
    return null;
  }

  #draw(status: LoadStatus, visible: VisibilityFigures | null): void {
    const { acknowledged, made, total, elapsedMs, phase, targetRate, lagMs, lagMsMax } = status;
    const share = total === 0 ? 1 : acknowledged / total;
    const cells = Math.floor(share * BAR_CELLS);
    const bar = pc.cyan('█'.repeat(cells)) + pc.dim('░'.repeat(BAR_CELLS - cells));
    const lag = `${humanDurationMs(lagMs)} (at most ${humanDurationMs(lagMsMax)})`;
    const rate = `${formatCount(this.#rate)} of ${formatCount(targetRate)} sales/s`;
    this.#block = [
      `${phase.padEnd(12)} ${bar} ${Math.floor(share * 100)} %  ${humanDurationMs(elapsedMs)}`,
      `${pc.dim('rate')}         ${this.#isBehind ? pc.red(rate) : pc.green(rate)}`,
      `${pc.dim('acknowledged')} ${formatCount(acknowledged)} of ${formatCount(total)}, ` +
        `${formatCount(made - acknowledged)} on their way`,
      `${pc.dim('behind')}       ${this.#isBehind ? pc.red(lag) : lag}`,
      `${pc.dim('tried again')}  ${formatCount(status.troubles)}`,
      ...(visible ? [`${pc.dim('visible')}      ${visibleText(visible)}`] : []),
    ].join('\n');
    logUpdate(this.#block);
  }

  /** Writes a line above the block. */
  above(line: string): void {
    if (this.#block) logUpdate.clear();
    this.#shell.err.write(`${line}\n`);
    if (this.#block) logUpdate(this.#block);
  }

  done(status: LoadStatus, oracle: LoadOracle, oraclePath: string): void {
    this.close();
    const { elapsedMs, lagMsMax } = status;
    const rate = elapsedMs > 0 ? Math.round((oracle.acknowledged * 1000) / elapsedMs) : 0;
    const isHeld = lagMsMax <= BEHIND_MS && oracle.unknown === 0 && status.made === status.total;
    if (this.#shell.json) {
      const { acknowledged, unknown, contadas, rejeitadas, holds, not_because } = oracle;
      const figures = { held: isHeld, rate, ...rounded(status), acknowledged, unknown };
      const file = oraclePath === 'off' ? null : oraclePath;
      return jsonLine(this.#shell, 'done', {
        ...figures,
        contadas,
        rejeitadas,
        oracle: { file, holds, not_because },
      });
    }
    this.#shell.out.write(`${this.#table(status, oracle, rate, isHeld)}\n`);
    if (oraclePath !== 'off') this.#shell.err.write(`oracle: ${oraclePath}\n`);
    for (const reason of oracle.not_because) {
      this.#shell.err.write(`${pc.yellow('the oracle does not hold:')} ${reason}\n`);
    }
  }

  #table(status: LoadStatus, oracle: LoadOracle, rate: number, isHeld: boolean): string {
    const table = new Table({ style: { head: [], border: [] } });
    const centavos = oracle.totais.reduce((sum, total) => sum + BigInt(total.centavos), 0n);
    const rejected = Object.entries(oracle.rejeitadas);
    const kept = isHeld ? pc.green('yes') : pc.red('no');
    const rows: [string, string][] = [
      ['rate kept', kept],
      ['acknowledged', `${formatCount(oracle.acknowledged)} of ${formatCount(status.total)}`],
      ['unknown', formatCount(oracle.unknown)],
      ['mean rate', `${formatCount(rate)} sales/s over ${humanDurationMs(status.elapsedMs)}`],
      ['behind at most', humanDurationMs(status.lagMsMax)],
      ['tried again', formatCount(status.troubles)],
      ['to be counted', `${formatCount(oracle.contadas)}, ${formatReais(centavos)}`],
      ...rejected.map(([reason, n]): [string, string] => [
        `to be rejected: ${reason}`,
        formatCount(n),
      ]),
    ];
    table.push(...rows);
    return table.toString();
  }

  /** The database against the oracle. */
  checked({ differences, figures, closing }: CheckResult): void {
    const isExact = differences.length === 0;
    if (this.#shell.json) {
      const shown = differences.slice(0, DIFFERENCES_SHOWN);
      const count = differences.length;
      const visible = visibleFields(figures);
      const closed = { windows: closing.windows, afterMs: wholeMs(closing.times) };
      return jsonLine(this.#shell, 'checked', {
        exact: isExact,
        differences: count,
        shown,
        visible,
        closed,
      });
    }
    const { out } = this.#shell;
    out.write(`visible in the database: ${visibleText(figures)}\n`);
    if (closing.times) {
      const { windows, times } = closing;
      const [p50, max] = [times.p50, times.max].map(humanDurationMs);
      out.write(`closed: ${windows} windows, ${p50} after they could be (p50), at most ${max}\n`);
    }
    if (isExact) {
      out.write(`${pc.green('exact')}: every total and counter is what the oracle says\n`);
      return;
    }
    out.write(`${pc.red('not exact')}: ${formatCount(differences.length)} differences\n`);
    for (const text of differences.slice(0, DIFFERENCES_SHOWN)) out.write(`  ${text}\n`);
  }

  close(): void {
    if (this.#block) logUpdate.done();
    this.#block = '';
  }
}

/** From the handing to the socket, and from when a sale was due. */
function visibleText({ sinceSent, sinceDue, notVisible }: VisibilityFigures): string {
  if (!sinceSent || !sinceDue) return 'nothing yet';
  const text = ({ p50, p99, p999 }: Percentiles) =>
    [p50, p99, p999].map((ms) => humanDurationMs(ms)).join(', ');
  const left = notVisible > 0 ? `; not yet: ${formatCount(notVisible)}` : '';
  return `${text(sinceSent)} after sending (p50, p99, p99.9), ${text(sinceDue)} after due${left}`;
}

function visibleFields({ visible, notVisible, sinceSent, sinceDue }: VisibilityFigures): object {
  const times = { sinceSentMs: wholeMs(sinceSent), sinceDueMs: wholeMs(sinceDue) };
  return { sales: Math.round(visible), notVisible, ...times };
}

const wholeMs = (times: Percentiles | null) => times && { ...times, max: Math.round(times.max) };

/** Milliseconds and rates as whole numbers. */
function rounded(status: LoadStatus): object {
  return Object.fromEntries(
    Object.entries(status).map(([name, value]) => [
      name,
      typeof value === 'number' ? Math.round(value) : value,
    ]),
  );
}
