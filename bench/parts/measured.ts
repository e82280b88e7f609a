/** Runs one system as a process of its own and takes its figures from outside. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TreeUsage } from './tree-usage.ts';

export interface Measured {
  /** Its standard output, one parsed JSON value a line. */
  readonly lines: Record<string, unknown>[];
  readonly wholeMs: number;
  readonly cpuMs: number;
  readonly peakMb: number;
}

/** A program that is not Node's. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
}

const LIMIT_MS = 300_000;

interface Ended {
  readonly lines: Measured['lines'];
  readonly wholeMs: number;
}

function ended(child: ChildProcess, what: string, startedMs: number): Promise<Ended> {
  return new Promise((resolve, reject) => {
    let out = '';
    let err = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
    child.stdout!.setEncoding('utf8').on('data', (chunk) => {
      out += chunk;
    });
    child.stderr!.setEncoding('utf8').on('data', (chunk) => {
      err += chunk;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const wholeMs = performance.now() - startedMs;
      if (code !== 0) {
        const tail = `${out.slice(-500)}\n${err.slice(-2000)}`;
        const how = code ?? `${signal} (the limit is ${LIMIT_MS / 1000} s)`;
        reject(new Error(`${what} ended with ${how}:\n${tail}`));
        return;
      }
      const texts = out.trim().split('\n');
      resolve({ lines: texts.map((line) => JSON.parse(line)), wholeMs });
    });
  });
}

/** A script of Node's, which leaves its own figures at its end. */
export async function runMeasured(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  onStart: (pid: number) => void = () => {},
): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'vendaval-bench-'));
  const usageFile = join(folder, 'usage.json');
  const usage = new URL('./usage.mjs', import.meta.url).href;
  try {
    const startedMs = performance.now();
    const child = spawn(process.execPath, ['--import', usage, ...args], {
      env: { ...env, BENCH_USAGE_FILE: usageFile },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (child.pid !== undefined) onStart(child.pid);
    const run = await ended(child, args.join(' '), startedMs);
    const { cpuMs, peakKb } = JSON.parse(readFileSync(usageFile, 'utf8'));
    return { ...run, cpuMs, peakMb: peakKb / 1024 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Kafka Streams and the counter wait for sales for ever, so they are ended with us, however we
 * ended: the shell that becomes the program leaves a child that reads our pipe. At its end without
 * a word we have gone.
 */
const GUARD = `
exec 3<&0
(
  read -r word <&3
  [ "$word" = ended ] || kill -KILL $$
) >/dev/null 2>&1 &
exec "$@" 3<&- </dev/null
`;

/** Any program, with all that it starts. Needs Linux's /proc. */
export async function runProgram({ command, args }: Program): Promise<Measured> {
  const startedMs = performance.now();
  const child = spawn('sh', ['-c', GUARD, 'sh', command, ...args], { stdio: 'pipe' });
  // The guard may have gone first.
  child.stdin.on('error', () => {});
  child.once('exit', () => child.stdin.end('ended\n'));
  const run = ended(child, [command, ...args].join(' '), startedMs);
  const usage = new TreeUsage(child.pid!);
  const { lines, wholeMs } = await run.finally(() => usage.stop());
  return { lines, wholeMs, cpuMs: usage.cpuMs, peakMb: usage.peakKb / 1024 };
}
