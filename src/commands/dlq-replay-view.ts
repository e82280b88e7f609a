/** What `vendaval dlq replay` shows: how far it is, and what becomes of what it sends. */
import type { LatePolicy, Settings } from '../config/options.ts';
import { formatCount } from '../lib/units.ts';
import { CORRECTION, COUNTED } from '../upkeep/forecast.ts';
import type { Obstacle } from '../upkeep/replay.ts';
import { outColour as pc } from './colour.ts';
import { jsonLine } from './json-line.ts';
import type { Shell } from './shell.ts';

const OBSTACLES: Readonly<Record<Obstacle, string>> = {
  'already sent': 'sent back before',
  'without value': 'without a value: too large to copy, or never readable',
  'counted here': 'counted here: this database counts late sales',
  'would be late again': 'would be late again: the window has closed for its partition',
};

export class ReplayView {
  readonly #settings: Settings;
  readonly #isSent: boolean;
  readonly #shell: Shell;
  #letters = 0;
  #without = 0;
  #lateAgain = 0;

  /** @param isSent false for a dry run */
  constructor(settings: Settings, isSent: boolean, shell: Shell) {
    this.#settings = settings;
    this.#isSent = isSent;
    this.#shell = shell;
  }

  piece(
    { sent, without, lateAgain }: { sent: number; without: number; lateAgain: number },
    total: number,
  ): void {
    this.#letters += sent;
    this.#without += without;
    this.#lateAgain += lateAgain;
    const { json, err } = this.#shell;
    const done = this.#looked;
    if (done >= total) return;
    if (json) jsonLine(this.#shell, 'progress', { letters: done, of: total });
    else err.write(`${formatCount(done)} of ${formatCount(total)} letters\n`);
  }

  get #looked(): number {
    return this.#letters + this.#without + this.#lateAgain;
  }

  /** Before all were looked at: what is said after this is of a part. */
  stopped(total: number): void {
    const looked = this.#looked;
    if (looked >= total) return;
    if (this.#shell.json) jsonLine(this.#shell, 'stopped', { letters: looked, of: total });
    else {
      const part = `${formatCount(looked)} of ${formatCount(total)} letters`;
      this.#shell.out.write(`${pc.yellow('stopped:')} ${part}; run it again for the rest\n`);
    }
  }

  done(
    known: ReadonlyMap<Obstacle, number>,
    outcomes: ReadonlyMap<string, number>,
    policy: LatePolicy,
  ): void {
    const obstacles = new Map(known);
    if (this.#without > 0) obstacles.set('without value', this.#without);
    const lateAgain = (known.get('would be late again') ?? 0) + this.#lateAgain;
    if (lateAgain > 0) obstacles.set('would be late again', lateAgain);
    if (!this.#shell.json) return this.#text(obstacles, outcomes, policy);
    const rejected = [...outcomes].filter(([what]) => what !== COUNTED && what !== CORRECTION);
    jsonLine(this.#shell, 'replay', {
      dryRun: !this.#isSent,
      letters: this.#letters,
      passedOver: Object.fromEntries(obstacles),
      counted: outcomes.get(COUNTED) ?? 0,
      corrections: outcomes.get(CORRECTION) ?? 0,
      rejected: Object.fromEntries(rejected),
    });
  }

  #text(
    obstacles: ReadonlyMap<Obstacle, number>,
    outcomes: ReadonlyMap<string, number>,
    policy: LatePolicy,
  ): void {
    const { topic, deadLetterTopic } = this.#settings;
    const { out } = this.#shell;
    const row = (count: number, what: string) =>
      out.write(`  ${formatCount(count).padStart(10)}  ${what}\n`);
    const sent = this.#isSent ? pc.green('Sent') : pc.bold('Would send');
    out.write(`${sent} ${formatCount(this.#letters)} letters back to ${topic}\n`);
    for (const [obstacle, count] of obstacles) row(count, `passed over: ${OBSTACLES[obstacle]}`);
    for (const [outcome, count] of outcomes) row(count, outcomeText(outcome));
    if ((outcomes.get('late') ?? 0) > 0 && policy === 'reject') {
      out.write(`What is late comes back to ${deadLetterTopic} as a letter of its own.\n`);
    }
    if (obstacles.has('would be late again')) {
      out.write('To count late sales: --late count (docs/LATE-MONEY.md).\n');
    }
    if (!this.#isSent) out.write(`Nothing was sent. ${pc.bold('--yes')} sends them, each once.\n`);
  }
}

/** By how far the partitions are now: the log goes on. */
function outcomeText(outcome: string): string {
  if (outcome === COUNTED) return 'sales to be counted';
  if (outcome === CORRECTION) return 'late sales to be counted, as corrections';
  if (outcome === 'late') return pc.yellow('sales to be late again');
  return pc.yellow(`to be rejected again: ${outcome}`);
}
