/**
 * Writes one record batch of format v2, uncompressed, with an idempotent producer's numbers, into
 * memory that the caller owns. Values are written in place: `open` says where a record's value
 * goes, the caller writes it there, `close` puts the record's head before it. The layout of a
 * batch's head is drawn in record-batch.ts.
 *
 * Records have no key and no headers. Nothing here knows what a value means, and nothing checks
 * that it fits: the caller asks for `bytes` and leaves `RECORD_HEAD_BYTES_MAX` for each record.
 */
import { crc32c } from '@node-rs/crc32';
import { BATCH_HEAD_BYTES, CRC_FROM } from './record-batch.ts';

/** Length, attributes, timestamp delta, offset delta, key length, value length, header count. */
export const RECORD_HEAD_BYTES_MAX = 5 + 1 + 9 + 5 + 1 + 5 + 1;

/** Sequence numbers are 31 bits wide and start again from 0. */
export const SEQUENCE_LIMIT = 2 ** 31;

export interface ProducerNumbers {
  readonly producerId: bigint;
  readonly epoch: number;
}

/** Bytes of the zigzag varint of a whole number from 0 to 2^53. */
function varintLength(value: number): number {
  if (value < 64) return 1;
  if (value < 8192) return 2;
  if (value < 1_048_576) return 3;
  let length = 4;
  for (let limit = 2 ** 27; value >= limit; limit *= 128) length++;
  return length;
}

export class RecordBatchWriter {
  /** Records closed so far. */
  count = 0;
  #buffer: Buffer = Buffer.alloc(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #start = 0;
  #end = 0;
  #baseMs = 0;
  #maxMs = 0;
  /** Of the open record: where its head goes, and its delta. */
  #headAt = 0;
  #deltaMs = 0;
  #valueAt = 0;
  /** Bytes that the two lengths of the last record took; the next one's are usually as long. */
  #lengthBytes = 2;
  #valueLengthBytes = 2;

  /** Starts a batch at `at`. `view` covers the same bytes. */
  begin(buffer: Buffer, view: DataView, at: number, timestampMs: number): void {
    this.#buffer = buffer;
    this.#view = view;
    this.#start = at;
    this.#end = at + BATCH_HEAD_BYTES;
    this.#baseMs = timestampMs;
    this.#maxMs = timestampMs;
    this.count = 0;
  }

  /** Bytes of the batch so far. */
  get bytes(): number {
    return this.#end - this.#start;
  }

  /** Where the next record's value goes. @param timestampMs at or after that of the batch */
  open(timestampMs: number): number {
    const deltaMs = timestampMs - this.#baseMs;
    if (timestampMs > this.#maxMs) this.#maxMs = timestampMs;
    this.#deltaMs = deltaMs;
    this.#headAt = this.#end;
    const deltas = varintLength(deltaMs) + varintLength(this.count);
    this.#valueAt = this.#end + this.#lengthBytes + 2 + deltas + this.#valueLengthBytes;
    return this.#valueAt;
  }

  /** The open record's value ends before `valueEnd`. */
  close(valueEnd: number): void {
    const size = valueEnd - this.#valueAt;
    const valueLengthBytes = varintLength(size);
    const deltas = varintLength(this.#deltaMs) + varintLength(this.count);
    const length = 1 + deltas + 1 + valueLengthBytes + size + 1;
    const lengthBytes = varintLength(length);
    const valueAt = this.#headAt + lengthBytes + 2 + deltas + valueLengthBytes;
    if (valueAt !== this.#valueAt) {
      this.#buffer.copyWithin(valueAt, this.#valueAt, valueEnd);
      this.#lengthBytes = lengthBytes;
      this.#valueLengthBytes = valueLengthBytes;
    }
    const view = this.#view;
    let at = this.#varint(this.#headAt, length);
    view.setUint8(at++, 0); // attributes
    at = this.#varint(at, this.#deltaMs);
    at = this.#varint(at, this.count);
    view.setUint8(at++, 1); // no key
    this.#varint(at, size);
    view.setUint8(valueAt + size, 0); // no headers
    this.#end = valueAt + size + 1;
    this.count++;
  }

  /** Completes the batch's head. Returns where the batch ends. */
  finish(producer: ProducerNumbers, baseSequence: number): number {
    const view = this.#view;
    const start = this.#start;
    view.setBigInt64(start, 0n);
    view.setInt32(start + 8, this.#end - start - 12);
    view.setInt32(start + 12, -1); // leader epoch: the broker's to set
    view.setInt8(start + 16, 2);
    view.setInt16(start + 21, 0);
    view.setInt32(start + 23, this.count - 1);
    view.setBigInt64(start + 27, BigInt(this.#baseMs));
    view.setBigInt64(start + 35, BigInt(this.#maxMs));
    view.setBigInt64(start + 43, producer.producerId);
    view.setInt16(start + 51, producer.epoch);
    view.setInt32(start + 53, baseSequence);
    view.setInt32(start + 57, this.count);
    view.setUint32(start + 17, crc32c(this.#buffer.subarray(start + CRC_FROM, this.#end)));
    return this.#end;
  }

  #varint(at: number, value: number): number {
    const view = this.#view;
    let position = at;
    let rest = value * 2;
    while (rest > 127) {
      view.setUint8(position++, (rest & 127) | 128);
      rest = rest < 2 ** 31 ? rest >>> 7 : Math.floor(rest / 128);
    }
    view.setUint8(position++, rest);
    return position;
  }
}
