/**
 * Places in the program where a test can make it fail. `failPoint('before-totals');` does nothing
 * unless VENDAVAL_FAIL_POINT arms it, and both are absent from the program that users run: the
 * build (scripts/build.ts) drops this file and every call of it, so a call is always a statement
 * of its own.
 *
 *     VENDAVAL_FAIL_POINT=after-totals:kill:3         at the third passing
 *     VENDAVAL_FAIL_POINT=in-totals:kill~7            7 ms after the first passing
 *     VENDAVAL_FAIL_POINT=in-letters:throw:2+         at the second passing and each one after it
 *     VENDAVAL_FAIL_POINT=a:throw,b:stop:5            several
 *     VENDAVAL_FAIL_POINT=trace                       none, but passings are told all the same
 *
 * While any is armed, every passing is told on standard error with its time, so that a test can
 * see how far the program came. Passings are counted in each thread by itself.
 */
import { writeSync } from 'node:fs';
import { threadId } from 'node:worker_threads';

interface Armed {
  readonly name: string;
  readonly action: string;
  readonly delayMs: number;
  readonly at: number;
  readonly andAfter: boolean;
}

const SPEC = /^([\w-]+):([a-z-]+)(?:~(\d+(?:\.\d+)?))?(?::(\d+)(\+)?)?$/;
const STDERR = 2;

const ACTIONS: Readonly<Record<string, (name: string) => void>> = {
  kill: () => process.kill(process.pid, 'SIGKILL'),
  stop: () => process.kill(process.pid, 'SIGSTOP'),
  exit: () => process.exit(7),
  throw: (name) => {
    throw new Error(`made to fail at ${name}`);
  },
  'out-of-memory': () => {
    const kept: object[] = [];
    for (;;) kept.push(new Array(1000).fill(kept.length));
  },
  /** For this thread's rest of life. */
  hang: () => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },
};

const setting = process.env.VENDAVAL_FAIL_POINT ?? '';
const armed = setting === '' || setting === 'trace' ? [] : setting.split(',').map(parse);
const passings = new Map<string, number>();

function parse(text: string): Armed {
  const match = SPEC.exec(text);
  if (!match || !(match[2] in ACTIONS)) {
    throw new Error(`VENDAVAL_FAIL_POINT cannot be read: ${text}`);
  }
  const [, name, action, delay = '0', at = '1', plus] = match;
  return { name, action, delayMs: Number(delay), at: Number(at), andAfter: plus === '+' };
}

export function failPoint(name: string): void {
  if (setting === '') return;
  const passing = (passings.get(name) ?? 0) + 1;
  passings.set(name, passing);
  writeSync(STDERR, `fail-point ${name} ${passing} thread ${threadId} at ${Date.now()}\n`);
  for (const { name: armedName, action, delayMs, at, andAfter } of armed) {
    if (armedName !== name || !(passing === at || (andAfter && passing > at))) continue;
    if (delayMs > 0) setTimeout(() => ACTIONS[action](name), delayMs);
    else ACTIONS[action](name);
  }
}
