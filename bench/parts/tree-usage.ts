/**
 * CPU time and memory of a program and all that it starts, from Linux's /proc: looked at many
 * times, since a process takes its figures along when it ends. What a process did after the last
 * look, and one that lived between two looks, is not seen; so it tells a little too little.
 */
import { readdirSync } from 'node:fs';
import { lookAt, memoryKb, type ProcessLook } from './proc.ts';

const LOOK_MS = 100;

/** The root and all below it. */
export function treeOf(root: number, parents: ReadonlyMap<number, number>): number[] {
  const isBelow = (pid: number | undefined): boolean =>
    pid === root || (pid !== undefined && isBelow(parents.get(pid)));
  return [...parents.keys()].filter(isBelow);
}

const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);

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
      const look = /^\d/.test(name) ? lookAt(Number(name)) : undefined;
      if (look) looks.set(Number(name), look);
    }
    const parents = new Map([...looks].map(([pid, { parent }]) => [pid, parent]));
    for (const pid of treeOf(this.#root, parents)) {
      this.#cpuMs.set(pid, looks.get(pid)!.cpuMs);
      const peakKb = memoryKb(pid, 'VmHWM');
      // A process that ends has no memory any more.
      if (peakKb) this.#peakKb.set(pid, peakKb);
    }
  }
}
