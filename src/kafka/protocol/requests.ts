/**
 * The three requests that are ours: ApiVersions, Metadata and Fetch. Everything else of the
 * protocol is librdkafka's. Layouts: https://kafka.apache.org/protocol
 */
import { VendavalError } from '../../lib/errors.ts';
import { NO_TOPIC_ID } from '../../lib/topic-id.ts';
import { malformedResponse, RequestWriter, ResponseReader } from './bytes.ts';

const API_FETCH = 1;
const API_METADATA = 3;
const API_VERSIONS = 18;
const CLIENT_ID = 'vendaval';

/** By topic name; the oldest one with the flexible format and epochs. Kafka 2.7 and up. */
const FETCH_BY_NAME = 12;
/** By topic id, so that a topic made anew under the same name is told from the old one. */
const FETCH_BY_ID = 13;
/** That of Kafka 2.7, the first with topic ids (2.8), and the newest that we read. */
const METADATA_MIN = 9;
const METADATA_WITH_IDS = 10;
const METADATA_MAX = 12;
/** Of a partition in a Fetch response. */
const TAG_DIVERGING_EPOCH = 0;

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

/** Least and greatest version of each request that a broker speaks, by the request's key. */
export type ApiRanges = ReadonlyMap<number, readonly [number, number]>;

export function decodeApiRanges(bytes: Buffer, size: number): ApiRanges {
  const reader = new ResponseReader(bytes, 4, size);
  const error = reader.int16();
  if (error !== 0) throw malformedResponse(`ApiVersions error ${error}`);
  const ranges = new Map<number, [number, number]>();
  for (let rest = reader.int32(); rest > 0; rest--) {
    ranges.set(reader.int16(), [reader.int16(), reader.int16()]);
  }
  return ranges;
}

/** Picks the versions that both sides speak; throws when the broker is too old or too new. */
export function usableVersions(ranges: ApiRanges): ApiVersions {
  const pick = (api: number, name: string, min: number, max: number): number => {
    const [theirMin, theirMax] = ranges.get(api) ?? [0, -1];
    const version = Math.min(max, theirMax);
    if (version >= Math.max(min, theirMin)) return version;
    const isNewer = theirMin > max;
    throw new VendavalError(
      `the broker is too ${isNewer ? 'new' : 'old'}: it speaks ${name} versions ${theirMin} to ` +
        `${theirMax}, and ${min} to ${max} are needed`,
      {
        code: 'E_BROKER_VERSION',
        hint: isNewer
          ? 'Use a newer version of Vendaval.'
          : 'Use Apache Kafka 2.7 or newer, or a service that speaks its protocol.',
      },
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
    .raw(Buffer.alloc(version >= METADATA_WITH_IDS ? 16 : 0))
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

export function array<T>(reader: ResponseReader, item: () => T): T[] {
  const items: T[] = [];
  for (let rest = reader.compactLength(); rest > 0; rest--) items.push(item());
  return items;
}

export interface DescribedTopic {
  readonly error: number;
  readonly name: string;
  readonly topicId: string;
  readonly isInternal: boolean;
  /** In order of partition number. */
  readonly partitions: readonly PartitionMetadata[];
  /** What the asking user may do, as bits. */
  readonly operations: number;
}

export interface MetadataAnswer {
  readonly brokers: ReadonlyMap<number, BrokerAddress>;
  readonly clusterId: string | null;
  readonly controllerId: number;
  readonly topics: readonly DescribedTopic[];
}

/** Reads the answer to `encodeMetadata` for its one topic. */
export function decodeMetadata(bytes: Buffer, size: number, version: number): TopicMetadata {
  const { brokers, topics } = decodeMetadataAnswer(bytes, size, version);
  if (topics.length !== 1) throw malformedResponse(`${topics.length} topics, one was asked for`);
  const [{ error, topicId, partitions }] = topics;
  return { error, topicId, partitions, brokers };
}

export function decodeMetadataAnswer(bytes: Buffer, size: number, version: number): MetadataAnswer {
  const reader = new ResponseReader(bytes, 4, size);
  reader.skipTags();
  reader.int32();
  const brokers = array(reader, () => {
    const broker = { id: reader.int32(), host: reader.compactString() ?? '', port: reader.int32() };
    reader.compactString();
    reader.skipTags();
    return broker;
  });
  const clusterId = reader.compactString();
  const controllerId = reader.int32();
  const topics = array(reader, () => decodeTopic(reader, version));
  return {
    brokers: new Map(brokers.map((broker) => [broker.id, broker])),
    clusterId,
    controllerId,
    topics,
  };
}

function decodeTopic(reader: ResponseReader, version: number): DescribedTopic {
  const error = reader.int16();
  const name = reader.compactString() ?? '';
  const topicId = version >= METADATA_WITH_IDS ? reader.uuid() : NO_TOPIC_ID;
  const isInternal = reader.int8() === 1;
  const partitions = array(reader, () => decodePartition(reader));
  partitions.sort((a, b) => a.partition - b.partition);
  const operations = reader.int32();
  reader.skipTags();
  return { error, name, topicId, isInternal, partitions, operations };
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
  /** Where this process is, so that a leader can name a replica nearby; empty for anywhere. */
  readonly rack: string;
}

export interface FetchRequest {
  /** The whole request; what `set` takes is set anew for each fetch. */
  readonly bytes: Buffer;
  readonly version: number;
  /**
   * @param lastEpoch of the record before `offset`: the broker answers where the log was cut back
   *   if it has no longer what was read; -1 asks for no such check
   */
  set(correlationId: number, offset: number, lastEpoch: number, partitionBytesMax: number): void;
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
  writer.int64(0);
  const lastEpochAt = writer.position;
  writer.int32(-1).int64(-1);
  const bytesMaxAt = writer.position;
  writer.int32(0).noTags().noTags().unsignedVarint(1).compactString(target.rack).noTags();
  const bytes = writer.finish();
  return {
    bytes,
    version,
    set(correlationId, offset, lastEpoch, partitionBytesMax) {
      bytes.writeInt32BE(correlationId, 8);
      bytes.writeBigInt64BE(BigInt(offset), offsetAt);
      bytes.writeInt32BE(lastEpoch, lastEpochAt);
      bytes.writeInt32BE(partitionBytesMax, bytesMaxAt);
    },
  };
}

export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

/** The log was cut back at `endOffset`, where its epoch `epoch` ends, and went on otherwise. */
export interface LogDivergence {
  readonly epoch: number;
  readonly endOffset: number;
}

/** A Fetch response's head, and where its records lie. */
export interface FetchResponse {
  readonly error: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly aborted: readonly AbortedTransaction[];
  /** The replica that the leader would have us read from instead; -1 for none. */
  readonly preferredReplica: number;
  /** Up to where the log has the epoch that was read last; null while it has all of it. */
  readonly divergence: LogDivergence | null;
  readonly recordsStart: number;
  readonly recordsEnd: number;
}

const NO_RECORDS = {
  highWatermark: -1,
  lastStableOffset: -1,
  logStartOffset: -1,
  aborted: [],
  preferredReplica: -1,
  divergence: null,
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
  const preferredReplica = reader.int32();
  const recordBytes = Math.max(0, reader.compactLength());
  const recordsStart = reader.position;
  reader.skip(recordBytes);
  const divergence = decodePartitionTags(reader);
  return {
    error: partitionError,
    highWatermark,
    lastStableOffset,
    logStartOffset,
    aborted,
    preferredReplica,
    divergence,
    recordsStart,
    recordsEnd: recordsStart + recordBytes,
  };
}

/** What stands behind the records. Of the tags only the one for a divergence concerns us. */
function decodePartitionTags(reader: ResponseReader): LogDivergence | null {
  let divergence: LogDivergence | null = null;
  for (let rest = reader.unsignedVarint(); rest > 0; rest--) {
    const tag = reader.unsignedVarint();
    const end = reader.unsignedVarint() + reader.position;
    if (tag === TAG_DIVERGING_EPOCH) {
      divergence = { epoch: reader.int32(), endOffset: reader.int64() };
    }
    reader.skip(end - reader.position);
  }
  return divergence;
}
