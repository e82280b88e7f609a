/** What `vendaval verify` shows: a bar while it reads, then the verdict and what differs. */
import Table from 'cli-table3';
import logUpdate from 'log-update';
import { formatCount, humanDurationMs } from '../lib/units.ts';
import type { ReadProgress } from '../verification/reader-pool.ts';
import type { Verdict } from '../verification/verify.ts';
import { outColour as pc } from './colour.ts';
import { jsonLine } from './json-line.ts';
import type { Shell } from './shell.ts';

const BAR_WIDTH = 24;
const SHOW_MS = 200;
/** In a pipe a line is for logs, not for watching. */
const JSON_MS = 5000;

export class VerifyView {
  readonly #shell: Shell;
  readonly #startedMs = performance.now();
  #shownMs = 0;
  #hasLine = false;

  constructor(shell: Shell) {
    this.#shell = shell;
    this.#shownMs = shell.json ? this.#startedMs : 0;
  }

  progress({ passed, total }: ReadProgress): void {
    const nowMs = performance.now();
    const { json } = this.#shell;
    if (nowMs - this.#shownMs < (json ? JSON_MS : SHOW_MS)) return;
    this.#shownMs = nowMs;
    const perSecond = (passed * 1000) / Math.max(1, nowMs - this.#startedMs);
    const leftMs = perSecond > 0 ? ((total - passed) * 1000) / perSecond : 0;
    if (json) {
      jsonLine(this.#shell, 'progress', {
        read: passed,
        of: total,
        perSecond: Math.round(perSecond),
        leftMs: Math.round(leftMs),
      });
      return;
    }
    const filled = total === 0 ? BAR_WIDTH : Math.round((passed / total) * BAR_WIDTH);
    const percent = total === 0 ? 100 : Math.floor((passed / total) * 100);
    this.#hasLine = true;
    logUpdate(
      [
        `${pc.green('█'.repeat(filled))}${pc.dim('░'.repeat(BAR_WIDTH - filled))} ${percent} %`,
        `${formatCount(passed)} of ${formatCount(total)} records`,
        `${formatCount(perSecond)}/s`,
        `${humanDurationMs(leftMs)} left`,
      ].join(pc.dim(' | ')),
    );
  }

  verdict(verdict: Verdict, database: string, wholeMs: number): void {
    this.close();
    if (this.#shell.json) this.#jsonVerdict(verdict, wholeMs);
    else this.#textVerdict(verdict, database, wholeMs);
  }

  /** Ends the line that is written over. */
  close(): void {
    if (this.#hasLine) logUpdate.clear();
    this.#hasLine = false;
  }

  #jsonVerdict(verdict: Verdict, wholeMs: number): void {
    const { differences, notes, records, partitions, totals, letters, range } = verdict;
    for (const difference of differences.kept)
      jsonLine(this.#shell, 'difference', { ...difference });
    for (const { code, message } of notes)
      jsonLine(this.#shell, 'note', { note: code, msg: message });
    const timeOf = (ms: number) => (Number.isFinite(ms) ? new Date(ms).toISOString() : null);
    jsonLine(this.#shell, 'verdict', {
      equal: differences.total === 0,
      differences: differences.total,
      byKind: Object.fromEntries(differences.counts),
      partitions,
      records,
      documents: totals.documents,
      documentsUnjudged: totals.unjudged,
      letters,
      from: timeOf(range.fromMs),
      to: timeOf(range.toMs),
      wholeMs: Math.round(wholeMs),
    });
  }

  #textVerdict(verdict: Verdict, database: string, wholeMs: number): void {
    const { differences, notes, records, partitions, totals, letters, rules } = verdict;
    const { out } = this.#shell;
    const isEqual = differences.total === 0;
    if (!isEqual) out.write(`${differenceTable(verdict)}\n`);
    const shown = differences.kept.length;
    if (shown < differences.total) {
      out.write(
        `and ${formatCount(differences.total - shown)} more; --differences ${differences.total} shows all\n`,
      );
    }
    const verdictText = isEqual
      ? pc.green('equal')
      : pc.red(
          `${formatCount(differences.total)} ${differences.total === 1 ? 'difference' : 'differences'}`,
        );
    out.write(
      `${verdictText}  ${database}.${rules.collection} and ${rules.topic}: ` +
        `${formatCount(totals.documents)} documents, ${formatCount(records)} records of ` +
        `${partitions} partitions, ${formatCount(letters.letters)} dead letters` +
        `${letters.repeats > 0 ? ` (${formatCount(letters.repeats)} repeated)` : ''}, ` +
        `in ${humanDurationMs(wholeMs)}\n`,
    );
    for (const [kind, count] of differences.counts) {
      out.write(`  ${formatCount(count).padStart(8)}  ${kind}\n`);
    }
    for (const { message } of notes) out.write(`${pc.yellow('note:')} ${message}\n`);
  }
}

function differenceTable({ differences }: Verdict): string {
  const head = ['difference', 'where', 'field', 'found', 'expected'].map((text) => pc.bold(text));
  const table = new Table({ head, style: { head: [], border: [] }, wordWrap: true });
  for (const { kind, where, field, found, expected } of differences.kept) {
    table.push([pc.red(kind), where, field, found, expected]);
  }
  return table.toString();
}
