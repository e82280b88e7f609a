/**
 * The hot path: records of one batch, not or no longer compressed, into the active delta. A pure
 * function of the partition's log and the pinned rules: the state here after offset o is the same
 * on every replay. No object, string or closure is made for a typical record.
 *
 * A sale's verdict, in this order: the reader's (form, fields, category limit), future, late (unless
 * those are counted too), counted. A sale that a newer write already covers (`guards`) advances time and counters, and is
 * not added again. The sales of a SaleBatch are judged as if they were records one after the other
 * at the same offset; nothing of them is kept before there is room for all.
 */

import { type BatchHead, corruptBatch } from '../kafka/record-batch.ts';
import { assert } from '../lib/assert.ts';
import type { VendavalError } from '../lib/errors.ts';
import { jsonBytesMin, jsonText } from '../sale/flatbuffers/json-text.ts';
import { FlatReader, flatKindAt, KIND } from '../sale/flatbuffers/reader.ts';
import { KnownCategories } from '../sale/known-categories.ts';
import { REASON, REASONS } from '../sale/reasons.ts';
import { SaleScanner } from '../sale/scanner.ts';
import { BatchReader } from '../sale/simd/batch-reader.ts';
import { NO_MARK } from '../state/batch-mark.ts';
import { SNAPSHOT } from '../state/layout.ts';
import type { WorkerRegion } from '../state/partition-region.ts';
import type { RecordSpans } from '../state/reject-log.ts';
import type { SingleWriterTable } from '../state/single-writer-table.ts';
import { firstTimelyWindow } from '../window/watermark.ts';
import { windowEndMs } from '../window/window.ts';
import type { LeaseStart, TimeRules } from './lease-protocol.ts';

const OPEN_BRACE = 123;

/** The active delta must be drained first. */
const FULL = -1;
/** The value is a batch of sales. */
const SALE_BATCH = -2;

/**
 * Where the reader finds fewer rows than this before it stops, it is asked again after more and
 * more records only: asking costs as much as reading a few.
 */
const WORTH_ROWS = 8;
const PAUSE_MAX = 63;
/** A batch of fewer is not worth asking. */
const WORTH_RECORDS = 4;

/** A varint cursor over a response: the position moves, values come back as numbers. */
class RecordCursor {
  position = 0;

  /** A zigzag varint of up to 64 bits; exact to 2^53. */
  varint(bytes: Buffer): number {
    let byte = bytes[this.position++];
    if (byte < 128) return (byte >>> 1) ^ -(byte & 1);
    let value = byte & 127;
    let scale = 128;
    for (let i = 1; i < 10; i++) {
      byte = bytes[this.position++];
      value += (byte & 127) * scale;
      if (byte < 128) break;
      scale *= 128;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}

export class PartitionAccumulator {
  /** Every record below this offset has its verdict. */
  nextOffset: number;
  /** Of the batch before that offset; see BatchMark. */
  lastEpoch: number;
  lastCrc: number;
  maxEventMs: number;
  counted: number;
  /** Of those, the ones that were late. */
  lateCounted: number;
  readonly rejected: Float64Array;
  /** Kafka timestamps of the batches since the last snapshot, for display; -1 for none. */
  #oldestRecordMs = -1;
  #newestRecordMs = -1;
  readonly #region: WorkerRegion;
  /** Finds the plain sales; null where the scanner is to read all. */
  readonly #reader: BatchReader | null;
  readonly #scanner: SaleScanner;
  readonly #flat: FlatReader;
  readonly #rules: TimeRules;
  /** `${window}|${categoria}` to ate; empty once the replay has passed every one of them. */
  readonly #guards = new Map<string, number>();
  #guardedBelow = 0;
  /** Window indices below this one are late. */
  #firstOpenWindow: number;
  /** The event time that makes those more; before it, there is nothing to compute. */
  #opensAtMs = Number.NEGATIVE_INFINITY;
  /** Of the batch that is being judged: the offset of the record before. */
  #lastOffset = Number.NaN;
  /** Of the batch that is being judged: its late sales, where those are counted. */
  #lateInBatch = 0;
  readonly #cursor = new RecordCursor();
  readonly #spans: RecordSpans = {
    keyStart: 0,
    keyEnd: 0,
    valueStart: 0,
    valueEnd: 0,
    headersStart: 0,
    headersEnd: 0,
  };

  constructor(
    region: WorkerRegion,
    rules: TimeRules,
    start: LeaseStart,
    reader = BatchReader.make(),
  ) {
    this.#region = region;
    this.#rules = rules;
    this.#reader = reader;
    const known = new KnownCategories(reader?.categories);
    const { timeZone } = rules;
    this.#scanner = new SaleScanner({ timeZone }, region.dictionary, known, reader?.minutes);
    this.#flat = new FlatReader(region.dictionary, known);
    this.nextOffset = start.nextOffset;
    this.lastEpoch = start.lastBatch.epoch;
    this.lastCrc = start.lastBatch.crc;
    this.maxEventMs = start.maxEventMs;
    this.counted = start.counted;
    this.lateCounted = start.lateCounted;
    this.rejected = Float64Array.from(REASONS, (_, code) => start.rejected[code] ?? 0);
    this.#firstOpenWindow = this.#openFrom(start.maxEventMs);
    for (const { window, categoria, ate } of start.guards) {
      this.#guards.set(`${window}|${categoria}`, ate);
      this.#guardedBelow = Math.max(this.#guardedBelow, ate);
    }
  }

  /**
   * Judges the batch's records from `nextOffset` on. `view` covers the same bytes.
   *
   * @returns false when the active delta is full: call again with the same batch once it was
   *   frozen and another took its place; `nextOffset` is then the record to go on with
   */
  addBatch(bytes: Buffer, view: DataView, head: BatchHead): boolean {
    this.#noteTime(head.timestampMs);
    const cursor = this.#cursor;
    cursor.position = head.recordsStart;
    this.#lastOffset = head.baseOffset - 1;
    const reader = this.#reader;
    reader?.forget();
    let done = 0;
    let askAt = reader && head.recordCount >= WORTH_RECORDS ? 0 : Number.POSITIVE_INFINITY;
    let pause = 0;
    while (done < head.recordCount) {
      if (done >= askAt) {
        const lastDelta = this.#lastOffset - head.baseOffset;
        const left = head.recordCount - done;
        const rows = reader!.read(bytes, cursor.position, head.end, left, lastDelta);
        if (!this.#addTogether(head, rows) && !this.#addRows(bytes, view, head, rows, done)) {
          return this.#full(head);
        }
        cursor.position = reader!.position;
        done += rows;
        if (!reader!.isDeclined) continue;
        pause = rows >= WORTH_ROWS ? 1 : Math.min(2 * pause + 1, PAUSE_MAX);
        askAt = done + pause;
      }
      if (!this.#addRecord(bytes, view, head, done)) return this.#full(head);
      done++;
    }
    if (cursor.position !== head.end) throw this.#corrupt(head, 'not 0 records');
    this.passBatch(head);
    return true;
  }

  /**
   * The sales that the reader has found, by their categories' sums: where the extremes of their times
   * and offsets show that each of them is counted, and in the same window.
   *
   * @returns false, with nothing changed, where that is not so, or the table may have no room
   */
  #addTogether(head: BatchHead, rows: number): boolean {
    const { summed, times, sums, offsetDelta } = this.#reader!;
    if (summed === 0) return false;
    const { windowMs, futureToleranceMs } = this.#rules;
    const { baseOffset, lastOffset, hasLogAppendTime, timestampMs } = head;
    const [leastMs, greatestMs, leadMs] = [times[0], times[1], times[2]];
    const window = Math.floor(leastMs / windowMs);
    const lastRowOffset = baseOffset + offsetDelta[rows - 1];
    const { table } = this.#region.active;
    const areCertain =
      greatestMs < (window + 1) * windowMs &&
      (hasLogAppendTime ? greatestMs : leadMs) <= timestampMs + futureToleranceMs &&
      window >= this.#firstOpenWindow &&
      baseOffset + offsetDelta[0] >= Math.max(this.nextOffset, this.#guardedBelow) &&
      lastRowOffset <= lastOffset &&
      table.hasRoomFor(summed);
    if (!areCertain) return false;
    const { ids, count, centavos, menor, maior } = sums;
    for (let i = 0; i < summed; i++) {
      const id = ids[i];
      const isAdded = table.addSum(window, id, count[id], centavos[id], menor[id], maior[id]);
      assert(isAdded, 'a table with room takes a sum');
    }
    this.counted += rows;
    this.nextOffset = lastRowOffset + 1;
    // It closes no window that they are in, whichever of them comes first.
    if (greatestMs > this.maxEventMs) this.#advanceTo(greatestMs);
    this.#lastOffset = lastRowOffset;
    return true;
  }

  /**
   * The sales that the reader has found, from the batch's record number `done` on.
   *
   * @returns false when the delta is full
   */
  #addRows(bytes: Buffer, view: DataView, head: BatchHead, rows: number, done: number): boolean {
    // Locals, since a field of this object that changes with each row costs more than its sale.
    const { recordAt, offsetDelta, categoryId, timestampDelta, centavos, eventMs, shift } =
      this.#reader!;
    const { windowMs, futureToleranceMs } = this.#rules;
    const { table } = this.#region.active;
    const { baseOffset, lastOffset, hasLogAppendTime, timestampMs: batchMs } = head;
    const certainFrom = Math.max(this.nextOffset, this.#guardedBelow);
    let { counted, nextOffset, maxEventMs } = this;
    let window = 0;
    let windowStartMs = Number.POSITIVE_INFINITY;
    for (let row = 0; row < rows; row++) {
      const offset = baseOffset + offsetDelta[row];
      const ms = eventMs[row];
      // Sales of one batch are mostly of one window, and a division costs more than a comparison.
      if (!(ms >= windowStartMs && ms < windowStartMs + windowMs)) {
        window = Math.floor(ms / windowMs);
        windowStartMs = window * windowMs;
      }
      const timestampMs = hasLogAppendTime ? batchMs : batchMs + timestampDelta[row];
      const isCertain =
        ms <= timestampMs + futureToleranceMs &&
        window >= this.#firstOpenWindow &&
        offset >= certainFrom &&
        offset <= lastOffset;
      if (isCertain) {
        if (!table.add(window, categoryId[row], centavos[row])) {
          this.#keep(counted, nextOffset, maxEventMs);
          return false;
        }
        counted++;
        nextOffset = offset + 1;
        if (ms > maxEventMs) {
          maxEventMs = ms;
          if (ms >= this.#opensAtMs) this.#open(ms);
        }
      } else {
        this.#keep(counted, nextOffset, maxEventMs);
        this.#cursor.position = recordAt[row] + shift;
        this.#lastOffset = offset - 1;
        if (!this.#addRecord(bytes, view, head, done + row)) return false;
        ({ counted, nextOffset, maxEventMs } = this);
      }
    }
    this.#keep(counted, nextOffset, maxEventMs);
    if (rows > 0) this.#lastOffset = baseOffset + offsetDelta[rows - 1];
    return true;
  }

  #keep(counted: number, nextOffset: number, maxEventMs: number): void {
    this.counted = counted;
    this.nextOffset = nextOffset;
    this.maxEventMs = maxEventMs;
  }

  /**
   * Judges the batch's record number `index`, at the cursor, and leaves the cursor behind it.
   *
   * @returns false when the delta is full
   */
  #addRecord(bytes: Buffer, view: DataView, head: BatchHead, index: number): boolean {
    const cursor = this.#cursor;
    const length = cursor.varint(bytes);
    const end = cursor.position + length;
    if (!(length >= 6) || end > head.end) throw this.#corrupt(head, 'record length');
    // Seen before the last one is judged: a batch that is wrong is never passed as a whole.
    if ((end === head.end) !== (index === head.recordCount - 1)) {
      throw this.#corrupt(head, `not ${head.recordCount} records`);
    }
    cursor.position++; // attributes: none are defined
    const timestampDelta = cursor.varint(bytes);
    const offset = head.baseOffset + cursor.varint(bytes);
    // One that comes twice, or from before its batch, would pass for one that was read before.
    if (offset <= this.#lastOffset) throw this.#corrupt(head, `offset ${offset} comes again`);
    this.#lastOffset = offset;
    if (offset < this.nextOffset) {
      cursor.position = end;
      return true;
    }
    const keyLength = cursor.varint(bytes);
    const keyStart = cursor.position;
    if (keyLength > 0) cursor.position += keyLength;
    const valueLength = cursor.varint(bytes);
    const valueStart = cursor.position;
    const valueEnd = valueLength > 0 ? valueStart + valueLength : valueStart;
    if (valueEnd >= end || offset > head.lastOffset) {
      throw this.#corrupt(head, `record at offset ${offset}`);
    }
    const timestampMs = head.hasLogAppendTime
      ? head.timestampMs
      : head.timestampMs + timestampDelta;
    let reason = this.#judge(bytes, view, valueStart, valueEnd, offset, timestampMs);
    if (reason === SALE_BATCH) {
      this.#point(keyStart, keyLength, valueStart, valueLength, end);
      reason = this.#judgeSaleBatch(bytes, view, valueStart, valueEnd, offset, timestampMs);
    }
    if (reason < 0) return false;
    if (reason > 0) {
      this.#point(keyStart, keyLength, valueStart, valueLength, end);
      const detail = this.#detail(reason, timestampMs);
      const log = this.#region.active.rejectLog;
      if (!log.append(bytes, this.#spans, offset, timestampMs, reason, detail)) return false;
      this.rejected[reason]++;
    }
    this.nextOffset = offset + 1;
    cursor.position = end;
    return true;
  }

  /** Nothing more of the batch is to be judged: it is done, or a control or rolled-back one. */
  passBatch(head: BatchHead): void {
    this.nextOffset = Math.max(this.nextOffset, head.lastOffset + 1);
    this.#mark(head);
  }

  #full(head: BatchHead): false {
    // Where none of its records was judged yet, the batch before it is still the last one.
    if (this.nextOffset > head.baseOffset) this.#mark(head);
    return false;
  }

  /**
   * Where some of its records were judged, the position lies within it. It comes again, as it is
   * or repaired, which gives it another checksum: none is known, so that either may go on there.
   */
  #corrupt(head: BatchHead, what: string): VendavalError {
    if (this.nextOffset > head.baseOffset) {
      this.#mark(head);
      this.lastCrc = NO_MARK.crc;
    }
    return corruptBatch(head.baseOffset, what);
  }

  #mark(head: BatchHead): void {
    // Epochs never fall within a log. One that does was changed on its way, which no checksum
    // guards: it is better not known.
    this.lastEpoch = head.leaderEpoch >= this.lastEpoch ? head.leaderEpoch : -1;
    this.lastCrc = head.crc;
  }

  /** Fills the active delta's snapshot with the state as of `nextOffset`. */
  writeSnapshot(idleMs: number, atEnd: boolean): void {
    const words = this.#region.active.snapshot;
    words[SNAPSHOT.nextOffset] = this.nextOffset;
    words[SNAPSHOT.maxEventMs] = this.maxEventMs;
    words[SNAPSHOT.idleMs] = idleMs;
    words[SNAPSHOT.atEnd] = atEnd ? 1 : 0;
    words[SNAPSHOT.counted] = this.counted;
    words[SNAPSHOT.lateCounted] = this.lateCounted;
    words[SNAPSHOT.dictionaryCount] = this.#region.dictionary.size;
    words[SNAPSHOT.oldestRecordMs] = this.#oldestRecordMs;
    words[SNAPSHOT.newestRecordMs] = this.#newestRecordMs;
    this.#oldestRecordMs = -1;
    this.#newestRecordMs = -1;
    words[SNAPSHOT.lastEpoch] = this.lastEpoch;
    words[SNAPSHOT.lastCrc] = this.lastCrc;
    words.set(this.rejected, SNAPSHOT.rejected);
  }

  get newestRecordMs(): number {
    return this.#newestRecordMs;
  }

  #noteTime(batchMs: number): void {
    if (batchMs < 0) return;
    if (this.#oldestRecordMs < 0 || batchMs < this.#oldestRecordMs) this.#oldestRecordMs = batchMs;
    if (batchMs > this.#newestRecordMs) this.#newestRecordMs = batchMs;
  }

  get rejectedTotal(): number {
    return this.rejected.reduce((sum, count) => sum + count, 0);
  }

  #point(
    keyStart: number,
    keyLength: number,
    valueStart: number,
    valueLength: number,
    end: number,
  ): void {
    const spans = this.#spans;
    spans.keyStart = keyStart;
    spans.keyEnd = keyStart + keyLength;
    spans.valueStart = valueStart;
    spans.valueEnd = valueStart + valueLength;
    spans.headersStart = valueStart + Math.max(0, valueLength);
    spans.headersEnd = end;
  }

  /** @returns 0 counted, a reason code, FULL, or SALE_BATCH, which is for another function */
  #judge(
    bytes: Buffer,
    view: DataView,
    start: number,
    end: number,
    offset: number,
    timestampMs: number,
  ): number {
    const scanner = this.#scanner;
    // JSON first: what reads as a sale in JSON is nothing else, and is not asked what it is.
    if (bytes[start] !== OPEN_BRACE || !scanner.scanInPlace(bytes, view, start, end)) {
      const reason = this.#readOtherwise(bytes, view, start, end);
      if (reason !== REASON.valid) return reason;
    }
    const eventMs = scanner.eventMs;
    // A record without a timestamp (-1) gives nothing to judge the future by.
    if (timestampMs >= 0 && eventMs > timestampMs + this.#rules.futureToleranceMs) {
      return REASON.future_timestamp;
    }
    const window = Math.floor(eventMs / this.#rules.windowMs);
    if (window < this.#firstOpenWindow) return this.#judgeLate(window, offset);
    if (offset >= this.#guardedBelow || !this.#isCovered(window, scanner.categoryId, offset)) {
      if (!this.#region.active.table.add(window, scanner.categoryId, scanner.valorCentavos)) {
        return FULL;
      }
    }
    this.counted++;
    if (eventMs > this.maxEventMs) this.#advanceTo(eventMs);
    return 0;
  }

  /** The scanner's sale, whose window has closed for this partition; it moves no time. */
  #judgeLate(window: number, offset: number): number {
    if (this.#rules.late === 'reject') return REASON.late;
    const { categoryId, valorCentavos } = this.#scanner;
    if (offset >= this.#guardedBelow || !this.#isCovered(window, categoryId, offset)) {
      if (!this.#region.active.table.add(window, categoryId, valorCentavos)) return FULL;
    }
    this.counted++;
    this.lateCounted++;
    return 0;
  }

  /** Whatever is left: the scanner's fields then hold the sale, whoever read it. */
  #readOtherwise(bytes: Buffer, view: DataView, start: number, end: number): number {
    const kind = flatKindAt(view, start, end);
    if (kind === KIND.batch) return SALE_BATCH;
    const scanner = this.#scanner;
    if (kind === KIND.none) {
      const wasTried = bytes[start] === OPEN_BRACE;
      return wasTried ? scanner.judge(bytes, start, end) : scanner.scan(bytes, view, start, end);
    }
    const flat = this.#flat;
    const reason = flat.readSale(bytes, view, start, end);
    scanner.detail = flat.detail;
    scanner.categoryId = flat.category[0];
    scanner.valorCentavos = flat.valorCentavos[0];
    scanner.eventMs = flat.eventMs[0];
    return reason;
  }

  /** All of its sales, or FULL and none; a reason code rejects the batch as one record. */
  #judgeSaleBatch(
    bytes: Buffer,
    view: DataView,
    start: number,
    end: number,
    offset: number,
    timestampMs: number,
  ): number {
    const flat = this.#flat;
    const reason = flat.readBatch(bytes, view, start, end);
    this.#scanner.detail = flat.detail;
    if (reason !== REASON.valid) return reason;
    const { table, rejectLog } = this.#region.active;
    if (!table.hasRoomFor(flat.count)) {
      assert(table.size > 0, 'an empty table has room for a whole batch');
      return FULL;
    }
    const newestMs = this.#judgeTimes(timestampMs);
    if (flat.rejected.length > 0) {
      const texts = {
        text: (index: number) => jsonText(flat.fieldsOf(bytes, view, index)),
        bytesMin: (index: number) => jsonBytesMin(flat.fieldsOf(bytes, view, index)),
      };
      const { rejected } = flat;
      if (!rejectLog.appendItems(bytes, this.#spans, offset, timestampMs, rejected, texts)) {
        return FULL;
      }
      for (const item of rejected) this.rejected[item.reason]++;
    }
    // Nothing can stop it from here on.
    this.#addAll(table, offset);
    this.counted += flat.count - flat.rejected.length;
    this.lateCounted += this.#lateInBatch;
    if (newestMs > this.maxEventMs) this.#advanceTo(newestMs);
    return 0;
  }

  /**
   * Judges each sale of the batch by the time as the ones before it in the batch have moved it.
   *
   * @returns the greatest event time of those that remain; NO_EVENT_MS when none does
   */
  #judgeTimes(timestampMs: number): number {
    const flat = this.#flat;
    const { windowMs, futureToleranceMs, late } = this.#rules;
    this.#lateInBatch = 0;
    const latestMs = timestampMs >= 0 ? timestampMs + futureToleranceMs : Number.POSITIVE_INFINITY;
    // Mostly neither the oldest nor the newest gives a reason to look at each.
    const newestMs = Math.max(flat.eventMsMax, this.maxEventMs);
    const oldestWindow = Math.floor(flat.eventMsMin / windowMs);
    if (flat.eventMsMax <= latestMs && oldestWindow >= this.#openFrom(newestMs)) return newestMs;

    let maxEventMs = this.maxEventMs;
    let firstOpenWindow = this.#firstOpenWindow;
    for (let index = 0; index < flat.count; index++) {
      if (flat.category[index] < 0) continue;
      const eventMs = flat.eventMs[index];
      if (eventMs > latestMs) {
        const detail = futureDetail(eventMs, timestampMs);
        flat.reject({ index, reason: REASON.future_timestamp, detail });
      } else if (Math.floor(eventMs / windowMs) < firstOpenWindow) {
        if (late === 'count') this.#lateInBatch++;
        else flat.reject({ index, reason: REASON.late, detail: lateDetail(eventMs, maxEventMs) });
      } else if (eventMs > maxEventMs) {
        maxEventMs = eventMs;
        firstOpenWindow = this.#openFrom(eventMs);
      }
    }
    flat.rejected.sort((a, b) => a.index - b.index);
    return maxEventMs;
  }

  #addAll(table: SingleWriterTable, offset: number): void {
    const { count, category, valorCentavos, eventMs } = this.#flat;
    const { windowMs } = this.#rules;
    const mayBeCovered = offset < this.#guardedBelow;
    let window = 0;
    let windowStartMs = Number.POSITIVE_INFINITY;
    for (let i = 0; i < count; i++) {
      const id = category[i];
      if (id < 0) continue;
      const ms = eventMs[i];
      // Sales of one batch are mostly of one window, and a division costs more than a comparison.
      if (!(ms >= windowStartMs && ms < windowStartMs + windowMs)) {
        window = Math.floor(ms / windowMs);
        windowStartMs = window * windowMs;
      }
      if (mayBeCovered && this.#isCovered(window, id, offset)) continue;
      if (!table.add(window, id, valorCentavos[i]))
        throw new Error('a table had no room after all');
    }
  }

  #advanceTo(eventMs: number): void {
    this.maxEventMs = eventMs;
    if (eventMs >= this.#opensAtMs) this.#open(eventMs);
  }

  #open(eventMs: number): void {
    const { windowMs, watermarkDelayMs } = this.#rules;
    this.#firstOpenWindow = this.#openFrom(eventMs);
    this.#opensAtMs = windowEndMs(this.#firstOpenWindow, windowMs) + watermarkDelayMs;
  }

  #isCovered(window: number, category: number, offset: number): boolean {
    const ate = this.#guards.get(`${window}|${this.#region.dictionary.nameOf(category)}`);
    return ate !== undefined && offset < ate;
  }

  #openFrom(maxEventMs: number): number {
    return firstTimelyWindow(maxEventMs, this.#rules.watermarkDelayMs, this.#rules.windowMs);
  }

  #detail(reason: number, timestampMs: number): string {
    const { eventMs, detail } = this.#scanner;
    if (reason === REASON.future_timestamp) return futureDetail(eventMs, timestampMs);
    if (reason === REASON.late) return lateDetail(eventMs, this.maxEventMs);
    return detail;
  }
}

function futureDetail(eventMs: number, timestampMs: number): string {
  return `timestamp is ${eventMs - timestampMs} ms past the record's own Kafka timestamp`;
}

function lateDetail(eventMs: number, maxEventMs: number): string {
  const behindMs = maxEventMs - eventMs;
  return `its window had closed for this partition: ${behindMs} ms behind its newest sale`;
}
