/**
 * CPU time and memory of a program and all that it starts, from Linux's /proc: looked at many
 * times, since a process takes its figures along when it ends. What a process did after the last
 * look, and one that lived between two looks, is not seen; so it tells a little too little.
 */
import { readdirSync, readFileSync } from 'node:fs';

const LOOK_MS = 100;
const MS_PER_TICK = 10;

export interface ProcessLook {
  readonly parent: number;
  readonly cpuMs: number;
}

/** Of the text of /proc/PID/stat. */
export function lookOf(stat: string): ProcessLook {
  // The name, in parentheses, may hold anything.
  const fields = stat.replace(/^.*\)\s/s, '').split(' ');
  return {
    parent: Number(fields[1]),
    cpuMs: (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK,
  };
}

/** The root and all below it. */
export function treeOf(root: number, parents: ReadonlyMap<number, number>): number[] {
  const isBelow = (pid: number | undefined): boolean =>
    pid === root || (pid !== undefined && isBelow(parents.get(pid)));
  return [...parents.keys()].filter(isBelow);
}

function read<T>(path: string, as: (text: string) => T): T | undefined {
  try {
    return as(readFileSync(path, 'utf8'));
  } catch {
    return undefined; // it has ended
  }
}

const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);
const peakKbOf = (status: string) => Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);

export class TreeUsage {
  readonly #root: number;
  readonly #cpuMs = new Map<number, number>();
  readonly #peakKb = new Map<number, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(root: number) {
    this.#root = root;
    this.#look();
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  /** With a last look, in case that it still runs. */
  stop(): void {
    clearInterval(this.#timer);
    this.#look();
  }

  /** The sum over its processes. */
  get cpuMs(): number {
    return sum(this.#cpuMs.values());
  }

  /** The sum over its processes, each at its own peak. */
  get peakKb(): number {
    return sum(this.#peakKb.values());
  }

  #look(): void {
    const looks = new Map<number, ProcessLook>();
    for (const name of readdirSync('/proc')) {
      const look = /^\d/.test(name) ? read(`/proc/${name}/stat`, lookOf) : undefined;
      if (look) looks.set(Number(name), look);
    }
    const parents = new Map([...looks].map(([pid, { parent }]) => [pid, parent]));
    for (const pid of treeOf(this.#root, parents)) {
      this.#cpuMs.set(pid, looks.get(pid)!.cpuMs);
      const peakKb = read(`/proc/${pid}/status`, peakKbOf);
      // A process that ends has no memory any more.
      if (peakKb) this.#peakKb.set(pid, peakKb);
    }
  }
}
