/**
 * A real Kafka broker for the tests: one KRaft process of its own, on free ports of 127.0.0.1, its
 * data in a temporary folder. Invariant: it ends with its parent, however that ended. Nothing is
 * ever deleted for its age and no timestamp is too old or too far ahead, since tests write sales
 * of any time; a topic exists only when a test made it.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep } from '../../src/lib/clock.ts';
import { VendavalError } from '../../src/lib/errors.ts';
import { findFreePort, runToEnd, ServerProcess } from '../../src/mongo/child-processes.ts';
import { kafkaClassPath } from './kafka-jars.ts';
import { kafkaClient } from './topic.ts';

const FORMAT_LIMIT_MS = 180_000;
export const START_LIMIT_MS = 300_000;
const METADATA_POLL_MS = 50;
const SHOWN_LOG_LINES = 30;
const PORT_TRIES = 3;
const INT64_MAX = '9223372036854775807';

/**
 * Java can't be told to end with its parent, so the shell that becomes Java leaves a child behind
 * that reads standard input. At its end without a word the parent has gone: Java and its data ($0)
 * go too. After "ending" the parent ends Java itself and may start its data again.
 */
const GUARD = `
exec 3<&0
(
  read -r word <&3
  [ "$word" = ending ] && exit
  kill -KILL $$
  rm -rf "$0"
) >/dev/null 2>&1 &
exec java "$@" 3<&- </dev/null
`;

export interface KafkaBrokerOptions {
  readonly heapMb?: number;
  /** Of Kafka; the usual one by default. At least 3.3, the first that needs no ZooKeeper. */
  readonly version?: string;
  /** Server properties that win over the ones set here. */
  readonly properties?: Readonly<Record<string, string>>;
  /** A second listener, which tells its clients to use another port: a proxy's. */
  readonly proxied?: boolean;
  /** The second listener tells its clients this host with its own port, as one in a container does. */
  readonly advertisedHost?: string;
  /** Further listeners, with the protocol of each by its name. */
  readonly listeners?: Readonly<Record<string, 'SSL' | 'SASL_SSL' | 'SASL_PLAINTEXT'>>;
  /** Users from the start, as `kafka-storage.sh format --add-scram` takes them. */
  readonly scram?: readonly string[];
  readonly onStep?: (step: string) => void;
}

export interface KafkaBroker {
  /** host:port, for a client's list of brokers. */
  readonly brokers: string;
  readonly port: number;
  /** Where each partition has a folder with its log. */
  readonly dataFolder: string;
  /** Where a proxy has to listen, and where it has to lead. */
  readonly proxied: ProxiedListener | undefined;
  /** Ports of the further listeners, by name. */
  readonly ports: Readonly<Record<string, number>>;
  /** Of the process that runs now; another after restart(). */
  readonly pid: number;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
  /** Ends it by this signal and resolves when it has ended; the data stays for restart(). */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Freezes it (SIGSTOP); its connections stay open and silent. */
  pause(): void;
  resume(): void;
  /** Starts it again on the same port and data, ending it cleanly first if it still runs. */
  restart(): Promise<void>;
}

export interface ProxiedListener {
  readonly advertisedPort: number;
  readonly listensOn: number;
}

interface Layout {
  readonly folder: string;
  readonly port: number;
  readonly controllerPort: number;
  readonly proxied: ProxiedListener | undefined;
  readonly advertisedHost: string;
  readonly further: ReadonlyMap<string, { readonly protocol: string; readonly port: number }>;
  readonly config: string;
  readonly classPath: string;
  readonly heapMb: number;
}

function properties(layout: Layout, own: Readonly<Record<string, string>>): string {
  const broker = `PLAINTEXT://127.0.0.1:${layout.port}`;
  const controller = `CONTROLLER://127.0.0.1:${layout.controllerPort}`;
  const proxied = (port: number | undefined, host = '127.0.0.1') =>
    port === undefined ? [] : [`PROXIED://${host}:${port}`];
  const further = [...layout.further].map(([name, { port }]) => `${name}://127.0.0.1:${port}`);
  return propertiesText({
    ...COMMON_PROPERTIES,
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${layout.controllerPort}`,
    listeners: [broker, controller, ...proxied(layout.proxied?.listensOn), ...further].join(),
    'advertised.listeners': [
      broker,
      ...proxied(layout.proxied?.advertisedPort, layout.advertisedHost),
      ...further,
    ].join(),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': [
      ...['PLAINTEXT:PLAINTEXT', 'PROXIED:PLAINTEXT', 'CONTROLLER:PLAINTEXT'],
      ...[...layout.further].map(([name, { protocol }]) => `${name}:${protocol}`),
    ].join(),
    'log.dirs': join(layout.folder, 'data'),
    ...KRAFT_PROPERTIES,
    ...own,
  });
}

/** What every broker of ours has, of any version. */
export const COMMON_PROPERTIES: Readonly<Record<string, string>> = {
  'auto.create.topics.enable': 'false',
  'default.replication.factor': '1',
  'offsets.topic.replication.factor': '1',
  'offsets.topic.num.partitions': '3',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'transaction.state.log.num.partitions': '3',
  'group.initial.rebalance.delay.ms': '0',
  'log.retention.ms': '-1',
  // The default, 128 MiB, is a quarter of the heap for topics that are never compacted.
  'log.cleaner.dedupe.buffer.size': '16777216',
};

export const KRAFT_PROPERTIES: Readonly<Record<string, string>> = {
  'log.message.timestamp.after.max.ms': INT64_MAX,
  'log.message.timestamp.before.max.ms': INT64_MAX,
  // A killed broker may register again only when its session is over: 9 s by default.
  'broker.session.timeout.ms': '4000',
  'broker.heartbeat.interval.ms': '500',
};

export function propertiesText(all: Readonly<Record<string, string>>): string {
  return Object.entries(all)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

export function brokerError(what: string, log: string): VendavalError {
  return new VendavalError(`The Kafka broker ${what}; it last said:\n${log || '(nothing)'}`, {
    code: 'E_TEST_BROKER',
    retryable: true,
  });
}

/**
 * Kafka's ids are 16 bytes in URL-safe base 64. The first is 0, since an id that starts with a
 * dash would be taken for an option.
 */
export const newClusterId = () => Buffer.from([0, ...randomBytes(15)]).toString('base64url');

export async function formatStorage(
  classPath: string,
  config: string,
  clusterId: string,
  scram: readonly string[] = [],
): Promise<void> {
  const users = scram.flatMap((user) => ['--add-scram', user]);
  const tool = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', config, ...users];
  const java = ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-cp', classPath];
  const logging = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn';
  const result = await runToEnd('java', [...java, logging, ...tool], {
    timeLimitMs: FORMAT_LIMIT_MS,
  });
  if (result.code !== 0) throw brokerError('could not format its storage', result.tail);
}

/** Until it names a controller, and so many brokers as are in its cluster. */
export async function answersMetadata(
  server: ServerProcess,
  port: number,
  brokerCount = 1,
): Promise<boolean> {
  const deadline = performance.now() + START_LIMIT_MS;
  if (!(await server.listensOn(port, START_LIMIT_MS))) return false;
  const admin = kafkaClient(`127.0.0.1:${port}`).admin();
  try {
    while (server.running && performance.now() < deadline) {
      const cluster = await admin
        .connect()
        .then(() => admin.describeCluster())
        .catch(() => undefined);
      if (cluster?.brokers.length === brokerCount && cluster.controller !== null) return true;
      await sleep(METADATA_POLL_MS);
    }
    return false;
  } finally {
    await admin.disconnect();
  }
}

async function launch(layout: Layout): Promise<ServerProcess> {
  const server = await startJava(layout, 'kafka.Kafka', layout.config);
  if (await answersMetadata(server, layout.port)) return server;
  const error = brokerError(`did not start (${server.ending})`, server.tail.text(SHOWN_LOG_LINES));
  await server.end('SIGKILL');
  throw error;
}

/** A Java program of Kafka's, which ends with this process, and its folder with it. */
export function startJava(
  layout: { readonly folder: string; readonly classPath: string; readonly heapMb: number },
  mainClass: string,
  config: string,
): Promise<ServerProcess> {
  const java = [
    `-Xmx${layout.heapMb}m`,
    // One collector thread and few compiler threads: the machine's cores are the tests'.
    '-XX:+UseSerialGC',
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-Djava.net.preferIPv4Stack=true',
    '-cp',
    layout.classPath,
    mainClass,
    config,
  ];
  const { folder: cwd } = layout;
  return ServerProcess.start('sh', ['-c', GUARD, cwd, ...java], { cwd });
}

async function layOut(classPath: string, options: KafkaBrokerOptions): Promise<Layout> {
  const folder = await mkdtemp(join(tmpdir(), 'vendaval-kafka-'));
  const [port, controllerPort] = await Promise.all([findFreePort(), findFreePort()]);
  const config = join(folder, 'server.properties');
  const heapMb = options.heapMb ?? 512;
  const proxied =
    options.proxied || options.advertisedHost ? await secondListener(options) : undefined;
  const { advertisedHost = '127.0.0.1' } = options;
  const further = new Map<string, { protocol: string; port: number }>();
  for (const [name, protocol] of Object.entries(options.listeners ?? {})) {
    further.set(name, { protocol, port: await findFreePort() });
  }
  const ports = { port, controllerPort, proxied, advertisedHost, further };
  const layout: Layout = { folder, ...ports, config, classPath, heapMb };
  await writeFile(layout.config, properties(layout, options.properties ?? {}));
  return layout;
}

async function secondListener({ advertisedHost }: KafkaBrokerOptions): Promise<ProxiedListener> {
  const listensOn = await findFreePort();
  return { advertisedPort: advertisedHost ? listensOn : await findFreePort(), listensOn };
}

/** About 4 s, and 3 s more for the download the first time. */
export async function startKafkaBroker(options: KafkaBrokerOptions = {}): Promise<KafkaBroker> {
  const classPath = await kafkaClassPath(options.onStep, options.version);
  options.onStep?.('Starting a Kafka broker');
  for (let attempt = 1; ; attempt++) {
    const layout = await layOut(classPath, options);
    try {
      await formatStorage(layout.classPath, layout.config, newClusterId(), options.scram);
      return handleOf(layout, await launch(layout));
    } catch (error) {
      await rm(layout.folder, { recursive: true, force: true });
      const lost = /Address already in use|Socket server failed to bind/.test(String(error));
      if (!lost || attempt === PORT_TRIES) throw error;
    }
  }
}

function handleOf(layout: Layout, first: ServerProcess): KafkaBroker {
  let server = first;
  return {
    brokers: `127.0.0.1:${layout.port}`,
    port: layout.port,
    dataFolder: join(layout.folder, 'data'),
    proxied: layout.proxied,
    ports: Object.fromEntries([...layout.further].map(([name, { port }]) => [name, port])),
    get pid() {
      return server.pid;
    },
    async stop() {
      // Nothing of it is kept, so a clean end would only take longer.
      await server.end('SIGKILL');
      await rm(layout.folder, { recursive: true, force: true });
    },
    kill: (signal) => server.end(signal),
    pause: () => server.signal('SIGSTOP'),
    resume: () => server.signal('SIGCONT'),
    async restart() {
      await server.end('SIGTERM');
      server = await launch(layout);
    },
  };
}
