/**
 * Does what a page of the documents says, as written, in terminals of its own:
 *
 * - a block of `sh` is typed line by line, each line after the one before has ended with 0, or
 *   with what `exit=` says;
 * - with `terminal=NAME` it is typed into that terminal and runs on;
 * - a block of `text` behind it, unless it is an `example`, must be shown, line by line and in
 *   this order, `…` standing for anything; what only looks is done again until then, and until it
 *   ends well;
 * - a comment `Ctrl+C NAME` presses that key there, and the program must end with 0; `Ctrl+Z NAME`
 *   stops it until an `fg`.
 *
 * At the end of the page Ctrl+C is pressed wherever something still runs. Lines that need what is
 * not to be had here (NOT_RUN) are passed over, and so are `npm ci` and blocks with the mark
 * `not-run`: test/unit/docs/pages.test.ts judges them.
 */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { ROOT } from '../../../scripts/build.ts';
import { OPTIONS } from '../../../src/config/options.ts';
import { sleep } from '../../../src/lib/clock.ts';
import { findFreePort } from '../../../src/mongo/child-processes.ts';
import type { Ending } from '../engine-process.ts';
import { isNotRun } from './command-rules.ts';
import { writePrograms } from './others-programs.ts';
import { type Block, type Page, readPage } from './page.ts';
import { logicalLines, recordedCommands } from './recorded-shell.ts';
import { Terminal } from './terminal.ts';

const LINE_LIMIT_MS = 240_000;
const SHOW_LIMIT_MS = 180_000;
const LOOK_AGAIN_MS = 500;
const LIVE_PAGE = /\b(localhost|127\.0\.0\.1):4040\b/g;

/** The program is built once for all pages. */
const NPM = `#!/bin/sh
[ "$1 $2" = "run build" ] && exit
[ "$1 $2" = "run demo" ] || { echo "npm $* is not for the check of the documents" >&2; exit 1; }
shift 2
[ "$1" = -- ] && shift
exec node dist/main.js demo "$@"
`;
const VENDAVAL = `#!/bin/sh
exec node "${join(ROOT, 'dist/main.js')}" "$@"
`;

/** Ask and change nothing. */
const LOOKS = /^(curl|vendaval (verify|dlq (list|show)|topic describe|config print))\b/;

export interface PageOptions {
  /** Where the engine's page is in place of the default address; a free port without it. */
  readonly httpAddress?: string;
  /** In place of the default ones, unless the page starts its own. */
  readonly servers?: { readonly brokers: string; readonly mongoUrl: string };
  /** How long something may take to be shown. */
  readonly showLimitMs?: number;
}

const DEFAULT_BROKERS = OPTIONS.brokers.defaultText;
const DEFAULT_MONGO = OPTIONS.mongo.defaultText;

export async function runPage(test: Ending, path: string, options: PageOptions = {}) {
  const run = await PageRun.make(test, readPage(path), options);
  await run.all();
  return run.done;
}

const markOf = ({ marks }: Block, name: string) =>
  marks.find((mark) => mark.startsWith(`${name}=`))?.slice(name.length + 1);

interface Typed {
  readonly lines: readonly string[];
  /** The exit status of each. */
  readonly expected: number;
  readonly terminal: Terminal;
  mark: number;
  readonly looks: boolean;
}

class PageRun {
  /** How many lines of shell, and of what must be seen, were gone through. */
  readonly done = { lines: 0, seen: 0 };
  readonly #page: Page;
  readonly #open: () => Promise<Terminal>;
  readonly #terminals = new Map<string, Terminal>();
  /** Where something runs on, and from where on it shows it. */
  readonly #busy = new Map<string, number>();
  readonly #address: string;
  readonly #servers: PageOptions['servers'];
  readonly #showLimitMs: number;
  /** The last block that was typed, and where it shows what it does. */
  #last: Typed | null = null;

  private constructor(
    page: Page,
    address: string,
    { servers, showLimitMs = SHOW_LIMIT_MS }: PageOptions,
    open: () => Promise<Terminal>,
  ) {
    this.#page = page;
    this.#address = address;
    this.#servers = servers;
    this.#showLimitMs = showLimitMs;
    this.#open = open;
  }

  static async make(test: Ending, page: Page, options: PageOptions): Promise<PageRun> {
    const folder = await mkdtemp(join(tmpdir(), 'vendaval-docs-'));
    // What ran in the terminals may still write into it for a moment.
    test.onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));
    for (const name of ['dist', 'docker', 'package.json']) {
      await symlink(join(ROOT, name), join(folder, name));
    }
    const programs = join(folder, '.bin');
    await mkdir(programs);
    await writeFile(join(programs, 'npm'), NPM, { mode: 0o755 });
    await writeFile(join(programs, 'vendaval'), VENDAVAL, { mode: 0o755 });
    const { servers } = options;
    if (/^docker exec/m.test(page.source)) await writePrograms(programs, servers!.mongoUrl);
    const address = options.httpAddress ?? `127.0.0.1:${await findFreePort()}`;
    const env = {
      PATH: [programs, process.env.PATH].join(delimiter),
      HTTP_ADDRESS: address,
      ...(servers ? { KAFKA_BROKERS: servers.brokers, MONGO_URL: servers.mongoUrl } : {}),
    };
    return new PageRun(page, address, options, () => Terminal.open(test, folder, env));
  }

  async all(): Promise<void> {
    for (const step of this.#page.steps) {
      try {
        if (step.kind === 'comment') await this.#comment(step.text);
        else if (step.language === 'sh') await this.#type(step);
        else if (step.language === 'text') await this.#see(step);
        else this.#last = null;
      } catch (error) {
        throw new Error(`${this.#page.path}:${step.line}: ${(error as Error).message}`);
      }
    }
    for (const name of this.#busy.keys()) await this.#stop(name);
  }

  async #terminal(name: string): Promise<Terminal> {
    const terminal = this.#terminals.get(name) ?? (await this.#open());
    this.#terminals.set(name, terminal);
    return terminal;
  }

  async #type(block: Block): Promise<void> {
    this.#last = null;
    const lines = block.marks.includes('not-run') ? [] : this.#linesOf(block);
    if (lines.length === 0) return;
    const name = markOf(block, 'terminal') ?? '';
    const terminal = await this.#terminal(name);
    const looks = lines.every((line) => LOOKS.test(line.replace('node dist/main.js', 'vendaval')));
    const expected = Number(markOf(block, 'exit') ?? 0);
    this.#last = { lines, expected, terminal, mark: terminal.mark, looks };
    this.done.lines += lines.length;
    if (name === '') return this.#runLines(this.#last);
    for (const line of lines) terminal.type(line);
    this.#busy.set(name, this.#last.mark);
  }

  /** Those that can be run here. */
  #linesOf(block: Block): string[] {
    return logicalLines(block.text)
      .filter((line) => !recordedCommands(line).some(isNotRun))
      .map((line) => this.#hereFor(line));
  }

  /** Default addresses are those of what was started for the page. */
  #hereFor(text: string): string {
    const here = text.replace(LIVE_PAGE, this.#address);
    if (!this.#servers) return here;
    const { brokers, mongoUrl } = this.#servers;
    return here.replaceAll(DEFAULT_MONGO, mongoUrl).replaceAll(DEFAULT_BROKERS, brokers);
  }

  async #runLines({ lines, expected, terminal, looks }: Typed): Promise<void> {
    for (const line of lines) {
      const deadlineMs = performance.now() + this.#showLimitMs;
      let status = await this.#statusOf(line, terminal);
      while (looks && status !== expected && performance.now() < deadlineMs) {
        await sleep(LOOK_AGAIN_MS);
        status = await this.#statusOf(line, terminal);
      }
      if (status !== expected) throw new Error(terminal.failure(`ended with ${status}: ${line}`));
    }
  }

  async #statusOf(line: string, terminal: Terminal): Promise<number> {
    terminal.type(line);
    return terminal.status(LINE_LIMIT_MS);
  }

  /** What must be shown since the last block was typed. */
  async #see({ text, marks }: Block): Promise<void> {
    if (!this.#last || marks.includes('example')) return;
    const { terminal, looks } = this.#last;
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    const pattern = new RegExp(lines.map((line) => this.#patternOf(line)).join('[^]*?'));
    this.done.seen += lines.length;
    const deadlineMs = performance.now() + this.#showLimitMs;
    while (!pattern.test(terminal.since(this.#last.mark))) {
      if (performance.now() > deadlineMs) {
        throw new Error(terminal.failure(`not shown:\n${text}`));
      }
      await sleep(LOOK_AGAIN_MS);
      if (!looks) continue;
      this.#last.mark = terminal.mark;
      await this.#runLines(this.#last);
    }
  }

  #patternOf(line: string): string {
    return this.#hereFor(line)
      .trim()
      .split(/\s*…\s*/)
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s+/g, '\\s+'))
      .join('.*?');
  }

  async #comment(text: string): Promise<void> {
    const [, key, name] = /^Ctrl\+([CZ]) (\S+)$/.exec(text) ?? [];
    if (key === 'C') await this.#stop(name);
    else if (key === 'Z') (await this.#terminal(name)).press(key);
  }

  async #stop(name: string): Promise<void> {
    const terminal = await this.#terminal(name);
    const mark = this.#busy.get(name) ?? 0;
    // Before it has said a word it may not yet know what to do with the key.
    await terminal.until(() => terminal.since(mark).trim() !== '', 'it runs', LINE_LIMIT_MS);
    terminal.press('C');
    const status = await terminal.status(LINE_LIMIT_MS);
    if (status !== 0) throw new Error(terminal.failure(`after Ctrl+C it ended with ${status}`));
    this.#busy.delete(name);
  }
}
