/**
 * The Kafka client of `vendaval produce`: settings, connection, and one call that sends a sale.
 * Invariant: what goes wrong comes out as a VendavalError with what to do about it.
 */
import rdkafka from 'node-rdkafka';
import type { KafkaAccess } from '../kafka/access.ts';
import { clientConfig } from '../kafka/client-config.ts';
import { supplyToken } from '../kafka/client-end.ts';
import { existingTopic } from '../kafka/metadata.ts';
import { EXIT, messageOf, VendavalError } from '../lib/errors.ts';
import { encodeSale } from '../sale/flatbuffers/encode.ts';
import type { Outgoing } from './sale-generator.ts';

const CONNECT_LIMIT_MS = 10_000;
/** As long as other clients try by default, and more than a broker's restart takes. */
const DELIVERY_LIMIT_MS = 120_000;

/** librdkafka keeps these with the topic, and node-rdkafka drops them from the other settings. */
const TOPIC_SETTINGS = new Set([
  'acks',
  'request.required.acks',
  'request.timeout.ms',
  'message.timeout.ms',
  'delivery.timeout.ms',
  'partitioner',
]);

/** How a sale is written; the engine reads both, side by side in one topic. */
export type ProduceFormat = 'json' | 'flatbuffers';

export interface ProduceTarget {
  readonly access: KafkaAccess;
  readonly topic: string;
  /** Only to this one; spread over all without it. */
  readonly partition?: number | undefined;
  /** Settings of librdkafka; they win over the ones set here. */
  readonly clientConfig?: Readonly<Record<string, unknown>> | undefined;
}

function configError(cause: unknown): VendavalError {
  return new VendavalError(`The Kafka client refused its settings: ${messageOf(cause)}`, {
    code: 'E_KAFKA_CONFIG',
    hint: 'Check the settings given for the Kafka client.',
    exitCode: EXIT.usage,
    cause,
  });
}

export function openProducer(options: ProduceTarget): rdkafka.Producer {
  const config = {
    ...clientConfig(options.access),
    'client.id': 'vendaval-produce',
    // A broker that is back is noticed soon.
    'reconnect.backoff.max.ms': 1000,
    acks: 'all',
    'enable.idempotence': true,
    'linger.ms': 5,
    'message.timeout.ms': DELIVERY_LIMIT_MS,
    log_level: 0, // what matters comes as an event and is said in our words
    dr_cb: true,
    ...options.clientConfig,
  };
  const settings = Object.entries(config);
  const ofTopic = settings.filter(([name]) => TOPIC_SETTINGS.has(name));
  const others = settings.filter(([name]) => !TOPIC_SETTINGS.has(name));
  let producer: rdkafka.Producer;
  try {
    producer = new rdkafka.Producer(Object.fromEntries(others), Object.fromEntries(ofTopic));
  } catch (error) {
    throw configError(error);
  }
  supplyToken(producer, options.access);
  return producer;
}

/** The topic must be there: as a producer, asking for it by name might create it. */
export async function connect(producer: rdkafka.Producer, options: ProduceTarget): Promise<void> {
  const { access, topic, partition } = options;
  const { brokers } = access;
  // librdkafka tries a wrong password or certificate for as long as a broker that is away, and does
  // not say what was wrong; our own question does, at once.
  if (access.security) await existingTopic(access, topic);
  let metadata: rdkafka.Metadata;
  try {
    metadata = await new Promise((resolve, reject) => {
      producer.connect({ allTopics: true, timeout: CONNECT_LIMIT_MS }, (error, answer) =>
        error ? reject(error) : resolve(answer),
      );
    });
  } catch (error) {
    // Some settings are checked only now, when the client is made.
    if ((error as rdkafka.LibrdKafkaError).code === rdkafka.CODES.ERRORS.ERR__STATE) {
      throw configError(error);
    }
    throw new VendavalError(`No Kafka broker answered at ${brokers}: ${messageOf(error)}`, {
      code: 'E_BROKER_UNREACHABLE',
      hint:
        'Check that Kafka runs, that its advertised.listeners can be reached, and whether it ' +
        'asks for TLS or a password.',
      retryable: true,
      cause: error,
    });
  }
  const found = metadata.topics.find(({ name }) => name === topic);
  if (found !== undefined && found.partitions.length > 0) {
    checkPartition(topic, found.partitions.length, partition);
    return;
  }
  throw new VendavalError(`The topic "${topic}" does not exist at ${brokers}`, {
    code: 'E_TOPIC_MISSING',
    hint: `Create it: vendaval topic create --topic ${topic}`,
  });
}

/** The client would wait for a partition that is not there until each sale has expired. */
function checkPartition(topic: string, count: number, partition = 0): void {
  if (partition < count) return;
  throw new VendavalError(`The topic "${topic}" has no partition ${partition}`, {
    code: 'E_CONFIG',
    exitCode: EXIT.usage,
    hint: `--partition takes 0 to ${count - 1}; "vendaval topic describe" shows them.`,
  });
}

/** False when the client's queue is full. */
export function tryProduce(
  producer: rdkafka.Producer,
  { topic, partition }: ProduceTarget,
  next: Outgoing,
  format: ProduceFormat,
): boolean {
  try {
    producer.produce(topic, partition ?? null, recordValue(next, format), null, null, next);
    return true;
  } catch (error) {
    const { code } = error as rdkafka.LibrdKafkaError;
    if (code === rdkafka.CODES.ERRORS.ERR__QUEUE_FULL) return false;
    throw new VendavalError(`The Kafka client can't send any more: ${messageOf(error)}`, {
      code: 'E_PRODUCE_FAILED',
      hint: 'Start again; "vendaval doctor" checks the broker and the topic.',
      retryable: true,
      cause: error,
    });
  }
}

function recordValue(next: Outgoing, format: ProduceFormat): Buffer {
  if ('text' in next) return Buffer.from(next.text);
  const { sale, valorCentavos } = next;
  if (format === 'json') return Buffer.from(JSON.stringify(sale));
  const { id_pedido: idPedido, categoria, timestamp } = sale;
  return encodeSale({
    idPedido,
    categoria,
    valorCentavos,
    timestampMs: Date.parse(`${timestamp}Z`),
  });
}
