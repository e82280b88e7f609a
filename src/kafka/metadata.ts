/**
 * Asks the brokers about one topic: its id, its partitions and their leaders. Our own request,
 * because librdkafka's binding gives neither topic ids nor leader epochs. One short connection a
 * question; the caller decides when to ask again.
 */
import { VendavalError } from '../lib/errors.ts';
import { hostPort } from '../lib/host-port.ts';
import type { KafkaAccess, KafkaSecurity } from './access.ts';
import { BrokerQuestion } from './broker-question.ts';
import { DEFAULT_TIMEOUTS, type Place, type SocketTimeouts } from './broker-socket.ts';
import { KAFKA_ERROR, kafkaErrorName } from './protocol/error-codes.ts';
import { decodeMetadata, encodeMetadata, type TopicMetadata } from './protocol/requests.ts';

export function parseBrokers(brokers: string): { host: string; port: number }[] {
  return brokers.split(',').map((broker) => {
    const colon = broker.lastIndexOf(':');
    return {
      host: broker.slice(0, colon).replace(/^\[|\]$/g, ''),
      port: Number(broker.slice(colon + 1)),
    };
  });
}

async function askOne(
  host: string,
  port: number,
  security: KafkaSecurity | null,
  topic: string,
  timeouts: SocketTimeouts,
): Promise<TopicMetadata> {
  const broker = await BrokerQuestion.open({ host, port }, security, timeouts);
  try {
    const { metadata } = broker.versions;
    const { bytes, size } = await broker.ask((id) => encodeMetadata(id, metadata, topic));
    const found = decodeMetadata(bytes, size, metadata);
    if (found.brokers.size === 0) throw knowsNoBrokers({ host, port });
    return found;
  } finally {
    broker.close();
  }
}

/** It has no view of its cluster, and so nothing that it says of a topic can be believed. */
function knowsNoBrokers(place: Place): VendavalError {
  return new VendavalError(`the broker at ${hostPort(place)} knows no brokers, not even itself`, {
    code: 'E_BROKER_UNREACHABLE',
    retryable: true,
    hint: 'A broker that starts or stops says so for a moment; if it lasts, read its own log.',
  });
}

/**
 * Asks each broker in turn; throws the first one's error when none answers. What it returns names
 * one broker at least.
 */
export async function topicMetadata(
  { brokers, security }: KafkaAccess,
  topic: string,
  timeouts: SocketTimeouts = { ...DEFAULT_TIMEOUTS, silenceMs: 5000 },
): Promise<TopicMetadata> {
  let failure: unknown;
  for (const { host, port } of parseBrokers(brokers)) {
    try {
      return await askOne(host, port, security, topic, timeouts);
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

/** Asks like `topicMetadata`, and throws unless the topic exists. */
export async function existingTopic(
  access: KafkaAccess,
  topic: string,
  timeouts?: SocketTimeouts,
): Promise<TopicMetadata> {
  return requireTopic(await topicMetadata(access, topic, timeouts), topic);
}

/** Throws unless the metadata describes a topic that exists. */
export function requireTopic(metadata: TopicMetadata, topic: string): TopicMetadata {
  if (metadata.error === KAFKA_ERROR.none) return metadata;
  if (metadata.error === KAFKA_ERROR.unknownTopicOrPartition) {
    throw new VendavalError(`the topic "${topic}" does not exist`, {
      code: 'E_TOPIC_MISSING',
      hint: `Create it: vendaval topic create --topic ${topic}`,
    });
  }
  throw new VendavalError(
    `the broker refuses the topic "${topic}": ${kafkaErrorName(metadata.error)}`,
    {
      code: 'E_TOPIC_METADATA',
      retryable: metadata.error !== KAFKA_ERROR.topicAuthorizationFailed,
      hint: 'Check the rights of this user on the topic, and the state of the cluster.',
    },
  );
}
