/**
 * Whether the brokers can be reached, under the addresses that are given and under those that they
 * tell their clients to use. The second is what goes wrong most often: a broker in a container
 * that advertises a name which only the container knows.
 */
import { lookup } from 'node:dns/promises';
import { platform } from 'node:os';
import type { Settings } from '../config/options.ts';
import { type KafkaAccess, kafkaAccess } from '../kafka/access.ts';
import { BrokerQuestion } from '../kafka/broker-question.ts';
import type { Place, SocketTimeouts } from '../kafka/broker-socket.ts';
import { parseBrokers } from '../kafka/metadata.ts';
import {
  type ClusterMetadata,
  decodeClusterMetadata,
  encodeClusterMetadata,
  releaseOf,
} from '../kafka/protocol/cluster.ts';
import type { BrokerAddress } from '../kafka/protocol/requests.ts';
import { VendavalError } from '../lib/errors.ts';
import { hostPort } from '../lib/host-port.ts';
import { type Looked, type Problem, READ } from './examination.ts';
import { securityProblem } from './kafka-security.ts';

/** Of one question: a check asks two or three in its time. */
const askTimeouts = (limitMs: number): SocketTimeouts => ({
  connectMs: limitMs * 0.3,
  silenceMs: limitMs * 0.4,
});

export interface Cluster {
  readonly access: KafkaAccess;
  readonly metadata: ClusterMetadata;
  /** host:port of the broker that told it. */
  readonly toldBy: Place;
  /** Brokers that can be reached where they say they are. */
  readonly reachable: ReadonlySet<number>;
  readonly timeouts: SocketTimeouts;
}

/** What became of one address. */
interface Visit extends Place {
  /** Its number, where the cluster named it. */
  readonly id: number | null;
  /** The address that the name stands for; null when it cannot be resolved. */
  readonly ip: string | null;
  /** Whether something listens there. */
  readonly isOpen: boolean;
  readonly release: string | null;
  readonly metadata: ClusterMetadata | null;
  readonly error: VendavalError | null;
}

type Visitor = (place: Place, id: number | null) => Promise<Visit>;

async function visit(
  place: Place,
  id: number | null,
  { security }: KafkaAccess,
  timeouts: SocketTimeouts,
): Promise<Visit> {
  const { host, port } = place;
  const ip = await lookup(host).then(
    ({ address }) => address,
    () => null,
  );
  let isOpen = false;
  let release: string | null = null;
  try {
    const question = await BrokerQuestion.open(place, security, timeouts, () => {
      isOpen = true;
    });
    try {
      release = releaseOf(question.ranges);
      const version = question.versions.metadata;
      const answer = await question.ask((number) => encodeClusterMetadata(number, version));
      const metadata = decodeClusterMetadata(answer.bytes, answer.size, version);
      return { host, port, id, ip, isOpen, release, metadata, error: null };
    } finally {
      question.close();
    }
  } catch (error) {
    if (!(error instanceof VendavalError)) throw error;
    return { host, port, id, ip, isOpen, release, metadata: null, error };
  }
}

export async function lookAtBrokers(settings: Settings, limitMs: number): Promise<Looked<Cluster>> {
  const access = kafkaAccess(settings);
  const timeouts = askTimeouts(limitMs);
  const go: Visitor = (place, id) => visit(place, id, access, timeouts);
  const first = await Promise.all(parseBrokers(access.brokers).map((place) => go(place, null)));
  const told = first.find(({ metadata }) => metadata !== null);
  if (!told) return noneAnswers(first, access);
  const metadata = told.metadata!;
  const advertised = await Promise.all(
    [...metadata.brokers.values()].map((broker) => revisit(broker, first, go)),
  );
  const wrong = advertised.filter(({ error, metadata: own }) => {
    return error !== null || own?.clusterId !== metadata.clusterId;
  });
  const reachable = new Set(advertised.filter((v) => !wrong.includes(v)).map(({ id }) => id!));
  const value: Cluster = { access, metadata, toldBy: told, reachable, timeouts };
  const releases = [...new Set([told, ...advertised].flatMap(({ release }) => release ?? []))];
  const count = advertised.length === 1 ? '1 broker' : `${advertised.length} brokers`;
  const finding = {
    found: `${count}, Kafka ${releases.join(' and ')} by the protocol it speaks`,
    lines: [...first.filter(({ error }) => error), ...advertised].map(lineOf),
    data: {
      clusterId: metadata.clusterId,
      controller: metadata.controllerId,
      brokers: advertised.map(({ id, host, port, release, error }) => ({
        id,
        host,
        port,
        release,
        error: error?.message ?? null,
      })),
    },
    value,
  };
  const deaf = first.filter(({ error }) => error);
  if (wrong.length > 0) {
    const problem = await advertisedProblem(wrong, told, metadata.clusterId, access, go);
    return { verdict: 'fail', ...finding, problem };
  }
  if (deaf.length > 0) {
    return { verdict: 'warn', ...finding, problem: deafProblem(deaf, advertised) };
  }
  return { verdict: 'ok', ...finding };
}

/** A broker is not asked again that was asked under the same address. */
function revisit(
  { id, host, port }: BrokerAddress,
  first: readonly Visit[],
  go: Visitor,
): Promise<Visit> {
  const known = first.find((one) => one.host === host && one.port === port);
  return known ? Promise.resolve({ ...known, id }) : go({ host, port }, id);
}

function lineOf(found: Visit): string {
  const { id, ip, release, error } = found;
  const who = id === null ? '--brokers' : `broker ${id}`;
  const where = ip === null || ip === found.host ? hostPort(found) : `${hostPort(found)} (${ip})`;
  return `${who}  ${where}  ${error ? error.message : `Kafka ${release}`}`;
}

const NEW_KAFKA = 'docker run -d --name kafka -p 9092:9092 apache/kafka:4.1.1';
const START_KAFKA = [
  'docker start kafka  # the container that you have',
  `${NEW_KAFKA}  # or a new one, at localhost:9092`,
];

const isLocal = (host: string) => /^(localhost|127\.|::1$|0\.0\.0\.0)/.test(host);

function noneAnswers(visits: readonly Visit[], access: KafkaAccess): Looked<Cluster> {
  const [{ host, port, ip, isOpen, error }] = visits;
  const data = {
    brokers: visits.map(({ host, port, error }) => ({ host, port, error: error?.message })),
  };
  const lines = visits.length > 1 ? visits.map(lineOf) : [];
  const found = `no broker answers: ${error!.message}`;
  const fail = (problem: Problem): Looked<Cluster> => ({
    verdict: 'fail',
    found,
    lines,
    data,
    problem,
  });
  const insecure = securityProblem(error, { host, port }, access);
  if (insecure) return fail(insecure);
  if (error!.code === 'E_BROKER_VERSION') {
    return fail({
      code: 'E_BROKER_VERSION',
      cause: error!.hint ?? '',
      run: [NEW_KAFKA],
      read: READ.brokers,
    });
  }
  if (ip === null) {
    return fail({
      code: 'E_BROKER_HOST',
      cause: `This machine does not know the name "${host}", which --brokers gives.`,
      run: [
        'vendaval doctor --brokers localhost:9092  # if Kafka is on this machine',
        hostsLine([`127.0.0.1 ${host}`]),
      ],
      read: READ.brokers,
    });
  }
  if (isOpen) {
    return fail({
      code: error!.code,
      cause:
        `Something listens on ${host}:${port} but does not answer as Kafka: most likely it is ` +
        "another program's port.",
      run: [`ss -ltnp 'sport = :${port}'`, 'grep ^listeners config/server.properties'],
      read: READ.brokers,
    });
  }
  return fail({
    code: 'E_BROKER_UNREACHABLE',
    cause: isLocal(host)
      ? 'Kafka does not run, or listens on another port.'
      : 'Kafka does not run there, listens on another port, or a firewall is between.',
    run: isLocal(host) ? START_KAFKA : [`nc -vz ${host} ${port}`],
    read: READ.brokers,
  });
}

/** Entries for the file of host names, as a command for this system. */
function hostsLine(entries: readonly string[]): string {
  if (platform() === 'win32') {
    const text = entries.map((entry) => `\`n${entry}`).join('');
    return `Add-Content $env:windir\\System32\\drivers\\etc\\hosts "${text}"`;
  }
  return `printf '${entries.map((entry) => `${entry}\\n`).join('')}' | sudo tee -a /etc/hosts`;
}

/** As the listeners are mostly called. */
function protocolOf({ security }: KafkaAccess): string {
  if (security?.sasl) return security.tls ? 'SASL_SSL' : 'SASL_PLAINTEXT';
  return security?.tls ? 'SSL' : 'PLAINTEXT';
}

/** Brokers that are not where they say they are: the seed's trouble with /etc/hosts. */
async function advertisedProblem(
  wrong: readonly Visit[],
  told: Visit,
  clusterId: string | null,
  access: KafkaAccess,
  go: Visitor,
): Promise<Problem> {
  const unknown = wrong.filter(({ ip }) => ip === null);
  const names = unknown.map(({ host }) => host);
  const setting = `advertised.listeners=${protocolOf(access)}://${hostPort(told)}`;
  const configure =
    `sed -i 's|^advertised.listeners=.*|${setting}|' config/server.properties  ` +
    '# on the broker, then restart it';
  if (unknown.length > 0) {
    const ip = told.ip ?? '127.0.0.1';
    const say = unknown.map((one) => `broker ${one.id} calls itself ${hostPort(one)}`).join(', ');
    const isEnough = (await go({ host: ip, port: unknown[0].port }, null)).isOpen;
    const line = hostsLine([...new Set(names)].map((name) => `${ip} ${name}`));
    return {
      code: 'E_BROKER_HOST',
      cause:
        `${hostPort(told)} answers, but ${say} (its advertised.listeners), and this machine does ` +
        `not know the name "${names[0]}". ` +
        (isEnough
          ? 'Add it to the file of host names, or have the broker use another.'
          : `Nor would that do: nothing listens on port ${unknown[0].port} of ${ip}.`),
      run: isEnough ? [line, configure] : [configure],
      read: READ.advertised,
    };
  }
  const [one] = wrong;
  const insecure = securityProblem(one.error, one, access);
  if (insecure) return { ...insecure, cause: `Broker ${one.id}: ${one.error!.message}.` };
  const why = one.error
    ? `it cannot be reached there (${one.error.message})`
    : `there is another cluster there (${one.metadata?.clusterId}, not ${clusterId})`;
  return {
    code: 'E_BROKER_ADVERTISED',
    cause:
      `${hostPort(told)} answers, but broker ${one.id} tells its clients to use ${hostPort(one)} (its ` +
      `advertised.listeners), and ${why}.`,
    run: [configure],
    read: READ.advertised,
  };
}

/** Others answer, so all goes well until those are down. */
function deafProblem(deaf: readonly Visit[], advertised: readonly Visit[]): Problem {
  const list = advertised.map(hostPort).join(',');
  return {
    code: deaf[0].error!.code,
    cause: `${deaf.map(hostPort).join(', ')} of --brokers does not answer; the others do.`,
    run: [`export KAFKA_BROKERS=${list}`],
    read: READ.brokers,
  };
}
