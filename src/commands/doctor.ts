/** `vendaval doctor`: what stands in the way of the engine, and the command that mends it. */
import { basename, relative } from 'node:path';
import type { Settings } from '../config/options.ts';
import { startDoctor } from '../doctor/doctor.ts';
import { exitCodeOf } from '../doctor/examination.ts';
import { EXIT, type ExitCode } from '../lib/errors.ts';
import { outColour } from './colour.ts';
import { DoctorView } from './doctor-view.ts';
import type { Shell } from './shell.ts';

export interface DoctorCommandOptions {
  readonly probe: boolean;
  /** Of each check, in ms. */
  readonly timeout: number;
}

export async function runDoctor(
  settings: Settings,
  { probe, timeout }: DoctorCommandOptions,
  shell: Shell,
): Promise<ExitCode> {
  const doctor = startDoctor(settings, { probe, limitMs: timeout });
  const view = new DoctorView(shell, outColour, selfName(process.argv[1]));
  try {
    const stopped = new Promise<null>((resolve) => {
      shell.signal.addEventListener('abort', () => resolve(null), { once: true });
    });
    const done = await Promise.race([view.show(doctor.checks), stopped]);
    if (done === null) process.exit(EXIT.failed);
    const exitCode = exitCodeOf(done.map(({ outcome }) => outcome.finding));
    view.summary(exitCode);
    return exitCode;
  } finally {
    await doctor.close();
  }
}

/** As it can be typed here: by its name where that was used, else by its file. */
function selfName(path: string): string {
  if (basename(path) !== 'main.js') return 'vendaval';
  const here = relative(process.cwd(), path);
  return `node ${here.startsWith('..') ? path : here}`;
}
