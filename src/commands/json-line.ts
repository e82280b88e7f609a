/** One line of a command's result for programs, in the form that log lines have. */
import type { Shell } from './shell.ts';

export function jsonLine({ out }: Shell, code: string, fields: object): void {
  const time = new Date().toISOString();
  out.write(`${JSON.stringify({ level: 30, time, code, ...fields })}\n`);
}
