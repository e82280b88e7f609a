/**
 * What users would pick instead and is not Node's: how each is built on first use, into the cache,
 * and started. What one lacks on this machine is named, and it alone is passed over.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { VendavalError } from '../../src/lib/errors.ts';
import { cachedFolder, digestOf } from '../../test/parts/cached-folder.ts';
import { checkJava, download, maven, runTool } from '../../test/parts/tools.ts';
import type { Program } from './measured.ts';

/** Builds the program, if need be; the arguments common to all peers come behind its own. */
type Prepare = (onStep: OnStep) => Promise<Peer['program']>;
type OnStep = (step: string) => void;

export interface Peer {
  readonly name: string;
  /** Part of the name of its database and group. */
  readonly id: string;
  /** Its program with the arguments that are given to all: brokers, topic, sales, ... */
  readonly program: (args: readonly string[]) => Program;
  /** Writes its sums to the database; otherwise it only counts. */
  readonly sums: boolean;
}

export interface PassedOver {
  readonly name: string;
  readonly why: string;
}

const FOLDER = join(import.meta.dirname, '../peers');

const copyJars = (pom: string, folder: string) => [
  ...['-f', pom, 'dependency:copy-dependencies', '-DincludeScope=runtime'],
  `-DoutputDirectory=${folder}`,
];

const JAVA_FLAGS = ['-Xmx2g', '-XX:+UseParallelGC'];
/** Flink's serialisers look into Java's own classes. */
const FLINK_FLAGS = ['java.lang', 'java.util', 'java.time'].flatMap((name) => [
  '--add-opens',
  `java.base/${name}=ALL-UNNAMED`,
]);

/** Downloads by the pom, classes by the sources too: a change of these downloads nothing again. */
async function javaClassPath(onStep: OnStep): Promise<string> {
  const need = 'Flink and Kafka Streams are compiled and run with Java';
  await checkJava(need);
  const pom = join(FOLDER, 'java/pom.xml');
  const jars = await cachedFolder(`peers-jars-${await digestOf([pom])}`, async (own) => {
    onStep('Downloading Flink and Kafka Streams with Maven (first time only)');
    await maven(copyJars(pom, own), { need, what: 'Flink and Kafka Streams' });
  });
  const folder = join(FOLDER, 'java/src/main/java/vendaval/peers');
  const sources = (await readdir(folder)).sort().map((name) => join(folder, name));
  const name = `peers-classes-${await digestOf([pom, ...sources])}`;
  const classes = await cachedFolder(name, async (own) => {
    onStep('Compiling the Java peers');
    const packages = 'a Java development kit (Debian: openjdk-17-jdk-headless)';
    const options = ['--release', '17', '-Xlint:all,-processing,-serial,-classfile', '-Werror'];
    const compile = [...options, '-d', own, '-cp', join(jars, '*'), ...sources];
    await download('javac', compile, { need, packages, what: 'the Java peers' });
  });
  return `${classes}:${join(jars, '*')}`;
}

function java(mainClass: string, flags: readonly string[], ...own: string[]): Prepare {
  return async (onStep) => {
    const logging = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error';
    const classPath = await javaClassPath(onStep);
    const start = [
      ...JAVA_FLAGS,
      ...flags,
      logging,
      '-cp',
      classPath,
      `vendaval.peers.${mainClass}`,
    ];
    return (args) => ({ command: 'java', args: [...start, ...args, ...own] });
  };
}

const spark: Prepare = async (onStep) => {
  const need = 'Spark runs with Java and Python';
  await checkJava(need);
  const packages = 'Python 3.10 or newer with its venv module (Debian: python3-venv)';
  const pom = join(FOLDER, 'spark/pom.xml');
  const requirements = join(FOLDER, 'spark/requirements.txt');
  const folder = await cachedFolder(
    `peers-spark-${await digestOf([pom, requirements])}`,
    async (own) => {
      onStep('Installing Spark with pip and Maven, 0.5 GB (first time only)');
      await mkdir(own);
      const about = { need, packages, what: 'Spark' };
      await download('python3', ['-I', '-m', 'venv', join(own, 'venv')], about);
      const quiet = ['--no-input', '--disable-pip-version-check', '--quiet'];
      const pip = ['-I', '-m', 'pip', 'install', ...quiet, '-r', requirements];
      await download(join(own, 'venv/bin/python'), pip, about);
      await maven(copyJars(pom, join(own, 'jars')), about);
    },
  );
  // The environment was moved behind pip's back; its interpreter does not mind, its scripts would.
  const python = join(folder, 'venv/bin/python');
  const script = join(FOLDER, 'spark/aggregate.py');
  return (args) => ({ command: python, args: ['-I', script, ...args, join(folder, 'jars')] });
};

/** With the librdkafka that node-rdkafka was built with, or else the system's. */
const librdkafka: Prepare = async (onStep) => {
  const need = "librdkafka's counter is compiled";
  const source = join(FOLDER, 'count.c');
  const bundled = join(import.meta.dirname, '../../node_modules/node-rdkafka/deps/librdkafka/src');
  const isBundled = existsSync(join(bundled, 'librdkafka.so.1'));
  const flags = isBundled
    ? ['-isystem', bundled, '-L', bundled, '-l:librdkafka.so.1', `-Wl,-rpath,${bundled}`]
    : await systemLibrary(need);
  const digest = await digestOf([source], flags);
  const folder = await cachedFolder(`peers-librdkafka-${digest}`, async (own) => {
    onStep('Compiling the librdkafka counter');
    await mkdir(own);
    const compile = ['-O2', '-Wall', '-Wextra', '-o', join(own, 'count'), source, ...flags];
    const packages = 'a C compiler (Debian: gcc, libc6-dev)';
    await download('gcc', compile, { need, packages, what: 'the librdkafka counter' });
  });
  return ([brokers, topic, sales]) => ({
    command: join(folder, 'count'),
    args: [brokers, topic, sales],
  });
};

async function systemLibrary(need: string): Promise<string[]> {
  const packages =
    'librdkafka (Debian: librdkafka-dev, pkg-config), or node-rdkafka by npm install';
  const ask = async (question: string) => {
    const result = await runTool('pkg-config', [question, 'rdkafka'], { need, packages });
    if (result.code === 0) return result.stdout.trim();
    throw new VendavalError(`${need}, but there is no librdkafka`, {
      code: 'E_TEST_TOOL_MISSING',
      hint: `Install ${packages}.`,
    });
  };
  const include = await ask('--variable=includedir');
  return ['-isystem', join(include, 'librdkafka'), ...(await ask('--libs')).split(/\s+/)];
}

const PEERS: readonly (Omit<Peer, 'program'> & { readonly prepare: Prepare })[] = [
  { id: 'flink', name: 'Flink DataStream', sums: true, prepare: java('FlinkPeer', FLINK_FLAGS) },
  {
    id: 'streams-processor',
    name: 'Kafka Streams processor, sums per partition',
    sums: true,
    prepare: java('StreamsProcessorPeer', []),
  },
  {
    id: 'streams-dsl-2',
    name: 'Kafka Streams DSL, 2 minutes of grace',
    sums: true,
    prepare: java('StreamsDslPeer', [], '2'),
  },
  {
    id: 'streams-dsl-30',
    name: 'Kafka Streams DSL, 30 minutes of grace',
    sums: true,
    prepare: java('StreamsDslPeer', [], '30'),
  },
  { id: 'spark', name: 'Spark Structured Streaming', sums: true, prepare: spark },
  { id: 'librdkafka', name: 'librdkafka in C, counting only', sums: false, prepare: librdkafka },
];

export async function preparePeers(
  onStep: OnStep,
): Promise<{ peers: Peer[]; passedOver: PassedOver[] }> {
  const peers: Peer[] = [];
  const passedOver: PassedOver[] = [];
  for (const { prepare, ...peer } of PEERS) {
    try {
      if (!existsSync('/proc/self/stat')) {
        throw new VendavalError("CPU and memory are read from Linux's /proc", {
          code: 'E_TEST_TOOL_MISSING',
          hint: 'Run it on Linux.',
        });
      }
      peers.push({ ...peer, program: await prepare(onStep) });
    } catch (error) {
      if (!(error instanceof VendavalError)) throw error;
      onStep(`${peer.name} is passed over: ${error.message}. ${error.hint}`);
      // The rest of a message is what a tool printed: paths of this machine, hosts.
      const why = error.message.split('\n')[0].replace(/:$/, '');
      passedOver.push({ name: peer.name, why: `${why}. ${error.hint}` });
    }
  }
  return { peers, passedOver };
}
