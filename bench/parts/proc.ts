/** What Linux's /proc says of a process; a text is read once and taken apart here. */
import { readFileSync } from 'node:fs';

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

/** undefined for a process that has ended, and where there is no /proc. */
export function lookAt(pid: number): ProcessLook | undefined {
  const stat = read(pid, 'stat');
  return stat === undefined ? undefined : lookOf(stat);
}

/** Memory in kB: now (VmRSS), or at its peak (VmHWM). undefined for one that has ended. */
export function memoryKb(pid: number, field: 'VmRSS' | 'VmHWM'): number | undefined {
  const kb = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(read(pid, 'status') ?? '')?.[1];
  return kb === undefined ? undefined : Number(kb);
}

function read(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}
