/**
 * The records of one uncompressed batch, read plainly from the format's description; shares no code
 * with the reader in src/workers. https://kafka.apache.org/documentation/#recordbatch
 */
import { crc32c } from '@node-rs/crc32';

export interface BatchRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: number;
}

export interface PlainBatch {
  readonly producerId: bigint;
  readonly epoch: number;
  readonly baseSequence: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly records: readonly BatchRecord[];
}

/** Throws where the bytes contradict themselves. */
export function readBatch(bytes: Buffer): PlainBatch {
  let at = 61;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) break;
    }
    return Number((value >> 1n) ^ -(value & 1n));
  };
  const part = () => {
    const length = varint();
    if (length < 0) return null;
    at += length;
    return bytes.subarray(at - length, at);
  };
  const check = (holds: boolean, what: string) => {
    if (!holds) throw new Error(`a batch whose ${what} is wrong`);
  };
  const count = bytes.readInt32BE(57);
  const baseTimestamp = Number(bytes.readBigInt64BE(27));
  check(bytes.readInt32BE(8) === bytes.length - 12, 'length');
  check(bytes.readInt8(16) === 2, 'magic');
  check(bytes.readUInt32BE(17) === crc32c(bytes.subarray(21)), 'checksum');
  check(bytes.readInt16BE(21) === 0, 'attributes');
  check(bytes.readInt32BE(23) === count - 1, 'last offset delta');
  const records = Array.from({ length: count }, (_, i) => {
    const length = varint();
    const end = at + length;
    check(bytes[at++] === 0, "record's attributes");
    const timestamp = baseTimestamp + varint();
    check(varint() === i, 'offset delta');
    const record = { offset: i, timestamp, key: part(), value: part(), headers: varint() };
    check(at === end, "record's length");
    return record;
  });
  check(at === bytes.length, 'end');
  return {
    producerId: bytes.readBigInt64BE(43),
    epoch: bytes.readInt16BE(51),
    baseSequence: bytes.readInt32BE(53),
    baseTimestamp,
    maxTimestamp: Number(bytes.readBigInt64BE(35)),
    records,
  };
}
