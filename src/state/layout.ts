/**
 * The shape of the memory that one partition's worker and the coordinator share, and nothing
 * else. One SharedArrayBuffer for each lease; offsets are bytes from its start.
 *
 *     +--------------------+ 0
 *     | identity           |   magic, version, limits: written once, before the worker starts
 *     +--------------------+ 64
 *     | worker's words     |   FROZEN_SEQUENCE, DICTIONARY_COUNT         writer: the worker
 *     +--------------------+ 128
 *     | coordinator's words|   DRAINED_SEQUENCE                          writer: the coordinator
 *     +--------------------+ 192
 *     | live figures       |   Float64, for display only: may be a batch behind
 *     +--------------------+
 *     | delta 0            |   snapshot | table | reject log    the worker fills one delta while
 *     | delta 1            |   snapshot | table | reject log    the coordinator drains the other
 *     +--------------------+
 *     | dictionary         |   end offset of each name | names in UTF-8
 *     +--------------------+
 *
 * A delta:
 *
 *     snapshot     Float64 x SNAPSHOT_WORDS     valid once the delta is frozen
 *     counts       Int32 x 3: used, reject bytes, strained; padded to 64 bytes
 *     used         Int32 x slots                slots in order of first use
 *     window       Int32 x slots                window index, unsigned
 *     category     Int32 x slots                dictionary id
 *     count        Float64 x slots              0 marks a free slot
 *     centavos     Float64 x slots
 *     menor, maior Float64 x slots              least and greatest valor, in centavos
 *     reject log   bytes
 */
import { assert } from '../lib/assert.ts';
import { REASONS } from '../sale/reasons.ts';
import { CATEGORY_BYTES_MAX, SALES_PER_BATCH_MAX } from '../sale/rules.ts';

export const MAGIC = 0x56445641; // "VDVA"
export const LAYOUT_VERSION = 3;

const LINE_BYTES = 64;
const align = (bytes: number) => Math.ceil(bytes / LINE_BYTES) * LINE_BYTES;

/** How much one checkpoint can hold. The defaults suit three partitions and two hundred alike. */
export interface TableLimits {
  /** Slots that a delta table may grow to, a power of two; three quarters are used at most. */
  readonly tableSlots: number;
  /** Bytes for the rejected records of one checkpoint. */
  readonly rejectLogBytes: number;
}

export const DEFAULT_LIMITS: TableLimits = {
  tableSlots: 65_536,
  rejectLogBytes: 4 * 1024 * 1024,
};

/** Slots that a table begins with: what is never used is never in memory. */
export const FIRST_TABLE_SLOTS = 8192;

/** What a region is made for. */
export interface RegionLimits extends TableLimits {
  /** Most categories the dictionary admits. */
  readonly categoryCount: number;
}

/** How many slots of a table are used at most: three quarters. */
export const usedSlotsMax = (slots: number) => (slots >> 2) * 3;
assert(
  SALES_PER_BATCH_MAX <= usedSlotsMax(FIRST_TABLE_SLOTS),
  'an empty table has room for a whole batch',
);

/** Int32 word indices. */
export const WORD = {
  magic: 0,
  version: 1,
  tableSlots: 2,
  rejectLogBytes: 3,
  categoryCount: 4,
  frozenSequence: LINE_BYTES / 4,
  dictionaryCount: LINE_BYTES / 4 + 1,
  drainedSequence: (2 * LINE_BYTES) / 4,
} as const;

/** Indices into the live figures, Float64. */
export const LIVE = {
  /** Next offset to scan. */
  nextOffset: 0,
  /** The log's end as of the last response: high watermark. */
  highWatermark: 1,
  /** Last stable offset as of the last response: how far read_committed may read. */
  lastStableOffset: 2,
  counted: 3,
  rejected: 4,
  maxEventMs: 5,
  bytesRead: 6,
  /** A LEASE_STATE. */
  state: 7,
  /** 1 when the last successful fetch showed the end of the log. */
  atEnd: 8,
  /** Offset that the log's end had at the lease's first successful fetch; -1 before. */
  firstEndOffset: 9,
  logStartOffset: 10,
  fetches: 11,
  reconnects: 12,
  /** Wall clock when the lease's first and last records were read; 0 before. */
  firstRecordEpochMs: 13,
  lastRecordEpochMs: 14,
  /** Kafka timestamp of the newest batch that was judged; 0 before. */
  newestRecordMs: 15,
  /** When the lease's first answer came, by the clock that never steps; 0 before. */
  firstAnswerMs: 16,
} as const;
export const LIVE_WORDS = 17;

export const LEASE_STATE = {
  starting: 0,
  connecting: 1,
  fetching: 2,
  /** The table or the reject log is full; waits for the coordinator's next checkpoint. */
  full: 3,
  backingOff: 4,
  stopped: 5,
} as const;

/** Indices into a delta's snapshot, Float64: the state of the partition as of its end. */
export const SNAPSHOT = {
  /** Every offset below this one is in this delta or an earlier one. */
  nextOffset: 0,
  /** Greatest valid event time, or NO_EVENT_MS. */
  maxEventMs: 1,
  idleMs: 2,
  atEnd: 3,
  counted: 4,
  dictionaryCount: 5,
  /** Kafka timestamps of this delta's oldest and newest batch; -1 for none. For display only. */
  oldestRecordMs: 6,
  newestRecordMs: 7,
  /** One counter for each reason from here; index 0 (valid) stays unused. */
  rejected: 8,
  /** Of the counted ones, those that were late. */
  lateCounted: 29,
  /** Leader epoch and checksum of the batch before nextOffset: a BatchMark. */
  lastEpoch: 30,
  lastCrc: 31,
} as const;
export const SNAPSHOT_WORDS = 32;
assert(SNAPSHOT.rejected + REASONS.length <= SNAPSHOT.lateCounted, 'snapshot holds every reason');

export interface DeltaOffsets {
  readonly snapshot: number;
  readonly counts: number;
  readonly used: number;
  readonly window: number;
  readonly category: number;
  readonly count: number;
  readonly centavos: number;
  readonly menor: number;
  readonly maior: number;
  readonly rejectLog: number;
  readonly end: number;
}

export interface RegionOffsets {
  readonly live: number;
  readonly deltas: readonly [DeltaOffsets, DeltaOffsets];
  readonly dictionaryEnds: number;
  readonly dictionaryNames: number;
  readonly dictionaryNameBytes: number;
  readonly totalBytes: number;
}

function deltaOffsets(start: number, limits: RegionLimits): DeltaOffsets {
  const snapshot = start;
  const counts = snapshot + align(SNAPSHOT_WORDS * 8);
  const used = counts + LINE_BYTES;
  const window = used + align(limits.tableSlots * 4);
  const category = window + align(limits.tableSlots * 4);
  const count = category + align(limits.tableSlots * 4);
  const centavos = count + align(limits.tableSlots * 8);
  const menor = centavos + align(limits.tableSlots * 8);
  const maior = menor + align(limits.tableSlots * 8);
  const rejectLog = maior + align(limits.tableSlots * 8);
  const end = rejectLog + align(limits.rejectLogBytes);
  return {
    snapshot,
    counts,
    used,
    window,
    category,
    count,
    centavos,
    menor,
    maior,
    rejectLog,
    end,
  };
}

export function regionOffsets(limits: RegionLimits): RegionOffsets {
  const live = 3 * LINE_BYTES;
  const first = deltaOffsets(live + align(LIVE_WORDS * 8), limits);
  const second = deltaOffsets(first.end, limits);
  const dictionaryEnds = second.end;
  const dictionaryNames = dictionaryEnds + align(limits.categoryCount * 4);
  const dictionaryNameBytes = limits.categoryCount * CATEGORY_BYTES_MAX;
  return {
    live,
    deltas: [first, second],
    dictionaryEnds,
    dictionaryNames,
    dictionaryNameBytes,
    totalBytes: dictionaryNames + align(dictionaryNameBytes),
  };
}
