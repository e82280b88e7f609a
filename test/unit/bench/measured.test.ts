import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { runProgram } from '../../../bench/parts/measured.ts';

/** Two processes have to start, on a machine that others may use too. */
const LIMIT_MS = 60_000;
const node = (script: string, ...args: string[]) => ({
  command: process.execPath,
  args: ['-e', script, ...args],
});

const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe.runIf(process.platform === 'linux')('a measured program', () => {
  it('gives its lines, and what it used', { timeout: LIMIT_MS }, async () => {
    const { lines, wholeMs, peakMb } = await runProgram(node('console.log(`{"a":1}\\n{"b":2}`)'));
    expect(lines).toEqual([{ a: 1 }, { b: 2 }]);
    expect(wholeMs).toBeGreaterThan(0);
    expect(peakMb).toBeGreaterThan(0);
  });

  it('that fails is told with its exit code and last words', { timeout: LIMIT_MS }, async () => {
    const run = runProgram(node('console.error("no broker"); process.exit(3)'));
    await expect(run).rejects.toThrow(/ended with 3:[\s\S]*no broker/);
  });

  it('that is not there is told', { timeout: LIMIT_MS }, async () => {
    const run = runProgram({ command: 'no-such-program', args: [] });
    await expect(run).rejects.toThrow(/no-such-program ended with 127/);
  });

  it('ends with who measures it, even if that was killed', { timeout: LIMIT_MS }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vendaval-measured-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const pidFile = join(folder, 'pid');
    const endless = node(
      'require("node:fs").writeFileSync(process.argv[1], String(process.pid)); setInterval(() => {}, 1e6)',
      pidFile,
    );
    const measured = new URL('../../../bench/parts/measured.ts', import.meta.url).href;
    const script = `
      import(${JSON.stringify(measured)}).then(({ runProgram }) =>
        runProgram(${JSON.stringify(endless)}));`;
    const measurer = spawn(process.execPath, ['--import', 'tsx', '-e', script], {
      stdio: 'ignore',
    });
    const waiting = { timeout: LIMIT_MS, interval: 20 };
    const pid = await vi.waitFor(() => {
      const text = readFileSync(pidFile, 'utf8');
      expect(text).toMatch(/^\d+$/);
      return Number(text);
    }, waiting);
    onTestFinished(() => void (isRunning(pid) && process.kill(pid, 'SIGKILL')));
    expect(isRunning(pid)).toBe(true);

    measurer.kill('SIGKILL');

    await vi.waitFor(() => expect(isRunning(pid)).toBe(false), waiting);
  });
});
