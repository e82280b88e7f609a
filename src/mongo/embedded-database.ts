/**
 * A database that speaks MongoDB's protocol, for `vendaval demo` and the tests: SecantusDB in a
 * Python environment of its own, on 127.0.0.1 only. Invariant: no server outlives its parent,
 * however the parent ended, and a temporary folder goes with its server. It is not for production
 * and not for figures of speed; who has a MongoDB uses that.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MongoClient, MongoServerError } from 'mongodb';
import { messageOf, VendavalError } from '../lib/errors.ts';
import { findFreePort, ServerProcess } from './child-processes.ts';
import { type PythonEnvironment, preparePython } from './python-environment.ts';

const START_LIMIT_MS = 30_000;
const PING_LIMIT_MS = 10_000;
/** A free port can be taken by another process before the server binds it. */
const PORT_TRIES = 3;
const CACHE_SIZE = '256M';
const SHOWN_LOG_LINES = 15;
const USER_ALREADY_EXISTS = 51003;

/**
 * Runs the server, and ends it when standard input ends, which is when the parent has gone. A
 * named temporary folder is removed then. os.read, not sys.stdin: a thread that holds the
 * stream's lock makes Python abort at its end.
 */
const GUARD = `
import os, shutil, signal, sys, threading
temporary = sys.argv.pop(1)
def watch():
    while os.read(0, 512):
        pass
    if temporary:
        shutil.rmtree(temporary, ignore_errors=True)
        os._exit(0)
    threading.Timer(10, os._exit, (1,)).start()
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=watch, daemon=True).start()
from secantus.cli import main
sys.exit(main())
`;

export interface EmbeddedDatabaseOptions {
  /** Kept between runs; without it a temporary folder, removed at the end. */
  readonly storagePath?: string | undefined;
  /** Default: a free one. */
  readonly port?: number | undefined;
  /** Asks for this user's password; without it nobody is asked. */
  readonly auth?: { readonly username: string; readonly password: string } | undefined;
  /** Speaks TLS with this certificate; `caFile` is for the URL. */
  readonly tls?:
    | { readonly certFile: string; readonly keyFile: string; readonly caFile: string }
    | undefined;
  /** Each commit reaches the disk before it is acknowledged; needed to survive a kill. */
  readonly syncOnCommit?: boolean | undefined;
  /** Shows itself as one server without replicas; a replica set of one by default. */
  readonly standalone?: boolean | undefined;
  /** Where the Python environment is kept and found: VENDAVAL_CACHE, XDG_CACHE_HOME, PATH. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
}

export interface EmbeddedDatabase {
  /** With directConnection=true, and the user's name and password if there is one. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Ends it cleanly (about 3 s; at once with temporary data) and removes temporary data. */
  stop(): Promise<void>;
  /** Ends it by this signal and resolves when it has ended; the data stays until stop(). */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Freezes it (SIGSTOP), as a long pause of the machine would. */
  pause(): void;
  resume(): void;
}

interface Launch {
  readonly python: PythonEnvironment;
  readonly storage: string;
  readonly temporary: boolean;
  readonly port: number | undefined;
  readonly syncOnCommit: boolean;
  readonly standalone: boolean;
  readonly auth: EmbeddedDatabaseOptions['auth'];
  readonly tls: EmbeddedDatabaseOptions['tls'];
  readonly env: NodeJS.ProcessEnv;
}

interface Running {
  readonly server: ServerProcess;
  readonly port: number;
}

function launchArgs(launch: Launch, port: number, requireAuth: boolean): string[] {
  const args = ['-I', '-c', GUARD, launch.temporary ? launch.storage : ''];
  args.push('--config', launch.python.emptyConfig, '--host', '127.0.0.1', '--port', String(port));
  args.push('--storage-path', launch.storage, '--cache-size', CACHE_SIZE);
  if (launch.syncOnCommit) args.push('--sync-on-commit');
  if (launch.standalone) args.push('--standalone');
  if (requireAuth) args.push('--auth');
  const { tls } = launch;
  if (tls) args.push('--tls-cert-file', tls.certFile, '--tls-key-file', tls.keyFile);
  return args;
}

function startError(what: string, server: ServerProcess, cause?: unknown): VendavalError {
  const log = server.tail.text(SHOWN_LOG_LINES);
  return new VendavalError(
    `The embedded database ${what} (${server.ending}); it last said:\n${log || '(nothing)'}`,
    {
      code: 'E_DATABASE_START',
      hint: 'Another server may use its folder or port; or use a MongoDB of your own with --mongo.',
      retryable: true,
      cause,
    },
  );
}

async function launchServer(launch: Launch, requireAuth: boolean): Promise<Running> {
  for (let attempt = 1; ; attempt++) {
    const port = launch.port ?? (await findFreePort());
    const args = launchArgs(launch, port, requireAuth);
    const server = await ServerProcess.start(launch.python.python, args, { env: launch.env });
    if (await server.listensOn(port, START_LIMIT_MS)) return { server, port };
    const lost = /address already in use/i.test(server.tail.text()) && launch.port === undefined;
    const error = startError('did not start', server);
    await server.end('SIGKILL');
    if (!lost || attempt === PORT_TRIES) throw error;
  }
}

function urlOf(port: number, { auth, tls }: Pick<EmbeddedDatabaseOptions, 'auth' | 'tls'>): string {
  const secure = tls ? `&tls=true&tlsCAFile=${encodeURIComponent(tls.caFile)}` : '';
  if (!auth) return `mongodb://127.0.0.1:${port}/?directConnection=true${secure}`;
  const user = `${encodeURIComponent(auth.username)}:${encodeURIComponent(auth.password)}`;
  return `mongodb://${user}@127.0.0.1:${port}/?authSource=admin&directConnection=true${secure}`;
}

/** Does something with a short-lived connection; what goes wrong is told with the server's log. */
async function withClient(
  { server }: Running,
  url: string,
  what: string,
  work: (client: MongoClient) => Promise<unknown>,
): Promise<void> {
  const client = new MongoClient(url, {
    serverSelectionTimeoutMS: PING_LIMIT_MS,
    connectTimeoutMS: PING_LIMIT_MS,
    socketTimeoutMS: PING_LIMIT_MS,
  });
  try {
    await work(client);
  } catch (error) {
    const failure = startError(`${what}: ${messageOf(error)}`, server, error);
    await server.end('SIGKILL');
    throw failure;
  } finally {
    await client.close();
  }
}

/** Users are made while nobody is asked for a password; the server is then started anew. */
async function createUser(launch: Launch): Promise<void> {
  const { username, password } = launch.auth!;
  const running = await launchServer({ ...launch, syncOnCommit: true, tls: undefined }, false);
  await withClient(running, urlOf(running.port, {}), 'refused the user', async (client) => {
    const admin = client.db('admin');
    try {
      await admin.command({ createUser: username, pwd: password, roles: ['root'] });
    } catch (error) {
      if (!(error instanceof MongoServerError) || error.code !== USER_ALREADY_EXISTS) throw error;
      await admin.command({ updateUser: username, pwd: password });
    }
  });
  // Synced to the disk, so there is nothing that a slow clean end would save.
  await running.server.end('SIGKILL');
}

/** About 12 s the first time on a machine, under 1 s after that; twice as long with a user. */
export async function startEmbeddedDatabase(
  options: EmbeddedDatabaseOptions = {},
): Promise<EmbeddedDatabase> {
  const env = options.env ?? process.env;
  const python = await preparePython({ env, onStep: options.onStep });
  options.onStep?.('Starting the embedded database');
  const temporary = options.storagePath === undefined;
  const storage = options.storagePath ?? (await mkdtemp(join(tmpdir(), 'vendaval-database-')));
  const { port, auth, tls } = options;
  const { syncOnCommit = false, standalone = false } = options;
  const data = { python, storage, temporary, port, env };
  const launch: Launch = { ...data, syncOnCommit, standalone, auth, tls };
  try {
    await mkdir(storage, { recursive: true });
    if (auth) await createUser(launch);
    const running = await launchServer(launch, auth !== undefined);
    const url = urlOf(running.port, { auth, tls });
    await withClient(running, url, 'did not answer', (client) =>
      client.db('admin').command({ ping: 1 }),
    );
    return handleOf(running, url, launch);
  } catch (error) {
    if (temporary) await rm(storage, { recursive: true, force: true });
    throw error;
  }
}

function handleOf({ server, port }: Running, url: string, launch: Launch): EmbeddedDatabase {
  return {
    url,
    port,
    pid: server.pid,
    async stop() {
      await server.end(launch.temporary ? 'SIGKILL' : 'SIGTERM');
      if (launch.temporary) await rm(launch.storage, { recursive: true, force: true });
    },
    kill: (signal) => server.end(signal),
    pause: () => server.signal('SIGSTOP'),
    resume: () => server.signal('SIGCONT'),
  };
}
