/**
 * `vendaval produce`: sends invented sales at a steady rate. Invariant: every sale handed to the
 * client ends up acknowledged, failed or counted as unknown, and none is dropped for want of room:
 * the pace waits. The sales come from sale-generator.ts, the lines from produce-output.ts; who
 * turns Ctrl+C into the signal is the caller.
 */
import rdkafka from 'node-rdkafka';
import { sleep, systemClock } from '../lib/clock.ts';
import { EXIT, messageOf, VendavalError } from '../lib/errors.ts';
import { type ProduceOutput, type ProduceTotals, produceOutput } from './produce-output.ts';
import { createSaleGenerator, type GeneratedSale } from './sale-generator.ts';

const CONNECT_LIMIT_MS = 10_000;
const FLUSH_LIMIT_MS = 10_000;
const DISCONNECT_LIMIT_MS = 5000;
/** As long as other clients try by default, and more than a broker's restart takes. */
const DELIVERY_LIMIT_MS = 120_000;
const POLL_MS = 10;
const TICK_MS = 10;
const SUMMARY_MS = 1000;
/** Above it nobody reads a line for each sale. */
const LINES_PER_SECOND_MAX = 50;
/** What a stall may owe: it is not made up for with a burst longer than this. */
const DEBT_MS_MAX = 1000;
const RATE_MAX = 1_000_000;

export interface ProduceOptions {
  /** host:port, several separated by commas. */
  readonly brokers: string;
  readonly topic: string;
  /** Sales a second; default 2. */
  readonly rate?: number | undefined;
  /** How many to send; 0, the default, is endless. */
  readonly count?: number | undefined;
  readonly format?: 'json' | undefined;
  /** Makes the sales, but for their times, the same in every run. */
  readonly seed?: number | undefined;
  /** JSON lines in place of text. */
  readonly json?: boolean | undefined;
  /** Settings of librdkafka, such as those for TLS and SASL; they win over the ones set here. */
  readonly clientConfig?: Readonly<Record<string, unknown>> | undefined;
}

export interface ProduceIo {
  readonly out: NodeJS.WritableStream;
  /** Ends the sending, not the waiting for what was sent. */
  readonly signal: AbortSignal;
}

type Report = Pick<rdkafka.DeliveryReport, 'topic' | 'partition' | 'offset'> & {
  readonly opaque: GeneratedSale;
};

function openProducer(options: ProduceOptions): rdkafka.Producer {
  try {
    return new rdkafka.Producer({
      'client.id': 'vendaval-produce',
      'bootstrap.servers': options.brokers,
      acks: -1,
      'enable.idempotence': true,
      'linger.ms': 5,
      log_level: 0, // what matters comes as an event and is said in our words
      dr_cb: true,
      ...({ 'message.timeout.ms': DELIVERY_LIMIT_MS } as object),
      ...options.clientConfig,
    });
  } catch (error) {
    throw new VendavalError(`The Kafka client refused its settings: ${messageOf(error)}`, {
      code: 'E_KAFKA_CONFIG',
      hint: 'Check the settings given for the Kafka client.',
      exitCode: EXIT.usage,
      cause: error,
    });
  }
}

/** The topic must be there: as a producer, asking for it by name might create it. */
async function connect(producer: rdkafka.Producer, options: ProduceOptions): Promise<void> {
  const { brokers, topic } = options;
  let metadata: rdkafka.Metadata;
  try {
    metadata = await new Promise((resolve, reject) => {
      producer.connect({ allTopics: true, timeout: CONNECT_LIMIT_MS }, (error, answer) =>
        error ? reject(error) : resolve(answer),
      );
    });
  } catch (error) {
    throw new VendavalError(`No Kafka broker answered at ${brokers}: ${messageOf(error)}`, {
      code: 'E_BROKER_UNREACHABLE',
      hint: 'Check that Kafka is running and that --brokers names it; "vendaval doctor" tells more.',
      retryable: true,
      cause: error,
    });
  }
  const found = metadata.topics.find(({ name }) => name === topic);
  if (found !== undefined && found.partitions.length > 0) return;
  throw new VendavalError(`The topic "${topic}" does not exist at ${brokers}`, {
    code: 'E_TOPIC_MISSING',
    hint: 'Make it with "vendaval topic create", or name another with --topic.',
  });
}

function disconnect(producer: rdkafka.Producer): Promise<void> {
  if (!producer.isConnected()) return Promise.resolve();
  return new Promise((resolve) => {
    const giveUp = setTimeout(resolve, DISCONNECT_LIMIT_MS);
    producer.disconnect(0, () => {
      clearTimeout(giveUp);
      resolve();
    });
  });
}

/** Counts what becomes of each sale, and says when there is room for more. */
class Deliveries {
  sent = 0;
  acknowledged = 0;
  failed = 0;
  valorCentavos = 0;
  #connectionLost = false;
  readonly #output: ProduceOutput;
  readonly #eachLine: boolean;

  constructor(producer: rdkafka.Producer, output: ProduceOutput, eachLine: boolean) {
    this.#output = output;
    this.#eachLine = eachLine;
    producer.on('delivery-report', (error, report) => this.#settle(error, report as Report));
    producer.on('event.error', (error) => {
      if (error.code === rdkafka.CODES.ERRORS.ERR__ALL_BROKERS_DOWN) this.#setLost(true);
    });
  }

  get outstanding(): number {
    return this.sent - this.acknowledged - this.failed;
  }

  totals(): ProduceTotals {
    const { sent, acknowledged, failed, valorCentavos } = this;
    return { sent, acknowledged, failed, valorCentavos };
  }

  #settle(error: rdkafka.LibrdKafkaError | null, report: Report): void {
    if (error) {
      this.failed++;
      // Failures come in thousands when a queue expires; the summary has their number.
      const said = this.#eachLine || this.failed === 1;
      if (said) this.#output.failed(report.topic, report.opaque, error.message);
      return;
    }
    this.#setLost(false);
    this.acknowledged++;
    this.valorCentavos += report.opaque.valorCentavos;
    if (!this.#eachLine) return;
    const { topic, partition, offset, opaque } = report;
    this.#output.delivered({ topic, partition, offset, ...opaque });
  }

  #setLost(lost: boolean): void {
    if (lost === this.#connectionLost) return;
    this.#connectionLost = lost;
    this.#output.connection(lost);
  }
}

/** False when the client's queue is full. */
function tryProduce(producer: rdkafka.Producer, topic: string, next: GeneratedSale): boolean {
  try {
    const value = Buffer.from(JSON.stringify(next.sale));
    producer.produce(topic, null, value, null, null, next);
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

/** Sends until the count is reached or the signal comes. */
async function sendAll(
  producer: rdkafka.Producer,
  deliveries: Deliveries,
  options: ProduceOptions,
  rate: number,
  signal: AbortSignal,
): Promise<void> {
  const clock = systemClock;
  const generate = createSaleGenerator(options.seed);
  const limit = options.count || Number.POSITIVE_INFINITY;
  const intervalMs = 1000 / rate;
  /** When the sale that is next is due, on the monotonic clock. */
  let dueMs = clock.monotonicMs();
  let next = generate(clock.now());
  while (!signal.aborted && deliveries.sent < limit) {
    const nowMs = clock.monotonicMs();
    dueMs = Math.max(dueMs, nowMs - DEBT_MS_MAX);
    while (dueMs <= nowMs && deliveries.sent < limit) {
      if (!tryProduce(producer, options.topic, next)) break;
      deliveries.sent++;
      dueMs += intervalMs;
      next = generate(clock.now());
    }
    if (deliveries.sent < limit) {
      await sleep(Math.max(TICK_MS, dueMs - clock.monotonicMs()), signal);
    }
  }
}

/** Waits until every sale has its report, or the time is up: the rest is unknown. */
async function settleAll(producer: rdkafka.Producer, deliveries: Deliveries): Promise<void> {
  const deadline = systemClock.monotonicMs() + FLUSH_LIMIT_MS;
  await new Promise<void>((resolve) => {
    producer.flush(FLUSH_LIMIT_MS, () => resolve());
  });
  // The client has the answers now; they reach us a hundred for each turn of the event loop.
  while (deliveries.outstanding > 0 && systemClock.monotonicMs() < deadline) {
    await sleep(POLL_MS);
  }
}

/** The rate to keep. */
function checkedRate(rate = 2): number {
  if (rate > 0 && rate <= RATE_MAX) return rate;
  throw new VendavalError(`The rate ${rate} is not between 0 and ${RATE_MAX} sales a second`, {
    code: 'E_CONFIG',
    exitCode: EXIT.usage,
  });
}

export async function runProduce(options: ProduceOptions, io: ProduceIo): Promise<ProduceTotals> {
  const rate = checkedRate(options.rate);
  const output = produceOutput(io.out, options.json ?? false);
  const eachLine = rate <= LINES_PER_SECOND_MAX;
  output.started({ brokers: options.brokers, topic: options.topic, rate });
  const producer = openProducer(options);
  const deliveries = new Deliveries(producer, output, eachLine);
  let summary: NodeJS.Timeout | undefined;
  try {
    await connect(producer, options);
    output.connected();
    producer.setPollInterval(POLL_MS);
    if (!eachLine) {
      let before = 0;
      summary = setInterval(() => {
        output.rate(deliveries.totals(), deliveries.acknowledged - before);
        before = deliveries.acknowledged;
      }, SUMMARY_MS);
    }
    try {
      await sendAll(producer, deliveries, options, rate, io.signal);
    } finally {
      await settleAll(producer, deliveries);
      clearInterval(summary);
      output.ended(deliveries.totals());
    }
  } finally {
    clearInterval(summary);
    await disconnect(producer);
  }
  return deliveries.totals();
}
