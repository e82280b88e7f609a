/**
 * Rejected records on their way to the dead-letter topic, each with its original value and
 * headers and with headers of ours that say where it was and why. The copy's key is the origin's
 * coordinates, so that a repeat after a crash can be told and the topic can be compacted. A rejected
 * sale of a batch has a letter of its own, with its index behind the record's coordinates.
 * `send` resolves only when every one is acknowledged by all in-sync replicas.
 */
import { isUtf8 } from 'node:buffer';
import Kafka from 'node-rdkafka';
import { VendavalError } from '../lib/errors.ts';
import { failPoint } from '../lib/fail-point.ts';
import { NO_TOPIC_ID } from '../lib/topic-id.ts';
import { REASONS } from '../sale/reasons.ts';
import { type RejectedRecord, WHOLE_RECORD } from '../state/reject-log.ts';
import type { KafkaAccess } from './access.ts';
import { clientConfig } from './client-config.ts';
import { endClient, supplyToken } from './client-end.ts';
import { letterHeaders } from './record-headers.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const DELIVERY_TIMEOUT_MS = 30_000;
const POLL_MS = 20;
/** Headers under way before more letters wait: each is several small pieces of memory. */
const HEADERS_UNDER_WAY_MAX = 200_000;
/** A delivery report's error has a text, and -1 for a code. */
const TOO_LARGE = /message size too large/i;

/** Names of our headers; the original ones are kept beside them. */
export const DEAD_LETTER_HEADER = {
  reason: 'vendaval-reason',
  detail: 'vendaval-detail',
  topic: 'vendaval-topic',
  /** Tells a topic that was made anew from the one before it; absent where brokers give none. */
  topicId: 'vendaval-topic-id',
  partition: 'vendaval-partition',
  offset: 'vendaval-offset',
  /** Which sale of a batch it is, from 0; the value is that sale as JSON. */
  item: 'vendaval-item',
  timestamp: 'vendaval-timestamp',
  key: 'vendaval-key',
  /** In front of the name of a header whose value is base64, since it is no text. */
  base64: 'vendaval-base64-',
  /** Present when the record is too large to copy; its coordinates lead to it. */
  valueOmitted: 'vendaval-value-omitted',
  /** Present when the original headers are too many, too large or no headers: which, and how many. */
  headersOmitted: 'vendaval-headers-omitted',
} as const;

export interface DeadLetter {
  readonly topicId: string;
  readonly partition: number;
  readonly record: RejectedRecord;
}

type Header = Record<string, string>;

/** Each message's opaque: which letter it carries, and for whom. */
interface Sending {
  readonly letter: DeadLetter;
  readonly batch: Batch;
  /** Without value and original headers, because the topic takes no copy of this size. */
  readonly isReduced: boolean;
  /** How many it went with. */
  headerCount: number;
}

/** What `send` waits for. */
interface Batch {
  waiting: number;
  failure: { message: string } | null;
  settle(): void;
}

export class DeadLetterProducer {
  readonly #topic: string;
  readonly #deadLetterTopic: string;
  readonly #producer: Kafka.Producer;
  #connecting: Promise<void> | null = null;
  #headersUnderWay = 0;

  constructor(
    access: KafkaAccess,
    topic: string,
    deadLetterTopic: string,
    onTrouble: (code: string, message: string) => void,
  ) {
    this.#topic = topic;
    this.#deadLetterTopic = deadLetterTopic;
    this.#producer = new Kafka.Producer(
      {
        ...clientConfig(access),
        'enable.idempotence': true,
        'linger.ms': 2,
        'message.max.bytes': 100 * 1024 * 1024,
        'queue.buffering.max.messages': 200_000,
        dr_cb: true,
      } as Kafka.ProducerGlobalConfig,
      // Settings of a topic are heeded here only.
      { acks: -1, 'message.timeout.ms': DELIVERY_TIMEOUT_MS } as Kafka.ProducerTopicConfig,
    );
    supplyToken(this.#producer, access);
    this.#producer.on('event.error', (error) => onTrouble('E_KAFKA_CLIENT', error.message));
    this.#producer.on('delivery-report', (error, report) =>
      this.#delivered(error, report.opaque as Sending),
    );
  }

  connect(): Promise<void> {
    this.#connecting = new Promise((resolve, reject) => {
      this.#producer.connect({ timeout: CONNECT_TIMEOUT_MS }, (error) => {
        if (error) return reject(deadLetterError(this.#deadLetterTopic, error));
        this.#producer.setPollInterval(POLL_MS);
        resolve();
      });
    });
    return this.#connecting;
  }

  /** Sends all of them; throws when one was not acknowledged, so that all are sent again. */
  send(letters: readonly DeadLetter[]): Promise<void> {
    if (letters.length === 0) return Promise.resolve();
    failPoint('before-letters');
    return new Promise((resolve, reject) => {
      const batch: Batch = {
        waiting: letters.length,
        failure: null,
        settle: () => {
          failPoint('after-letters');
          if (batch.failure) reject(deadLetterError(this.#deadLetterTopic, batch.failure));
          else resolve();
        },
      };
      this.#produceFrom(letters, 0, batch);
      failPoint('in-letters');
    });
  }

  /** Goes on later when librdkafka's queue is full, or headers enough: nothing is dropped. */
  #produceFrom(letters: readonly DeadLetter[], start: number, batch: Batch): void {
    for (let i = start; i < letters.length; i++) {
      const later = () => setTimeout(() => this.#produceFrom(letters, i, batch), POLL_MS);
      if (this.#headersUnderWay > HEADERS_UNDER_WAY_MAX) return void later();
      try {
        this.#produce({ letter: letters[i], batch, isReduced: false, headerCount: 0 });
      } catch (error) {
        if ((error as { code?: number }).code === Kafka.CODES.ERRORS.ERR__QUEUE_FULL) {
          return void later();
        }
        batch.failure ??= error as Error;
        batch.waiting -= letters.length - i;
        if (batch.waiting === 0) batch.settle();
        return;
      }
    }
  }

  #produce(sending: Sending): void {
    const { partition, record } = sending.letter;
    const item = record.item === WHOLE_RECORD ? '' : `/${record.item}`;
    const headers = this.#headers(sending);
    sending.headerCount = headers.length;
    this.#producer.produce(
      this.#deadLetterTopic,
      null,
      sending.isReduced ? null : sendable(record.value),
      `${this.#topic}/${partition}/${record.offset}${item}`,
      Date.now(),
      sending,
      headers as unknown as Kafka.MessageHeader[],
    );
    this.#headersUnderWay += headers.length;
  }

  #headers({ letter: { topicId, partition, record }, isReduced }: Sending): Header[] {
    const headers: Header[] = [
      { [DEAD_LETTER_HEADER.reason]: REASONS[record.reason] },
      { [DEAD_LETTER_HEADER.detail]: record.detail },
      { [DEAD_LETTER_HEADER.topic]: this.#topic },
      { [DEAD_LETTER_HEADER.partition]: String(partition) },
      { [DEAD_LETTER_HEADER.offset]: String(record.offset) },
      { [DEAD_LETTER_HEADER.timestamp]: String(record.timestampMs) },
    ];
    if (topicId !== NO_TOPIC_ID) headers.push({ [DEAD_LETTER_HEADER.topicId]: topicId });
    if (record.item !== WHOLE_RECORD) {
      headers.push({ [DEAD_LETTER_HEADER.item]: String(record.item) });
    }
    if (isReduced || record.valueOmitted)
      headers.push({ [DEAD_LETTER_HEADER.valueOmitted]: 'true' });
    if (isReduced) return headers;
    if (record.key !== null) headers.push(sendableHeader(DEAD_LETTER_HEADER.key, record.key));
    const { headers: original, omitted } = letterHeaders(record.rawHeaders);
    if (omitted !== '') headers.push({ [DEAD_LETTER_HEADER.headersOmitted]: omitted });
    return [...original.map(({ name, value }) => sendableHeader(name, value)), ...headers];
  }

  #delivered(error: Kafka.LibrdKafkaError | null, sending: Sending): void {
    const { batch, isReduced } = sending;
    this.#headersUnderWay -= sending.headerCount;
    // The original fits in its topic, but with our headers it may not: its place must do.
    if (error && TOO_LARGE.test(error.message) && !isReduced) {
      try {
        this.#produce({ ...sending, isReduced: true });
        return;
      } catch (failure) {
        batch.failure ??= failure as Error;
      }
    } else if (error) {
      batch.failure ??= error;
    }
    if (--batch.waiting === 0) batch.settle();
  }

  /** What is under way was given up: it is sent again by the next start. */
  async close(): Promise<void> {
    await this.#connecting?.catch(() => {});
    await endClient(this.#producer);
  }
}

/** librdkafka's binding takes a buffer without memory for null: these are no bytes of some. */
const EMPTY = Buffer.alloc(1).subarray(0, 0);

export const sendable = (value: Buffer | null) => (value?.length === 0 ? EMPTY : value);

/** librdkafka's binding makes text of a header's value and cuts it at the first zero byte. */
export function sendableHeader(name: string, value: Buffer | null): Header {
  if (value === null) return { [name]: '' };
  const isText = isUtf8(value) && !value.includes(0);
  if (isText) return { [name]: value.toString('utf8') };
  return { [`${DEAD_LETTER_HEADER.base64}${name}`]: value.toString('base64') };
}

function deadLetterError(topic: string, cause: { message: string }): VendavalError {
  return new VendavalError(
    `the dead-letter topic "${topic}" did not take a record: ${cause.message}`,
    {
      code: 'E_DEAD_LETTER',
      retryable: true,
      cause,
      hint:
        `Check the topic and its rights: vendaval topic describe --topic ${topic}. If it was not ` +
        "made by vendaval, check this machine's clock, too: brokers refuse times an hour ahead.",
    },
  );
}
