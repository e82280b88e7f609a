/**
 * The rejected records of one delta, in shared memory, in log order: what a dead letter needs to
 * be told from every other and to be repaired. Written by the worker while its delta is active,
 * read by the coordinator while it is frozen. Append-only; a full log is back-pressure, never a
 * lost record.
 *
 * An entry, aligned to 8 bytes:
 *
 *     Float64 offset | Float64 timestamp ms | Int32 x 8: reason, flags, key, value, headers, detail,
 *     item, 0 | key bytes | value bytes | raw record headers | detail (UTF-8)
 *
 * Key, value, headers and detail are lengths in bytes; -1 stands for null. Item is the index of a
 * sale in its batch, -1 where the whole record is meant.
 */
import { assert } from '../lib/assert.ts';
import type { RejectedItem } from '../sale/flatbuffers/reader.ts';
import type { ReasonCode } from '../sale/reasons.ts';
import { SALES_PER_BATCH_MAX } from '../sale/rules.ts';
import { DEFAULT_LIMITS, type DeltaOffsets, type RegionLimits } from './layout.ts';

const ENTRY_HEADER_BYTES = 48;
const REJECT_BYTES_WORD = 1;
const FLAG_VALUE_OMITTED = 1;
/** Details are made by our own parser and short; longer ones are cut. */
const DETAIL_BYTES_MAX = 512;
assert(
  SALES_PER_BATCH_MAX * (ENTRY_HEADER_BYTES + DETAIL_BYTES_MAX) <= DEFAULT_LIMITS.rejectLogBytes,
  'an empty log has room for the coordinates of a whole batch',
);

/** In place of an item: the record as a whole. */
export const WHOLE_RECORD = -1;

/** A rejected record, or one sale of a batch, as it is handed to the dead-letter topic; owns its bytes. */
export interface RejectedRecord {
  readonly offset: number;
  /** Which sale of a batch it is, from 0; WHOLE_RECORD where the value is the record's own. */
  readonly item: number;
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

/** A batch's sales as texts, by index. */
export interface ItemText {
  text(index: number): string;
  /** At least how many bytes `text` gives, known without making it. */
  bytesMin(index: number): number;
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

interface Place {
  readonly offset: number;
  readonly timestampMs: number;
  readonly item: number;
  readonly reason: ReasonCode;
  readonly detail: string;
}

interface Entry extends Place {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Buffer;
  /** Only the coordinates are kept. */
  readonly isOmitted: boolean;
}

const NOTHING = Buffer.alloc(0);

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

  /**
   * Appends a record, or only its coordinates when it is larger than the whole log: they lead to the
   * original, which the topic still holds.
   *
   * @returns false, with nothing written, when the entry needs a drained log first
   */
  append(
    source: Buffer,
    spans: RecordSpans,
    offset: number,
    timestampMs: number,
    reason: ReasonCode,
    detail: string,
  ): boolean {
    const value = part(source, spans.valueStart, spans.valueEnd);
    const place = { offset, timestampMs, item: WHOLE_RECORD, reason, detail };
    let entry: Entry = { ...place, ...partsBeside(source, spans), value, isOmitted: false };
    if (this.#bytesOf(entry) > this.#bytes.length) entry = coordinates(place);
    if (this.#position + this.#bytesOf(entry) > this.#bytes.length) return false;
    this.#put(entry);
    return true;
  }

  /**
   * Appends a letter for each of a batch's rejected sales, with the record's own key and headers, or
   * for all of them only their coordinates when they would not fit an empty log. Texts are asked for
   * no further than that is known, and not at all when their least sizes tell.
   *
   * @returns false, with nothing written, when they need a drained log first
   */
  appendItems(
    source: Buffer,
    spans: RecordSpans,
    offset: number,
    timestampMs: number,
    items: readonly RejectedItem[],
    textOf: ItemText,
  ): boolean {
    const beside = partsBeside(source, spans);
    const places = items.map(({ index, reason, detail }) => ({
      offset,
      timestampMs,
      item: index,
      reason,
      detail,
    }));
    const entries = this.#whole(places, beside, textOf) ?? places.map(coordinates);
    const needed = entries.reduce((sum, entry) => sum + aligned(this.#bytesOf(entry)), 0);
    assert(needed <= this.#bytes.length, "an empty log has room for a batch's coordinates");
    if (this.#position + needed > this.#bytes.length) return false;
    for (const entry of entries) this.#put(entry);
    return true;
  }

  /** The items' entries with their texts; null when they are too much for an empty log. */
  #whole(
    places: readonly Place[],
    beside: Pick<Entry, 'key' | 'headers'>,
    { bytesMin, text }: ItemText,
  ): Entry[] | null {
    const entries: Entry[] = [];
    let needed = 0;
    for (const place of places) {
      const entry = { ...place, ...beside, value: null, isOmitted: false };
      if (needed + this.#bytesOf(entry) + bytesMin(place.item) > this.#bytes.length) return null;
      const whole = { ...entry, value: Buffer.from(text(place.item)) };
      needed += aligned(this.#bytesOf(whole));
      if (needed > this.#bytes.length) return null;
      entries.push(whole);
    }
    return entries;
  }

  #bytesOf({ key, value, headers, detail }: Entry): number {
    const parts = (key?.length ?? 0) + (value?.length ?? 0) + headers.length;
    return ENTRY_HEADER_BYTES + parts + this.#detail.write(detail, 'utf8');
  }

  /** Writes an entry for which there is room. */
  #put({ offset, timestampMs, item, reason, detail, key, value, headers, isOmitted }: Entry): void {
    // Writes whole characters only.
    const detailBytes = this.#detail.subarray(0, this.#detail.write(detail, 'utf8'));
    const view = this.#view;
    let position = this.#position;
    view.setFloat64(position, offset);
    view.setFloat64(position + 8, timestampMs);
    view.setInt32(position + 16, reason);
    view.setInt32(position + 20, isOmitted ? FLAG_VALUE_OMITTED : 0);
    view.setInt32(position + 24, key?.length ?? -1);
    view.setInt32(position + 28, value?.length ?? -1);
    view.setInt32(position + 32, headers.length);
    view.setInt32(position + 36, detailBytes.length);
    view.setInt32(position + 40, item);
    position += ENTRY_HEADER_BYTES;
    for (const bytes of [key, value, headers, detailBytes]) {
      if (bytes !== null) position += bytes.copy(this.#bytes, position);
    }
    this.#counts[REJECT_BYTES_WORD] = Math.min(aligned(position), this.#bytes.length);
  }

  get #position(): number {
    return this.#counts[REJECT_BYTES_WORD];
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
        item: this.#view.getInt32(start + 40),
        timestampMs: this.#view.getFloat64(start + 8),
        reason: this.#view.getInt32(start + 16),
        valueOmitted: (this.#view.getInt32(start + 20) & FLAG_VALUE_OMITTED) !== 0,
        detail,
        key,
        value,
        rawHeaders,
      });
      position = aligned(position);
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

const aligned = (bytes: number) => (bytes + 7) & ~7;

function part(source: Buffer, start: number, end: number): Buffer | null {
  return end < start ? null : source.subarray(start, end);
}

function partsBeside(source: Buffer, spans: RecordSpans): Pick<Entry, 'key' | 'headers'> {
  const { keyStart, keyEnd, headersStart, headersEnd } = spans;
  const headers = source.subarray(headersStart, headersEnd);
  return { key: part(source, keyStart, keyEnd), headers };
}

function coordinates(place: Place): Entry {
  return { ...place, key: null, value: null, headers: NOTHING, isOmitted: true };
}
