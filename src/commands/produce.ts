/**
 * `vendaval produce`: sends invented sales at a steady rate. Invariant: every sale handed to the
 * client ends up acknowledged, failed or counted as unknown, and none is dropped for want of room:
 * the pace waits. The sales come from sale-generator.ts, the lines from produce-output.ts; who
 * turns Ctrl+C into the signal is the caller.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type rdkafka from 'node-rdkafka';
import { endClient } from '../kafka/client-end.ts';
import { sleep, systemClock } from '../lib/clock.ts';
import { EXIT, VendavalError } from '../lib/errors.ts';
import {
  connect,
  openProducer,
  type ProduceFormat,
  type ProduceTarget,
  tryProduce,
} from './produce-client.ts';
import { type ProduceOutput, type ProduceTotals, produceOutput } from './produce-output.ts';
import { createSaleGenerator, type Outgoing } from './sale-generator.ts';

const FLUSH_LIMIT_MS = 10_000;
const POLL_MS = 10;
/** Shortest sleep, and longest sending, between two turns of the event loop. */
const TICK_MS = 10;
/** Reports reach us a hundred for each turn; without a bound they would pile up in memory. */
const OUTSTANDING_MAX = 20_000;
const BATCH_MAX = 1000;
/** Room is told by the delivery reports; this is only for the case that none comes. */
const ROOM_POLL_MS = 200;
const SUMMARY_MS = 1000;
/** Above it nobody reads a line for each sale. */
const LINES_PER_SECOND_MAX = 50;
/** What a stall may owe: it is not made up for with a burst longer than this. */
const DEBT_MS_MAX = 1000;
const RATE_MAX = 1_000_000;
const ALL_DOWN = /all broker connections are down/i;

export interface ProduceOptions extends ProduceTarget {
  /** Sales a second; default 2. */
  readonly rate?: number | undefined;
  /** How many to send; 0, the default, is endless. */
  readonly count?: number | undefined;
  /** Default: json. */
  readonly format?: ProduceFormat | undefined;
  /** So long ago the sales are dated; 0, the default, is now. */
  readonly agoMs?: number | undefined;
  /** Sent as it stands in place of made-up sales, once unless there is a count. */
  readonly value?: string | undefined;
  /** Makes the sales, but for their times, the same in every run. */
  readonly seed?: number | undefined;
  /** JSON lines in place of text. */
  readonly json?: boolean | undefined;
}

export interface ProduceIo {
  readonly out: NodeJS.WritableStream;
  /** Ends the sending; what was sent is still waited for, but not long. */
  readonly signal: AbortSignal;
}

type Report = Pick<rdkafka.DeliveryReport, 'topic' | 'partition' | 'offset'> & {
  readonly opaque: Outgoing;
};

/** Counts what becomes of each sale, and says when there is room for more. */
class Deliveries {
  sent = 0;
  acknowledged = 0;
  failed = 0;
  valorCentavos = 0;
  #connectionLost = false;
  #enough = 0;
  #onRoom = () => {};
  readonly #output: ProduceOutput;
  readonly #eachLine: boolean;

  constructor(producer: rdkafka.Producer, output: ProduceOutput, eachLine: boolean) {
    this.#output = output;
    this.#eachLine = eachLine;
    producer.on('delivery-report', (error, report) => this.#settle(error, report as Report));
    producer.on('event.error', (error) => {
      // The event carries librdkafka's text and no code.
      if (ALL_DOWN.test(error.message)) this.#setLost(true);
    });
  }

  get outstanding(): number {
    return this.sent - this.acknowledged - this.failed;
  }

  /** Resolves when half of what is outstanding has its report, or soon after. */
  room(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#onRoom = () => {};
        resolve();
      };
      const timer = setTimeout(done, ROOM_POLL_MS);
      this.#enough = this.outstanding / 2;
      this.#onRoom = done;
    });
  }

  totals(): ProduceTotals {
    const { sent, acknowledged, failed, valorCentavos } = this;
    return { sent, acknowledged, failed, valorCentavos };
  }

  #settle(error: rdkafka.LibrdKafkaError | null, report: Report): void {
    this.#count(error, report);
    if (this.outstanding <= this.#enough) this.#onRoom();
  }

  #count(error: rdkafka.LibrdKafkaError | null, report: Report): void {
    if (error) {
      this.failed++;
      // Failures come in thousands when a queue expires; the summary has their number.
      const said = this.#eachLine || this.failed === 1;
      if (said) this.#output.failed(report.topic, report.opaque, error.message);
      return;
    }
    this.#setLost(false);
    this.acknowledged++;
    if ('sale' in report.opaque) this.valorCentavos += report.opaque.valorCentavos;
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

/** Sends until the count is reached or the signal comes. */
async function sendAll(
  producer: rdkafka.Producer,
  deliveries: Deliveries,
  options: ProduceOptions,
  rate: number,
  signal: AbortSignal,
): Promise<void> {
  const clock = systemClock;
  const { format = 'json' } = options;
  const next = outgoing(options);
  const limit = options.count || (options.value === undefined ? Number.POSITIVE_INFINITY : 1);
  const intervalMs = 1000 / rate;
  /** When the sale that is next is due, on the monotonic clock. */
  let dueMs = clock.monotonicMs();
  /** A sale that found the queue full; it keeps its place and its time. */
  let waiting: Outgoing | undefined;
  while (!signal.aborted && deliveries.sent < limit) {
    const nowMs = clock.monotonicMs();
    dueMs = Math.max(dueMs, nowMs - DEBT_MS_MAX);
    let hasRoom = deliveries.outstanding < OUTSTANDING_MAX;
    const most = Math.min(limit, deliveries.sent + BATCH_MAX);
    while (hasRoom && dueMs <= nowMs && deliveries.sent < most) {
      waiting ??= next(clock.now());
      hasRoom = tryProduce(producer, options, waiting, format);
      if (!hasRoom) break;
      waiting = undefined;
      deliveries.sent++;
      dueMs += intervalMs;
    }
    if (deliveries.sent >= limit) break;
    const restMs = dueMs - clock.monotonicMs();
    if (!hasRoom) await deliveries.room();
    else if (restMs > 0) await sleep(Math.max(TICK_MS, restMs), signal);
    else await nextTurn();
    producer.poll();
  }
}

/** What is sent at a time: always the same text, or another sale. */
function outgoing({ value, seed, agoMs = 0 }: ProduceOptions): (nowMs: number) => Outgoing {
  if (value !== undefined) return () => ({ text: value });
  const generate = createSaleGenerator(seed);
  return (nowMs) => generate(nowMs - agoMs);
}

/**
 * Waits until every sale has its report: each gets one, delivered or expired. After a stop the
 * wait is short, and what has no report then is unknown.
 */
async function settleAll(deliveries: Deliveries, signal: AbortSignal): Promise<void> {
  let deadlineMs = Number.POSITIVE_INFINITY;
  while (deliveries.outstanding > 0) {
    const nowMs = systemClock.monotonicMs();
    if (signal.aborted) deadlineMs = Math.min(deadlineMs, nowMs + FLUSH_LIMIT_MS);
    if (nowMs >= deadlineMs) return;
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
  const { access, topic, value, json = false } = options;
  const output = produceOutput(io.out, json, value !== undefined);
  const eachLine = rate <= LINES_PER_SECOND_MAX;
  output.started({ brokers: access.brokers, topic, rate });
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
      await settleAll(deliveries, io.signal);
      clearInterval(summary);
      output.ended(deliveries.totals());
    }
  } finally {
    clearInterval(summary);
    await endClient(producer);
  }
  return deliveries.totals();
}
