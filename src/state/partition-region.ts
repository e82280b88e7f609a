/**
 * One partition's shared memory and the hand-over of its two deltas. Contract:
 *
 * - The worker fills the active delta and freezes it when asked, only if the other one has been
 *   drained: FROZEN_SEQUENCE goes up by one, and the deltas change places.
 * - The coordinator drains the frozen delta, clears it and hands it back: DRAINED_SEQUENCE becomes
 *   FROZEN_SEQUENCE.
 *
 * So each delta has one owner at any time, and the two words are the only ones that order memory.
 */
import { assert } from '../lib/assert.ts';
import { REASONS } from '../sale/reasons.ts';
import type { BatchMark } from './batch-mark.ts';
import { CategoryDictionary } from './category-dictionary.ts';
import {
  LAYOUT_VERSION,
  LIVE,
  LIVE_WORDS,
  MAGIC,
  type RegionLimits,
  type RegionOffsets,
  regionOffsets,
  SNAPSHOT,
  SNAPSHOT_WORDS,
  WORD,
} from './layout.ts';
import { RejectLog } from './reject-log.ts';
import { SingleWriterTable } from './single-writer-table.ts';

export interface Delta {
  readonly snapshot: Float64Array;
  readonly table: SingleWriterTable;
  readonly rejectLog: RejectLog;
}

/** The partition as of the end of a frozen delta. */
export interface PartitionSnapshot {
  readonly nextOffset: number;
  readonly maxEventMs: number;
  readonly idleMs: number;
  readonly atEnd: boolean;
  readonly counted: number;
  readonly lateCounted: number;
  readonly dictionaryCount: number;
  /** Kafka timestamps of the oldest and newest batch in the delta; -1 for none. */
  readonly oldestRecordMs: number;
  readonly newestRecordMs: number;
  readonly lastBatch: BatchMark;
  /** Indexed by reason code. */
  readonly rejected: readonly number[];
}

/** Reserves and labels the memory for one lease; names are the dictionary as of its start. */
export function createRegion(limits: RegionLimits, names: readonly string[]): SharedArrayBuffer {
  const offsets = regionOffsets(limits);
  const buffer = new SharedArrayBuffer(offsets.totalBytes);
  const words = new Int32Array(buffer, 0, 48);
  words[WORD.version] = LAYOUT_VERSION;
  words[WORD.tableSlots] = limits.tableSlots;
  words[WORD.rejectLogBytes] = limits.rejectLogBytes;
  words[WORD.categoryCount] = limits.categoryCount;
  words[WORD.magic] = MAGIC;
  const live = new Float64Array(buffer, offsets.live, LIVE_WORDS);
  // Not left to the worker: before its thread has started, 0 would be taken for an empty log's end.
  live[LIVE.firstEndOffset] = -1;
  live[LIVE.highWatermark] = -1;
  const dictionary = new CategoryDictionary(buffer, offsets, limits);
  for (const name of names) {
    assert(dictionary.intern(name) >= 0, 'the stored dictionary is within its limit');
  }
  return buffer;
}

abstract class PartitionRegion {
  readonly sizeBytes: number;
  readonly live: Float64Array;
  readonly dictionary: CategoryDictionary;
  protected readonly words: Int32Array;
  protected readonly deltas: readonly [Delta, Delta];

  constructor(buffer: SharedArrayBuffer) {
    assert(buffer.byteLength >= 192, 'a region has its header');
    this.words = new Int32Array(buffer, 0, 48);
    assert(this.words[WORD.magic] === MAGIC, 'the buffer is a partition region');
    assert(this.words[WORD.version] === LAYOUT_VERSION, 'the region has this layout version');
    const limits: RegionLimits = {
      tableSlots: this.words[WORD.tableSlots],
      rejectLogBytes: this.words[WORD.rejectLogBytes],
      categoryCount: this.words[WORD.categoryCount],
    };
    const offsets = regionOffsets(limits);
    assert(buffer.byteLength === offsets.totalBytes, 'the region is as long as its limits say');
    this.sizeBytes = buffer.byteLength;
    this.live = new Float64Array(buffer, offsets.live, LIVE_WORDS);
    this.dictionary = new CategoryDictionary(buffer, offsets, limits);
    this.deltas = [attach(buffer, offsets, limits, 0), attach(buffer, offsets, limits, 1)];
  }
}

function attach(
  buffer: SharedArrayBuffer,
  offsets: RegionOffsets,
  limits: RegionLimits,
  index: 0 | 1,
): Delta {
  const delta = offsets.deltas[index];
  return {
    snapshot: new Float64Array(buffer, delta.snapshot, SNAPSHOT_WORDS),
    table: new SingleWriterTable(buffer, delta, limits),
    rejectLog: new RejectLog(buffer, delta, limits),
  };
}

/** The worker's side. */
export class WorkerRegion extends PartitionRegion {
  /** The delta that may be written. Changes only in `freeze`. */
  active: Delta = this.deltas[0];

  /** Whether the other delta has been drained, so that the active one may be frozen. */
  get canFreeze(): boolean {
    // Pairs with the store in CoordinatorRegion.release: without it this thread could write into
    // a delta whose rows the coordinator is still reading or clearing.
    return (
      Atomics.load(this.words, WORD.drainedSequence) ===
      Atomics.load(this.words, WORD.frozenSequence)
    );
  }

  /** Publishes the active delta with `snapshot` filled in, and goes on with the other one. */
  freeze(): number {
    assert(this.canFreeze, 'the other delta is drained before this one is frozen');
    const sequence = Atomics.load(this.words, WORD.frozenSequence) + 1;
    this.active = this.deltas[sequence & 1];
    // Rows and snapshot come before this word: whoever sees the new sequence sees all of them.
    Atomics.store(this.words, WORD.frozenSequence, sequence);
    return sequence;
  }
}

/** The coordinator's side. */
export class CoordinatorRegion extends PartitionRegion {
  /** The frozen delta that waits to be drained; null when there is none. */
  get frozen(): Delta | null {
    const sequence = Atomics.load(this.words, WORD.frozenSequence);
    if (sequence === Atomics.load(this.words, WORD.drainedSequence)) return null;
    return this.deltas[(sequence - 1) & 1];
  }

  /** Clears the frozen delta and hands it back to the worker. */
  release(): void {
    const frozen = this.frozen;
    assert(frozen !== null, 'only a frozen delta is handed back');
    frozen.table.clear();
    frozen.rejectLog.clear();
    // The clearing comes before this word: the worker may write as soon as it sees it.
    Atomics.store(this.words, WORD.drainedSequence, Atomics.load(this.words, WORD.frozenSequence));
  }
}

export function readSnapshot(delta: Delta): PartitionSnapshot {
  const words = delta.snapshot;
  return {
    nextOffset: words[SNAPSHOT.nextOffset],
    maxEventMs: words[SNAPSHOT.maxEventMs],
    idleMs: words[SNAPSHOT.idleMs],
    atEnd: words[SNAPSHOT.atEnd] === 1,
    counted: words[SNAPSHOT.counted],
    lateCounted: words[SNAPSHOT.lateCounted],
    dictionaryCount: words[SNAPSHOT.dictionaryCount],
    oldestRecordMs: words[SNAPSHOT.oldestRecordMs],
    newestRecordMs: words[SNAPSHOT.newestRecordMs],
    lastBatch: { epoch: words[SNAPSHOT.lastEpoch], crc: words[SNAPSHOT.lastCrc] },
    rejected: REASONS.map((_, code) => words[SNAPSHOT.rejected + code]),
  };
}
