/** What `vendaval doctor` shows: aligned lines under four headings, or a JSON line for each check. */
import logUpdate from 'log-update';
import type { Area, Check, Finding, Outcome, Verdict } from '../doctor/examination.ts';
import { humanDurationMs } from '../lib/units.ts';
import type { outColour } from './colour.ts';
import type { Shell } from './shell.ts';

type Colours = typeof outColour;

const HEADINGS: Readonly<Record<Area, string>> = {
  machine: 'This machine',
  kafka: 'Kafka',
  mongodb: 'MongoDB',
  engine: 'Both together',
};
/** Words, not only colours: a verdict must be told on a terminal without them too. */
const WORDS: Readonly<Record<Verdict, string>> = {
  ok: 'ok  ',
  note: 'note',
  warn: 'warn',
  fail: 'FAIL',
  skip: '-   ',
};
const TITLE_WIDTH = 23;
const INDENT = 2 + 4 + 2;
const WIDTH_MIN = 80;
const WIDTH_MAX = 110;
const WAIT_MS = 500;

/** Each check with what came of it. */
export interface Done {
  readonly check: Check;
  readonly outcome: Outcome;
}

/** @param self how this program was started, to stand in its commands */
export function renderCheck({ check, outcome }: Done, pc: Colours, width: number, self: string) {
  const { finding } = outcome;
  const colour = { ok: pc.green, note: pc.cyan, warn: pc.yellow, fail: pc.red, skip: pc.dim };
  const word = colour[finding.verdict](WORDS[finding.verdict]);
  const head = `  ${word}  ${check.title.padEnd(TITLE_WIDTH)}`;
  const dim = finding.verdict === 'skip' ? pc.dim : (text: string) => text;
  const from = INDENT + TITLE_WIDTH;
  const found = wrap(finding.found, width - from).join(`\n${' '.repeat(from)}`);
  const lines = (finding.lines ?? []).map((line) => `${' '.repeat(from)}${pc.dim(line)}`);
  return [`${head}${dim(found)}`, ...lines, ...renderProblem(finding, pc, width, self)].join('\n');
}

function renderProblem({ problem }: Finding, pc: Colours, width: number, self: string): string[] {
  if (!problem) return [];
  const indent = ' '.repeat(INDENT);
  const label = (name: string) => `${indent}${pc.bold(name.padEnd(6))}`;
  const more = `\n${indent}      `;
  const why = wrap(problem.cause, width - INDENT - 6).join(more);
  // Commands are never broken, so that they can be copied.
  const run = commandsOf(problem.run, self).map((line) => pc.cyan(line));
  return [
    `${label('why')}${why}`,
    ...(run.length > 0 ? [`${label('run')}${run.join(more)}`] : []),
    `${label('read')}${problem.read} ${pc.dim(`(${problem.code})`)}`,
  ];
}

/** Who has not installed the program starts it by its file. */
const commandsOf = (commands: readonly string[], self: string) =>
  commands.map((command) => command.replace(/^vendaval(?= )/, self));

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function countOf(all: readonly Done[]) {
  const of = (verdict: Verdict) => all.filter((one) => one.outcome.finding.verdict === verdict);
  return {
    failed: of('fail'),
    warned: of('warn'),
    passed: [...of('ok'), ...of('note')],
    skipped: of('skip'),
  };
}

export class DoctorView {
  readonly #shell: Shell;
  readonly #colours: Colours;
  readonly #self: string;
  readonly #width: number;
  readonly #startedMs = performance.now();
  readonly #done: Done[] = [];
  #area: Area | null = null;

  constructor(shell: Shell, colours: Colours, self: string) {
    this.#shell = shell;
    this.#colours = colours;
    this.#self = self;
    this.#width = Math.min(WIDTH_MAX, Math.max(WIDTH_MIN, shell.out.columns ?? WIDTH_MAX));
  }

  /** In their order, each as soon as it and all before it are done. */
  async show(checks: readonly Check[]): Promise<readonly Done[]> {
    const open = new Set(checks);
    for (const check of checks) void check.outcome.then(() => open.delete(check));
    const timer = this.#shell.json ? undefined : setInterval(() => this.#wait(open), WAIT_MS);
    try {
      for (const check of checks) this.#print({ check, outcome: await check.outcome });
    } finally {
      clearInterval(timer);
      if (!this.#shell.json) logUpdate.clear();
    }
    return this.#done;
  }

  #wait(open: ReadonlySet<Check>): void {
    const passed = humanDurationMs(performance.now() - this.#startedMs);
    const names = [...open].map(({ id }) => id).join(', ');
    logUpdate(this.#colours.dim(`  …     ${passed}, waiting for ${names}`));
  }

  #print(done: Done): void {
    this.#done.push(done);
    const { check, outcome } = done;
    if (this.#shell.json) return this.#json(done);
    logUpdate.clear();
    if (check.area !== this.#area) {
      const gap = this.#area === null ? '' : '\n';
      this.#shell.out.write(`${gap}${this.#colours.bold(HEADINGS[check.area])}\n`);
      this.#area = check.area;
    }
    const text = renderCheck({ check, outcome }, this.#colours, this.#width, this.#self);
    this.#shell.out.write(`${text}\n`);
  }

  #json({ check, outcome: { finding, tookMs } }: Done): void {
    const { problem, ...rest } = finding;
    const told = problem
      ? { problem: { ...problem, run: commandsOf(problem.run, this.#self) } }
      : {};
    this.#line({ code: 'check', check: check.id, title: check.title, ...rest, ...told, tookMs });
  }

  summary(exitCode: number): void {
    const { failed, warned, passed, skipped } = countOf(this.#done);
    const tookMs = Math.round(performance.now() - this.#startedMs);
    if (this.#shell.json) {
      const counts = { ok: passed.length, warn: warned.length, fail: failed.length };
      return this.#line({ code: 'doctor', ...counts, skip: skipped.length, exitCode, tookMs });
    }
    const pc = this.#colours;
    const counts = [
      failed.length > 0 ? pc.red(`${failed.length} failed`) : '',
      warned.length > 0 ? pc.yellow(`${warned.length} to look at`) : '',
      pc.green(`${passed.length} well`),
      skipped.length > 0 ? `${skipped.length} not looked at` : '',
    ];
    const text = counts.filter((part) => part !== '').join(', ');
    this.#shell.out.write(`\n${text}, in ${humanDurationMs(tookMs)}\n`);
    if (failed.length === 0) return;
    const names = failed.map(({ check }) => `"${check.title}"`);
    this.#shell.out.write(`Mend ${names[0]} first, then run ${this.#self} doctor again.\n`);
  }

  #line(fields: object): void {
    const time = new Date().toISOString();
    const text = JSON.stringify({ time, ...fields }, (_, value) =>
      typeof value === 'bigint' ? Number(value) : value,
    );
    this.#shell.out.write(`${text}\n`);
  }
}
