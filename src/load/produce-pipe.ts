/**
 * Sends the ready-made batches of one partition to its leader, several at a time, and again after
 * every failure that passes, until each is acknowledged. Invariant: each batch is in the log
 * exactly once and in the order of sending when its acknowledgement is told. It rests on the
 * broker, which keeps the last five batches of an idempotent producer apart by their sequence
 * numbers: whatever went wrong, the same bytes are sent again in the same order.
 *
 * What is unacknowledged at the end is unknown: it may be in the log or not.
 */
import type { KafkaAccess } from '../kafka/access.ts';
import { openBroker } from '../kafka/broker-connection.ts';
import type { BrokerSocket } from '../kafka/broker-socket.ts';
import { existingTopic } from '../kafka/metadata.ts';
import { malformedResponse } from '../kafka/protocol/bytes.ts';
import { KAFKA_ERROR } from '../kafka/protocol/error-codes.ts';
import {
  decodeInitProducerId,
  decodeLastSequence,
  decodeProduce,
  encodeDescribeProducers,
  encodeInitProducerId,
  ProduceHead,
  type ProduceResponse,
} from '../kafka/protocol/produce.ts';
import { type ProducerNumbers, SEQUENCE_LIMIT } from '../kafka/record-batch-writer.ts';
import { Backoff } from '../lib/backoff.ts';
import { sleep, steadyEpochMs, systemClock } from '../lib/clock.ts';
import type { VendavalError } from '../lib/errors.ts';
import type { BatchSlot } from './batch-slot.ts';
import {
  gaveUp,
  logLost,
  noLeader,
  noProducerId,
  refusal,
  unknownState,
} from './produce-errors.ts';

/** As many batches of one producer as a broker tells apart. */
export const IN_FLIGHT_MAX = 5;
/** How long the broker may wait for its replicas. */
const REPLICAS_TIMEOUT_MS = 10_000;
/** As long as other producers try. */
const GIVE_UP_MS = 120_000;

export interface PipeTarget {
  readonly access: KafkaAccess;
  readonly topic: string;
  readonly partition: number;
}

export interface PipeHandler {
  /** The oldest batch is in the log from `baseOffset` on. Its slot is free again. */
  acknowledged(slot: BatchSlot, baseOffset: number): void;
  /** Something is wrong that is tried again. */
  trouble(error: VendavalError): void;
  /** It cannot go on; what is in flight is unknown. */
  failed(error: VendavalError): void;
}

export class ProducePipe {
  /** Offset after the last acknowledged batch; -1 before the first. */
  nextOffset = -1;
  /** Of the first acknowledged batch; -1 before it. */
  firstOffset = -1;
  /** Offsets between acknowledged batches that are not ours. */
  foreignOffsets = 0;
  readonly #target: PipeTarget;
  readonly #where: string;
  readonly #handler: PipeHandler;
  readonly #head: ProduceHead;
  readonly #giveUpMs: number;
  /** Sent and not acknowledged, oldest first. */
  readonly #queue: BatchSlot[] = [];
  readonly #backoff = new Backoff(100, 2000);
  readonly #ended = new AbortController();
  #producer: ProducerNumbers | null = null;
  #sequence = 0;
  #socket: BrokerSocket | null = null;
  /** When the broker ends the connection unless that is done first, on the monotonic clock. */
  #endsAtMs = Number.POSITIVE_INFINITY;
  #correlationId = 0;
  /** Since when nothing works; null while it does. */
  #troubleSinceMs: number | null = null;

  constructor(target: PipeTarget, handler: PipeHandler, giveUpMs = GIVE_UP_MS) {
    this.#target = target;
    this.#where = `${target.topic}/${target.partition}`;
    this.#handler = handler;
    this.#head = new ProduceHead(target.topic, target.partition, REPLICAS_TIMEOUT_MS);
    this.#giveUpMs = giveUpMs;
  }

  /** Where in a slot the batch starts. */
  get batchAt(): number {
    return this.#head.length;
  }

  /** What a batch must say of its producer, and the sequence number of its first record. */
  get producer(): ProducerNumbers {
    return this.#producer!;
  }

  get sequence(): number {
    return this.#sequence;
  }

  get isConnected(): boolean {
    return this.#socket !== null;
  }

  get inFlight(): readonly BatchSlot[] {
    return this.#queue;
  }

  /** Connects; resolves when it has, or has failed for good. */
  async open(): Promise<void> {
    try {
      await this.#connect();
    } catch (error) {
      await this.#recover(error as VendavalError);
    }
  }

  /** Takes a slot whose batch is complete. Only while connected, and with less than the most. */
  send(slot: BatchSlot): void {
    slot.baseSequence = this.#sequence;
    slot.isInLog = false;
    this.#sequence = (this.#sequence + slot.records) % SEQUENCE_LIMIT;
    slot.sentMs = steadyEpochMs();
    this.#queue.push(slot);
    this.#transmit(slot);
  }

  /** Ends the connection; what is in flight stays unknown. */
  close(): void {
    this.#ended.abort();
    this.#disconnect();
  }

  #transmit(slot: BatchSlot): void {
    slot.correlationId = ++this.#correlationId;
    this.#head.write(slot.bytes, slot.end, slot.correlationId);
    this.#socket!.send(slot.bytes.subarray(0, slot.end));
  }

  #disconnect(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.destroy();
  }

  async #connect(): Promise<void> {
    const { access, topic, partition } = this.#target;
    const metadata = await existingTopic(access, topic);
    const leaderId = metadata.partitions.find((p) => p.partition === partition)?.leaderId ?? -1;
    const leader = metadata.brokers.get(leaderId);
    if (!leader) throw noLeader(this.#where);
    const { socket, endsAtMs } = await openBroker(leader, access.security);
    try {
      this.#producer ??= await this.#newProducer(socket);
      await this.#findInLog(socket);
    } catch (error) {
      socket.destroy();
      throw error;
    }
    if (this.#ended.signal.aborted) return socket.destroy();
    this.#socket = socket;
    this.#endsAtMs = endsAtMs;
    socket.receive({
      allocate: (size) => Buffer.allocUnsafeSlow(size),
      response: (bytes, size) => this.#answered(bytes, size),
      closed: (error) => {
        if (this.#socket === socket) this.#recover(error);
      },
    });
    for (const slot of this.#queue) {
      if (!slot.isInLog && this.#socket === socket) this.#transmit(slot);
    }
  }

  async #newProducer(socket: BrokerSocket): Promise<ProducerNumbers> {
    const answer = await socket.request(encodeInitProducerId(++this.#correlationId));
    const { error, ...producer } = decodeInitProducerId(answer.bytes, answer.size);
    if (error !== KAFKA_ERROR.none) throw noProducerId(this.#where, error);
    return producer;
  }

  /**
   * Finds out which of the batches in flight are in the log already. Sending them again would do
   * for a broker that ran on; one that was restarted tells only the last of them from a gap in the
   * sequence. That last one is sent again, since its answer also says that all replicas have it.
   */
  async #findInLog(socket: BrokerSocket): Promise<void> {
    if (this.#queue.length === 0) return;
    const { topic, partition } = this.#target;
    const request = encodeDescribeProducers(++this.#correlationId, topic, partition);
    const answer = await socket.request(request);
    const { producerId } = this.#producer!;
    const { error, lastSequence } = decodeLastSequence(answer.bytes, answer.size, producerId);
    if (error !== KAFKA_ERROR.none) throw unknownState(this.#where, error);
    const last = this.#queue.findLastIndex(
      ({ baseSequence, records }) => (baseSequence + records - 1) % SEQUENCE_LIMIT === lastSequence,
    );
    for (const slot of this.#queue.slice(0, Math.max(0, last))) slot.isInLog = true;
  }

  #answered(bytes: Buffer, size: number): void {
    let answer: ProduceResponse;
    try {
      answer = decodeProduce(bytes, size);
    } catch (error) {
      this.#recover(error as VendavalError);
      return;
    }
    const slot = this.#queue.find(({ isInLog }) => !isInLog);
    if (bytes.readInt32BE(0) !== slot?.correlationId) {
      this.#recover(malformedResponse('the answer belongs to another request'));
      return;
    }
    if (answer.error !== KAFKA_ERROR.none && answer.error !== KAFKA_ERROR.duplicateSequenceNumber) {
      const error = refusal(this.#where, answer, slot.end - this.batchAt);
      if (error.retryable) this.#recover(error);
      else this.#fail(error);
      return;
    }
    this.#troubleSinceMs = null;
    this.#backoff.reset();
    this.#accept(slot, answer.baseOffset);
    if (systemClock.monotonicMs() < this.#endsAtMs) return;
    // What is in flight is found in the log, or sent again.
    this.#disconnect();
    void this.open();
  }

  /** The batch is in the log at this offset (-1: it is not said where), and all before it are. */
  #accept(slot: BatchSlot, baseOffset: number): void {
    const accepted = this.#queue.slice(0, this.#queue.indexOf(slot) + 1);
    const records = accepted.reduce((sum, batch) => sum + batch.records, 0);
    const expected = this.nextOffset;
    // Those that were found in the log lie before it.
    const from = baseOffset < 0 ? Math.max(0, expected) : baseOffset + slot.records - records;
    if (from < expected) {
      return this.#fail(logLost(this.#where, `offset ${from} came after ${expected - 1}`));
    }
    if (expected < 0) this.firstOffset = from;
    else this.foreignOffsets += from - expected;
    this.nextOffset = from;
    for (const batch of accepted) {
      this.#queue.shift();
      this.nextOffset += batch.records;
      this.#handler.acknowledged(batch, this.nextOffset - batch.records);
    }
  }

  #fail(error: VendavalError): void {
    if (this.#ended.signal.aborted) return;
    this.close();
    this.#handler.failed(error);
  }

  /** Tries until there is a connection again, on which all that is in flight is sent again. */
  async #recover(error: VendavalError): Promise<void> {
    this.#disconnect();
    this.#troubleSinceMs ??= steadyEpochMs();
    let cause = error;
    while (!this.#ended.signal.aborted) {
      // A broker that has just started may not have heard of the topic yet.
      const isPassing = cause.retryable || cause.code === 'E_TOPIC_MISSING';
      if (!isPassing) return this.#fail(cause);
      if (steadyEpochMs() - this.#troubleSinceMs > this.#giveUpMs) {
        return this.#fail(gaveUp(this.#where, this.#giveUpMs / 1000, cause));
      }
      this.#handler.trouble(cause);
      await sleep(this.#backoff.nextMs(), this.#ended.signal);
      if (this.#ended.signal.aborted) return;
      try {
        return await this.#connect();
      } catch (next) {
        cause = next as VendavalError;
      }
    }
  }
}
