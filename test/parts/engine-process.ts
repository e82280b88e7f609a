/**
 * The engine as a child process, as a user runs it in a pipe: JSON lines on standard output, text
 * on standard error. Every wait is bounded, ends early when the process does, and says what the
 * engine last said. Invariant: no child outlives its test, however that ended.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { sleep } from '../../src/lib/clock.ts';

const MAIN = join(import.meta.dirname, '../../dist/main.js');
const POLL_MS = 25;
const SHOWN_LINES = 25;
const SHOWN_LINE_LENGTH = 300;
/** For a machine that is slow and shared: no wait is a measurement. */
const WAIT_MS = 120_000;

/** A test's context, or anything else that ends. */
export interface Ending {
  onTestFinished(action: () => Promise<void> | void): void;
}

/** One JSON line of the engine's. */
export interface EngineLine {
  readonly code: string;
  readonly msg?: string;
  readonly [field: string]: unknown;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Another build than the one in dist. */
  readonly main?: string;
  /** What becomes Node in the end, with the arguments before Node's own: a shell that sets limits. */
  readonly under?: readonly string[];
  /** Node's own. */
  readonly nodeFlags?: readonly string[];
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class EngineProcess {
  readonly lines: EngineLine[] = [];
  readonly exited: Promise<Exit>;
  stdout = '';
  stderr = '';
  #child: ChildProcess;
  #exit: Exit | null = null;
  #rest = '';

  /** Starts `vendaval` with these arguments. */
  constructor(test: Ending, args: readonly string[], options: RunOptions = {}) {
    const { under = [], nodeFlags = [], main = MAIN } = options;
    const [program, ...rest] = [...under, process.execPath, ...nodeFlags, main, ...args];
    const child = spawn(program, rest, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    this.#child = child;
    running.add(child);
    child.stdout!.setEncoding('utf8').on('data', (chunk: string) => this.#read(chunk));
    child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
      this.stderr += chunk;
    });
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        running.delete(child);
        this.#exit = { code, signal };
        resolve(this.#exit);
      });
    });
    test.onTestFinished(async () => {
      await this.kill('SIGKILL');
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get hasExited(): boolean {
    return this.#exit !== null;
  }

  /** The last line, of a run that ended well. */
  get done(): EngineLine | undefined {
    return this.lines.find(({ code }) => code === 'done');
  }

  /** Records that it has judged, durable or not, as its last status line says (every 10 s). */
  judged(): number {
    const status = this.lines.findLast(({ code }) => code === 'status');
    const partitions = (status?.partitions ?? []) as { counted: number; rejected: number }[];
    return partitions.reduce((sum, { counted, rejected }) => sum + counted + rejected, 0);
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#exit) this.#child.kill(signal);
  }

  /** Sends the signal and waits for the end. */
  async kill(signal: NodeJS.Signals): Promise<Exit> {
    this.signal(signal);
    return this.exited;
  }

  has(code: string, text = ''): boolean {
    return this.lines.some((line) => line.code === code && String(line.msg ?? '').includes(text));
  }

  /** Until it has begun to read each of these partitions; which comes first is not told. */
  async reads(...partitions: readonly number[]): Promise<void> {
    for (const partition of partitions) await this.says('lease-started', `partition ${partition} `);
  }

  /** Until the engine has said this; it may end with it. */
  async says(code: string, text = '', limitMs = WAIT_MS): Promise<void> {
    await this.until(() => this.has(code, text), `it says ${code} ${text}`, limitMs);
  }

  /** Polls until the condition holds; fails when the engine ends first, or the time is over. */
  async until(
    condition: () => boolean | Promise<boolean>,
    what: string,
    limitMs = WAIT_MS,
  ): Promise<void> {
    const deadlineMs = performance.now() + limitMs;
    for (;;) {
      const hadExited = this.#exit !== null;
      if (await this.#holds(condition, what)) return;
      if (hadExited) throw this.#failure(`ended before ${what}`);
      if (performance.now() > deadlineMs)
        throw this.#failure(`${limitMs} ms, and not yet: ${what}`);
      await sleep(POLL_MS);
    }
  }

  /** What a condition throws is told with what the engine last said. */
  async #holds(condition: () => boolean | Promise<boolean>, what: string): Promise<boolean> {
    try {
      return await condition();
    } catch (error) {
      const { cause } = error as Error;
      const why = cause === undefined ? error : `${error}: ${cause}`;
      const { message } = this.#failure(`not known whether ${what}: ${why}`);
      throw new Error(message, { cause: error });
    }
  }

  /** Waits for the end. */
  async end(limitMs = WAIT_MS): Promise<Exit> {
    await this.until(() => this.#exit !== null, 'it ends', limitMs);
    return this.#exit!;
  }

  /** Waits for the end and throws unless it ended with 0. */
  async endsWell(limitMs = WAIT_MS): Promise<this> {
    const { code, signal } = await this.end(limitMs);
    if (code !== 0) throw this.#failure(`ended with ${code ?? signal}`);
    return this;
  }

  /** Waits for the end and throws unless this signal made it. */
  async endsBy(expected: NodeJS.Signals, limitMs = WAIT_MS): Promise<this> {
    const { code, signal } = await this.end(limitMs);
    if (signal !== expected) throw this.#failure(`ended with ${code ?? signal}, not ${expected}`);
    return this;
  }

  #failure(what: string): Error {
    const tail = (text: string) =>
      text
        .trimEnd()
        .split('\n')
        .slice(-SHOWN_LINES)
        .map((line) => line.slice(0, SHOWN_LINE_LENGTH))
        .join('\n');
    return new Error(
      `the engine (pid ${this.pid}): ${what}\n--- stdout\n${tail(this.stdout)}\n--- stderr\n${tail(this.stderr)}`,
    );
  }

  #read(chunk: string): void {
    this.stdout += chunk;
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) {
      if (!line.startsWith('{')) continue;
      try {
        this.lines.push(JSON.parse(line));
      } catch {
        // Not a line of JSON: it stays in stdout, where a test can look for it.
      }
    }
  }
}
