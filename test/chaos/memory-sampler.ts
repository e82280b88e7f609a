/** Looks at a process's resident memory again and again. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { sleep } from '../../src/lib/clock.ts';
import type { Ending } from '../parts/engine-process.ts';

const INTERVAL_MS = 200;
const run = promisify(execFile);

export class MemorySampler {
  /** Megabytes (2^20). */
  peakMb = 0;
  readonly #stop = new AbortController();

  constructor(test: Ending, pid: number) {
    test.onTestFinished(() => this.stop());
    void this.#run(pid);
  }

  stop(): void {
    this.#stop.abort();
  }

  async #run(pid: number): Promise<void> {
    while (!this.#stop.signal.aborted) {
      // Fails when the process has ended, which is no news for this one.
      const answer = await run('ps', ['-o', 'rss=', '-p', String(pid)]).catch(() => null);
      if (answer) this.peakMb = Math.max(this.peakMb, Number(answer.stdout) / 1024);
      await sleep(INTERVAL_MS, this.#stop.signal);
    }
  }
}
