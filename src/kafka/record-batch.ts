/**
 * Record batches of format v2 as they lie in a Fetch response. This file knows a batch's head and
 * how to go from one to the next; the records themselves are scanned in src/workers. Source:
 * https://kafka.apache.org/documentation/#recordbatch
 *
 *     0 base offset i64 | 8 length i32 | 12 leader epoch i32 | 16 magic i8 | 17 CRC-32C u32
 *     21 attributes i16 | 23 last offset delta i32 | 27 base timestamp i64 | 35 max timestamp i64
 *     43 producer id i64 | 51 producer epoch i16 | 53 base sequence i32 | 57 count i32 | 61 records
 */
import { VendavalError } from '../lib/errors.ts';
import type { AbortedTransaction } from './protocol/requests.ts';

export const BATCH_HEAD_BYTES = 61;
export const CRC_AT = 17;
export const CRC_FROM = 21;
const MAGIC_AT = 16;
/** Offset and length, which the length does not count. */
const LENGTH_PREFIX_BYTES = 12;

const ATTRIBUTE_CODEC_MASK = 0x07;
const ATTRIBUTE_LOG_APPEND_TIME = 0x08;
const ATTRIBUTE_TRANSACTIONAL = 0x10;
const ATTRIBUTE_CONTROL = 0x20;
export const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

export function int64At(view: DataView, position: number): number {
  return view.getInt32(position) * 2 ** 32 + view.getUint32(position + 4);
}

/** Where the batch at `start` ends, or -1 when it does not lie whole before `end`. */
export function batchEnd(view: DataView, start: number, end: number): number {
  // Before the length and the checksum, which the old formats have elsewhere or shorter.
  if (start + MAGIC_AT < end && isOldFormat(view.getInt8(start + MAGIC_AT))) {
    throw unreadableFormat(int64At(view, start), view.getInt8(start + MAGIC_AT));
  }
  if (start + BATCH_HEAD_BYTES > end) return -1;
  const length = view.getInt32(start + 8);
  if (length < BATCH_HEAD_BYTES - LENGTH_PREFIX_BYTES) {
    throw corruptBatch(int64At(view, start), `a length of ${length} bytes`);
  }
  const batchEndsAt = start + LENGTH_PREFIX_BYTES + length;
  return batchEndsAt > end ? -1 : batchEndsAt;
}

/** How long the batch at `start` says that it is; 0 when even that is cut off. */
export function firstBatchBytes(view: DataView, start: number, end: number): number {
  if (start + LENGTH_PREFIX_BYTES > end) return 0;
  return LENGTH_PREFIX_BYTES + view.getInt32(start + 8);
}

/**
 * The offset after the last whole batch between `start` and `end`, or `from`, whichever is
 * greater. Only a guess at what to fetch next: nothing is checked yet, and the scan, not this,
 * meets a batch that cannot be read.
 */
export function nextFetchOffset(view: DataView, start: number, end: number, from: number): number {
  let next = from;
  let position = start;
  for (;;) {
    let ends: number;
    try {
      ends = batchEnd(view, position, end);
    } catch {
      return next;
    }
    if (ends < 0) return next;
    const after = int64At(view, position) + view.getInt32(position + 23) + 1;
    if (!Number.isSafeInteger(after)) return next;
    next = Math.max(next, after);
    position = ends;
  }
}

/** A batch's head; one instance is filled again for each batch. */
export class BatchHead {
  baseOffset = 0;
  leaderEpoch = -1;
  crc = 0;
  lastOffset = 0;
  /** Base timestamp, to which records add a delta, or the one time of a LogAppendTime batch. */
  timestampMs = 0;
  hasLogAppendTime = false;
  isTransactional = false;
  isControl = false;
  producerId = -1n;
  /** An index into CODECS. */
  codec = 0;
  recordCount = 0;
  /** Where the records are; compressed ones are elsewhere once they are unpacked. */
  recordsStart = 0;
  end = 0;

  /** Compaction took records out of it, and made its checksum anew. */
  get isCompacted(): boolean {
    return this.recordCount <= this.lastOffset - this.baseOffset;
  }

  /** Reads the head at `start`; throws for formats that would give wrong numbers. */
  read(view: DataView, start: number, end: number): void {
    this.baseOffset = int64At(view, start);
    const magic = view.getInt8(start + MAGIC_AT);
    if (magic !== 2) throw unreadableFormat(this.baseOffset, magic);
    this.leaderEpoch = view.getInt32(start + 12);
    this.crc = view.getUint32(start + CRC_AT);
    const attributes = view.getInt16(start + 21);
    this.lastOffset = this.baseOffset + view.getInt32(start + 23);
    this.hasLogAppendTime = (attributes & ATTRIBUTE_LOG_APPEND_TIME) !== 0;
    this.timestampMs = int64At(view, start + (this.hasLogAppendTime ? 35 : 27));
    this.isTransactional = (attributes & ATTRIBUTE_TRANSACTIONAL) !== 0;
    this.isControl = (attributes & ATTRIBUTE_CONTROL) !== 0;
    this.producerId = view.getBigInt64(start + 43);
    this.recordCount = view.getInt32(start + 57);
    this.recordsStart = start + BATCH_HEAD_BYTES;
    this.end = end;
    this.codec = attributes & ATTRIBUTE_CODEC_MASK;
    if (this.codec >= CODECS.length && !this.isControl) {
      throw new VendavalError(
        `the batch at offset ${this.baseOffset} is compressed with codec ${this.codec}, ` +
          'which this version does not know',
        {
          code: 'E_UNKNOWN_CODEC',
          hint:
            `Known are ${CODECS.slice(1).join(', ')}. ` +
            'Nothing was counted or committed past this offset.',
        },
      );
    }
    if (this.recordCount < 0 || this.lastOffset < this.baseOffset) {
      throw corruptBatch(this.baseOffset, `${this.recordCount} records`);
    }
  }
}

const isOldFormat = (magic: number) => magic === 0 || magic === 1;

function unreadableFormat(offset: number, magic: number): VendavalError {
  return new VendavalError(
    `the batch at offset ${offset} has message format v${magic}, and v2 is read`,
    {
      code: 'E_MESSAGE_FORMAT',
      hint: 'Kafka 3.0 and newer write v2; the old segments must be rewritten, or deleted with kafka-delete-records.sh once they are not needed.',
    },
  );
}

export function corruptBatch(offset: number, what: string): VendavalError {
  return new VendavalError(`the batch at offset ${offset} is corrupt: ${what}`, {
    code: 'E_CORRUPT_BATCH',
    retryable: true,
    hint: 'Check the disk of the broker: bin/kafka-dump-log.sh --deep-iteration --files <segment>.',
  });
}

/**
 * Tells aborted batches, as read_committed consumers must. Fed with a response's aborted ranges
 * and then with each of its batches in offset order; a range lasts until its producer's marker.
 */
export class AbortedFilter {
  #ranges: AbortedTransaction[] = [];
  readonly #producers = new Set<bigint>();

  load(ranges: readonly AbortedTransaction[]): void {
    this.#producers.clear();
    this.#ranges = [...ranges].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** Whether the batch's records were rolled back. Asking twice gives the same answer. */
  isAborted(head: BatchHead): boolean {
    while (this.#ranges.length > 0 && this.#ranges[0].firstOffset <= head.lastOffset) {
      this.#producers.add(this.#ranges.shift()!.producerId);
    }
    return head.isTransactional && this.#producers.has(head.producerId);
  }

  /** A control batch passed. Commit markers of a producer end nothing that was aborted. */
  passControl(head: BatchHead, view: DataView): void {
    this.isAborted(head);
    if (isAbortMarker(head, view)) this.#producers.delete(head.producerId);
  }
}

/** A control record's key is version i16, type i16; type 0 is an abort. */
function isAbortMarker(head: BatchHead, view: DataView): boolean {
  let position = head.recordsStart;
  const skipVarint = () => {
    while (position < head.end && view.getUint8(position) > 127) position++;
    position++;
  };
  skipVarint(); // length
  position++; // attributes
  skipVarint(); // timestamp delta
  skipVarint(); // offset delta
  skipVarint(); // key length
  return position + 4 <= head.end && view.getInt16(position + 2) === 0;
}
