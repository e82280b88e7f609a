/**
 * Topics for tests: made, filled with exact control and read back by clients that share no code
 * with the engine's own reader (librdkafka for records, kafkajs for administration). Invariant: a
 * function returns only when the broker has confirmed all of it. Every call opens and closes its
 * own connections.
 */
import { randomUUID } from 'node:crypto';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import rdkafka from 'node-rdkafka';
import { sleep } from '../../src/lib/clock.ts';

/** Of a whole piece of work; and of one request, which the broker answers in time or refuses. */
const LIMIT_MS = 120_000;
const REQUEST_MS = 30_000;
const POLL_MS = 10;

export interface RecordToProduce {
  readonly value: Buffer | string | null;
  readonly key?: Buffer | string | null;
  /** In this order; a name may come twice. */
  readonly headers?: readonly (readonly [name: string, value: Buffer | string])[];
  /** Milliseconds since the epoch; default: now. */
  readonly timestamp?: number;
  /** Default: by key, or spread. */
  readonly partition?: number;
}

export interface Position {
  readonly partition: number;
  readonly offset: number;
}

export interface RecordRead extends Position {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly timestamp: number;
  readonly headers: readonly (readonly [name: string, value: Buffer])[];
}

export interface OffsetRange {
  readonly partition: number;
  /** The earliest that is still there. */
  readonly low: number;
  /** One past the last. */
  readonly high: number;
}

/** A silent kafkajs client, for what is not here: transactions, groups, configurations. */
export function kafkaClient(brokers: string): Kafka {
  return new Kafka({
    clientId: 'vendaval-test',
    brokers: brokers.split(','),
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, retries: 8 },
  });
}

export async function withAdmin<T>(
  brokers: string,
  work: (admin: ReturnType<Kafka['admin']>) => Promise<T>,
): Promise<T> {
  const admin = kafkaClient(brokers).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

export async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await sleep(POLL_MS);
  }
}

/** Asks again where a leader or a coordinator is not ready yet, which kafkajs leaves to who asks. */
async function answered<T>(ask: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + LIMIT_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const { retriable } = error as { retriable?: boolean };
      if (!retriable || performance.now() > deadline) throw error;
      await sleep(POLL_MS);
    }
  }
}

export function uniqueName(prefix = 'sales'): string {
  return `${prefix}-${randomUUID().slice(0, 8)}`;
}

async function hasLeaders(
  admin: ReturnType<Kafka['admin']>,
  topic: string,
  count: number,
): Promise<boolean> {
  const metadata = await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => undefined);
  const found = metadata?.topics[0]?.partitions ?? [];
  return found.length === count && found.every(({ leader }) => leader >= 0);
}

export interface TopicOptions {
  readonly partitions?: number;
  readonly configs?: Readonly<Record<string, string>>;
  /** Brokers that hold each partition, its leader first. */
  readonly replicas?: readonly number[];
}

/** Makes a topic and waits for its leaders. Returns its name. */
export async function createTopic(
  brokers: string,
  topic: string,
  options: TopicOptions = {},
): Promise<string> {
  const configEntries = Object.entries(options.configs ?? {}).map(([name, value]) => ({
    name,
    value,
  }));
  const { partitions = 3, replicas } = options;
  const shape = replicas
    ? {
        replicaAssignment: Array.from({ length: partitions }, (_, partition) => ({
          partition,
          replicas: [...replicas],
        })),
      }
    : { numPartitions: partitions, replicationFactor: 1 };
  await withAdmin(brokers, async (admin) => {
    await admin.createTopics({
      // kafkajs would give up on a broker that has not heard of the new topic yet.
      waitForLeaders: false,
      timeout: REQUEST_MS,
      topics: [{ topic, ...shape, configEntries }],
    });
    await until(() => hasLeaders(admin, topic, partitions), `the topic ${topic} has leaders`);
  });
  return topic;
}

/** Returns when the broker no longer tells of it. */
export async function deleteTopic(brokers: string, topic: string): Promise<void> {
  await withAdmin(brokers, async (admin) => {
    await admin.deleteTopics({ topics: [topic], timeout: REQUEST_MS });
    const isGone = async () => !(await admin.listTopics()).includes(topic);
    await until(isGone, `the topic ${topic} is gone`);
  });
}

/** Raises the number of partitions to `count`, and waits for their leaders. */
export async function addPartitions(brokers: string, topic: string, count: number): Promise<void> {
  await withAdmin(brokers, async (admin) => {
    await admin.createPartitions({ topicPartitions: [{ topic, count }], timeout: REQUEST_MS });
    await until(() => hasLeaders(admin, topic, count), `the topic ${topic} has more leaders`);
  });
}

/** Deletes what lies before `offset`, as retention would; -1 is all. */
export async function deleteRecordsBefore(
  brokers: string,
  topic: string,
  { partition, offset }: Position,
): Promise<void> {
  await withAdmin(brokers, async (admin) => {
    // kafkajs deletes only in a topic whose metadata the connection has, and doesn't fetch it.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] });
  });
}

export async function offsetRanges(brokers: string, topic: string): Promise<OffsetRange[]> {
  const offsets = await withAdmin(brokers, (admin) =>
    answered(() => admin.fetchTopicOffsets(topic)),
  );
  return offsets
    .map(({ partition, low, high }) => ({ partition, low: Number(low), high: Number(high) }))
    .sort((a, b) => a.partition - b.partition);
}

/** A group's committed offsets; -1 where there is none. */
export async function committedOffsets(
  brokers: string,
  group: string,
  topic: string,
): Promise<Position[]> {
  const [answer] = await withAdmin(brokers, (admin) =>
    answered(() => admin.fetchOffsets({ groupId: group, topics: [topic] })),
  );
  return answer.partitions
    .map(({ partition, offset }) => ({ partition, offset: Number(offset) }))
    .sort((a, b) => a.partition - b.partition);
}

type Client = Pick<rdkafka.Producer, 'connect' | 'disconnect'> &
  Pick<rdkafka.KafkaConsumer, 'connect' | 'disconnect'>;

function connect(client: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    client.connect({ timeout: LIMIT_MS }, (error) => (error ? reject(error) : resolve()));
  });
}

function disconnect(client: Client): Promise<void> {
  return new Promise((resolve) => client.disconnect(() => resolve()));
}

/** node-rdkafka takes a buffer without memory for null: these are no bytes of some. */
const EMPTY = Buffer.alloc(1).subarray(0, 0);

function bytes(data: Buffer | string | null): Buffer | null {
  if (data?.length === 0) return EMPTY;
  return typeof data === 'string' ? Buffer.from(data) : data;
}

/**
 * Produces all and waits until all are acknowledged; the positions come in the records' order.
 * `config` holds librdkafka's settings, such as 'compression.codec' or 'batch.num.messages'.
 * Header values that are Buffers go through kafkajs, uncompressed and with a partition for each
 * record: node-rdkafka takes headers as text and cuts them at the first zero byte.
 */
export async function produceRecords(
  brokers: string,
  topic: string,
  records: readonly RecordToProduce[],
  config: Readonly<Record<string, unknown>> = {},
): Promise<Position[]> {
  const binary = records.some(({ headers }) =>
    headers?.some(([, value]) => Buffer.isBuffer(value)),
  );
  if (binary) return produceBinaryHeaders(brokers, topic, records);
  const producer = await openProducer(brokers, topic, config);
  try {
    return await producer.produce(records);
  } finally {
    await producer.close();
  }
}

/** Of a call that librdkafka answers with an error or none. */
function called(call: (done: (error: rdkafka.LibrdKafkaError) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => (error ? reject(new Error(error.message)) : resolve()));
  });
}

type DeliveryListener = (error: rdkafka.LibrdKafkaError, report: rdkafka.DeliveryReport) => void;

export interface OpenProducer {
  /** Resolves when all are acknowledged; one call at a time. Headers are text. */
  produce(records: readonly RecordToProduce[]): Promise<Position[]>;
  /** A transaction; only with a 'transactional.id'. */
  begin(): Promise<void>;
  finish(how: 'commit' | 'abort'): Promise<void>;
  close(): Promise<void>;
}

/** For many calls: a native producer is dear to open and close. */
export async function openProducer(
  brokers: string,
  topic: string,
  config: Readonly<Record<string, unknown>> = {},
): Promise<OpenProducer> {
  const producer = new rdkafka.Producer(
    {
      'bootstrap.servers': brokers,
      'enable.idempotence': true,
      'linger.ms': 5,
      'queue.buffering.max.messages': 1_000_000,
      // Not less than a message's.
      'transaction.timeout.ms': LIMIT_MS,
      dr_cb: true,
      ...config,
    },
    { 'message.timeout.ms': LIMIT_MS },
  );
  await connect(producer as unknown as Client);
  producer.setPollInterval(POLL_MS);
  if (config['transactional.id'] !== undefined) {
    await called((done) => producer.initTransactions(LIMIT_MS, done));
  }
  return {
    begin: () => called((done) => producer.beginTransaction(done)),
    finish: (how) =>
      called((done) => {
        if (how === 'commit') producer.commitTransaction(LIMIT_MS, done);
        else producer.abortTransaction(LIMIT_MS, done);
      }),
    async produce(records) {
      const positions: Position[] = new Array(records.length);
      let delivered: DeliveryListener | undefined;
      try {
        await new Promise<void>((resolve, reject) => {
          let left = records.length;
          if (left === 0) return resolve();
          delivered = (error, { partition, offset, opaque }) => {
            if (error) return reject(new Error(`not delivered: ${error.message}`));
            positions[opaque.index] = { partition, offset };
            if (--left === 0) resolve();
          };
          producer.on('delivery-report', delivered);
          produceAll(producer, topic, records).catch(reject);
        });
        return positions;
      } finally {
        if (delivered) producer.removeListener('delivery-report', delivered);
      }
    },
    close: () => disconnect(producer as unknown as Client),
  };
}

/** One request with one batch for each partition; a header that comes twice keeps its order. */
async function produceBinaryHeaders(
  brokers: string,
  topic: string,
  records: readonly RecordToProduce[],
): Promise<Position[]> {
  const messages = records.map((record) => {
    if (record.partition === undefined) throw new Error('binary headers need a partition');
    const headers: Record<string, (Buffer | string)[]> = {};
    for (const [name, value] of record.headers ?? []) {
      headers[name] ??= [];
      headers[name].push(value);
    }
    const { key = null, value, partition, timestamp = Date.now() } = record;
    return { key, value, partition, timestamp: String(timestamp), headers };
  });
  const producer = kafkaClient(brokers).producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    // A broker that does not yet lead every partition of a new topic gets the whole request again.
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  try {
    const batches = await producer.send({ topic, acks: -1, timeout: LIMIT_MS, messages });
    const next = new Map(batches.map((batch) => [batch.partition, Number(batch.baseOffset)]));
    return messages.map(({ partition }) => {
      const offset = next.get(partition)!;
      next.set(partition, offset + 1);
      return { partition, offset };
    });
  } finally {
    await producer.disconnect();
  }
}

async function produceAll(
  producer: rdkafka.Producer,
  topic: string,
  records: readonly RecordToProduce[],
): Promise<void> {
  for (let index = 0; index < records.length; ) {
    const record = records[index];
    const { key = null, timestamp = Date.now(), partition = -1 } = record;
    const headers = (record.headers ?? []).map(([name, value]) => ({ [name]: value }));
    try {
      const value = bytes(record.value);
      producer.produce(topic, partition, value, bytes(key), timestamp, { index }, headers);
      index++;
    } catch (error) {
      const full = rdkafka.CODES.ERRORS.ERR__QUEUE_FULL;
      if ((error as rdkafka.LibrdKafkaError).code !== full) throw error;
      await sleep(POLL_MS);
    }
  }
}

/** What node-rdkafka gives for a header: an object with its one name. */
function headersOf(message: rdkafka.Message): RecordRead['headers'] {
  return (message.headers ?? []).map((header) => {
    const [[name, value]] = Object.entries(header);
    return [name, Buffer.from(value as Buffer)] as const;
  });
}

function consume(consumer: rdkafka.KafkaConsumer): Promise<rdkafka.Message[]> {
  return new Promise((resolve, reject) => {
    consumer.consume(10_000, (error, messages) => (error ? reject(error) : resolve(messages)));
  });
}

/** All records from the earliest to the end as it is now, sorted by partition and offset. */
export async function readTopic(
  brokers: string,
  topic: string,
  options: { isolation?: 'read_committed' | 'read_uncommitted' } = {},
): Promise<RecordRead[]> {
  const consumer = new rdkafka.KafkaConsumer(
    {
      'bootstrap.servers': brokers,
      'group.id': uniqueName('reader'),
      'enable.auto.commit': false,
      'enable.partition.eof': true,
      'isolation.level': options.isolation ?? 'read_committed',
    },
    { 'auto.offset.reset': 'error' },
  );
  const ranges = (await offsetRanges(brokers, topic)).filter(({ low, high }) => low < high);
  const open = new Set(ranges.map(({ partition }) => partition));
  const records: RecordRead[] = [];
  await connect(consumer as unknown as Client);
  try {
    consumer.on('partition.eof', ({ partition }) => open.delete(partition));
    consumer.setDefaultConsumeTimeout(200);
    consumer.assign(ranges.map(({ partition, low }) => ({ topic, partition, offset: low })));
    const deadline = performance.now() + LIMIT_MS;
    while (open.size > 0) {
      if (performance.now() > deadline) throw new Error(`the end of ${topic} was not reached`);
      for (const message of await consume(consumer)) {
        const { partition, offset, key = null, value, timestamp = -1 } = message;
        const headers = headersOf(message);
        records.push({ partition, offset, key: bytes(key), value, timestamp, headers });
      }
    }
  } finally {
    await disconnect(consumer as unknown as Client);
  }
  return records.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
}
