import { chmod, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { VendavalError } from '../../../src/lib/errors.ts';
import { cacheFolder, preparePython } from '../../../src/mongo/python-environment.ts';

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'vendaval-python-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** A PATH on which python3 is this shell script. */
async function fakePython(script: string): Promise<NodeJS.ProcessEnv> {
  const bin = await folder();
  await writeFile(join(bin, 'python3'), `#!/bin/sh\n${script}\n`);
  await chmod(join(bin, 'python3'), 0o755);
  return { PATH: bin, VENDAVAL_CACHE: await folder() };
}

const failure = (env: NodeJS.ProcessEnv): Promise<VendavalError> =>
  preparePython({ env }).then(
    () => expect.unreachable('it must fail'),
    (error) => error,
  );

test('the cache folder is VENDAVAL_CACHE, else under XDG_CACHE_HOME, else ~/.cache', () => {
  expect(cacheFolder({ VENDAVAL_CACHE: '/a', XDG_CACHE_HOME: '/b' })).toBe('/a');
  expect(cacheFolder({ VENDAVAL_CACHE: '', XDG_CACHE_HOME: '/b' })).toBe(join('/b', 'vendaval'));
  expect(cacheFolder({})).toBe(join(homedir(), '.cache', 'vendaval'));
});

test('a Python that is too old is refused by its version, with what to install', async () => {
  const error = await failure(await fakePython('echo 3.9; echo venv'));
  expect(error).toMatchObject({ code: 'E_PYTHON_MISSING' });
  expect(error.message).toContain('python3 is 3.9');
  expect(error.hint).toMatch(/Debian.*macOS.*Windows/);
});

test('a Python without venv, as Debian ships it, is refused with the package to install', async () => {
  const error = await failure(await fakePython('echo 3.12'));
  expect(error).toMatchObject({ code: 'E_PYTHON_MISSING' });
  expect(error.message).toContain('python3 3.12 lacks its venv module');
  expect(error.hint).toContain('python3-venv');
});

test('what pip says is the cause, and nothing half-made stays or is taken for complete', async () => {
  // Makes a "venv" whose python is a pip that fails.
  const env = await fakePython(`
    case "$2" in
      -c) echo 3.12; echo venv ;;
      -m) if [ "$3" = venv ]; then /bin/mkdir -p "$4/bin" && /bin/ln -s "$0" "$4/bin/python"
          else echo "No matching distribution" >&2; exit 1; fi ;;
    esac`);
  const error = await failure(env);
  expect(error).toMatchObject({ code: 'E_DATABASE_SETUP', retryable: true });
  expect(error.message).toContain('exit code 1');
  expect((error.cause as Error).message).toBe('No matching distribution');
  expect(await readdir(env.VENDAVAL_CACHE!)).toEqual([]);
});

test('two at once end with one environment, which a third finds at once', async () => {
  const env = await fakePython(`
    case "$2" in
      -c) echo 3.12; echo venv ;;
      -m) if [ "$3" = venv ]; then /bin/mkdir -p "$4/bin" && /bin/ln -s "$0" "$4/bin/python"; fi ;;
    esac`);
  const pair = await Promise.all([preparePython({ env }), preparePython({ env })]);
  const steps: string[] = [];
  const third = await preparePython({ env, onStep: (step) => steps.push(step) });
  expect(steps).toEqual([]);
  expect(pair.map(({ python }) => python)).toContain(third.python);
});

test('an environment whose Python has gone is made anew', async () => {
  const env = await fakePython(`
    case "$2" in
      -c) echo 3.12; echo venv ;;
      -m) if [ "$3" = venv ]; then /bin/mkdir -p "$4/bin" && /bin/ln -s "$0" "$4/bin/python"; fi ;;
    esac`);
  const first = await preparePython({ env });
  await rm(first.python);
  await symlink('/nonexistent/python', first.python);
  const second = await preparePython({ env });
  expect(second.python).not.toBe(first.python);
});

test('a cache folder that cannot be made is named, with the variable that moves it', async () => {
  const env = await fakePython('echo 3.12; echo venv');
  const file = join(env.PATH!.split(delimiter)[0], 'python3');
  const error = await failure({ ...env, VENDAVAL_CACHE: join(file, 'cache') });
  expect(error).toMatchObject({ code: 'E_DATABASE_SETUP' });
  expect(error.hint).toContain('VENDAVAL_CACHE');
});
