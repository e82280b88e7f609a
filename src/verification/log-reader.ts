/**
 * One partition read by librdkafka, without a group: from an offset on, rolled-back transactions
 * left out, checksums looked at. Nothing of the engine's own reading of Kafka takes part.
 */
import Kafka from 'node-rdkafka';
import type { KafkaAccess } from '../kafka/access.ts';
import { clientConfig } from '../kafka/client-config.ts';
import { endClient, supplyToken } from '../kafka/client-end.ts';
import { VendavalError } from '../lib/errors.ts';
import type { LogRecord } from './dead-letter.ts';

const BATCH = 1000;
const POLL_MS = 200;
const CONNECT_TIMEOUT_MS = 10_000;
/** So long without a record and without the end of the log, and something is wrong. */
const SILENCE_MS_MAX = 60_000;

export interface LogSection {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  /** Not included. */
  readonly to: number;
  /** What comes at the end cannot be read: the section is over when it is met. */
  readonly isCorruptAtEnd?: boolean;
}

export function openConsumer(access: KafkaAccess): Promise<Kafka.KafkaConsumer> {
  const consumer = new Kafka.KafkaConsumer(
    {
      ...clientConfig(access),
      // Never joined and nothing committed; librdkafka wants a name.
      'group.id': `vendaval-verify-${process.pid}`,
      'enable.auto.commit': false,
      'enable.partition.eof': true,
      'isolation.level': 'read_committed',
      'check.crcs': true,
      'fetch.message.max.bytes': 4 * 1024 * 1024,
      'queued.max.messages.kbytes': 32 * 1024,
    } as Kafka.ConsumerGlobalConfig,
    { 'auto.offset.reset': 'error' },
  );
  supplyToken(consumer, access);
  return new Promise((resolve, reject) => {
    consumer.connect({ timeout: CONNECT_TIMEOUT_MS }, (error) => {
      if (!error) return resolve(consumer);
      reject(
        new VendavalError(`Kafka at ${access.brokers} does not answer: ${error.message}`, {
          code: 'E_BROKER_UNREACHABLE',
          hint: 'Check that the broker runs and listens there.',
          cause: error,
        }),
      );
    });
  });
}

/**
 * Gives every record of the section to `take`, in order.
 *
 * @param take returns false to end early
 * @returns up to where the log was read: all below it were given
 */
export async function readSection(
  access: KafkaAccess,
  section: LogSection,
  take: (record: LogRecord) => boolean,
): Promise<number> {
  const { topic, partition, from, to } = section;
  if (from >= to) return from;
  const consumer = await openConsumer(access);
  let endedAt = Number.NaN;
  let lastError = '';
  consumer.on('event.error', (error) => {
    lastError = error.message;
  });
  consumer.on('partition.eof', ({ offset }) => {
    endedAt = offset;
  });
  consumer.setDefaultConsumeTimeout(POLL_MS);
  consumer.assign([{ topic, partition, offset: from }]);
  try {
    let heardAtMs = performance.now();
    for (;;) {
      const messages = await consume(consumer, section);
      if (messages === CORRUPT) return to;
      for (const message of messages) {
        if (message.offset >= to) return to;
        if (!take(toRecord(message))) return message.offset + 1;
        if (section.isCorruptAtEnd && message.offset + 1 >= to) return to;
        // The log had ended before this record, and has grown since.
        if (message.offset >= endedAt) endedAt = Number.NaN;
      }
      // Markers and rolled-back records at the end are passed without a message.
      if (!Number.isNaN(endedAt)) return Math.min(endedAt, to);
      if (messages.length > 0) heardAtMs = performance.now();
      else if (performance.now() - heardAtMs > SILENCE_MS_MAX) throw silence(section, lastError);
    }
  } finally {
    await endClient(consumer);
  }
}

/** librdkafka's codes of what will not pass. */
const OUT_OF_RANGE = new Set([1, -140]);
const AUTHORIZATION = 29;
/** A bad message, and bad compression. */
const CORRUPT_CODES = new Set([-199, -198, 2]);
/** Of a codec that librdkafka was built without. It never gets past such a batch. */
const NOT_IMPLEMENTED = -170;
const CORRUPT = 'corrupt';

function consume(
  consumer: Kafka.KafkaConsumer,
  section: LogSection,
): Promise<Kafka.Message[] | typeof CORRUPT> {
  return new Promise((resolve, reject) => {
    consumer.consume(BATCH, (error, messages) => {
      if (!error) return resolve(messages);
      const { code, message } = error;
      if (OUT_OF_RANGE.has(code)) reject(deletedMeanwhile(section));
      else if (section.isCorruptAtEnd && CORRUPT_CODES.has(code)) resolve(CORRUPT);
      else if (code === AUTHORIZATION) reject(forbidden(section, message));
      else if (code === NOT_IMPLEMENTED) reject(codecMissing(section));
      // librdkafka goes on by itself; should it not, the silence is noticed.
      else resolve([]);
    });
  });
}

function toRecord(message: Kafka.Message): LogRecord {
  const { offset, key, value, timestamp, headers } = message;
  return {
    offset,
    timestampMs: timestamp ?? -1,
    key: (key as Buffer | null | undefined) ?? null,
    value,
    headers: headers === undefined ? NO_HEADERS : headers.map(headerOf),
  };
}

const NO_HEADERS: LogRecord['headers'] = [];

/** node-rdkafka makes an object with one member of a header. */
function headerOf(header: Kafka.MessageHeader): readonly [string, Buffer] {
  const [name, value] = Object.entries(header)[0] ?? ['', Buffer.alloc(0)];
  return [name, Buffer.isBuffer(value) ? value : Buffer.from(String(value))];
}

function silence({ topic, partition }: LogSection, lastError: string): VendavalError {
  return new VendavalError(
    `partition ${partition} of ${topic} gave nothing for ${SILENCE_MS_MAX / 1000} s: ` +
      (lastError || 'no record and no end of the log'),
    {
      code: 'E_VERIFY_SILENCE',
      retryable: true,
      hint: 'Check the brokers, and verify again.',
    },
  );
}

function deletedMeanwhile({ topic, partition }: LogSection): VendavalError {
  return new VendavalError(
    `records of partition ${partition} of ${topic} were deleted before they could be read`,
    {
      code: 'E_VERIFY_DELETED',
      retryable: true,
      hint: 'Verify again: it starts with what is left then, and says what that is too short for.',
    },
  );
}

function codecMissing({ topic, partition }: LogSection): VendavalError {
  return new VendavalError(
    `partition ${partition} of ${topic} holds batches of a codec that librdkafka was built ` +
      'without on this machine',
    {
      code: 'E_VERIFY_CODEC',
      hint:
        'zstd is there when its headers are as librdkafka is compiled: install libzstd-dev ' +
        '(Fedora: libzstd-devel, Alpine: zstd-dev), then npm rebuild node-rdkafka.',
    },
  );
}

function forbidden({ topic }: LogSection, message: string): VendavalError {
  return new VendavalError(`this user may not read the topic "${topic}": ${message}`, {
    code: 'E_KAFKA_AUTHORIZATION',
    hint: `Grant Read on the topic ${topic}.`,
  });
}
