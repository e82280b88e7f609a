/**
 * The Python environment of the embedded database, made on first use in the user's cache folder.
 * Invariant: a marker file names an environment only once it is complete. Each maker builds in a
 * folder of its own and then publishes it by renaming the marker into place, so processes that
 * race need no lock, one that dies leaves only litter, and no environment is ever moved (a venv
 * holds its own path). Running the database is left to embedded-database.ts.
 */
import { randomUUID } from 'node:crypto';
import { access, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { codeOf, messageOf, VendavalError } from '../lib/errors.ts';
import { type RunResult, runToEnd } from './child-processes.ts';

export const DATABASE_PACKAGE = 'SecantusDB';
export const DATABASE_VERSION = '0.7.0b3';
/** From the package's own requirement. */
const PYTHON_MIN = [3, 10] as const;

const PROBE_LIMIT_MS = 20_000;
const VENV_LIMIT_MS = 120_000;
const PIP_LIMIT_MS = 600_000;
/** Longer than the limits above together, so nothing that is still being made is litter. */
const LITTER_AGE_MS = 3_600_000;

export interface PythonEnvironment {
  /** The interpreter that sees the package. */
  readonly python: string;
  /** An empty file, so that no settings file of the user's is picked up. */
  readonly emptyConfig: string;
}

export interface PrepareOptions {
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
}

/** Where downloads are kept between runs. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env.VENDAVAL_CACHE) return env.VENDAVAL_CACHE;
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'vendaval');
}

interface Interpreter {
  readonly command: string;
  /** Like "3.11". */
  readonly version: string;
}

const PROBE = `
import sys
print("%d.%d" % sys.version_info[:2])
try:
    import ensurepip, venv
    print("venv")
except ImportError:
    pass
`;

/** The first Python on the PATH that can do it. */
async function findPython(env: NodeJS.ProcessEnv): Promise<Interpreter> {
  const names = process.platform === 'win32' ? ['python', 'python3', 'py'] : ['python3', 'python'];
  const seen: string[] = [];
  for (const command of names) {
    const result = await probe(command, env);
    if (result === undefined || result.code !== 0) continue;
    const [version, venv] = result.stdout.trim().split(/\s+/);
    const [major, minor] = version.split('.').map(Number);
    if (major !== PYTHON_MIN[0] || minor < PYTHON_MIN[1]) {
      seen.push(`${command} is ${version}`);
    } else if (venv !== 'venv') {
      seen.push(`${command} ${version} lacks its venv module`);
    } else {
      return { command, version };
    }
  }
  const needed = `Python ${PYTHON_MIN.join('.')} or newer with its venv module`;
  const found = seen.length === 0 ? 'no Python is on the PATH' : seen.join(', ');
  throw new VendavalError(`The embedded database needs ${needed}, but ${found}`, {
    code: 'E_PYTHON_MISSING',
    hint:
      'Install it: "sudo apt install python3 python3-venv" (Debian, Ubuntu), ' +
      '"brew install python" (macOS), "winget install Python.Python.3.13" (Windows); ' +
      'or use a MongoDB of your own with --mongo.',
  });
}

async function probe(command: string, env: NodeJS.ProcessEnv): Promise<RunResult | undefined> {
  try {
    return await runToEnd(command, ['-I', '-c', PROBE], { env, timeLimitMs: PROBE_LIMIT_MS });
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ENOTDIR'].includes(codeOf(error))) return undefined;
    throw error;
  }
}

function environmentIn(folder: string): PythonEnvironment {
  const inside = process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python'];
  return { python: join(folder, ...inside), emptyConfig: join(folder, 'empty.toml') };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** What the marker names, if it is still all there: a system's Python may have been replaced. */
async function published(cache: string, marker: string): Promise<PythonEnvironment | undefined> {
  const name = await readFile(marker, 'utf8').catch(() => undefined);
  if (name === undefined) return undefined;
  const environment = environmentIn(join(cache, name.trim()));
  const complete = (await exists(environment.python)) && (await exists(environment.emptyConfig));
  return complete ? environment : undefined;
}

function setupError(what: string, result: RunResult): VendavalError {
  const how = result.timedOut ? 'took too long' : `failed with exit code ${result.code}`;
  return new VendavalError(`${what} ${how}`, {
    code: 'E_DATABASE_SETUP',
    hint: 'Check the network and the free disk space, then try again; or use --mongo.',
    retryable: true,
    cause: new Error(result.tail === '' ? 'it printed nothing' : result.tail),
  });
}

async function build(folder: string, python: Interpreter, options: PrepareOptions): Promise<void> {
  const env = options.env ?? process.env;
  options.onStep?.(`Creating a Python ${python.version} environment in ${folder}`);
  const venv = await runToEnd(python.command, ['-I', '-m', 'venv', folder], {
    env,
    timeLimitMs: VENV_LIMIT_MS,
  });
  if (venv.code !== 0) throw setupError('Creating the Python environment', venv);
  options.onStep?.(`Installing ${DATABASE_PACKAGE} ${DATABASE_VERSION} (first time only)`);
  const { python: inside, emptyConfig } = environmentIn(folder);
  const pip = await runToEnd(
    inside,
    ['-I', '-m', 'pip', 'install', '--no-input', '--disable-pip-version-check', '--quiet'].concat(
      '--prefer-binary',
      `${DATABASE_PACKAGE}==${DATABASE_VERSION}`,
    ),
    { env, timeLimitMs: PIP_LIMIT_MS },
  );
  if (pip.code !== 0) throw setupError(`Installing ${DATABASE_PACKAGE} with pip`, pip);
  await writeFile(emptyConfig, '');
}

/** Folders of makers that died, or that lost a race, long ago. */
async function removeLitter(cache: string): Promise<void> {
  const names = (await readdir(cache)).filter((name) => name.startsWith('secantusdb-'));
  const markers = names.filter((name) => name.endsWith('.marker'));
  const kept = await Promise.all(
    markers.map(async (name) => (await readFile(join(cache, name), 'utf8')).trim()),
  );
  for (const name of names.filter((name) => !markers.includes(name) && !kept.includes(name))) {
    const { mtimeMs } = await stat(join(cache, name));
    if (Date.now() - mtimeMs < LITTER_AGE_MS) continue;
    await rm(join(cache, name), { recursive: true, force: true });
  }
}

async function makeCache(cache: string): Promise<void> {
  try {
    await mkdir(cache, { recursive: true });
  } catch (error) {
    throw new VendavalError(`The cache folder ${cache} can't be made: ${messageOf(error)}`, {
      code: 'E_DATABASE_SETUP',
      hint: 'Set VENDAVAL_CACHE to a folder that can be written.',
      cause: error,
    });
  }
}

/** Takes about 12 s and 145 MB the first time, 30 ms after that. */
export async function preparePython(options: PrepareOptions = {}): Promise<PythonEnvironment> {
  const env = options.env ?? process.env;
  const cache = cacheFolder(env);
  const python = await findPython(env);
  const base = `secantusdb-${DATABASE_VERSION}-python${python.version}`;
  const marker = join(cache, `${base}.marker`);
  const ready = await published(cache, marker);
  if (ready) return ready;

  await makeCache(cache);
  await removeLitter(cache).catch(() => {}); // another process may be tidying too
  const name = `${base}-${randomUUID()}`;
  const folder = join(cache, name);
  try {
    await build(folder, python, options);
    const winner = await published(cache, marker);
    if (winner) {
      await rm(folder, { recursive: true, force: true });
      return winner;
    }
    await writeFile(`${folder}.tmp`, name);
    await rename(`${folder}.tmp`, marker);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return environmentIn(folder);
}
