/**
 * The rejected records of one delta, in shared memory, in log order: what a dead letter needs to
 * be told from every other and to be repaired. Written by the worker while its delta is active,
 * read by the coordinator while it is frozen. Append-only; a full log is back-pressure, never a
 * lost record.
 *
 * An entry, aligned to 8 bytes:
 *
 *     Float64 offset | Float64 timestamp ms | Int32 x 6: reason, flags, key, value, headers, detail
 *     key bytes | value bytes | raw record headers | detail (UTF-8)
 *
 * The last four Int32 are lengths in bytes; -1 stands for null.
 */
import { assert } from '../lib/assert.ts';
import type { ReasonCode } from '../sale/reasons.ts';
import type { DeltaOffsets, RegionLimits } from './layout.ts';

const ENTRY_HEADER_BYTES = 40;
const REJECT_BYTES_WORD = 1;
const FLAG_VALUE_OMITTED = 1;
/** Details are made by our own parser and short; longer ones are cut. */
const DETAIL_BYTES_MAX = 512;

/** A rejected record as it is handed to the dead-letter topic; owns its bytes. */
export interface RejectedRecord {
  readonly offset: number;
  /** The record's Kafka timestamp, milliseconds since the epoch; -1 when it has none. */
  readonly timestampMs: number;
  readonly reason: ReasonCode;
  readonly detail: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** True when the record is larger than the whole log, so that only its place is kept. */
  readonly valueOmitted: boolean;
  /** The record's headers as they stand in the batch: varint count, then key and value pairs. */
  readonly rawHeaders: Buffer;
}

/** Where a record's parts lie in a response buffer; an end below its start stands for null. */
export interface RecordSpans {
  keyStart: number;
  keyEnd: number;
  valueStart: number;
  valueEnd: number;
  headersStart: number;
  headersEnd: number;
}

export class RejectLog {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  readonly #counts: Int32Array;
  readonly #detail = Buffer.alloc(DETAIL_BYTES_MAX);

  constructor(buffer: SharedArrayBuffer, offsets: DeltaOffsets, limits: RegionLimits) {
    this.#bytes = Buffer.from(buffer, offsets.rejectLog, limits.rejectLogBytes);
    this.#view = new DataView(buffer, offsets.rejectLog, limits.rejectLogBytes);
    this.#counts = new Int32Array(buffer, offsets.counts, 2);
  }

  /** @returns false, with nothing written, when the entry needs a drained log first. */
  append(
    source: Buffer,
    spans: RecordSpans,
    offset: number,
    timestampMs: number,
    reason: ReasonCode,
    detail: string,
  ): boolean {
    // Writes whole characters only.
    const detailBytes = this.#detail.subarray(0, this.#detail.write(detail, 'utf8'));
    const parts = [
      [spans.keyStart, spans.keyEnd],
      [spans.valueStart, spans.valueEnd],
      [spans.headersStart, spans.headersEnd],
    ];
    const needed = (list: number[][]) =>
      list.reduce((sum, [start, end]) => sum + Math.max(0, end - start), 0) +
      ENTRY_HEADER_BYTES +
      detailBytes.length;
    const omitted = needed(parts) > this.#bytes.length;
    // Only its coordinates fit: they lead to the original, which the topic still holds.
    if (omitted) for (const part of parts) part[1] = part[0] - 1;
    let position = this.#counts[REJECT_BYTES_WORD];
    if (position + needed(parts) > this.#bytes.length) return false;
    const view = this.#view;
    view.setFloat64(position, offset);
    view.setFloat64(position + 8, timestampMs);
    view.setInt32(position + 16, reason);
    view.setInt32(position + 20, omitted ? FLAG_VALUE_OMITTED : 0);
    parts.forEach(([start, end], i) => {
      view.setInt32(position + 24 + i * 4, end < start ? -1 : end - start);
    });
    view.setInt32(position + 36, detailBytes.length);
    position += ENTRY_HEADER_BYTES;
    for (const [start, end] of parts) {
      if (end > start) position += source.copy(this.#bytes, position, start, end);
    }
    position += detailBytes.copy(this.#bytes, position);
    this.#counts[REJECT_BYTES_WORD] = Math.min((position + 7) & ~7, this.#bytes.length);
    return true;
  }

  /** Copies every entry out, oldest first. */
  read(): RejectedRecord[] {
    const records: RejectedRecord[] = [];
    const end = this.#counts[REJECT_BYTES_WORD];
    let position = 0;
    while (position + ENTRY_HEADER_BYTES <= end) {
      const start = position;
      position += ENTRY_HEADER_BYTES;
      const take = (lengthAt: number): Buffer | null => {
        const length = this.#view.getInt32(start + lengthAt);
        if (length < 0) return null;
        assert(position + length <= this.#bytes.length, 'reject entry lies within its log');
        const copy = Buffer.from(this.#bytes.subarray(position, position + length));
        position += length;
        return copy;
      };
      const key = take(24);
      const value = take(28);
      const rawHeaders = take(32) ?? Buffer.alloc(0);
      const detail = take(36)?.toString('utf8') ?? '';
      records.push({
        offset: this.#view.getFloat64(start),
        timestampMs: this.#view.getFloat64(start + 8),
        reason: this.#view.getInt32(start + 16),
        valueOmitted: (this.#view.getInt32(start + 20) & FLAG_VALUE_OMITTED) !== 0,
        detail,
        key,
        value,
        rawHeaders,
      });
      position = (position + 7) & ~7;
    }
    return records;
  }

  clear(): void {
    this.#counts[REJECT_BYTES_WORD] = 0;
  }

  get sizeBytes(): number {
    return this.#counts[REJECT_BYTES_WORD];
  }

  get isEmpty(): boolean {
    return this.#counts[REJECT_BYTES_WORD] === 0;
  }
}
