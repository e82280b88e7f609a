/**
 * One record as it lies in a batch: its offset, its timestamp and where its parts are. Filled again
 * for each record; goes from one to the next, and says what is wrong with one that cannot be where
 * it is. What a value means is for others. Source: https://kafka.apache.org/documentation/#record
 *
 *     length varint | attributes i8 | timestamp delta varint | offset delta varint
 *     key length varint, key | value length varint, value | headers
 */
import type { BatchHead } from '../kafka/record-batch.ts';
import type { RecordSpans } from '../state/reject-log.ts';

/** A record whose parts are all empty or null. */
const LENGTH_MIN = 6;

export class RecordFrame implements RecordSpans {
  offset = Number.NaN;
  /** -1 for none. */
  timestampMs = Number.NaN;
  keyStart = 0;
  /** Before the start where there is no key, as of the value. */
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;
  headersStart = 0;
  headersEnd = 0;
  /** Where the next record begins. */
  end = 0;
  #position = 0;

  /** Stands before the batch's first record. */
  enter(head: BatchHead): void {
    this.end = head.recordsStart;
    this.offset = head.baseOffset - 1;
  }

  /**
   * Goes on to the batch's record number `index`, which begins at `end`.
   *
   * @param from of a record below this offset, the parts are not looked at
   * @returns what is wrong with it; empty for nothing
   */
  next(bytes: Buffer, head: BatchHead, index: number, from: number): string {
    this.#position = this.end;
    const length = this.#varint(bytes);
    const end = this.#position + length;
    if (!(length >= LENGTH_MIN) || end > head.end) return 'record length';
    // Seen before the last one is judged: a batch that is wrong is never passed as a whole.
    if ((end === head.end) !== (index === head.recordCount - 1)) {
      return `not ${head.recordCount} records`;
    }
    this.end = end;
    this.#position++; // attributes: none are defined
    const timestampDelta = this.#varint(bytes);
    const offset = head.baseOffset + this.#varint(bytes);
    const last = this.offset;
    this.offset = offset;
    // One that comes twice, or from before its batch, would pass for one that was read before.
    if (offset <= last) return comesAgain(this);
    if (offset < from) return '';
    this.timestampMs = head.timestampMs + (head.hasLogAppendTime ? 0 : timestampDelta);
    return this.#findParts(bytes) && offset <= head.lastOffset ? '' : isBroken(this);
  }

  /** @returns whether key and value end before the record does */
  #findParts(bytes: Buffer): boolean {
    const keyLength = this.#varint(bytes);
    this.keyStart = this.#position;
    this.keyEnd = this.keyStart + keyLength;
    if (keyLength > 0) this.#position += keyLength;
    const valueLength = this.#varint(bytes);
    this.valueStart = this.#position;
    this.valueEnd = this.valueStart + valueLength;
    this.headersStart = valueLength > 0 ? this.valueEnd : this.valueStart;
    this.headersEnd = this.end;
    return this.headersStart < this.end;
  }

  /** A zigzag varint of up to 64 bits; exact to 2^53. */
  #varint(bytes: Buffer): number {
    let byte = bytes[this.#position++];
    if (byte < 128) return (byte >>> 1) ^ -(byte & 1);
    let value = byte & 127;
    let scale = 128;
    for (let i = 1; i < 10; i++) {
      byte = bytes[this.#position++];
      value += (byte & 127) * scale;
      if (byte < 128) break;
      scale *= 128;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}

// Apart from where they are needed: there they would have every record's offset made an object.
const comesAgain = ({ offset }: RecordFrame) => `offset ${offset} comes again`;
const isBroken = ({ offset }: RecordFrame) => `record at offset ${offset}`;
