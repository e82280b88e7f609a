import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

// Of the build: a thread's code can only be loaded from there.
const BUILT = new URL('../../dist/coordinator/worker-pool.js', import.meta.url).href;

/** Says which of the threads' modules are required. */
const WATCH = `
const Module = require('node:module');
const { basename } = require('node:path');
const { writeSync } = require('node:fs');
const { _load } = Module;
Module._load = function load(request, ...rest) {
  if (request.includes('/dist/workers/')) writeSync(1, basename(request) + '\\n');
  return _load.call(this, request, ...rest);
};
`;

/** A task that is none fails in the thread's code, once it is there. */
const RUN = `
import { WorkerPool } from '${BUILT}';
const pool = new WorkerPool(1, 1, null);
await pool.run({}).ended.catch(({ stack }) => {
  console.log(stack.includes('lease-task.js') ? 'has run' : stack);
});
await pool.close();
`;

test("a thread's code is imported, amid which the process may end the thread, and not required", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'vendaval-threads-'));
  t.onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const watch = join(folder, 'watch.cjs');
  await writeFile(watch, WATCH);
  const env = { ...process.env, NODE_OPTIONS: `--require ${watch}` };
  const words = ['--input-type=module', '--eval', RUN];
  const { stdout } = await promisify(execFile)(process.execPath, words, { env });
  expect(stdout.trim().split('\n')).toEqual(['lease-thread.cjs', 'has run']);
});
