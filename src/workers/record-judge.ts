/**
 * One record's way to its verdict: its value is read, whatever form it has, and goes to the ledger
 * as a sale or to the reject log as it is. The reader's verdict (form, fields, category limit) comes
 * first, then the ledger's. No object, string or closure is made for a typical record.
 *
 * The sales of a SaleBatch are judged as if they were records one after the other at the same
 * offset; nothing of them is kept before there is room for all.
 */
import { assert } from '../lib/assert.ts';
import { jsonBytesMin, jsonText } from '../sale/flatbuffers/json-text.ts';
import { FlatReader, flatKindAt, KIND } from '../sale/flatbuffers/reader.ts';
import { KnownCategories } from '../sale/known-categories.ts';
import { REASON, type ReasonCode } from '../sale/reasons.ts';
import { SaleScanner } from '../sale/scanner.ts';
import type { BatchReader } from '../sale/simd/batch-reader.ts';
import type { WorkerRegion } from '../state/partition-region.ts';
import type { TimeRules } from './lease-protocol.ts';
import type { RecordFrame } from './record-frame.ts';
import { FULL, type SaleLedger } from './sale-ledger.ts';

const OPEN_BRACE = 123;

export class RecordJudge {
  readonly #region: WorkerRegion;
  readonly #rules: TimeRules;
  readonly #ledger: SaleLedger;
  /** Whoever read a single sale, its fields hold it. */
  readonly #scanner: SaleScanner;
  readonly #flat: FlatReader;
  /** Late sales of the SaleBatch that is being judged, where those are counted. */
  #lateInBatch = 0;

  /** @param reader learns the categories and minutes that are learned here */
  constructor(
    region: WorkerRegion,
    rules: TimeRules,
    ledger: SaleLedger,
    reader: BatchReader | null,
  ) {
    this.#region = region;
    this.#rules = rules;
    this.#ledger = ledger;
    const known = new KnownCategories(reader?.categories);
    const { timeZone } = rules;
    this.#scanner = new SaleScanner({ timeZone }, region.dictionary, known, reader?.minutes);
    this.#flat = new FlatReader(region.dictionary, known);
  }

  /** @returns false when the active delta is full: nothing of the record is kept then */
  judge(bytes: Buffer, view: DataView, record: RecordFrame): boolean {
    const reason = this.#add(bytes, view, record);
    if (reason === REASON.valid) return true;
    if (reason === FULL) return false;
    const { offset, timestampMs } = record;
    const { rejectLog } = this.#region.active;
    const detail = this.#detail(reason, timestampMs);
    if (!rejectLog.append(bytes, record, offset, timestampMs, reason, detail)) return false;
    this.#ledger.rejected[reason]++;
    return true;
  }

  #add(bytes: Buffer, view: DataView, record: RecordFrame): ReasonCode | typeof FULL {
    const start = record.valueStart;
    const end = Math.max(start, record.valueEnd);
    const scanner = this.#scanner;
    // JSON first: what reads as a sale in JSON is nothing else, and is not asked what it is.
    if (bytes[start] !== OPEN_BRACE || !scanner.scanInPlace(bytes, view, start, end)) {
      const kind = flatKindAt(view, start, end);
      if (kind === KIND.batch) return this.#addSaleBatch(bytes, view, start, end, record);
      const reason =
        kind === KIND.sale
          ? this.#readFlat(bytes, view, start, end)
          : this.#readJson(bytes, view, start, end);
      if (reason !== REASON.valid) return reason;
    }
    return this.#ledger.add(scanner, record);
  }

  #readJson(bytes: Buffer, view: DataView, start: number, end: number): ReasonCode {
    const scanner = this.#scanner;
    const wasTried = bytes[start] === OPEN_BRACE;
    return wasTried ? scanner.judge(bytes, start, end) : scanner.scan(bytes, view, start, end);
  }

  #readFlat(bytes: Buffer, view: DataView, start: number, end: number): ReasonCode {
    const flat = this.#flat;
    const scanner = this.#scanner;
    const reason = flat.readSale(bytes, view, start, end);
    scanner.detail = flat.detail;
    scanner.categoryId = flat.category[0];
    scanner.valorCentavos = flat.valorCentavos[0];
    scanner.eventMs = flat.eventMs[0];
    return reason;
  }

  /** All of its sales, or FULL and none; a reason rejects the batch as one record. */
  #addSaleBatch(
    bytes: Buffer,
    view: DataView,
    start: number,
    end: number,
    record: RecordFrame,
  ): ReasonCode | typeof FULL {
    const flat = this.#flat;
    const ledger = this.#ledger;
    const { offset, timestampMs } = record;
    const reason = flat.readBatch(bytes, view, start, end);
    this.#scanner.detail = flat.detail;
    if (reason !== REASON.valid) return reason;
    const { table, rejectLog } = this.#region.active;
    if (!table.hasRoomFor(flat.count)) {
      assert(table.size > 0, 'an empty table has room for a whole batch');
      return FULL;
    }
    const newestMs = this.#judgeTimes(timestampMs);
    const { rejected } = flat;
    if (rejected.length > 0) {
      const texts = {
        text: (index: number) => jsonText(flat.fieldsOf(bytes, view, index)),
        bytesMin: (index: number) => jsonBytesMin(flat.fieldsOf(bytes, view, index)),
      };
      if (!rejectLog.appendItems(bytes, record, offset, timestampMs, rejected, texts)) return FULL;
      for (const item of rejected) ledger.rejected[item.reason]++;
    }
    // Nothing can stop it from here on.
    ledger.addSaleBatch(flat, offset, this.#lateInBatch, newestMs);
    return REASON.valid;
  }

  /**
   * Judges each sale of the batch by the time as the ones before it in the batch have moved it.
   *
   * @returns the greatest event time of those that remain, or from before them
   */
  #judgeTimes(timestampMs: number): number {
    const flat = this.#flat;
    const { horizon } = this.#ledger;
    const { windowMs, futureToleranceMs, late } = this.#rules;
    this.#lateInBatch = 0;
    const latestMs = timestampMs >= 0 ? timestampMs + futureToleranceMs : Number.POSITIVE_INFINITY;
    // Mostly neither the oldest nor the newest gives a reason to look at each.
    const newestMs = Math.max(flat.eventMsMax, horizon.maxEventMs);
    const oldestWindow = Math.floor(flat.eventMsMin / windowMs);
    if (flat.eventMsMax <= latestMs && oldestWindow >= horizon.firstOpenAt(newestMs)) {
      return newestMs;
    }

    let { maxEventMs, firstOpenWindow } = horizon;
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
        firstOpenWindow = horizon.firstOpenAt(eventMs);
      }
    }
    flat.rejected.sort((a, b) => a.index - b.index);
    return maxEventMs;
  }

  #detail(reason: ReasonCode, timestampMs: number): string {
    const { eventMs, detail } = this.#scanner;
    if (reason === REASON.future_timestamp) return futureDetail(eventMs, timestampMs);
    if (reason === REASON.late) return lateDetail(eventMs, this.#ledger.horizon.maxEventMs);
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
