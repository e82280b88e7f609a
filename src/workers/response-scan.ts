/**
 * The walk over one response's batches: each is checked, unpacked where it is compressed, and
 * handed to the accumulator, unless it was rolled back. May stop at a full delta or a codec that
 * is not loaded yet, and goes on from there. Knows nothing of connections.
 *
 * A batch's checksum leaves out its offset and its length. So that a changed one can't pass over
 * records or judge them twice, batches must follow each other without overlap, and one that does
 * not begin at the position (behind a gap that compaction made, or where a log was cut off within
 * it) must be seen so in a second response before it is believed.
 */
import { crc32c } from '@node-rs/crc32';
import { type Decompress, unpackBatch } from '../kafka/compression/codecs.ts';
import { UnpackedRecords } from '../kafka/compression/unpacked-records.ts';
import type { FetchResponse } from '../kafka/protocol/requests.ts';
import {
  AbortedFilter,
  BatchHead,
  batchEnd,
  CRC_AT,
  CRC_FROM,
  corruptBatch,
  int64At,
} from '../kafka/record-batch.ts';
import { failPoint } from '../lib/fail-point.ts';
import { otherLog } from './fetch-errors.ts';
import type { ResponseBuffer } from './fetch-session.ts';
import type { OffsetRange } from './lease-protocol.ts';
import type { PartitionAccumulator } from './partition-accumulator.ts';

/**
 * What stopped a scan: nothing, a full delta, a codec that is to be loaded first, or a batch at an
 * odd place, for which all is to be fetched again.
 */
export type ScanEnd = 'done' | 'full' | 'codec' | 'odd';

/** A response may hold records that came after its high watermark was taken; not this many. */
const OFFSETS_PAST_END_MAX = 1_000_000;
const NOT_UNPACKED = -1;

export class ResponseScan {
  readonly #accumulator: PartitionAccumulator;
  readonly #topic: string;
  readonly #partition: number;
  readonly #head = new BatchHead();
  readonly #aborted = new AbortedFilter();
  readonly #unpacked = new UnpackedRecords();
  /** By codec; those that a batch has needed. */
  readonly #codecs: (Decompress | undefined)[] = [];
  #response: FetchResponse | null = null;
  #buffer!: ResponseBuffer;
  /** Of the batch to go on with. */
  #position = 0;
  /** The batch at `position` passed its checksum and stands where it may. */
  #isVerified = false;
  /** It was compressed, and so many bytes of records are unpacked; a wait keeps them. */
  #unpackedBytes = NOT_UNPACKED;
  #hasGaps = false;
  /** A position, and where the batch began that came for it instead. */
  #odd: OffsetRange = { from: -1, to: -1 };
  /** The response starts one record early, with this batch; -1 when it does not. */
  #crcBefore = -1;

  /** The names are for messages. */
  constructor(accumulator: PartitionAccumulator, topic: string, partition: number) {
    this.#accumulator = accumulator;
    this.#topic = topic;
    this.#partition = partition;
  }

  /** The next response starts at the record before the position, to see whether it is the same. */
  probe(): void {
    this.#crcBefore = this.#accumulator.lastCrc;
  }

  forgetProbe(): void {
    this.#crcBefore = -1;
  }

  get isActive(): boolean {
    return this.#response !== null;
  }

  begin(response: FetchResponse, buffer: ResponseBuffer): void {
    this.#response = response;
    this.#buffer = buffer;
    this.#aborted.load(response.aborted);
    this.#goTo(response.recordsStart);
  }

  drop(): void {
    this.#response = null;
  }

  /** The batch that was looked at last. */
  get head(): BatchHead {
    return this.#head;
  }

  setCodec(codec: number, decompress: Decompress): void {
    this.#codecs[codec] = decompress;
  }

  /** Throws at a batch that cannot be read; all before it has its verdict. */
  run(): ScanEnd {
    const { bytes, view } = this.#buffer;
    const head = this.#head;
    for (;;) {
      const end = batchEnd(view, this.#position, this.#response!.recordsEnd);
      if (end < 0) return 'done';
      if (!this.#isVerified) {
        this.#checkSum(end);
        head.read(view, this.#position, end);
        if (!this.#stands()) return 'odd';
        this.#isVerified = true;
      }
      failPoint('in-batch');
      if (head.isControl) {
        this.#aborted.passControl(head, view);
        this.#accumulator.passBatch(head);
      } else if (this.#aborted.isAborted(head)) {
        this.#accumulator.passBatch(head);
      } else if (head.codec !== 0) {
        if (!this.#unpack()) return 'codec';
        const { bytes: records, view: recordsView } = this.#unpacked;
        if (!this.#accumulator.addBatch(records, recordsView, head)) return 'full';
        this.#unpacked.clear();
      } else if (!this.#accumulator.addBatch(bytes, view, head)) {
        return 'full';
      }
      this.#goTo(end);
    }
  }

  #goTo(position: number): void {
    this.#position = position;
    this.#isVerified = false;
    this.#unpackedBytes = NOT_UNPACKED;
  }

  #checkSum(end: number): void {
    if (hasRightSum(this.#buffer, this.#position, end)) return;
    throw corruptBatch(this.#accumulator.nextOffset, 'its checksum does not match');
  }

  /** @returns false when it does not begin where it should, and this is seen for the first time */
  #stands(): boolean {
    const { baseOffset, lastOffset } = this.#head;
    const { nextOffset, lastCrc } = this.#accumulator;
    if (this.#crcBefore >= 0 && baseOffset < nextOffset && lastOffset >= nextOffset - 1) {
      if (!this.#isSame(this.#crcBefore)) {
        throw otherLog(this.#topic, this.#partition, nextOffset);
      }
      this.#crcBefore = -1;
      return true;
    }
    if (lastOffset < nextOffset || (baseOffset < nextOffset && !this.#isSame(lastCrc))) {
      throw corruptBatch(nextOffset, `it claims offsets from ${baseOffset}, which were read`);
    }
    const end = this.#response!.highWatermark;
    if (lastOffset >= end + OFFSETS_PAST_END_MAX) {
      throw corruptBatch(nextOffset, `it claims offset ${lastOffset}, and the log ends at ${end}`);
    }
    const isAhead = baseOffset > nextOffset;
    if (baseOffset === nextOffset || (isAhead ? this.#hasGaps : lastCrc >= 0)) return true;
    const isSeenAgain = this.#odd.from === nextOffset && this.#odd.to === baseOffset;
    this.#odd = { from: nextOffset, to: baseOffset };
    this.#hasGaps ||= isAhead && isSeenAgain;
    return isSeenAgain;
  }

  /** Whether the batch is the one that was read up to the position. */
  #isSame(crc: number): boolean {
    return crc < 0 || crc === this.#head.crc || this.#head.isCompacted;
  }

  /**
   * Points the head at the batch's unpacked records.
   *
   * @returns false when the codec has to be loaded first
   */
  #unpack(): boolean {
    const head = this.#head;
    if (this.#unpackedBytes !== NOT_UNPACKED) {
      head.recordsStart = 0;
      head.end = this.#unpackedBytes;
      return true;
    }
    const decompress = this.#codecs[head.codec];
    if (!decompress) return false;
    unpackBatch(decompress, this.#buffer.bytes, head, this.#unpacked);
    this.#unpackedBytes = head.end;
    return true;
  }

  /**
   * What to pass over to get past the batch that `run` threw at; null when that can't be told. A
   * batch whose checksum holds says itself where it ends. Of another nothing is believed: it ends
   * where a batch begins whose checksum holds.
   */
  corruptRange(): OffsetRange | null {
    if (!this.#response) return null;
    const from = this.#accumulator.nextOffset;
    const to = this.#isVerified ? this.#head.lastOffset + 1 : this.#nextRightOffset();
    return to > from && to <= this.#response.highWatermark ? { from, to } : null;
  }

  /** The first offset of the next batch whose checksum holds; -1 when there is none. */
  #nextRightOffset(): number {
    const { view } = this.#buffer;
    const { recordsEnd } = this.#response!;
    try {
      let start = this.#position;
      let end = batchEnd(view, start, recordsEnd);
      while (end >= 0) {
        start = end;
        end = batchEnd(view, start, recordsEnd);
        if (end >= 0 && hasRightSum(this.#buffer, start, end)) return int64At(view, start);
      }
    } catch {
      // Its length leads nowhere.
    }
    return -1;
  }
}

function hasRightSum({ bytes, view }: ResponseBuffer, start: number, end: number): boolean {
  return crc32c(bytes.subarray(start + CRC_FROM, end)) === view.getUint32(start + CRC_AT);
}
