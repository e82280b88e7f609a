/**
 * Record batches of format v2 as a broker stores them, made field by field from the format's
 * description and sharing no code with the reader in src/kafka. Every field can be set to
 * something that no broker would write. https://kafka.apache.org/documentation/#recordbatch
 */
import { crc32c } from '@node-rs/crc32';

type Bytes = Buffer | string | null;

export interface RecordSpec {
  readonly value: Bytes;
  readonly key?: Bytes;
  readonly headers?: readonly (readonly [name: string, value: Bytes])[];
  /** Default: the batch's. */
  readonly timestampMs?: number;
  /** Default: one past the record before, so that a larger one leaves a gap as compaction does. */
  readonly offset?: number;
  /** Instead of the true length of the record. */
  readonly lengthField?: number;
}

export interface BatchSpec {
  readonly baseOffset: number;
  readonly records: readonly RecordSpec[];
  /** Default: that of the last record. */
  readonly lastOffset?: number;
  readonly timestampMs?: number;
  /** Makes it a LogAppendTime batch with this time. */
  readonly appendTimeMs?: number;
  readonly transactional?: boolean;
  readonly control?: boolean;
  readonly producerId?: bigint;
  /** 1 gzip, 2 snappy, 3 lz4, 4 zstd: the label only, which `compress` makes true. */
  readonly codec?: number;
  /** What becomes of the records before they are stored. */
  readonly compress?: (records: Buffer) => Buffer;
  /** Instead of the true number of records. */
  readonly countField?: number;
}

const HEAD_BYTES = 61;
const CRC_AT = 17;
const CRC_COVERS_FROM = 21;
export const DEFAULT_TIMESTAMP_MS = Date.UTC(2024, 10, 25, 10, 30);

/** A zigzag varint. */
export function varint(value: number): Buffer {
  let rest = value < 0 ? BigInt(-value) * 2n - 1n : BigInt(value) * 2n;
  const bytes: number[] = [];
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

function prefixed(part: Bytes): Buffer {
  if (part === null) return varint(-1);
  const bytes = Buffer.from(part as string);
  return Buffer.concat([varint(bytes.length), bytes]);
}

/** The headers of one record as they stand in a batch. */
export function rawHeaders(headers: RecordSpec['headers'] = []): Buffer {
  const parts = headers.flatMap(([name, value]) => [prefixed(name), prefixed(value)]);
  return Buffer.concat([varint(headers.length), ...parts]);
}

function recordBytes(record: RecordSpec, offsetDelta: number, timestampDelta: number): Buffer {
  const body = Buffer.concat([
    Buffer.of(0),
    varint(timestampDelta),
    varint(offsetDelta),
    prefixed(record.key ?? null),
    prefixed(record.value),
    rawHeaders(record.headers),
  ]);
  return Buffer.concat([varint(record.lengthField ?? body.length), body]);
}

export function recordBatch(spec: BatchSpec): Buffer {
  const baseMs = spec.timestampMs ?? DEFAULT_TIMESTAMP_MS;
  let offset = spec.baseOffset - 1;
  const records = spec.records.map((record) => {
    offset = record.offset ?? offset + 1;
    return recordBytes(record, offset - spec.baseOffset, (record.timestampMs ?? baseMs) - baseMs);
  });
  const lastOffset = spec.lastOffset ?? offset;
  const times = spec.records.map(({ timestampMs }) => timestampMs ?? baseMs);
  const isAppendTime = spec.appendTimeMs !== undefined;
  const attributes =
    (spec.codec ?? 0) |
    (isAppendTime ? 0x08 : 0) |
    (spec.transactional ? 0x10 : 0) |
    (spec.control ? 0x20 : 0);
  const stored = spec.compress?.(Buffer.concat(records));
  const batch = Buffer.concat([Buffer.alloc(HEAD_BYTES), ...(stored ? [stored] : records)]);
  batch.writeBigInt64BE(BigInt(spec.baseOffset), 0);
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeInt32BE(7, 12); // leader epoch
  batch.writeInt8(2, 16);
  batch.writeInt16BE(attributes, 21);
  batch.writeInt32BE(lastOffset - spec.baseOffset, 23);
  batch.writeBigInt64BE(BigInt(baseMs), 27);
  batch.writeBigInt64BE(BigInt(spec.appendTimeMs ?? Math.max(baseMs, ...times)), 35);
  batch.writeBigInt64BE(spec.producerId ?? -1n, 43);
  batch.writeInt16BE(spec.producerId === undefined ? -1 : 0, 51);
  batch.writeInt32BE(-1, 53);
  batch.writeInt32BE(spec.countField ?? spec.records.length, 57);
  return sealed(batch);
}

/** The batch with its checksum made right again after a change; in place. */
export function sealed(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32c(batch.subarray(CRC_COVERS_FROM)), CRC_AT);
  return batch;
}

/** A transaction's marker: one control record. */
export function marker(offset: number, producerId: bigint, kind: 'commit' | 'abort'): Buffer {
  const key = Buffer.from([0, 0, 0, kind === 'abort' ? 0 : 1]);
  const value = Buffer.alloc(6);
  return recordBatch({
    baseOffset: offset,
    records: [{ key, value }],
    transactional: true,
    control: true,
    producerId,
  });
}

/** A message of format v1, as brokers before 0.11 wrote them. */
export function oldMessage(offset: number, value: string, timestampMs: number): Buffer {
  const payload = Buffer.from(value);
  const message = Buffer.alloc(34 + payload.length);
  message.writeBigInt64BE(BigInt(offset), 0);
  message.writeInt32BE(message.length - 12, 8);
  message.writeInt8(1, 16);
  message.writeBigInt64BE(BigInt(timestampMs), 18);
  message.writeInt32BE(-1, 26);
  message.writeInt32BE(payload.length, 30);
  payload.copy(message, 34);
  return message;
}
