/** A program of Node's that a test runs to its end. Invariant: it does not outlive the test. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { ROOT } from '../../scripts/build.ts';
import type { Ending } from './engine-process.ts';

const run = promisify(execFile);

/**
 * @param args Node's own, the program, and the program's
 * @returns its standard output; throws when it ends with an error
 */
export async function runProgram(test: Ending, args: readonly string[]): Promise<string> {
  const running = run(process.execPath, args, { cwd: ROOT });
  const { child } = running;
  // Also of a test whose time is over, or that another program of it has failed.
  test.onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  return (await running).stdout;
}
