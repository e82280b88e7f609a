/** What the engine needs of the machine that it runs on: Node, its Kafka client, memory, a port. */
import { createServer } from 'node:net';
import { availableParallelism, freemem, platform, totalmem } from 'node:os';
import type { HttpAddress } from '../config/option-readers.ts';
import type { Settings } from '../config/options.ts';
import { type KafkaSecurity, kafkaAccess } from '../kafka/access.ts';
import { codeOf, messageOf } from '../lib/errors.ts';
import { hostPort } from '../lib/host-port.ts';
import { DEFAULT_LIMITS, FIRST_TABLE_SLOTS, regionOffsets } from '../state/layout.ts';
import { type Check, type Examination, type Looked, READ } from './examination.ts';

/** As package.json says in `engines`. */
const NODE_NEEDED = [20, 19, 4] as const;
/** What production should use. */
const NODE_ADVISED = 24;
const MIB = 1024 * 1024;
/** The process itself with its client libraries, as measured. */
const BASE_BYTES = 200 * MIB;
/** Two responses under way for each partition, of a usual size. */
const BUFFERS_BYTES = 2 * 4 * MIB;
const PORT_ANSWER_MS = 2000;

export function lookAtMachine(
  examination: Examination,
  settings: Settings,
  partitionCount: Check<number>,
): void {
  examination.add({
    id: 'machine.node',
    title: 'Node.js',
    look: () => judgeNode(process.versions.node, availableParallelism()),
  });
  examination.add({
    id: 'machine.kafka-client',
    title: 'Kafka client',
    look: () => lookAtClient(kafkaAccess(settings).security),
  });
  examination.add({
    id: 'machine.memory',
    title: 'memory',
    look: async () => {
      // Without the topic three are assumed, as `topic create` makes them.
      const count = (await partitionCount.outcome).value ?? 3;
      return judgeMemory(count, settings.maxCategories, availableBytes(), totalmem());
    },
  });
  examination.add({
    id: 'machine.port',
    title: 'port of the live page',
    look: () => lookAtPort(settings.http),
  });
}

/** @param version such as "20.19.4" */
export function judgeNode(version: string, cores: number): Looked<never> {
  const parts = version.split('.').map(Number);
  const differs = NODE_NEEDED.findIndex((needed, i) => parts[i] !== needed);
  const isOld = differs >= 0 && parts[differs] < NODE_NEEDED[differs];
  const found = `${version}, ${cores} core${cores === 1 ? '' : 's'}`;
  const data = { version, cores };
  const needed = NODE_NEEDED.join('.');
  if (isOld) {
    const cause = `The engine needs Node ${needed} or newer.`;
    const run = [`nvm install ${NODE_ADVISED} && nvm use ${NODE_ADVISED} && npm ci`];
    const problem = { code: 'E_NODE_VERSION', cause, run, read: READ.node };
    return { verdict: 'fail', found, data, problem };
  }
  if (parts[0] < 22) {
    const text = `${found}; its maintenance has ended: production should use ${NODE_ADVISED}`;
    return { verdict: 'note', found: text, data };
  }
  return { verdict: 'ok', found, data };
}

async function lookAtClient(security: KafkaSecurity | null): Promise<Looked<never>> {
  try {
    const { default: Kafka } = await import('node-rdkafka');
    const version = Kafka.librdkafkaVersion;
    const { missingFeature } = await import('../kafka/client-config.ts');
    const missing = missingFeature(security);
    if (missing !== null) return withoutFeature(version, missing);
    return { verdict: 'ok', found: `librdkafka ${version}`, data: { librdkafka: version } };
  } catch (error) {
    return {
      verdict: 'fail',
      found: `cannot be loaded: ${messageOf(error).split('\n')[0]}`,
      problem: {
        code: 'E_KAFKA_LIBRARY',
        cause: 'It is compiled at install; without compiler, or for another Node, it is not there.',
        run: [
          'sudo apt-get install -y python3 make g++',
          'npm rebuild node-rdkafka || npm ci --include=optional',
        ],
        read: READ.node,
      },
    };
  }
}

function withoutFeature(version: string, feature: string): Looked<never> {
  return {
    verdict: 'fail',
    found: `librdkafka ${version}, compiled without "${feature}"`,
    data: { librdkafka: version, missing: feature },
    problem: {
      code: 'E_KAFKA_LIBRARY',
      cause: "TLS and SCRAM take OpenSSL's headers as it is compiled.",
      run: ['sudo apt-get install -y libssl-dev && npm rebuild node-rdkafka'],
      read: READ.node,
    },
  };
}

/** What is left before the system, or the container's limit, ends processes. */
function availableBytes(): number {
  const limit = process.constrainedMemory?.() ?? 0;
  const isConstrained = limit > 0 && limit < totalmem();
  const available = process.availableMemory?.() ?? freemem();
  return isConstrained ? Math.min(limit, available) : available;
}

export function judgeMemory(
  partitions: number,
  categories: number,
  available: number,
  total: number,
): Looked<never> {
  const limits = { ...DEFAULT_LIMITS, tableSlots: FIRST_TABLE_SLOTS, categoryCount: categories };
  const region = regionOffsets(limits).totalBytes;
  const needed = BASE_BYTES + partitions * (region + BUFFERS_BYTES);
  const data = { availableBytes: available, totalBytes: total, neededBytes: needed };
  const found =
    `${mib(available)} of ${mib(total)} free, about ${mib(needed)} needed ` +
    `for ${partitions} partitions`;
  if (available >= needed) return { verdict: 'ok', found, data };
  return {
    verdict: 'warn',
    found,
    data,
    problem: {
      code: 'E_MEMORY',
      cause: 'The system may end the engine, or another process, when memory runs out.',
      run: ['ps -eo rss,pid,comm --sort=-rss | head'],
      read: READ.memory,
    },
  };
}

const mib = (bytes: number) => `${Math.round(bytes / MIB)} MiB`;

async function lookAtPort(address: HttpAddress | null): Promise<Looked<never>> {
  if (address === null) return { verdict: 'ok', found: 'off' };
  const where = hostPort(address);
  const refusal = await refusalToListen(address);
  if (refusal === null) return { verdict: 'ok', found: `${where} is free` };
  if (refusal === 'EADDRINUSE' && (await isEngine(address))) {
    return { verdict: 'ok', found: `${where} is served by an engine that runs` };
  }
  const isTaken = refusal === 'EADDRINUSE';
  const other = address.port === 65535 ? address.port - 1 : address.port + 1;
  const list = platform() === 'win32' ? 'netstat -ano' : `ss -ltnp 'sport = :${address.port}'`;
  return {
    verdict: 'warn',
    found: isTaken ? `${where} is taken by another program` : `${where}: ${refusal}`,
    data: { address: where, refusal },
    problem: {
      code: 'E_HTTP_ADDRESS',
      cause: isTaken
        ? 'The engine counts without its live page (Spark uses 4040, too).'
        : 'This machine has no such address, or the port needs more rights; no live page then.',
      run: [list, `vendaval --http 127.0.0.1:${other}`],
      read: READ.port,
    },
  };
}

/** The system's code; null when one may listen there. */
function refusalToListen({ host, port }: HttpAddress): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(codeOf(error) || messageOf(error)));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

async function isEngine({ host, port }: HttpAddress): Promise<boolean> {
  const here = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  try {
    const signal = AbortSignal.timeout(PORT_ANSWER_MS);
    const answer = await fetch(`http://${hostPort({ host: here, port })}/api/live`, { signal });
    const body: unknown = await answer.json();
    return typeof body === 'object' && body !== null && 'engine' in body;
  } catch {
    return false; // Whatever it is, it is no engine.
  }
}
