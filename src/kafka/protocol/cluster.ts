/**
 * What only `vendaval doctor` asks: the whole cluster's metadata with what this user may do, the
 * ends of a partition's log, and a consumer group's members and offsets. Layouts:
 * https://kafka.apache.org/protocol
 */
import { malformedResponse, RequestWriter, ResponseReader } from './bytes.ts';
import {
  type ApiRanges,
  array,
  type BrokerAddress,
  type DescribedTopic,
  decodeMetadataAnswer,
  type MetadataAnswer,
} from './requests.ts';

const API_LIST_OFFSETS = 2;
const API_METADATA = 3;
const API_OFFSET_FETCH = 9;
const API_FIND_COORDINATOR = 10;
export const API_DESCRIBE_GROUPS = 15;
/** Each is spoken by every broker from Kafka 2.7 to 4. */
const LIST_OFFSETS_VERSION = 1;
const OFFSET_FETCH_VERSION = 7;
const FIND_COORDINATOR_VERSION = 3;
const DESCRIBE_GROUPS_VERSION = 5;
const CLIENT_ID = 'vendaval-doctor';

/** What the newest of the versions that each release brought says of the broker; newest first. */
const RELEASES: readonly [name: string, api: number, version: number][] = [
  ['4.1 or newer', 1, 18],
  ['4.0', 3, 13],
  ['3.9', 1, 17],
  ['3.8', 0, 11],
  ['3.7', 1, 16],
  ['3.5 or 3.6', 1, 15],
  ['3.2 to 3.4', 11, 9],
  ['3.1', 1, 13],
  ['3.0', 2, 7],
  ['2.8', 3, 11],
  ['2.7', 1, 12],
];

/** A broker does not tell its release, but each release speaks a version that was new with it. */
export function releaseOf(ranges: ApiRanges): string {
  const found = RELEASES.find(([, api, version]) => (ranges.get(api)?.[1] ?? -1) >= version);
  return found?.[0] ?? 'older than 2.7';
}

/** Bits of the operations that a user may do on a topic, as the broker tells them. */
const OPERATION_BIT = { read: 3, write: 4 } as const;
/** The broker does not tell. */
const UNKNOWN_OPERATIONS = -2_147_483_648;

export interface TopicRights {
  readonly read: boolean;
  readonly write: boolean;
}

export interface ListedTopic extends Omit<DescribedTopic, 'operations'> {
  /** null where the broker does not tell. */
  readonly rights: TopicRights | null;
}

export interface ClusterMetadata extends Omit<MetadataAnswer, 'topics'> {
  readonly topics: ReadonlyMap<string, ListedTopic>;
}

export function encodeClusterMetadata(correlationId: number, version: number): Buffer {
  const writer = new RequestWriter()
    .int16(API_METADATA)
    .int16(version)
    .int32(correlationId)
    .string(CLIENT_ID)
    .noTags()
    .unsignedVarint(0) // every topic
    .int8(0);
  if (version <= 10) writer.int8(0);
  return writer.int8(1).noTags().finish();
}

export function decodeClusterMetadata(
  bytes: Buffer,
  size: number,
  version: number,
): ClusterMetadata {
  const { topics, ...cluster } = decodeMetadataAnswer(bytes, size, version);
  const listed = topics.map(({ operations, ...topic }) => ({
    ...topic,
    rights: rightsOf(operations),
  }));
  return { ...cluster, topics: new Map(listed.map((topic) => [topic.name, topic])) };
}

function rightsOf(operations: number): TopicRights | null {
  if (operations === UNKNOWN_OPERATIONS) return null;
  const may = (bit: number) => ((operations >>> bit) & 1) === 1;
  return { read: may(OPERATION_BIT.read), write: may(OPERATION_BIT.write) };
}

/** Times that stand for the ends of a log. */
export const LOG_START = -2;
export const LOG_END = -1;

export function encodeListOffsets(
  correlationId: number,
  topic: string,
  partition: number,
  time: number,
): Buffer {
  return new RequestWriter()
    .int16(API_LIST_OFFSETS)
    .int16(LIST_OFFSETS_VERSION)
    .int32(correlationId)
    .string(CLIENT_ID)
    .int32(-1)
    .int32(1)
    .string(topic)
    .int32(1)
    .int32(partition)
    .int64(time)
    .finish();
}

export function decodeListOffsets(
  bytes: Buffer,
  size: number,
): { readonly error: number; readonly offset: number } {
  const reader = new ResponseReader(bytes, 4, size);
  const topics = reader.int32();
  if (topics !== 1) throw malformedResponse(`${topics} topics, one was asked for`);
  reader.skip(reader.int16());
  const partitions = reader.int32();
  if (partitions !== 1) throw malformedResponse(`${partitions} partitions, one was asked for`);
  reader.int32();
  const error = reader.int16();
  reader.skip(8); // the record's time
  return { error, offset: reader.int64() };
}

export function encodeFindCoordinator(correlationId: number, group: string): Buffer {
  return new RequestWriter()
    .int16(API_FIND_COORDINATOR)
    .int16(FIND_COORDINATOR_VERSION)
    .int32(correlationId)
    .string(CLIENT_ID)
    .noTags()
    .compactString(group)
    .int8(0)
    .noTags()
    .finish();
}

export function decodeFindCoordinator(
  bytes: Buffer,
  size: number,
): BrokerAddress & { readonly error: number } {
  const reader = new ResponseReader(bytes, 4, size);
  reader.skipTags();
  reader.int32();
  const error = reader.int16();
  reader.compactString();
  const id = reader.int32();
  return { error, id, host: reader.compactString() ?? '', port: reader.int32() };
}

export interface GroupMemberInfo {
  readonly clientId: string;
  readonly host: string;
}

export interface GroupInfo {
  readonly error: number;
  /** Stable, Empty, Dead, PreparingRebalance, CompletingRebalance. */
  readonly state: string;
  readonly members: readonly GroupMemberInfo[];
}

export function encodeDescribeGroup(correlationId: number, group: string): Buffer {
  return new RequestWriter()
    .int16(API_DESCRIBE_GROUPS)
    .int16(DESCRIBE_GROUPS_VERSION)
    .int32(correlationId)
    .string(CLIENT_ID)
    .noTags()
    .unsignedVarint(2)
    .compactString(group)
    .int8(0)
    .noTags()
    .finish();
}

export function decodeDescribeGroup(bytes: Buffer, size: number): GroupInfo {
  const reader = new ResponseReader(bytes, 4, size);
  reader.skipTags();
  reader.int32();
  const groups = reader.compactLength();
  if (groups !== 1) throw malformedResponse(`${groups} groups, one was asked for`);
  const error = reader.int16();
  reader.compactString();
  const state = reader.compactString() ?? '';
  reader.compactString();
  reader.compactString();
  const members = array(reader, () => {
    reader.compactString();
    reader.compactString();
    const clientId = reader.compactString() ?? '';
    const host = reader.compactString() ?? '';
    reader.skip(Math.max(0, reader.compactLength()));
    reader.skip(Math.max(0, reader.compactLength()));
    reader.skipTags();
    return { clientId, host: host.replace(/^\//, '') };
  });
  return { error, state, members };
}

/** Asks for every offset that the group has committed. */
export function encodeOffsetFetch(correlationId: number, group: string): Buffer {
  return new RequestWriter()
    .int16(API_OFFSET_FETCH)
    .int16(OFFSET_FETCH_VERSION)
    .int32(correlationId)
    .string(CLIENT_ID)
    .noTags()
    .compactString(group)
    .unsignedVarint(0)
    .int8(0)
    .noTags()
    .finish();
}

/** Committed offsets of the topic by partition; one that has none is left out. */
export function decodeOffsetFetch(
  bytes: Buffer,
  size: number,
  topic: string,
): { readonly error: number; readonly offsets: ReadonlyMap<number, number> } {
  const reader = new ResponseReader(bytes, 4, size);
  reader.skipTags();
  reader.int32();
  const offsets = new Map<number, number>();
  array(reader, () => {
    const isOurs = reader.compactString() === topic;
    array(reader, () => {
      const partition = reader.int32();
      const offset = reader.int64();
      if (isOurs && offset >= 0) offsets.set(partition, offset);
      reader.int32();
      reader.compactString();
      reader.int16();
      reader.skipTags();
    });
    reader.skipTags();
  });
  return { error: reader.int16(), offsets };
}
