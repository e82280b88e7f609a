import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { lookOf } from '../../../bench/parts/proc.ts';
import { TreeUsage, treeOf } from '../../../bench/parts/tree-usage.ts';

/** Of a process whose name holds what would end it. */
const STAT =
  '4711 (a) S (b) R 42 4711 4711 0 -1 4194304 9 0 0 0 250 50 7 7 20 0 30 0 999 888 777 18446';

/** Two processes have to start, on a machine that others may use too. */
const LIMIT_MS = 60_000;

describe('the figures of a tree of processes', () => {
  it('are parent and CPU time, whatever the name of the process', () => {
    expect(lookOf(STAT)).toEqual({ parent: 42, cpuMs: 3000 });
  });

  it.runIf(process.platform === 'linux')('are read from the text that Linux has now', () => {
    const { parent, cpuMs } = lookOf(readFileSync('/proc/self/stat', 'utf8'));
    expect(parent).toBe(process.ppid);
    expect(cpuMs).toBeGreaterThan(0);
  });

  it('take the children of children in, and nobody else', () => {
    const parents = new Map([
      [1, 0],
      [10, 1],
      [11, 10],
      [12, 11],
      [20, 1],
      [21, 20],
    ]);
    expect(treeOf(10, parents)).toEqual([10, 11, 12]);
  });

  it.runIf(process.platform === 'linux')(
    "hold a child's work too",
    { timeout: LIMIT_MS },
    async () => {
      // Both end with their standard input; the child tells when it has used 100 ms.
      const child = `
      while (process.cpuUsage().user < 100_000);
      console.log('used');
      process.stdin.resume();`;
      const parent = `
      const { spawn } = require('node:child_process');
      spawn(process.execPath, ['-e', ${JSON.stringify(child)}], { stdio: 'inherit' });`;
      const running = spawn(process.execPath, ['-e', parent], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const usage = new TreeUsage(running.pid!);
      await once(running.stdout, 'data');
      usage.stop();
      const own = lookOf(readFileSync(`/proc/${running.pid}/stat`, 'utf8'));
      running.stdin.end();
      await once(running, 'exit');
      // The kernel counts in steps of 10 ms.
      expect(usage.cpuMs - own.cpuMs).toBeGreaterThanOrEqual(90);
      expect(usage.peakKb).toBeGreaterThan(60_000);
    },
  );
});
