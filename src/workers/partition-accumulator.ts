/**
 * The hot path: records of one batch, not or no longer compressed, into the active delta. A pure
 * function of the partition's log and the pinned rules: the state here after offset o is the same
 * on every replay.
 *
 * This class knows the position in the log, and which records of a batch are to be judged. Those
 * that the BatchReader has found go to the ledger as rows, many at once; every other one is framed
 * and judged on its own.
 */
import { type BatchHead, corruptBatch } from '../kafka/record-batch.ts';
import type { VendavalError } from '../lib/errors.ts';
import { BatchReader } from '../sale/simd/batch-reader.ts';
import { NO_MARK } from '../state/batch-mark.ts';
import { SNAPSHOT } from '../state/layout.ts';
import type { WorkerRegion } from '../state/partition-region.ts';
import type { LeaseStart, TimeRules } from './lease-protocol.ts';
import { RecordFrame } from './record-frame.ts';
import { RecordJudge } from './record-judge.ts';
import { SaleLedger } from './sale-ledger.ts';

/**
 * Where the reader finds fewer rows than this before it stops, it is asked again after more and
 * more records only: asking costs as much as reading a few.
 */
const WORTH_ROWS = 8;
const PAUSE_MAX = 63;
/** A batch of fewer is not worth asking. */
const WORTH_RECORDS = 4;

export class PartitionAccumulator {
  /** Every record below this offset has its verdict. */
  nextOffset: number;
  /** Of the batch before that offset; see BatchMark. */
  lastEpoch: number;
  lastCrc: number;
  /** Kafka timestamps of the batches since the last snapshot, for display; -1 for none. */
  #oldestRecordMs = -1;
  #newestRecordMs = -1;
  readonly #region: WorkerRegion;
  /** Finds the plain sales; null where each record is to be judged on its own. */
  readonly #reader: BatchReader | null;
  /** Of the batch that is being judged: the last record, however it was read. */
  readonly #record = new RecordFrame();
  readonly #ledger: SaleLedger;
  readonly #judge: RecordJudge;

  constructor(
    region: WorkerRegion,
    rules: TimeRules,
    start: LeaseStart,
    reader = BatchReader.make(),
  ) {
    this.#region = region;
    this.#reader = reader;
    this.#ledger = new SaleLedger(region, rules, start);
    this.#judge = new RecordJudge(region, rules, this.#ledger, reader);
    this.nextOffset = start.nextOffset;
    this.lastEpoch = start.lastBatch.epoch;
    this.lastCrc = start.lastBatch.crc;
  }

  /**
   * Judges the batch's records from `nextOffset` on. `view` covers the same bytes.
   *
   * @returns false when the active delta is full: call again with the same batch once it was
   *   frozen and another took its place; `nextOffset` is then the record to go on with
   */
  addBatch(bytes: Buffer, view: DataView, head: BatchHead): boolean {
    this.#noteTime(head.timestampMs);
    const record = this.#record;
    record.enter(head);
    const reader = this.#reader;
    reader?.forget();
    let done = 0;
    let askAt = reader && head.recordCount >= WORTH_RECORDS ? 0 : Number.POSITIVE_INFINITY;
    let pause = 0;
    while (done < head.recordCount) {
      if (done >= askAt) {
        const lastDelta = record.offset - head.baseOffset;
        const left = head.recordCount - done;
        const rows = reader!.read(bytes, record.end, head.end, left, lastDelta);
        if (!this.#addRows(bytes, view, head, rows, done)) return this.#full(head);
        done += rows;
        if (!reader!.isDeclined) continue;
        pause = rows >= WORTH_ROWS ? 1 : Math.min(2 * pause + 1, PAUSE_MAX);
        askAt = done + pause;
      }
      if (!this.#addRecord(bytes, view, head, done)) return this.#full(head);
      done++;
    }
    if (record.end !== head.end) throw this.#corrupt(head, 'not 0 records');
    this.passBatch(head);
    return true;
  }

  /**
   * The sales that the reader has found, from the batch's record number `done` on.
   *
   * @returns false when the delta is full
   */
  #addRows(bytes: Buffer, view: DataView, head: BatchHead, rows: number, done: number): boolean {
    const record = this.#record;
    const { offsetDelta, recordAt, shift, position } = this.#reader!;
    let row = 0;
    while (row < rows) {
      const stop = this.#ledger.addRows(this.#reader!, head, row, rows, this.nextOffset);
      if (stop > row) {
        record.offset = head.baseOffset + offsetDelta[stop - 1];
        this.nextOffset = record.offset + 1;
      }
      if (stop < rows) {
        record.end = recordAt[stop] + shift;
        if (!this.#addRecord(bytes, view, head, done + stop)) return false;
      }
      row = stop + 1;
    }
    record.end = position;
    return true;
  }

  /**
   * Judges the batch's record number `index`, the one behind the last.
   *
   * @returns false when the delta is full
   */
  #addRecord(bytes: Buffer, view: DataView, head: BatchHead, index: number): boolean {
    const record = this.#record;
    const wrong = record.next(bytes, head, index, this.nextOffset);
    if (wrong !== '') throw this.#corrupt(head, wrong);
    if (record.offset < this.nextOffset) return true;
    if (!this.#judge.judge(bytes, view, record)) return false;
    this.nextOffset = record.offset + 1;
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

  get maxEventMs(): number {
    return this.#ledger.horizon.maxEventMs;
  }

  get counted(): number {
    return this.#ledger.counted;
  }

  /** Of those, the ones that were late. */
  get lateCounted(): number {
    return this.#ledger.lateCounted;
  }

  /** By reason code. */
  get rejected(): Readonly<Float64Array> {
    return this.#ledger.rejected;
  }

  get rejectedTotal(): number {
    return this.rejected.reduce((sum, count) => sum + count, 0);
  }

  get newestRecordMs(): number {
    return this.#newestRecordMs;
  }

  #noteTime(batchMs: number): void {
    if (batchMs < 0) return;
    if (this.#oldestRecordMs < 0 || batchMs < this.#oldestRecordMs) this.#oldestRecordMs = batchMs;
    if (batchMs > this.#newestRecordMs) this.#newestRecordMs = batchMs;
  }
}
