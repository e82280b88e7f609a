/**
 * The three requests that are ours: ApiVersions, Metadata and Fetch. Everything else of the
 * protocol is librdkafka's. Layouts: https://kafka.apache.org/protocol
 */
import { VendavalError } from '../../lib/errors.ts';
import { malformedResponse, RequestWriter, ResponseReader } from './bytes.ts';

const API_FETCH = 1;
const API_METADATA = 3;
const API_VERSIONS = 18;
const CLIENT_ID = 'vendaval';

/** By topic name; the oldest one with the flexible format and epochs. Kafka 2.7 and up. */
const FETCH_BY_NAME = 12;
/** By topic id, so that a topic made anew under the same name is told from the old one. */
const FETCH_BY_ID = 13;
/** The first version with topic ids, and the newest that we read. Kafka 2.8 and up. */
const METADATA_MIN = 10;
const METADATA_MAX = 12;

/** The id of a topic on a broker that gives none. */
export const NO_TOPIC_ID = '0'.repeat(32);

export interface ApiVersions {
  readonly fetch: number;
  readonly metadata: number;
}

export function encodeApiVersions(correlationId: number): Buffer {
  return new RequestWriter()
    .int16(API_VERSIONS)
    .int16(0)
    .int32(correlationId)
    .string(CLIENT_ID)
    .finish();
}

/** Picks the versions that both sides speak; throws when the broker is too old or too new. */
export function decodeApiVersions(bytes: Buffer, size: number): ApiVersions {
  const reader = new ResponseReader(bytes, 4, size);
  const error = reader.int16();
  if (error !== 0) throw malformedResponse(`ApiVersions error ${error}`);
  const ranges = new Map<number, [number, number]>();
  for (let rest = reader.int32(); rest > 0; rest--) {
    ranges.set(reader.int16(), [reader.int16(), reader.int16()]);
  }
  const pick = (api: number, name: string, min: number, max: number): number => {
    const [theirMin, theirMax] = ranges.get(api) ?? [0, -1];
    const version = Math.min(max, theirMax);
    if (version >= Math.max(min, theirMin)) return version;
    throw new VendavalError(
      `the broker speaks ${name} versions ${theirMin} to ${theirMax}, and ${min} to ${max} are needed`,
      { code: 'E_BROKER_VERSION', hint: 'Use Apache Kafka 2.8 or newer.' },
    );
  };
  return {
    fetch: pick(API_FETCH, 'Fetch', FETCH_BY_NAME, FETCH_BY_ID),
    metadata: pick(API_METADATA, 'Metadata', METADATA_MIN, METADATA_MAX),
  };
}

export function encodeMetadata(correlationId: number, version: number, topic: string): Buffer {
  return new RequestWriter()
    .int16(API_METADATA)
    .int16(version)
    .int32(correlationId)
    .string(CLIENT_ID)
    .noTags()
    .unsignedVarint(2)
    .raw(Buffer.alloc(16))
    .compactString(topic)
    .noTags()
    .int8(0)
    .raw(version <= 10 ? Buffer.alloc(2) : Buffer.alloc(1))
    .noTags()
    .finish();
}

export interface BrokerAddress {
  readonly id: number;
  readonly host: string;
  readonly port: number;
}

export interface PartitionMetadata {
  readonly partition: number;
  readonly error: number;
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly inSyncReplicas: readonly number[];
}

export interface TopicMetadata {
  readonly error: number;
  readonly topicId: string;
  readonly brokers: ReadonlyMap<number, BrokerAddress>;
  /** In order of partition number. */
  readonly partitions: readonly PartitionMetadata[];
}

function array<T>(reader: ResponseReader, item: () => T): T[] {
  const items: T[] = [];
  for (let rest = reader.compactLength(); rest > 0; rest--) items.push(item());
  return items;
}

/** Reads the answer to `encodeMetadata` for its one topic. */
export function decodeMetadata(bytes: Buffer, size: number): TopicMetadata {
  const reader = new ResponseReader(bytes, 4, size);
  reader.skipTags();
  reader.int32();
  const brokers = array(reader, () => {
    const broker = { id: reader.int32(), host: reader.compactString() ?? '', port: reader.int32() };
    reader.compactString();
    reader.skipTags();
    return broker;
  });
  reader.compactString();
  reader.int32();
  const topics = array(reader, () => {
    const error = reader.int16();
    reader.compactString();
    const topicId = reader.uuid();
    reader.int8();
    const partitions = array(reader, () => decodePartition(reader));
    reader.int32();
    reader.skipTags();
    return { error, topicId, partitions };
  });
  if (topics.length !== 1) throw malformedResponse(`${topics.length} topics, one was asked for`);
  const [{ error, topicId, partitions }] = topics;
  partitions.sort((a, b) => a.partition - b.partition);
  return { error, topicId, partitions, brokers: new Map(brokers.map((b) => [b.id, b])) };
}

function decodePartition(reader: ResponseReader): PartitionMetadata {
  const partition = {
    error: reader.int16(),
    partition: reader.int32(),
    leaderId: reader.int32(),
    leaderEpoch: reader.int32(),
    replicas: array(reader, () => reader.int32()),
    inSyncReplicas: array(reader, () => reader.int32()),
  };
  array(reader, () => reader.int32());
  reader.skipTags();
  return partition;
}

export interface FetchTarget {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly leaderEpoch: number;
}

export interface FetchRequest {
  /** The whole request; offset, size limit and correlation id are set anew for each fetch. */
  readonly bytes: Buffer;
  readonly version: number;
  set(correlationId: number, offset: number, partitionBytesMax: number): void;
}

/** Makes the one Fetch request that a connection sends again and again. */
export function prepareFetch(
  target: FetchTarget,
  versions: ApiVersions,
  waitMsMax: number,
): FetchRequest {
  const byId = versions.fetch >= FETCH_BY_ID && target.topicId !== NO_TOPIC_ID;
  const version = byId ? FETCH_BY_ID : FETCH_BY_NAME;
  const writer = new RequestWriter();
  writer.int16(API_FETCH).int16(version).int32(0).string(CLIENT_ID).noTags();
  // replica, wait, at least one byte, no limit over all partitions, read_committed, no session
  writer.int32(-1).int32(waitMsMax).int32(1).int32(0x7fffffff).int8(1).int32(0).int32(-1);
  writer.unsignedVarint(2);
  if (byId) writer.raw(Buffer.from(target.topicId, 'hex'));
  else writer.compactString(target.topic);
  writer.unsignedVarint(2).int32(target.partition).int32(target.leaderEpoch);
  const offsetAt = writer.position;
  writer.int64(0).int32(-1).int64(-1);
  const bytesMaxAt = writer.position;
  writer.int32(0).noTags().noTags().unsignedVarint(1).compactString('').noTags();
  const bytes = writer.finish();
  return {
    bytes,
    version,
    set(correlationId, offset, partitionBytesMax) {
      bytes.writeInt32BE(correlationId, 8);
      bytes.writeBigInt64BE(BigInt(offset), offsetAt);
      bytes.writeInt32BE(partitionBytesMax, bytesMaxAt);
    },
  };
}

export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

/** A Fetch response's head, and where its records lie. */
export interface FetchResponse {
  readonly error: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly aborted: readonly AbortedTransaction[];
  readonly recordsStart: number;
  readonly recordsEnd: number;
}

const NO_RECORDS = {
  highWatermark: -1,
  lastStableOffset: -1,
  logStartOffset: -1,
  aborted: [],
  recordsStart: 0,
  recordsEnd: 0,
} as const;

/** Reads the answer to a Fetch for one partition; `bytes` starts at the correlation id. */
export function decodeFetch(bytes: Buffer, size: number, version: number): FetchResponse {
  const reader = new ResponseReader(bytes, 4, size);
  reader.skipTags();
  reader.int32();
  const error = reader.int16();
  reader.int32();
  const topics = reader.compactLength();
  if (error !== 0 || topics === 0) return { error: error || -1, ...NO_RECORDS };
  if (topics !== 1) throw malformedResponse(`${topics} topics, one was asked for`);
  if (version >= FETCH_BY_ID) reader.uuid();
  else reader.compactString();
  const partitions = reader.compactLength();
  if (partitions !== 1) throw malformedResponse(`${partitions} partitions, one was asked for`);
  reader.int32();
  const partitionError = reader.int16();
  const highWatermark = reader.int64();
  const lastStableOffset = reader.int64();
  const logStartOffset = reader.int64();
  const aborted = array(reader, () => {
    const transaction = { producerId: reader.bigInt64(), firstOffset: reader.int64() };
    reader.skipTags();
    return transaction;
  });
  reader.int32();
  const recordBytes = Math.max(0, reader.compactLength());
  const recordsStart = reader.position;
  reader.skip(recordBytes);
  return {
    error: partitionError,
    highWatermark,
    lastStableOffset,
    logStartOffset,
    aborted,
    recordsStart,
    recordsEnd: recordsStart + recordBytes,
  };
}
