/** Where partitions begin and end now, and which offset belongs to a time: asked of the brokers. */
import type Kafka from 'node-rdkafka';
import type { KafkaAccess } from '../kafka/access.ts';
import { endClient } from '../kafka/client-end.ts';
import { VendavalError } from '../lib/errors.ts';
import { openConsumer } from './log-reader.ts';

const TIMEOUT_MS = 10_000;

export interface LogBounds {
  readonly partition: number;
  /** The earliest offset that is still there. */
  readonly start: number;
  /** One past the last. */
  readonly end: number;
}

/** Those of a topic's partitions, asked once. */
export async function logBounds(
  access: KafkaAccess,
  topic: string,
  partitionCount: number,
): Promise<LogBounds[]> {
  const inquiry = await LogInquiry.open(access);
  try {
    return await inquiry.bounds(topic, partitionCount);
  } finally {
    await inquiry.close();
  }
}

export class LogInquiry {
  readonly #consumer: Kafka.KafkaConsumer;

  private constructor(consumer: Kafka.KafkaConsumer) {
    this.#consumer = consumer;
  }

  static async open(access: KafkaAccess): Promise<LogInquiry> {
    return new LogInquiry(await openConsumer(access));
  }

  async bounds(topic: string, partitionCount: number): Promise<LogBounds[]> {
    const bounds: LogBounds[] = [];
    for (let partition = 0; partition < partitionCount; partition++) {
      const { lowOffset, highOffset } = await new Promise<Kafka.WatermarkOffsets>(
        (resolve, reject) =>
          this.#consumer.queryWatermarkOffsets(topic, partition, TIMEOUT_MS, (error, offsets) =>
            error ? reject(noAnswer(topic, error)) : resolve(offsets),
          ),
      );
      bounds.push({ partition, start: lowOffset, end: highOffset });
    }
    return bounds;
  }

  /**
   * The first offset whose Kafka timestamp is the time or later; all records before it are older.
   * The log's end when there is none.
   */
  async firstOffsetFrom(topic: string, timeMs: number, bounds: readonly LogBounds[]) {
    const asked = bounds.map(({ partition }) => ({ topic, partition, offset: timeMs }));
    const found = await new Promise<Kafka.TopicPartitionOffset[]>((resolve, reject) =>
      this.#consumer.offsetsForTimes(asked, TIMEOUT_MS, (error, offsets) =>
        error ? reject(noAnswer(topic, error)) : resolve(offsets as Kafka.TopicPartitionOffset[]),
      ),
    );
    const byPartition = new Map(found.map(({ partition, offset }) => [partition, offset]));
    return bounds.map(({ partition, end }) => {
      const offset = byPartition.get(partition) ?? -1;
      return offset < 0 ? end : offset;
    });
  }

  close(): Promise<void> {
    return endClient(this.#consumer);
  }
}

function noAnswer(topic: string, cause: { message: string }): VendavalError {
  return new VendavalError(`the brokers do not say where "${topic}" ends: ${cause.message}`, {
    code: 'E_BROKER_UNREACHABLE',
    retryable: true,
    cause,
    hint: 'Check that every partition has a leader: vendaval topic describe',
  });
}
