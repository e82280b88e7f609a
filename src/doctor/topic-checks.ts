/** The topics as the brokers describe them, and each partition read as the engine will read it. */
import type { Settings } from '../config/options.ts';
import { type KafkaAccess, kafkaAccess } from '../kafka/access.ts';
import { BrokerQuestion } from '../kafka/broker-question.ts';
import {
  decodeListOffsets,
  encodeListOffsets,
  type ListedTopic,
  LOG_END,
  LOG_START,
} from '../kafka/protocol/cluster.ts';
import { KAFKA_ERROR, kafkaErrorName } from '../kafka/protocol/error-codes.ts';
import { decodeFetch, type PartitionMetadata, prepareFetch } from '../kafka/protocol/requests.ts';
import { messageOf, VendavalError } from '../lib/errors.ts';
import { formatCount } from '../lib/units.ts';
import type { Cluster } from './cluster-check.ts';
import { type Finding, type Looked, type Problem, READ } from './examination.ts';
import { kafkaTool, principalOf } from './kafka-security.ts';

const NAMES_SHOWN = 12;
const PARTITIONS_SHOWN = 20;
/** Connections at a time, over all brokers. */
const LOOKS_AT_ONCE = 8;
const FETCH_BYTES = 64 * 1024;
const FETCH_WAIT_MS = 100;

const listed = (texts: readonly string[], limit: number, what: string) =>
  texts.length <= limit
    ? [...texts]
    : [...texts.slice(0, limit), `… and ${texts.length - limit} more ${what}`];

export function lookAtTopics({ metadata }: Cluster): Looked<Cluster['metadata']> {
  const all = [...metadata.topics.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const own = all.filter(({ isInternal }) => !isInternal);
  const count = own.length === 1 ? '1 topic' : `${own.length} topics`;
  const lines = own.map(({ name, partitions }) => `${name}, ${partitions.length} partitions`);
  return {
    verdict: 'ok',
    found: `${count}, and ${all.length - own.length} of Kafka's own`,
    lines: listed(lines, NAMES_SHOWN, 'topics'),
    data: { topics: all.map(({ name }) => name) },
    value: metadata,
  };
}

/** Letters and digits only: what is left of a name when its spelling is put aside. */
const skeleton = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, '');

export function lookAtTopic(
  settings: Settings,
  metadata: Cluster['metadata'],
): Looked<ListedTopic> {
  const { topic } = settings;
  const access = kafkaAccess(settings);
  const found = metadata.topics.get(topic);
  if (!found || found.error === KAFKA_ERROR.unknownTopicOrPartition) {
    return missing(topic, access, [...metadata.topics.keys()]);
  }
  if (found.error !== KAFKA_ERROR.none) return refused(topic, found.error);
  const health = healthOf(found, metadata.brokers.size, access);
  if (found.rights?.read === false) {
    return { ...health, verdict: 'fail', problem: rightsProblem(topic, 'Read', access) };
  }
  return { ...health, value: found };
}

function missing(topic: string, access: KafkaAccess, known: readonly string[]): Finding {
  const alike = known.find((name) => skeleton(name) === skeleton(topic));
  const create = `vendaval topic create --topic ${topic} --brokers ${access.brokers}`;
  const instead = `vendaval doctor --topic ${alike}  # if that was meant`;
  // A topic that may not be seen is not named at all.
  const mayBe = access.security ? rightsProblem(topic, 'Read', access).run : [];
  return {
    verdict: 'fail',
    found: `"${topic}" does not exist`,
    data: { topic, alike: alike ?? null },
    problem: {
      code: 'E_TOPIC_MISSING',
      cause: alike
        ? `There is no topic of that name; there is one called "${alike}".`
        : 'There is no topic of that name, or this user may not see it.',
      run: [...(alike ? [instead] : []), create, ...mayBe],
      read: READ.topic,
    },
  };
}

function refused(topic: string, error: number): Finding {
  return {
    verdict: 'fail',
    found: `the brokers refuse "${topic}": ${kafkaErrorName(error)}`,
    data: { topic, error },
    problem: {
      code: 'E_TOPIC_METADATA',
      cause: 'The cluster is not well, or this user may not see the topic.',
      run: [`vendaval topic describe --topic ${topic}`],
      read: READ.topic,
    },
  };
}

/** Partitions, leaders, replicas and ISR. */
function healthOf(topic: ListedTopic, brokerCount: number, access: KafkaAccess): Finding {
  const { name, partitions } = topic;
  const replicas = Math.max(0, ...partitions.map((one) => one.replicas.length));
  const leaderless = partitions.filter(({ leaderId }) => leaderId < 0);
  const thin = partitions.filter((one) => one.inSyncReplicas.length < one.replicas.length);
  const finding = {
    found:
      `${name}, ${partitions.length} partitions, ` +
      `${replicas === 1 ? '1 replica' : `${replicas} replicas`} of each`,
    lines: listed(partitions.map(partitionLine), PARTITIONS_SHOWN, 'partitions'),
    data: { topic: name, topicId: topic.topicId, replicas, partitions, rights: topic.rights },
  };
  const describe = `${kafkaTool('kafka-topics.sh', access)} --describe --topic ${name}`;
  if (leaderless.length > 0) {
    return {
      verdict: 'fail',
      ...finding,
      problem: {
        code: 'E_TOPIC_METADATA',
        cause: `No leader: partition ${numbers(leaderless)}. The brokers that have it are down.`,
        run: [describe, 'docker start kafka  # or however the broker is started'],
        read: READ.topic,
      },
    };
  }
  if (thin.length > 0) {
    return {
      verdict: 'warn',
      ...finding,
      problem: {
        code: 'E_REPLICAS',
        cause: `Fewer replicas in sync than there should be: partition ${numbers(thin)}.`,
        run: [`${describe} --under-replicated-partitions`],
        read: READ.topic,
      },
    };
  }
  if (replicas === 1 && brokerCount > 1) {
    const found = `${finding.found}, though there are ${brokerCount} brokers`;
    return { verdict: 'note', ...finding, found };
  }
  return { verdict: 'ok', ...finding };
}

const numbers = (partitions: readonly PartitionMetadata[]) =>
  partitions.map(({ partition }) => partition).join(', ');

function partitionLine(one: PartitionMetadata): string {
  const leader = one.leaderId < 0 ? 'none' : one.leaderId;
  const list = (ids: readonly number[]) => ids.join(',');
  return (
    `partition ${one.partition}  leader ${leader}  replicas ${list(one.replicas)}  ` +
    `ISR ${list(one.inSyncReplicas)}`
  );
}

function rightsProblem(topic: string, operation: string, access: KafkaAccess): Problem {
  return {
    code: 'E_KAFKA_AUTHORIZATION',
    cause: `This user may not ${operation === 'Read' ? 'read' : 'write to'} "${topic}".`,
    run: [
      `${kafkaTool('kafka-acls.sh', access)} --add --allow-principal ${principalOf(access)} ` +
        `--operation ${operation} --topic ${topic}`,
    ],
    read: READ.kafkaRights,
  };
}

export function lookAtDeadLetters(settings: Settings, metadata: Cluster['metadata']): Finding {
  const { deadLetterTopic } = settings;
  const access = kafkaAccess(settings);
  const found = metadata.topics.get(deadLetterTopic);
  if (!found || found.error === KAFKA_ERROR.unknownTopicOrPartition) {
    return {
      verdict: 'ok',
      found: `"${deadLetterTopic}" does not exist yet; the engine makes it at its first start`,
      data: { topic: deadLetterTopic, exists: false },
    };
  }
  if (found.error !== KAFKA_ERROR.none) return refused(deadLetterTopic, found.error);
  const health = healthOf(found, metadata.brokers.size, access);
  if (found.rights?.write !== false) return health;
  return { ...health, verdict: 'fail', problem: rightsProblem(deadLetterTopic, 'Write', access) };
}

/** Where a partition's log begins, and one past its last record. */
export interface LogEnds {
  readonly partition: number;
  readonly start: number;
  readonly end: number;
}

/** Asks each partition's leader for its ends and its newest records. */
export async function lookAtLogs(cluster: Cluster, topic: ListedTopic): Promise<Looked<LogEnds[]>> {
  const waiting = [...topic.partitions];
  const ends: LogEnds[] = [];
  const failures: { partition: number; message: string; code: string }[] = [];
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const { partition } = next;
      try {
        ends.push(await lookAtLog(cluster, topic, next));
      } catch (error) {
        if (!(error instanceof VendavalError)) throw error;
        failures.push({ partition, message: messageOf(error), code: error.code });
      }
    }
  };
  await Promise.all(Array.from({ length: LOOKS_AT_ONCE }, work));
  ends.sort((a, b) => a.partition - b.partition);
  const records = ends.reduce((sum, { start, end }) => sum + end - start, 0);
  const found = `${formatCount(records)} records kept in ${ends.length} partitions`;
  const lines = ends.map((e) => `partition ${e.partition}  offsets ${e.start} to ${e.end}`);
  const finding = { found, lines: listed(lines, PARTITIONS_SHOWN, 'partitions'), data: { ends } };
  if (failures.length === 0) return { verdict: 'ok', ...finding, value: ends };
  const [{ partition, message, code }] = failures;
  return {
    verdict: 'fail',
    found: `${failures.length} of ${topic.partitions.length} partitions cannot be read`,
    lines: failures.map((one) => `partition ${one.partition}  ${one.message}`),
    data: { ends, failures },
    problem: {
      code,
      cause: `Partition ${partition}: ${message}`,
      run: [`vendaval topic describe --topic ${topic.name}`],
      read: code === 'E_KAFKA_AUTHORIZATION' ? READ.kafkaRights : READ.codes,
    },
  };
}

async function lookAtLog(
  { access, metadata, timeouts }: Cluster,
  { name, topicId }: ListedTopic,
  { partition, leaderId, leaderEpoch }: PartitionMetadata,
): Promise<LogEnds> {
  const question = await BrokerQuestion.open(
    metadata.brokers.get(leaderId)!,
    access.security,
    timeouts,
  );
  try {
    const endOf = async (time: number) => {
      const answer = await question.ask((id) => encodeListOffsets(id, name, partition, time));
      const { error, offset } = decodeListOffsets(answer.bytes, answer.size);
      refuse(error, name, partition);
      return offset;
    };
    const [start, end] = [await endOf(LOG_START), await endOf(LOG_END)];
    const target = { topic: name, topicId, partition, leaderEpoch, rack: '' };
    const request = prepareFetch(target, question.versions, FETCH_WAIT_MS);
    const answer = await question.ask((id) => {
      request.set(id, Math.max(start, end - 1), -1, FETCH_BYTES);
      return request.bytes;
    });
    refuse(decodeFetch(answer.bytes, answer.size, request.version).error, name, partition);
    return { partition, start, end };
  } finally {
    question.close();
  }
}

function refuse(error: number, topic: string, partition: number): void {
  if (error === KAFKA_ERROR.none) return;
  const isForbidden = error === KAFKA_ERROR.topicAuthorizationFailed;
  throw new VendavalError(`${topic}/${partition}: ${kafkaErrorName(error)}`, {
    code: isForbidden ? 'E_KAFKA_AUTHORIZATION' : 'E_FETCH',
    retryable: !isForbidden,
  });
}
