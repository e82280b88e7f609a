/**
 * What a partition's sales have come to: its time, its counters, and the active delta's sums. They
 * are changed here, and a sale that is in good form is judged here, in this order: future, late
 * (unless those are counted too), counted. A sale that a newer write already covers (`guards`)
 * advances time and counters, and is not added again.
 *
 * Sales come one by one, as rows of a BatchReader, or as a SaleBatch that was judged before; how
 * they are read, and what becomes of those that are rejected, is for others.
 */
import type { BatchHead } from '../kafka/record-batch.ts';
import { assert } from '../lib/assert.ts';
import type { FlatReader } from '../sale/flatbuffers/reader.ts';
import { REASON, REASONS, type ReasonCode } from '../sale/reasons.ts';
import type { BatchReader } from '../sale/simd/batch-reader.ts';
import type { WorkerRegion } from '../state/partition-region.ts';
import { WindowHorizon } from '../window/horizon.ts';
import type { LeaseStart, TimeRules } from './lease-protocol.ts';
import type { RecordFrame } from './record-frame.ts';

/** In place of a reason: the active delta must be drained first. */
export const FULL = -1;

interface Sale {
  readonly categoryId: number;
  readonly valorCentavos: number;
  readonly eventMs: number;
}

export class SaleLedger {
  readonly horizon: WindowHorizon;
  counted: number;
  /** Of those, the ones that were late. */
  lateCounted: number;
  /** By reason code. */
  readonly rejected: Float64Array;
  readonly #region: WorkerRegion;
  readonly #rules: TimeRules;
  /** `${window}|${categoria}` to ate; the replay has passed them all at `guardedBelow`. */
  readonly #guards = new Map<string, number>();
  #guardedBelow = 0;

  constructor(region: WorkerRegion, rules: TimeRules, start: LeaseStart) {
    this.#region = region;
    this.#rules = rules;
    this.horizon = new WindowHorizon(rules.windowMs, rules.watermarkDelayMs, start.maxEventMs);
    this.counted = start.counted;
    this.lateCounted = start.lateCounted;
    this.rejected = Float64Array.from(REASONS, (_, code) => start.rejected[code] ?? 0);
    for (const { window, categoria, ate } of start.guards) {
      this.#guards.set(`${window}|${categoria}`, ate);
      this.#guardedBelow = Math.max(this.#guardedBelow, ate);
    }
  }

  /** @returns VALID for a sale that is counted, FULL, or why it is not */
  add(sale: Sale, record: RecordFrame): ReasonCode | typeof FULL {
    const { categoryId, valorCentavos, eventMs } = sale;
    const { offset, timestampMs } = record;
    // A record without a timestamp (-1) gives nothing to judge the future by.
    if (timestampMs >= 0 && eventMs > timestampMs + this.#rules.futureToleranceMs) {
      return REASON.future_timestamp;
    }
    const window = Math.floor(eventMs / this.#rules.windowMs);
    const isLate = window < this.horizon.firstOpenWindow;
    if (isLate && this.#rules.late === 'reject') return REASON.late;
    if (offset >= this.#guardedBelow || !this.#isCovered(window, categoryId, offset)) {
      if (!this.#region.active.table.add(window, categoryId, valorCentavos)) return FULL;
    }
    this.counted++;
    if (isLate) this.lateCounted++;
    else this.horizon.advanceTo(eventMs);
    return REASON.valid;
  }

  /**
   * The reader's rows from number `row` on, up to the first of which it takes more than a look to
   * see that it is counted, or for which there is no room: that one is to be judged as a record.
   *
   * @param rows of them, as `read` said
   * @param nextOffset records below it were judged before
   * @returns the number of the row that it stopped at; `rows` for none
   */
  addRows(
    reader: BatchReader,
    head: BatchHead,
    row: number,
    rows: number,
    nextOffset: number,
  ): number {
    const certainFrom = Math.max(nextOffset, this.#guardedBelow);
    if (row === 0 && this.#addSums(reader, head, rows, certainFrom)) return rows;
    return this.#addEach(reader, head, row, rows, certainFrom);
  }

  /**
   * All rows, by their categories' sums: where the extremes of their times and offsets show that
   * each of them is counted, and in the same window.
   *
   * @returns false, with nothing changed, where that is not so, or the table may have no room
   */
  #addSums(reader: BatchReader, head: BatchHead, rows: number, certainFrom: number): boolean {
    const { summed, times, sums, offsetDelta } = reader;
    if (summed === 0) return false;
    const { windowMs, futureToleranceMs } = this.#rules;
    const { baseOffset, lastOffset, hasLogAppendTime, timestampMs } = head;
    const [leastMs, greatestMs, leadMs] = [times[0], times[1], times[2]];
    const window = Math.floor(leastMs / windowMs);
    const { table } = this.#region.active;
    const areCertain =
      greatestMs < (window + 1) * windowMs &&
      (hasLogAppendTime ? greatestMs : leadMs) <= timestampMs + futureToleranceMs &&
      window >= this.horizon.firstOpenWindow &&
      baseOffset + offsetDelta[0] >= certainFrom &&
      baseOffset + offsetDelta[rows - 1] <= lastOffset &&
      table.hasRoomFor(summed);
    if (!areCertain) return false;
    const { ids, count, centavos, menor, maior } = sums;
    for (let i = 0; i < summed; i++) {
      const id = ids[i];
      const isAdded = table.addSum(window, id, count[id], centavos[id], menor[id], maior[id]);
      assert(isAdded, 'a table with room takes a sum');
    }
    this.counted += rows;
    // It closes no window that they are in, whichever of them comes first.
    this.horizon.advanceTo(greatestMs);
    return true;
  }

  #addEach(
    reader: BatchReader,
    head: BatchHead,
    from: number,
    rows: number,
    certainFrom: number,
  ): number {
    // Locals, since a field of an object that changes with each row costs more than its sale.
    const { offsetDelta, categoryId, timestampDelta, centavos, eventMs } = reader;
    const { windowMs, futureToleranceMs } = this.#rules;
    const { horizon } = this;
    const { table } = this.#region.active;
    const { baseOffset, lastOffset, hasLogAppendTime, timestampMs: batchMs } = head;
    let { maxEventMs, firstOpenWindow, closesNextAtMs } = horizon;
    let window = 0;
    let windowStartMs = Number.POSITIVE_INFINITY;
    let row = from;
    for (; row < rows; row++) {
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
        window >= firstOpenWindow &&
        offset >= certainFrom &&
        offset <= lastOffset;
      if (!isCertain || !table.add(window, categoryId[row], centavos[row])) break;
      if (ms > maxEventMs) {
        maxEventMs = ms;
        if (ms >= closesNextAtMs) {
          horizon.advanceTo(ms);
          ({ firstOpenWindow, closesNextAtMs } = horizon);
        }
      }
    }
    this.counted += row - from;
    horizon.advanceTo(maxEventMs);
    return row;
  }

  /**
   * The sales of the reader's SaleBatch that were not rejected.
   *
   * @param newestMs the greatest event time of those that are not late
   */
  addSaleBatch(flat: FlatReader, offset: number, lateCount: number, newestMs: number): void {
    const { count, category, valorCentavos, eventMs } = flat;
    const { windowMs } = this.#rules;
    const { table } = this.#region.active;
    const mayBeCovered = offset < this.#guardedBelow;
    let window = 0;
    let windowStartMs = Number.POSITIVE_INFINITY;
    for (let i = 0; i < count; i++) {
      const id = category[i];
      if (id < 0) continue;
      const ms = eventMs[i];
      // As above.
      if (!(ms >= windowStartMs && ms < windowStartMs + windowMs)) {
        window = Math.floor(ms / windowMs);
        windowStartMs = window * windowMs;
      }
      if (mayBeCovered && this.#isCovered(window, id, offset)) continue;
      if (!table.add(window, id, valorCentavos[i]))
        throw new Error('a table had no room after all');
    }
    this.counted += count - flat.rejected.length;
    this.lateCounted += lateCount;
    this.horizon.advanceTo(newestMs);
  }

  #isCovered(window: number, category: number, offset: number): boolean {
    const ate = this.#guards.get(`${window}|${this.#region.dictionary.nameOf(category)}`);
    return ate !== undefined && offset < ate;
  }
}
