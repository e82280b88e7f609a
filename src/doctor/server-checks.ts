/**
 * The database before anybody signs in: whether it answers, as what it presents itself (replica
 * set, sharded cluster, one server), and its clock. A wrong password hides nothing of it.
 */
import { lookup } from 'node:dns/promises';
import { type Document, MongoClient } from 'mongodb';
import { OPTIONS } from '../config/options.ts';
import { maskUrl } from '../config/settings.ts';
import type { VendavalError } from '../lib/errors.ts';
import { mongoError, mongoHosts } from '../mongo/connection.ts';
import { type Finding, type Looked, READ } from './examination.ts';
import type { ClockReading } from './kafka-probe.ts';

/** The oldest that has what the engine's updates use, and that the driver speaks to. */
const WIRE_VERSION_NEEDED = 8;
const WIRE_RELEASES: readonly [wireVersion: number, release: string][] = [
  [27, '8.2'],
  [26, '8.1'],
  [25, '8.0'],
  [21, '7.0'],
  [17, '6.0'],
  [13, '5.0'],
  [9, '4.4'],
  [8, '4.2'],
];

/** What a new container needs to know, for the URL that is the default to be right. */
const DEFAULT_USER = '-e MONGO_INITDB_ROOT_USERNAME=root -e MONGO_INITDB_ROOT_PASSWORD=root ';

/** What a server says of itself to anybody. */
export interface Server {
  readonly host: string;
  readonly hello: Document;
  readonly clock: ClockReading;
}

export interface Servers {
  readonly url: string;
  /** Of those that the URL names; a primary first. */
  readonly answering: readonly Server[];
}

const AUTH_PARAMETERS = /[?&](auth[^=&]*|replicaSet|directConnection|loadBalanced)=[^&]*/gi;

/** The URL without user and password; for one host of it, alone. */
function anonymousUrls(url: string): { host: string; url: string }[] {
  const parameters = url.slice(url.indexOf('?')).replace(AUTH_PARAMETERS, '').replace(/^[?&]/, '');
  const query = url.includes('?') && parameters ? `?${parameters}` : '?';
  const hosts = mongoHosts(url);
  if (url.startsWith('mongodb+srv:'))
    return [{ host: hosts, url: `mongodb+srv://${hosts}/${query}` }];
  return hosts
    .split(',')
    .map((host) => ({ host, url: `mongodb://${host}/${query}&directConnection=true` }));
}

async function hello(host: string, url: string, limitMs: number): Promise<Server> {
  let client: MongoClient | undefined;
  try {
    client = new MongoClient(url, {
      appName: 'vendaval-doctor',
      serverSelectionTimeoutMS: limitMs,
      connectTimeoutMS: limitMs,
      socketTimeoutMS: limitMs,
    });
    const admin = client.db('admin');
    await admin.command({ hello: 1 });
    // Once more, on a connection that stands, for a clock that is read quickly.
    const beforeMs = Date.now();
    const answer = await admin.command({ hello: 1 });
    const theirMs = answer.localTime instanceof Date ? answer.localTime.getTime() : Number.NaN;
    return { host, hello: answer, clock: { beforeMs, theirMs, afterMs: Date.now() } };
  } finally {
    await client?.close().catch(() => {});
  }
}

export async function lookAtServers(url: string, limitMs: number): Promise<Looked<Servers>> {
  const asked = anonymousUrls(url);
  const answers = await Promise.allSettled(
    asked.map((one) => hello(one.host, one.url, limitMs * 0.4)),
  );
  const answering = answers
    .flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
    .sort((a, b) => Number(b.hello.isWritablePrimary) - Number(a.hello.isWritablePrimary));
  const data = { url: maskUrl(url), answering: answering.map(({ host }) => host) };
  if (answering.length === 0) {
    const { reason } = answers[0] as PromiseRejectedResult;
    return { ...(await noAnswer(mongoError(reason, url), url)), data };
  }
  const [{ hello: first }] = answering;
  const release = WIRE_RELEASES.find(([wire]) => first.maxWireVersion >= wire)?.[1];
  const found = `${mongoHosts(url)} answers, MongoDB ${release ?? 'older than 4.2'} by its protocol`;
  const value = { url, answering };
  if (first.maxWireVersion < WIRE_VERSION_NEEDED) {
    return { verdict: 'fail', found, data, value, problem: tooOld(release) };
  }
  return { verdict: 'ok', found, data, value };
}

function tooOld(release: string | undefined) {
  return {
    code: 'E_MONGO_VERSION',
    cause: `MongoDB ${release ?? 'before 4.2'} lacks what the engine's updates use.`,
    run: ['docker run -d --name mongo -p 27017:27017 mongo:8.0 --replSet rs0'],
    read: READ.database,
  };
}

async function noAnswer(error: VendavalError, url: string): Promise<Finding> {
  const [first] = mongoHosts(url).split(',');
  const host = first.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  const port = /:(\d+)$/.exec(first)?.[1] ?? '27017';
  const isKnown = await lookup(host).then(
    () => true,
    () => false,
  );
  const found = error.message;
  if (error.code !== 'E_MONGO_UNREACHABLE') {
    const { code, hint, exitCode } = error;
    const run =
      code === 'E_MONGO_TLS'
        ? [`openssl s_client -connect ${host}:${port} -showcerts </dev/null`]
        : ["export MONGO_URL='mongodb://USER:PASSWORD@localhost:27017/?authSource=admin'"];
    const problem = { code, cause: hint ?? '', run, read: READ.database, exitCode };
    return { verdict: 'fail', found, problem };
  }
  const isLocal = /^(localhost|127\.|::1$)/.test(host);
  const cause = isKnown
    ? `mongod does not run, or listens elsewhere than on ${first}, or a firewall is between.`
    : `This machine does not know the name "${host}", which the MongoDB URL gives.`;
  const unknown = [
    "export MONGO_URL='mongodb://USER:PASSWORD@localhost:27017/?authSource=admin'  # if it is here",
    `printf '127.0.0.1 ${host}\\n' | sudo tee -a /etc/hosts`,
  ];
  const asked = url === OPTIONS.mongo.defaultText ? DEFAULT_USER : '';
  const start = [
    'docker start mongo  # the container that you have, or the service: sudo systemctl start mongod',
    `docker run -d --name mongo -p 27017:27017 ${asked}mongo:8.0  # or a new one`,
  ];
  const run = !isKnown ? unknown : isLocal ? start : [`nc -vz ${host} ${port}`];
  return {
    verdict: 'fail',
    found,
    problem: { code: error.code, cause, run, read: READ.database },
  };
}

export async function lookAtTopology({ url, answering }: Servers): Promise<Looked<never>> {
  const [{ host, hello: first }] = answering;
  if (first.msg === 'isdbgrid') {
    return { verdict: 'ok', found: 'a sharded cluster', data: { topology: 'sharded' } };
  }
  if (!first.setName) return standalone(host);
  const members: string[] = [...(first.hosts ?? []), ...(first.passives ?? [])];
  const found = `replica set "${first.setName}", ${members.length} data-bearing members`;
  const data = { topology: 'replica set', set: first.setName, members, primary: first.primary };
  const lines = members.map(
    (one) => `${one === first.primary ? 'primary  ' : 'secondary'}  ${one}`,
  );
  const finding = { found, lines, data };
  if (!first.primary) {
    return {
      verdict: 'fail',
      ...finding,
      problem: {
        code: 'E_MONGO_PRIMARY',
        cause: 'The replica set has no primary now: it is electing one, or most members are down.',
        run: [`mongosh 'mongodb://${host}/' --eval 'rs.status().members'`],
        read: READ.topology,
      },
    };
  }
  const isDirect = /[?&]directConnection=true/i.test(url);
  if (isDirect && !first.isWritablePrimary) return secondaryOnly(finding, first);
  const unknown = isDirect ? [] : await unknownHosts(members);
  if (unknown.length > 0) return unknownMembers(finding, host, unknown);
  return { verdict: 'ok', ...finding };
}

type Described = Omit<Finding, 'verdict' | 'problem'>;

function standalone(host: string): Finding {
  return {
    verdict: 'warn',
    found: 'one server without replicas (a standalone)',
    data: { topology: 'standalone' },
    problem: {
      code: 'E_MONGO_STANDALONE',
      cause:
        'Totals survive a crash of mongod, since each write waits for its journal, but not the ' +
        'loss of its disk, and nothing takes over. Make it a replica set, of one member at first.',
      run: [
        "printf 'replication:\\n  replSetName: rs0\\n' | sudo tee -a /etc/mongod.conf && " +
          'sudo systemctl restart mongod  # a container: mongod --replSet rs0',
        `mongosh 'mongodb://${host}/' --eval 'rs.initiate({_id: "rs0", members: [{_id: 0, host: "${host}"}]})'`,
      ],
      read: READ.topology,
    },
  };
}

function secondaryOnly(finding: Described, { setName, primary }: Document): Finding {
  return {
    verdict: 'fail',
    ...finding,
    problem: {
      code: 'E_MONGO_PRIMARY',
      cause: 'The URL leads to a secondary alone (directConnection=true), which takes no writes.',
      run: [
        `export MONGO_URL='mongodb://USER:PASSWORD@${primary}/?replicaSet=${setName}&authSource=admin'`,
      ],
      read: READ.topology,
    },
  };
}

async function unknownHosts(members: readonly string[]): Promise<string[]> {
  const names = members.map((member) => member.replace(/:\d+$/, '').replace(/^\[|\]$/g, ''));
  const looked = await Promise.allSettled(names.map((name) => lookup(name)));
  return names.filter((_, i) => looked[i].status === 'rejected');
}

/** The same trouble as with Kafka's advertised names. */
async function unknownMembers(
  finding: Described,
  host: string,
  unknown: readonly string[],
): Promise<Finding> {
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  const ip = (await lookup(name)).address;
  const entries = unknown.map((one) => `${ip} ${one}\\n`).join('');
  return {
    verdict: 'fail',
    ...finding,
    problem: {
      code: 'E_MONGO_MEMBER',
      cause:
        `${host} answers, but the replica set calls its member "${unknown[0]}", and this machine ` +
        'does not know that name.',
      run: [
        `printf '${entries}' | sudo tee -a /etc/hosts`,
        `export MONGO_URL='mongodb://USER:PASSWORD@${host}/?authSource=admin&directConnection=true'`,
      ],
      read: READ.topology,
    },
  };
}
