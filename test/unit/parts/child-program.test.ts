import { expect, test } from 'vitest';
import { runProgram } from '../../parts/child-program.ts';

/** What would happen at a test's end. */
function ending() {
  const actions: (() => Promise<void> | void)[] = [];
  return {
    test: { onTestFinished: (action: () => Promise<void> | void) => void actions.push(action) },
    end: async () => {
      for (const action of actions) await action();
    },
  };
}

const ENDLESS = ['-e', 'setInterval(() => {}, 1000)'];

test('a program that runs when its test ends is killed', async () => {
  const { test, end } = ending();
  const ended = expect(runProgram(test, ENDLESS)).rejects.toMatchObject({ signal: 'SIGKILL' });
  await end();
  await ended;
});

test('one that has ended gives what it wrote, and leaves nothing to do', async () => {
  const { test, end } = ending();
  expect(await runProgram(test, ['-p', '6 * 7'])).toBe('42\n');
  await end();
  await expect(runProgram(test, ['-e', 'process.exit(3)'])).rejects.toMatchObject({ code: 3 });
  await end();
});
