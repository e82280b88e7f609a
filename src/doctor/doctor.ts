/** Every check, and what each needs of the others. Opens what it looks with, and closes it. */
import type { Settings } from '../config/options.ts';
import type { MongoConnection } from '../mongo/connection.ts';
import { type Cluster, lookAtBrokers } from './cluster-check.ts';
import {
  lookAtIndexes,
  lookAtRights,
  lookAtSettings,
  lookAtVersion,
  probeDatabase,
  signIn,
} from './database-checks.ts';
import { type Check, Examination } from './examination.ts';
import { lookAtGroup } from './group-check.ts';
import { type ClockReading, probeKafka } from './kafka-probe.ts';
import { lookAtMachine } from './machine-checks.ts';
import { judgeClock, lookAtPlaces } from './place-check.ts';
import { lookAtSecurity } from './security-check.ts';
import { lookAtServers, lookAtTopology } from './server-checks.ts';
import { lookAtDeadLetters, lookAtLogs, lookAtTopic, lookAtTopics } from './topic-checks.ts';

export interface DoctorOptions {
  /** Whether a record and a document may be written. */
  readonly probe: boolean;
  /** Of each check. */
  readonly limitMs: number;
}

export interface Doctor {
  /** In the order of showing. */
  readonly checks: readonly Check[];
  close(): Promise<void>;
}

export function startDoctor(settings: Settings, options: DoctorOptions): Doctor {
  const examination = new Examination(options.limitMs);
  const kafka = lookAtKafka(examination, settings, options);
  const mongo = lookAtMongo(examination, settings, options);
  examination.add({
    id: 'engine.place',
    title: 'where it goes on',
    needs: [mongo.login, kafka.topic, kafka.logs],
    look: (login, topic, logs) => lookAtPlaces(settings, login, topic, logs),
  });
  const partitions = examination.hidden({
    id: 'machine.partitions',
    title: 'partitions',
    needs: [kafka.topic],
    look: (topic) => ({ verdict: 'ok', found: '', value: topic.partitions.length }),
  });
  lookAtMachine(examination, settings, partitions);
  const order = ['machine', 'kafka', 'mongodb', 'engine'];
  const checks = examination.checks.toSorted(
    (a, b) => order.indexOf(a.area) - order.indexOf(b.area),
  );
  return { checks, close: mongo.close };
}

function lookAtKafka(examination: Examination, settings: Settings, options: DoctorOptions) {
  const brokers = examination.add({
    id: 'kafka.brokers',
    title: 'brokers',
    look: () => lookAtBrokers(settings, options.limitMs),
  });
  examination.add({
    id: 'kafka.security',
    title: 'TLS and sign-in',
    needs: [brokers],
    look: (cluster) => lookAtSecurity(settings, cluster),
  });
  const topics = examination.add({
    id: 'kafka.topics',
    title: 'topics',
    needs: [brokers],
    look: lookAtTopics,
  });
  const topic = examination.add({
    id: 'kafka.topic',
    title: 'topic',
    needs: [topics],
    look: (metadata) => lookAtTopic(settings, metadata),
  });
  examination.add({
    id: 'kafka.dead-letters',
    title: 'dead-letter topic',
    needs: [topics],
    look: (metadata) => lookAtDeadLetters(settings, metadata),
  });
  const usable = usableBrokers(examination, brokers);
  const logs = examination.add({
    id: 'kafka.logs',
    title: 'partitions read',
    needs: [usable, topic],
    look: lookAtLogs,
  });
  examination.add({
    id: 'kafka.group',
    title: 'group and lag',
    needs: [usable, logs],
    look: (cluster, ends) => lookAtGroup(settings, cluster, ends),
  });
  const probe = examination.add<ClockReading, readonly [Check<Cluster>]>({
    id: 'kafka.probe',
    title: 'probe',
    needs: [usable],
    look: (cluster) => (options.probe ? probeKafka(settings, cluster) : NO_PROBE),
  });
  examination.add({
    id: 'kafka.clock',
    title: 'clock',
    needs: [probe],
    look: (clock) => judgeClock(clock, 'the brokers'),
  });
  return { topic, logs };
}

const NO_PROBE = { verdict: 'skip', found: 'left out, as asked for' } as const;

function lookAtMongo(examination: Examination, settings: Settings, options: DoctorOptions) {
  let opened: MongoConnection | undefined;
  let isClosed = false;
  const keep = (connection: MongoConnection) => {
    opened = connection;
    // A check that was given up may come to its end after all.
    if (isClosed) void connection.close();
  };
  const servers = examination.add({
    id: 'mongodb.server',
    title: 'server',
    look: () => lookAtServers(settings.mongo, options.limitMs),
  });
  examination.add({
    id: 'mongodb.topology',
    title: 'topology',
    needs: [servers],
    look: lookAtTopology,
  });
  const login = examination.add({
    id: 'mongodb.login',
    title: 'sign-in',
    needs: [servers],
    look: () => signIn(settings, keep),
  });
  examination.add({
    id: 'mongodb.version',
    title: 'version',
    needs: [login],
    look: lookAtVersion,
  });
  const rights = examination.add({
    id: 'mongodb.rights',
    title: 'rights',
    needs: [login],
    look: (connection) => lookAtRights(settings, connection),
  });
  examination.add({
    id: 'mongodb.write-concern',
    title: 'write concern',
    needs: [login, rights],
    look: (connection) => (options.probe ? probeDatabase(connection) : NO_PROBE),
  });
  examination.add({
    id: 'mongodb.indexes',
    title: 'indexes',
    needs: [login],
    look: (connection) => lookAtIndexes(settings, connection),
  });
  examination.add({
    id: 'mongodb.settings',
    title: 'settings document',
    needs: [login],
    look: (connection) => lookAtSettings(settings, connection),
  });
  examination.add({
    id: 'mongodb.clock',
    title: 'clock',
    needs: [servers],
    look: ({ answering: [first] }) => judgeClock(first.clock, 'MongoDB'),
  });
  const close = async () => {
    isClosed = true;
    await opened?.close();
  };
  return { login, close };
}

/** What connects to brokers where they say they are is of no use when none is there. */
function usableBrokers(examination: Examination, brokers: Check<Cluster>): Check<Cluster> {
  return examination.hidden({
    id: 'kafka.usable',
    title: 'brokers',
    needs: [brokers],
    look: (cluster) =>
      cluster.reachable.size > 0
        ? { verdict: 'ok', found: '', value: cluster }
        : { verdict: 'skip', found: '' },
  });
}
