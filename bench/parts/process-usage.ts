/** CPU time and memory of running processes over a span, from Linux's /proc. */
import { readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

export interface Used {
  /** null where there is no /proc. */
  readonly cpuS: number | null;
  readonly cores: number | null;
  /** Peak of the whole life of the process. */
  readonly peakMb: number | null;
}

function cpuS(pid: number): number | null {
  try {
    // The name, in parentheses, may hold anything.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\)/s, '').split(' ');
    return (Number(fields[12]) + Number(fields[13])) / TICKS_PER_SECOND;
  } catch {
    return null;
  }
}

function peakMb(pid: number): number | null {
  try {
    const line = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return line ? Number(line[1]) / 1024 : null;
  } catch {
    return null;
  }
}

export class ProcessUsage {
  readonly #pids: Readonly<Record<string, number>>;
  readonly #before: Readonly<Record<string, number | null>>;
  readonly #startedMs = performance.now();

  constructor(pids: Readonly<Record<string, number>>) {
    this.#pids = pids;
    this.#before = Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuS(pid)]));
  }

  /** Since the start, while the processes still run. */
  stop(): Record<string, Used> {
    const spanS = (performance.now() - this.#startedMs) / 1000;
    return Object.fromEntries(
      Object.entries(this.#pids).map(([name, pid]) => {
        const [before, after] = [this.#before[name], cpuS(pid)];
        const used = before === null || after === null ? null : after - before;
        const cores = used === null ? null : used / spanS;
        return [name, { cpuS: used, cores, peakMb: peakMb(pid) }];
      }),
    );
  }
}
