/** CPU time and memory of running processes over a span, from Linux's /proc. */
import { lookAt, memoryKb } from './proc.ts';

export interface Used {
  /** null where there is no /proc. */
  readonly cpuS: number | null;
  readonly cores: number | null;
  /** Peak of the whole life of the process. */
  readonly peakMb: number | null;
}

function cpuS(pid: number): number | null {
  const look = lookAt(pid);
  return look ? look.cpuMs / 1000 : null;
}

function peakMb(pid: number): number | null {
  const kb = memoryKb(pid, 'VmHWM');
  return kb === undefined ? null : kb / 1024;
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
