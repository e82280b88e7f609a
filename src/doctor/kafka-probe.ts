/**
 * One record sent and fetched back, the way that sales and dead letters go. It goes to a topic of
 * its own, which no engine reads: it can be no sale, and leaves no dead letter. The topic is made
 * at the first probe, keeps a record for an hour, and stays; what it tells besides is the broker's
 * clock.
 */
import { randomUUID } from 'node:crypto';
import type { Settings } from '../config/options.ts';
import type { KafkaAccess } from '../kafka/access.ts';
import { BrokerQuestion } from '../kafka/broker-question.ts';
import type { SocketTimeouts } from '../kafka/broker-socket.ts';
import { existingTopic, topicMetadata } from '../kafka/metadata.ts';
import { KAFKA_ERROR, kafkaErrorName } from '../kafka/protocol/error-codes.ts';
import { decodeProduce, ProduceHead } from '../kafka/protocol/produce.ts';
import { decodeFetch, prepareFetch, type TopicMetadata } from '../kafka/protocol/requests.ts';
import { RecordBatchWriter } from '../kafka/record-batch-writer.ts';
import { sleep } from '../lib/clock.ts';
import { VendavalError } from '../lib/errors.ts';
import type { Cluster } from './cluster-check.ts';
import { type Looked, READ } from './examination.ts';
import { kafkaTool } from './kafka-security.ts';

export const PROBE_TOPIC = 'vendaval-doctor';
const PROBE_CONFIG = {
  'retention.ms': '3600000',
  'message.timestamp.type': 'LogAppendTime',
  'compression.type': 'uncompressed',
} as const;
/** No idempotent producer: a probe that is in the log twice does no harm. */
const NO_PRODUCER = { producerId: -1n, epoch: -1 } as const;
const FETCH_BYTES = 64 * 1024;
const FETCH_WAIT_MS = 500;
const LEADER_POLL_MS = 100;

/** A clock that was read between two moments of this machine's. */
export interface ClockReading {
  readonly beforeMs: number;
  readonly theirMs: number;
  readonly afterMs: number;
}

export async function probeKafka(
  settings: Settings,
  { access, metadata, timeouts }: Cluster,
): Promise<Looked<ClockReading>> {
  const isNew = !metadata.topics.has(PROBE_TOPIC);
  if (isNew) {
    const sales = metadata.topics.get(settings.topic);
    const replicas = Math.max(1, ...(sales?.partitions.map((one) => one.replicas.length) ?? []));
    try {
      await createProbeTopic(access, Math.min(replicas, metadata.brokers.size));
    } catch (error) {
      return notAllowed(access, error as VendavalError);
    }
  }
  const topic = await topicWithLeader(access, timeouts);
  const { offset, clock, tookMs } = await sendAndFetch(topic, access, timeouts);
  return {
    verdict: 'ok',
    found:
      `sent to "${PROBE_TOPIC}"${isNew ? ', made for it,' : ''} and fetched back ` +
      `in ${Math.round(tookMs)} ms`,
    data: { topic: PROBE_TOPIC, created: isNew, offset, tookMs: Math.round(tookMs) },
    value: clock,
  };
}

async function createProbeTopic(access: KafkaAccess, replicationFactor: number): Promise<void> {
  // librdkafka is loaded only here, so that without it the rest can be said.
  const { createTopic } = await import('../kafka/topic-admin.ts');
  await createTopic(access, {
    topic: PROBE_TOPIC,
    partitions: 1,
    replicationFactor,
    config: PROBE_CONFIG,
  });
}

function notAllowed(access: KafkaAccess, error: VendavalError): Looked<ClockReading> {
  return {
    verdict: 'skip',
    found: `not sent: ${error.message}`,
    problem: {
      code: error.code,
      cause: `The probe needs the topic "${PROBE_TOPIC}", and this user may not make it.`,
      run: [
        `${kafkaTool('kafka-topics.sh', access)} --create --topic ${PROBE_TOPIC} ` +
          '--partitions 1 --config retention.ms=3600000 ' +
          '--config message.timestamp.type=LogAppendTime',
      ],
      read: READ.probe,
    },
  };
}

/** A new topic's leader takes a moment; the check's own limit ends the wait. */
async function topicWithLeader(
  access: KafkaAccess,
  timeouts: SocketTimeouts,
): Promise<TopicMetadata> {
  const giveUpMs = performance.now() + timeouts.silenceMs;
  while (performance.now() < giveUpMs) {
    const found = await topicMetadata(access, PROBE_TOPIC, timeouts);
    if (found.error === KAFKA_ERROR.none && found.partitions[0]?.leaderId >= 0) return found;
    await sleep(LEADER_POLL_MS);
  }
  return existingTopic(access, PROBE_TOPIC, timeouts);
}

async function sendAndFetch(
  topic: TopicMetadata,
  { security }: KafkaAccess,
  timeouts: SocketTimeouts,
) {
  const [{ leaderId, leaderEpoch }] = topic.partitions;
  const question = await BrokerQuestion.open(topic.brokers.get(leaderId)!, security, timeouts);
  try {
    const startedMs = performance.now();
    const value = Buffer.from(randomUUID());
    const beforeMs = Date.now();
    const produced = await question.ask((id) => produceRequest(value, id, timeouts.silenceMs));
    const afterMs = Date.now();
    const { error, message, baseOffset, appendMs } = decodeProduce(produced.bytes, produced.size);
    if (error !== KAFKA_ERROR.none) throw refusal('take', error, message);
    const target = {
      topic: PROBE_TOPIC,
      topicId: topic.topicId,
      partition: 0,
      leaderEpoch,
      rack: '',
    };
    const request = prepareFetch(target, question.versions, FETCH_WAIT_MS);
    const fetched = await question.ask((id) => {
      request.set(id, baseOffset, -1, FETCH_BYTES);
      return request.bytes;
    });
    const response = decodeFetch(fetched.bytes, fetched.size, request.version);
    if (response.error !== KAFKA_ERROR.none) throw refusal('give back', response.error, '');
    const records = fetched.bytes.subarray(response.recordsStart, response.recordsEnd);
    if (!records.includes(value))
      throw refusal('give back', KAFKA_ERROR.none, 'another record came');
    // Without the topic's own time the broker tells none.
    const theirMs = appendMs < 0 ? Number.NaN : appendMs;
    const clock: ClockReading = { beforeMs, theirMs, afterMs };
    return { offset: baseOffset, clock, tookMs: performance.now() - startedMs };
  } finally {
    question.close();
  }
}

function produceRequest(value: Buffer, correlationId: number, timeoutMs: number): Buffer {
  const head = new ProduceHead(PROBE_TOPIC, 0, Math.round(timeoutMs));
  const bytes = Buffer.alloc(1024);
  const writer = new RecordBatchWriter();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  writer.begin(bytes, view, head.length, Date.now());
  const at = writer.open(Date.now());
  writer.close(at + value.copy(bytes, at));
  const end = writer.finish(NO_PRODUCER, -1);
  head.write(bytes, end, correlationId);
  return bytes.subarray(0, end);
}

function refusal(verb: string, error: number, message: string): VendavalError {
  const why = message || kafkaErrorName(error);
  const isForbidden = error === KAFKA_ERROR.topicAuthorizationFailed;
  return new VendavalError(`the brokers did not ${verb} the probe: ${why}`, {
    code: isForbidden ? 'E_KAFKA_AUTHORIZATION' : 'E_PRODUCE_FAILED',
    hint: isForbidden
      ? `Grant Read and Write on the topic "${PROBE_TOPIC}", or use --no-probe.`
      : 'With too few replicas in sync no producer can send: see the topic.',
  });
}
