/**
 * Produce, InitProducerId and DescribeProducers, for one partition and one ready-made batch at a
 * time. The versions are fixed: every broker from 2.8 to 4 speaks them, and older ones are refused
 * before, by the Metadata request. Layouts: https://kafka.apache.org/protocol
 */
import type { ProducerNumbers } from '../record-batch-writer.ts';
import { malformedResponse, RequestWriter, ResponseReader } from './bytes.ts';

const API_PRODUCE = 0;
const API_INIT_PRODUCER_ID = 22;
const API_DESCRIBE_PRODUCERS = 61;
/** The newest that is not of the flexible format; it says in words why records are refused. */
const PRODUCE_VERSION = 8;
const INIT_PRODUCER_ID_VERSION = 1;
const DESCRIBE_PRODUCERS_VERSION = 0;
const CLIENT_ID = 'vendaval-load';
const ALL_REPLICAS = -1;
const NO_TRANSACTION_TIMEOUT_MS = 2 ** 31 - 1;
const CORRELATION_AT = 8;

/** What stands before the batch in a Produce request. */
export class ProduceHead {
  readonly #bytes: Buffer;

  /** @param timeoutMs how long the broker may wait for its replicas */
  constructor(topic: string, partition: number, timeoutMs: number) {
    const writer = new RequestWriter();
    writer.int16(API_PRODUCE).int16(PRODUCE_VERSION).int32(0).string(CLIENT_ID);
    writer.int16(-1).int16(ALL_REPLICAS).int32(timeoutMs); // no transaction
    writer.int32(1).string(topic).int32(1).int32(partition).int32(0);
    this.#bytes = writer.finish();
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** Puts the head at the start of `request`, whose batch ends at `end`. */
  write(request: Buffer, end: number, correlationId: number): void {
    const length = this.#bytes.copy(request);
    request.writeInt32BE(end - 4, 0);
    request.writeInt32BE(correlationId, CORRELATION_AT);
    request.writeInt32BE(end - length, length - 4);
  }
}

export interface ProduceResponse {
  readonly error: number;
  /** The broker's own words, or empty. */
  readonly message: string;
  /** Of the batch's first record; -1 when the broker does not say. */
  readonly baseOffset: number;
  /** The broker's clock, where the topic takes it for its timestamps; else -1. */
  readonly appendMs: number;
}

/** Reads the answer to a Produce for one partition; `bytes` starts at the correlation id. */
export function decodeProduce(bytes: Buffer, size: number): ProduceResponse {
  const reader = new ResponseReader(bytes, 4, size);
  const topics = reader.int32();
  if (topics !== 1) throw malformedResponse(`${topics} topics, one was written to`);
  nullableString(reader, bytes);
  const partitions = reader.int32();
  if (partitions !== 1) throw malformedResponse(`${partitions} partitions, one was written to`);
  reader.int32();
  const error = reader.int16();
  const baseOffset = reader.int64();
  const appendMs = reader.int64();
  reader.skip(8); // the log's start
  let message = '';
  for (let rest = reader.int32(); rest > 0; rest--) {
    reader.int32();
    const ofRecord = nullableString(reader, bytes);
    message ||= ofRecord ?? '';
  }
  message = nullableString(reader, bytes) || message;
  return { error, message, baseOffset, appendMs };
}

function nullableString(reader: ResponseReader, bytes: Buffer): string | null {
  const length = reader.int16();
  if (length < 0) return null;
  const at = reader.position;
  reader.skip(length);
  return bytes.toString('utf8', at, at + length);
}

/** Asks for the id of a producer whose repeated batches the broker tells from new ones. */
export function encodeInitProducerId(correlationId: number): Buffer {
  return new RequestWriter()
    .int16(API_INIT_PRODUCER_ID)
    .int16(INIT_PRODUCER_ID_VERSION)
    .int32(correlationId)
    .string(CLIENT_ID)
    .int16(-1)
    .int32(NO_TRANSACTION_TIMEOUT_MS)
    .finish();
}

export function decodeInitProducerId(
  bytes: Buffer,
  size: number,
): ProducerNumbers & { readonly error: number } {
  const reader = new ResponseReader(bytes, 4, size);
  reader.int32();
  return { error: reader.int16(), producerId: reader.bigInt64(), epoch: reader.int16() };
}

/** Asks a partition's leader what it knows of the partition's producers. */
export function encodeDescribeProducers(
  correlationId: number,
  topic: string,
  partition: number,
): Buffer {
  return new RequestWriter()
    .int16(API_DESCRIBE_PRODUCERS)
    .int16(DESCRIBE_PRODUCERS_VERSION)
    .int32(correlationId)
    .string(CLIENT_ID)
    .noTags()
    .unsignedVarint(2)
    .compactString(topic)
    .unsignedVarint(2)
    .int32(partition)
    .noTags()
    .noTags()
    .finish();
}

/** The newest sequence number that the log has of this producer; -1 when it knows none. */
export function decodeLastSequence(
  bytes: Buffer,
  size: number,
  producerId: bigint,
): { readonly error: number; readonly lastSequence: number } {
  const reader = new ResponseReader(bytes, 4, size);
  reader.skipTags();
  reader.int32();
  const topics = reader.compactLength();
  if (topics !== 1) throw malformedResponse(`${topics} topics, one was asked for`);
  reader.compactString();
  const partitions = reader.compactLength();
  if (partitions !== 1) throw malformedResponse(`${partitions} partitions, one was asked for`);
  reader.int32();
  const error = reader.int16();
  reader.compactString();
  let lastSequence = -1;
  for (let rest = reader.compactLength(); rest > 0; rest--) {
    const isOurs = reader.bigInt64() === producerId;
    reader.int32(); // epoch
    const sequence = reader.int32();
    reader.skip(8 + 4 + 8);
    reader.skipTags();
    if (isOurs) lastSequence = sequence;
  }
  return { error, lastSequence };
}
