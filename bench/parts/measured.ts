/** Runs one system as a process of its own and takes its figures from outside. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Measured {
  /** Its standard output, one parsed JSON value a line. */
  readonly lines: Record<string, unknown>[];
  readonly wholeMs: number;
  readonly cpuMs: number;
  readonly peakMb: number;
}

const LIMIT_MS = 300_000;

export function runMeasured(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'vendaval-bench-'));
  const usageFile = join(folder, 'usage.json');
  const usage = new URL('./usage.mjs', import.meta.url).href;
  const startedMs = performance.now();
  return new Promise<Measured>((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', usage, ...args], {
      env: { ...env, BENCH_USAGE_FILE: usageFile },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const wholeMs = performance.now() - startedMs;
      if (code !== 0) {
        const tail = `${out.slice(-500)}\n${err.slice(-2000)}`;
        reject(new Error(`${args.join(' ')} ended with ${code ?? signal}:\n${tail}`));
        return;
      }
      const { cpuMs, peakKb } = JSON.parse(readFileSync(usageFile, 'utf8'));
      const lines = out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      resolve({ lines, wholeMs, cpuMs, peakMb: peakKb / 1024 });
    });
  }).finally(() => rmSync(folder, { recursive: true, force: true }));
}
