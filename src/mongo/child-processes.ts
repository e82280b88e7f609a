/**
 * Running other programs on this machine: one to its end within a time limit, or a server kept
 * until it is told to stop. Invariant: nothing started here is ended by anything but its own
 * handle, and nobody waits for ever. What the program does, and where its data lies, is the
 * caller's.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { createServer, connect as openSocket } from 'node:net';
import { sleep } from '../lib/clock.ts';
import { codeOf } from '../lib/errors.ts';

const LOG_LINES_MAX = 60;
const PORT_POLL_MS = 25;
const STOP_GRACE_MS = 10_000;

/** The last lines a program printed, for the message of its failure. */
export class LineTail {
  #lines: string[] = [];
  #rest = '';

  add(chunk: string): void {
    const lines = (this.#rest + chunk).split(/\r?\n/);
    this.#rest = lines.pop()!;
    this.#lines = [...this.#lines, ...lines.filter((line) => line !== '')].slice(-LOG_LINES_MAX);
  }

  text(count = LOG_LINES_MAX): string {
    const all = this.#rest === '' ? this.#lines : [...this.#lines, this.#rest];
    return all.slice(-count).join('\n');
  }
}

export interface RunResult {
  /** Exit code; null when a signal or the time limit ended it. */
  readonly code: number | null;
  readonly stdout: string;
  /** The last lines of both streams. */
  readonly tail: string;
  readonly timedOut: boolean;
}

/** Runs to the end. Rejects only when the program can't be started (ENOENT, EACCES). */
export function runToEnd(
  command: string,
  args: readonly string[],
  options: { timeLimitMs: number } & Pick<SpawnOptions, 'cwd' | 'env'>,
): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const { timeLimitMs, ...spawnOptions } = options;
    const child = spawn(command, args, {
      ...spawnOptions,
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
    });
    const tail = new LineTail();
    let stdout = '';
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, timeLimitMs);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      tail.add(text);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => tail.add(text));
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, tail: tail.text(), timedOut });
    });
  });
}

/**
 * Below what systems give to a connection, or to who asks for any port (from 32,768 on Linux, from
 * 49,152 elsewhere): a server that is started on it some seconds later, or anew, finds it free. And
 * above 10,080, the last that no browser asks; below MongoDB's own.
 */
const FREE_PORTS = { from: 11_000, to: 26_999 } as const;
const FREE_PORT_TRIES = 100;
const given = new Set<number>();

/**
 * A port of 127.0.0.1 that nothing listened on a moment ago, and that this process was not given
 * before; somebody may still be faster.
 */
export async function findFreePort(): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const port = randomInt(FREE_PORTS.from, FREE_PORTS.to + 1);
    if (given.has(port)) continue;
    given.add(port);
    try {
      await listenOnce(port);
      return port;
    } catch (error) {
      if (codeOf(error) !== 'EADDRINUSE' || attempt === FREE_PORT_TRIES) throw error;
    }
  }
}

function listenOnce(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => server.close(() => resolve()));
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = openSocket({ host: '127.0.0.1', port });
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}

/**
 * A server process in a process group of its own, so that Ctrl+C in the terminal reaches only us
 * and we decide the order of the shutdown. Its standard input is a pipe that we hold open: the
 * program started must take the pipe's end as the end of its parent, which then holds however the
 * parent ended. "ending" is written to it before we end the program ourselves, for a helper that
 * the program may have left behind.
 */
export class ServerProcess {
  readonly pid: number;
  readonly tail = new LineTail();
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid!;
    this.#exited = new Promise((resolve) => child.once('exit', () => resolve()));
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => this.tail.add(text));
    }
    // A write to a dead child's pipe is no news: its exit is seen above.
    child.stdin!.on('error', () => {});
    this.#holdParent(false);
  }

  /** Rejects when the program can't be started. */
  static start(
    command: string,
    args: readonly string[],
    options: Pick<SpawnOptions, 'cwd' | 'env'> = {},
  ): Promise<ServerProcess> {
    return new Promise((resolve, reject) => {
      const child = spawn(command, args, {
        ...options,
        stdio: ['pipe', 'pipe', 'pipe'],
        detached: true,
        windowsHide: true,
      });
      child.on('error', reject);
      child.once('spawn', () => resolve(new ServerProcess(child)));
    });
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** How it ended, for a message. */
  get ending(): string {
    const { exitCode, signalCode } = this.#child;
    if (this.running) return 'still running';
    return signalCode === null ? `exit code ${exitCode}` : `signal ${signalCode}`;
  }

  /** True as soon as the port accepts a connection; false when it ended or the time is up. */
  async listensOn(port: number, timeLimitMs: number): Promise<boolean> {
    const deadline = performance.now() + timeLimitMs;
    while (this.running && performance.now() < deadline) {
      if (await accepts(port)) return this.running;
      await Promise.race([sleep(PORT_POLL_MS), this.#exited]);
    }
    return false;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.running) this.#child.kill(signal);
  }

  /** Sends a signal that ends it, and waits for the end; SIGKILL follows after a grace period. */
  async end(signal: NodeJS.Signals): Promise<void> {
    if (!this.running) return;
    this.#holdParent(true);
    this.#child.stdin!.write('ending\n');
    const grace = setTimeout(() => this.#child.kill('SIGKILL'), STOP_GRACE_MS);
    this.#child.kill(signal);
    // A process that was stopped by SIGSTOP sees the signal only when it goes on.
    this.#child.kill('SIGCONT');
    await this.#exited;
    clearTimeout(grace);
  }

  /** A server that nobody stops must not keep its parent from ending. */
  #holdParent(hold: boolean): void {
    const streams = [this.#child.stdin, this.#child.stdout, this.#child.stderr];
    const handles = [this.#child, ...(streams as unknown as { ref(): void; unref(): void }[])];
    for (const handle of handles) hold ? handle.ref() : handle.unref();
  }
}
