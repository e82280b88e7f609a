/**
 * Records to several topics, all of a transaction or none. Whoever opens one under a name ends what
 * an earlier one of that name has left open: once `open` resolves, each of its transactions is either
 * in the log or never will be.
 */
import Kafka from 'node-rdkafka';
import { sleep } from '../lib/clock.ts';
import { VendavalError } from '../lib/errors.ts';
import { failPoint } from '../lib/fail-point.ts';
import type { KafkaAccess } from './access.ts';
import { clientConfig } from './client-config.ts';
import { endClient, supplyToken } from './client-end.ts';
import { sendable, sendableHeader } from './dead-letters.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const CALL_TIMEOUT_MS = 30_000;
/** Left open by a process that died, it holds back whoever reads committed records for so long. */
const TRANSACTION_TIMEOUT_MS = 15_000;
const COMMIT_ATTEMPTS_MAX = 3;
const POLL_MS = 20;
/** librdkafka's codes of a producer that another one of its name has put out of work. */
const FENCED = new Set<number>([-144, -142, 47, 90]);

export interface OutgoingRecord {
  readonly topic: string;
  /** null leaves it to the key. */
  readonly partition: number | null;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [name: string, value: Buffer])[];
}

export class TransactionalProducer {
  readonly #producer: Kafka.Producer;

  private constructor(producer: Kafka.Producer) {
    this.#producer = producer;
  }

  static async open(access: KafkaAccess, name: string): Promise<TransactionalProducer> {
    const producer = new Kafka.Producer(
      {
        ...clientConfig(access),
        'transactional.id': name,
        'transaction.timeout.ms': TRANSACTION_TIMEOUT_MS,
        'message.max.bytes': 100 * 1024 * 1024,
        'linger.ms': 2,
      } as Kafka.ProducerGlobalConfig,
      {},
    );
    supplyToken(producer, access);
    // What fails is told by the calls.
    producer.on('event.error', () => {});
    await new Promise<void>((resolve, reject) => {
      producer.connect({ timeout: CONNECT_TIMEOUT_MS }, (error) =>
        error ? reject(transactionError(error)) : resolve(),
      );
    });
    producer.setPollInterval(POLL_MS);
    const opened = new TransactionalProducer(producer);
    try {
      await opened.#call((done) => producer.initTransactions(CALL_TIMEOUT_MS, done));
      return opened;
    } catch (error) {
      await opened.close();
      throw error;
    }
  }

  /**
   * All of them are in their logs when it resolves. When it throws, none is or will be, or it is not
   * known: whoever opens the same name next knows.
   */
  async send(records: readonly OutgoingRecord[]): Promise<void> {
    const producer = this.#producer;
    await this.#call((done) => producer.beginTransaction(done));
    try {
      for (const record of records) await this.#produce(record);
      failPoint('in-transaction');
      await this.#commit();
    } catch (error) {
      await this.#call((done) => producer.abortTransaction(CALL_TIMEOUT_MS, done)).catch(() => {});
      throw error;
    }
    failPoint('after-transaction');
  }

  /** Waits for every record's acknowledgement first. */
  async #commit(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#call((done) => this.#producer.commitTransaction(CALL_TIMEOUT_MS, done));
        return;
      } catch (error) {
        if (!(error as VendavalError).retryable || attempt === COMMIT_ATTEMPTS_MAX) throw error;
      }
    }
  }

  async #produce({ topic, partition, key, value, headers }: OutgoingRecord): Promise<void> {
    const named = headers.map(([name, bytes]) => sendableHeader(name, bytes));
    for (;;) {
      try {
        this.#producer.produce(
          topic,
          partition,
          sendable(value),
          sendable(key),
          null,
          undefined,
          named as unknown as Kafka.MessageHeader[],
        );
        return;
      } catch (error) {
        const isFull = (error as { code?: number }).code === Kafka.CODES.ERRORS.ERR__QUEUE_FULL;
        if (!isFull) throw transactionError(error as Kafka.LibrdKafkaError);
        await sleep(POLL_MS);
      }
    }
  }

  #call(call: (done: (error: Kafka.LibrdKafkaError | null) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      call((error) => (error ? reject(transactionError(error)) : resolve()));
    });
  }

  close(): Promise<void> {
    return endClient(this.#producer);
  }
}

function transactionError(cause: Kafka.LibrdKafkaError): VendavalError {
  if (FENCED.has(cause.code)) {
    return new VendavalError('another replay or reset has taken over, and ended this one', {
      code: 'E_TRANSACTION_FENCED',
      cause,
      hint: 'Nothing is sent twice: when the other one is done, run it again for what is left.',
    });
  }
  return new VendavalError(`the brokers do not take a transaction: ${cause.message}`, {
    code: 'E_TRANSACTION',
    retryable: cause.isRetriable === true,
    cause,
    hint:
      'Check the brokers, and that this user may write to both topics and use the transactional ' +
      'id vendaval/<dead-letter topic>. A cluster of fewer than three brokers needs ' +
      'transaction.state.log.replication.factor and .min.isr no greater than their number. ' +
      'Nothing is sent twice: run it again.',
  });
}
