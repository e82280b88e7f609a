/**
 * A terminal with bash in it, as a reader has one: a real pseudo-terminal, so that programs show
 * what they show to people, and Ctrl+C is a key. What was shown is kept without its escapes.
 * Invariant: it and what runs in it end with their test.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';
import { sleep } from '../../../src/lib/clock.ts';
import type { Ending } from '../engine-process.ts';

const POLL_MS = 25;
const SETUP_LIMIT_MS = 120_000;
const SHOWN_CHARACTERS = 3000;
/** Node has no pseudo-terminals, and Python is there for the demo's database. */
const PTY = 'import pty, sys; pty.spawn(sys.argv[1:])';
const SETUP =
  'stty -echo cols 160 rows 50; PS1= PS2=; bind "set enable-bracketed-paste off" 2>/dev/null';
/** Of a kind that no program shows. */
const DONE = /⟦(\d+)⟧/g;

export class Terminal {
  readonly #child: ChildProcess;
  #shown = '';
  #asked = 0;
  #hasEnded = false;

  private constructor(test: Ending, cwd: string, env: Readonly<Record<string, string>>) {
    const bash = ['/bin/bash', '--noediting', '--norc', '--noprofile', '-i'];
    this.#child = spawn('python3', ['-c', PTY, ...bash], {
      cwd,
      env: { ...process.env, TERM: 'xterm', HISTFILE: '', NO_COLOR: '1', ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
      this.#shown += chunk;
    });
    const ended = new Promise<void>((resolve) => {
      this.#child.once('close', () => {
        this.#hasEnded = true;
        resolve();
      });
    });
    // The terminal goes with its other side, and what runs in it is hung up.
    test.onTestFinished(async () => {
      this.#child.kill('SIGKILL');
      await ended;
    });
  }

  static async open(
    test: Ending,
    cwd: string,
    env: Readonly<Record<string, string>>,
  ): Promise<Terminal> {
    const terminal = new Terminal(test, cwd, env);
    terminal.type(SETUP);
    await terminal.status(SETUP_LIMIT_MS);
    return terminal;
  }

  /** How much was shown so far; for `since`. */
  get mark(): number {
    return this.#shown.length;
  }

  since(mark: number): string {
    const text = this.#shown.slice(mark).replaceAll(DONE, '');
    return stripVTControlCharacters(text).replaceAll('\r', '');
  }

  type(line: string): void {
    this.#child.stdin!.write(`${line}\n`);
  }

  /** Ctrl and this key. */
  press(key: 'C' | 'Z'): void {
    this.#child.stdin!.write(String.fromCharCode(key.charCodeAt(0) - 64));
  }

  /** Waits until what was typed has come to its end. @returns the exit status of the last */
  async status(limitMs: number): Promise<number> {
    const before = this.#asked++;
    this.type(`printf '⟦%s⟧' "$?"`);
    const answers = () => [...this.#shown.matchAll(DONE)];
    await this.until(() => answers().length > before, 'what was typed has ended', limitMs);
    return Number(answers()[before][1]);
  }

  async until(condition: () => boolean, what: string, limitMs: number): Promise<void> {
    const deadlineMs = performance.now() + limitMs;
    while (!condition()) {
      const isOver = performance.now() > deadlineMs;
      if (isOver || this.#hasEnded) throw new Error(this.failure(`${what}: not so`));
      await sleep(POLL_MS);
    }
  }

  failure(what: string): string {
    return `${what}\n--- the terminal shows\n${this.since(0).slice(-SHOWN_CHARACTERS)}`;
  }
}
