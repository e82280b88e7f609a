/**
 * A Kafka inside this process for `vendaval demo`: librdkafka's mock cluster, listening on a port
 * of 127.0.0.1. Invariant: it lives exactly as long as the client that was made for it. It keeps
 * about 5 MB or 100,000 records of a partition in memory and forgets the oldest, has no topic
 * administration, and loses everything at the end; tests of the broker's behaviour use a real one.
 */
import rdkafka from 'node-rdkafka';
import { messageOf, VendavalError } from '../lib/errors.ts';
import { endClient } from './client-end.ts';

const START_LIMIT_MS = 10_000;

/** Left out of node-rdkafka's types, as librdkafka hides it from its manual. */
interface MockConfig {
  readonly 'test.mock.num.brokers': number;
}

type BrokerMetadata = Pick<rdkafka.Metadata, 'brokers' | 'topics'>;

export interface EmbeddedBrokerOptions {
  /**
   * Topics that are there at once. Any other appears at its first use by a producer. All have 4
   * partitions, which is the mock cluster's own number and can't be set from here.
   */
  readonly topics?: readonly string[] | undefined;
}

export interface EmbeddedBroker {
  /** host:port, for a client's list of brokers. */
  readonly brokers: string;
  stop(): Promise<void>;
}

function metadataOf(producer: rdkafka.Producer, topic: string): Promise<BrokerMetadata> {
  return new Promise((resolve, reject) => {
    producer.getMetadata({ topic, timeout: START_LIMIT_MS }, (error, metadata) =>
      error ? reject(error) : resolve(metadata),
    );
  });
}

function connect(producer: rdkafka.Producer): Promise<BrokerMetadata> {
  return new Promise((resolve, reject) => {
    producer.connect({ timeout: START_LIMIT_MS }, (error, metadata) =>
      error ? reject(error) : resolve(metadata),
    );
  });
}

/** Takes a few milliseconds. */
export async function startEmbeddedBroker(
  options: EmbeddedBrokerOptions = {},
): Promise<EmbeddedBroker> {
  const mock: MockConfig = { 'test.mock.num.brokers': 1 };
  // Only its errors: a mock cluster announces itself on standard error otherwise.
  const producer = new rdkafka.Producer({ ...mock, log_level: 3 });
  const stop = () => endClient(producer);
  try {
    const { brokers } = await connect(producer);
    // Asking for a topic as a producer makes it.
    for (const topic of options.topics ?? []) await metadataOf(producer, topic);
    const list = brokers.map(({ host, port }) => `${host}:${port}`).join(',');
    return { brokers: list, stop };
  } catch (error) {
    await stop();
    throw new VendavalError(`The embedded Kafka did not start: ${messageOf(error)}`, {
      code: 'E_BROKER_START',
      hint: 'Use a Kafka of your own with --brokers.',
      cause: error,
    });
  }
}
