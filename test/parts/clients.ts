/**
 * The three clients that write tests' topics: Kafka's own in Java, librdkafka and kafkajs, each with
 * every codec that it has, by itself or in transactions of its own. Invariant: what a call wrote is
 * acknowledged when it returns. kafkajs brings gzip; the other codecs are given to it as its users
 * do. librdkafka has zstd only where the machine that built it had libzstd.
 */
import { CompressionCodecs, CompressionTypes, Partitioners, type Producer } from 'kafkajs';
import rdkafka from 'node-rdkafka';
import { CODECS } from '../../src/kafka/record-batch.ts';
import { COMPRESSORS } from './compressors.ts';
import type { Ending } from './engine-process.ts';
import { JavaProducer } from './java-client.ts';
import { kafkaClient, openProducer, type RecordToProduce, uniqueName } from './topic.ts';

type Write = (records: readonly RecordToProduce[]) => Promise<unknown>;

export interface Way {
  readonly client: 'java' | 'librdkafka' | 'kafkajs';
  readonly codec: string;
  write: Write;
  /** A transaction; a way has one at a time. */
  begin(): Promise<Transaction>;
}

export interface Transaction {
  write: Write;
  finish(how: 'commit' | 'abort'): Promise<unknown>;
}

interface Target {
  readonly brokers: string;
  readonly topic: string;
}

export const nameOf = ({ client, codec }: Way) => `${client} ${codec}`;

/** Their connections end with the test. */
export async function openWays(test: Ending, target: Target): Promise<Way[]> {
  const java = await JavaProducer.start(test, target.brokers, target.topic);
  const plain = await connect(test, target);
  return CODECS.flatMap((codec) => [
    javaWay(java, codec),
    // What a build without a codec would do is not to write.
    ...(codec === 'none' || rdkafka.features.includes(codec)
      ? [librdkafkaWay(test, target, codec)]
      : []),
    kafkajsWay(test, target, plain, codec),
  ]);
}

function javaWay(java: JavaProducer, codec: string): Way {
  return {
    client: 'java',
    codec,
    write: (records) => java.produce(codec, records),
    async begin() {
      java.begin(codec, codec);
      return {
        write: (records) => java.produce(`in ${codec}`, records),
        finish: (how) => java.finish(codec, how),
      };
    },
  };
}

function librdkafkaWay(test: Ending, { brokers, topic }: Target, codec: string): Way {
  const open = async (more: Readonly<Record<string, unknown>> = {}) => {
    const config = { 'compression.codec': codec, 'linger.ms': 20, ...more };
    const producer = await openProducer(brokers, topic, config);
    test.onTestFinished(() => producer.close());
    return producer;
  };
  let plain: ReturnType<typeof open> | undefined;
  let transactional: ReturnType<typeof open> | undefined;
  return {
    client: 'librdkafka',
    codec,
    async write(records) {
      plain ??= open();
      await (await plain).produce(records);
    },
    async begin() {
      transactional ??= open({ 'transactional.id': uniqueName('tx') });
      const producer = await transactional;
      await producer.begin();
      return { write: producer.produce, finish: producer.finish };
    },
  };
}

const KAFKAJS_CODECS = [
  CompressionTypes.None,
  CompressionTypes.GZIP,
  CompressionTypes.Snappy,
  CompressionTypes.LZ4,
  CompressionTypes.ZSTD,
] as const;

for (const [codec, kind] of [
  [CompressionTypes.Snappy, 'raw snappy'],
  [CompressionTypes.LZ4, 'lz4'],
  [CompressionTypes.ZSTD, 'zstd'],
] as const) {
  CompressionCodecs[codec] = () => ({
    compress: async ({ buffer }: { buffer: Buffer }) => COMPRESSORS[kind].compress(buffer),
  });
}

function kafkajsWay(test: Ending, target: Target, plain: Producer, codec: string): Way {
  const asSent = (records: readonly RecordToProduce[]) => ({
    topic: target.topic,
    acks: -1,
    compression: KAFKAJS_CODECS[CODECS.indexOf(codec)],
    messages: records.map(({ key = null, value, partition, timestamp, headers = [] }) => {
      const named: Record<string, (Buffer | string)[]> = {};
      for (const [name, one] of headers) named[name] = [...(named[name] ?? []), one];
      return { key, value, partition: partition!, timestamp: String(timestamp), headers: named };
    }),
  });
  let transactional: Promise<Producer> | undefined;
  return {
    client: 'kafkajs',
    codec,
    write: (records) => plain.send(asSent(records)),
    async begin() {
      transactional ??= connect(test, target, uniqueName('tx'));
      const transaction = await (await transactional).transaction();
      return {
        write: (records) => transaction.send(asSent(records)),
        finish: (how) => (how === 'commit' ? transaction.commit() : transaction.abort()),
      };
    },
  };
}

async function connect(
  test: Ending,
  { brokers }: Target,
  transactionalId?: string,
): Promise<Producer> {
  const producer = kafkaClient(brokers).producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    // A broker that does not yet lead every partition of a new topic gets the whole request again.
    idempotent: true,
    maxInFlightRequests: 1,
    ...(transactionalId === undefined ? {} : { transactionalId }),
  });
  await producer.connect();
  test.onTestFinished(() => producer.disconnect());
  return producer;
}
