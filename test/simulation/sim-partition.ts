/**
 * One partition's log: real record batches that become readable as time passes, some of them in
 * transactions that stay open for a while and are then kept or rolled back.
 */
import type { ResponseBuffer } from '../../src/workers/fetch-session.ts';
import { saleJson } from '../parts/lease-regions.ts';
import { marker, recordBatch } from '../parts/record-batch-builder.ts';
import type { PlannedBatch, PlannedPartition, PlannedRecord } from './plan.ts';
import { EPOCH_MS, type World } from './world.ts';

export interface SimRecord {
  readonly offset: number;
  readonly planned: PlannedRecord;
  /** Epoch ms; -1 for a record that is no sale. */
  readonly eventMs: number;
  readonly kafkaMs: number;
}

interface Transaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
  readonly commits: boolean;
  /** Where its marker is, or will be. */
  endOffset: number;
}

/** What the broker gets at one moment: a batch of records, or the marker of a transaction. */
interface Append {
  readonly atMs: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** Where it lies in the log's bytes. */
  readonly start: number;
  readonly end: number;
  readonly begins: Transaction | null;
  readonly ends: Transaction | null;
}

/** The whole log, before any of it is readable. */
class Writing {
  readonly appends: Append[] = [];
  /** Those that count: not those of transactions that are rolled back. */
  readonly records: SimRecord[] = [];
  readonly transactions: Transaction[] = [];
  readonly #chunks: Buffer[] = [];
  readonly #open = new Map<PlannedBatch, Transaction>();
  #next: number;
  #position = 0;

  constructor({ firstOffset, batches }: PlannedPartition) {
    this.#next = firstOffset;
    for (const { atMs, batch, isMarker } of inOrder(batches)) {
      if (isMarker) this.#end(atMs, batch);
      else this.#write(atMs, batch);
    }
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  #write(atMs: number, batch: PlannedBatch): void {
    const baseOffset = this.#next + batch.gap;
    const records = batch.records.map((planned, i): SimRecord => {
      const eventMs = 'junk' in planned ? -1 : EPOCH_MS + planned.eventMs;
      return { offset: baseOffset + i, planned, eventMs, kafkaMs: EPOCH_MS + planned.kafkaMs };
    });
    const begins = this.#begin(batch, baseOffset);
    if (begins === null || begins.commits) this.records.push(...records);
    const bytes = recordBatch({
      baseOffset,
      timestampMs: records[0].kafkaMs,
      records: records.map(({ planned, eventMs, kafkaMs }) => ({
        value: jsonOf(planned, eventMs),
        timestampMs: kafkaMs,
      })),
      ...(begins ? { transactional: true, producerId: begins.producerId } : {}),
    });
    this.#append(bytes, { atMs, baseOffset, count: records.length, begins, ends: null });
  }

  #begin(batch: PlannedBatch, firstOffset: number): Transaction | null {
    if (!batch.transaction) return null;
    const taken = new Set([...this.#open.values()].map((open) => open.producerId));
    let producerId = 1n;
    // An id comes again as soon as its transaction is over.
    while (taken.has(producerId)) producerId++;
    const { commits } = batch.transaction;
    const begun = { producerId, firstOffset, commits, endOffset: Number.POSITIVE_INFINITY };
    this.#open.set(batch, begun);
    this.transactions.push(begun);
    return begun;
  }

  #end(atMs: number, batch: PlannedBatch): void {
    const ends = this.#open.get(batch)!;
    this.#open.delete(batch);
    ends.endOffset = this.#next;
    const bytes = marker(this.#next, ends.producerId, ends.commits ? 'commit' : 'abort');
    this.#append(bytes, { atMs, baseOffset: this.#next, count: 1, begins: null, ends });
  }

  #append(
    bytes: Buffer,
    { count, ...append }: Omit<Append, 'lastOffset' | 'start' | 'end'> & { count: number },
  ): void {
    const end = this.#position + bytes.length;
    const lastOffset = append.baseOffset + count - 1;
    this.appends.push({ ...append, lastOffset, start: this.#position, end });
    this.#chunks.push(bytes);
    this.#position = end;
    this.#next = lastOffset + 1;
  }
}

function jsonOf(planned: PlannedRecord, eventMs: number): string | null {
  if ('junk' in planned) return planned.junk;
  return saleJson(planned.categoria, planned.centavos, eventMs);
}

/** Batches, and the markers of their transactions, by time. */
function inOrder(batches: readonly PlannedBatch[]) {
  return batches
    .flatMap((batch) => {
      const { atMs, transaction } = batch;
      const written = { atMs, batch, isMarker: false };
      if (!transaction) return [written];
      return [written, { atMs: atMs + transaction.heldMs, batch, isMarker: true }];
    })
    .sort((a, b) => a.atMs - b.atMs);
}

export class SimPartition {
  readonly index: number;
  readonly records: readonly SimRecord[];
  readonly buffer: ResponseBuffer;
  readonly firstOffset: number;
  /** Offsets from here on and below `endOffset` are there. */
  startOffset: number;
  endOffset: number;
  #endSinceMs: number;
  /** How long the log has ended at each offset where it once did. */
  readonly #endedForMs = new Map<number, number>();
  readonly #appends: readonly Append[];
  readonly #transactions: readonly Transaction[];
  readonly #open = new Set<Transaction>();
  #readable = 0;
  readonly #waiting = new Set<() => void>();

  constructor(index: number, planned: PlannedPartition, world: World) {
    const writing = new Writing(planned);
    this.index = index;
    this.records = writing.records;
    this.buffer = withView(writing.bytes);
    this.firstOffset = planned.firstOffset;
    this.startOffset = planned.firstOffset;
    this.endOffset = planned.firstOffset;
    this.#endSinceMs = planned.atMs;
    this.#appends = writing.appends;
    this.#transactions = writing.transactions;
    for (const { atMs } of this.#appends) {
      world.after(atMs - world.nowMs, null, 'append', () => this.#append(world));
    }
  }

  #append(world: World): void {
    const { lastOffset, begins, ends } = this.#appends[this.#readable++];
    this.#endedForMs.set(this.endOffset, world.nowMs - this.#endSinceMs);
    this.endOffset = lastOffset + 1;
    this.#endSinceMs = world.nowMs;
    if (begins) this.#open.add(begins);
    if (ends) this.#open.delete(ends);
    world.tell('log', () => `partition ${this.index} ${told(lastOffset, begins, ends)}`);
    // Who finds nothing even now waits again.
    const woken = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of woken) wake();
  }

  /** Up to where it can be read: a transaction that is open holds back what comes after it. */
  get stableOffset(): number {
    let stable = this.endOffset;
    for (const { firstOffset } of this.#open) stable = Math.min(stable, firstOffset);
    return stable;
  }

  /** How long the log has ended at `offset`, so far or as long as it did. */
  idleMs(offset: number, nowMs: number): number {
    if (offset === this.endOffset) return nowMs - this.#endSinceMs;
    return this.#endedForMs.get(offset) ?? 0;
  }

  hasEndedAt(offset: number): boolean {
    return offset === this.endOffset || this.#endedForMs.has(offset);
  }

  /** Everything that was planned can be read. */
  get isComplete(): boolean {
    return this.#readable === this.#appends.length;
  }

  /** Calls back at the next append. @returns takes the call back */
  onAppend(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }

  /** Whole batches from the one with `offset` on, at most `count`; null when there is none yet. */
  batchesFrom(offset: number, count: number): Pick<Append, 'start' | 'end' | 'lastOffset'> | null {
    const { stableOffset } = this;
    const readable = this.#appends
      .slice(0, this.#readable)
      .filter(({ lastOffset }) => lastOffset >= offset && lastOffset < stableOffset)
      .slice(0, count);
    const last = readable.at(-1);
    return last ? { ...last, start: readable[0].start } : null;
  }

  /** The transactions that were rolled back and reach into these offsets, as a Fetch tells them. */
  abortedIn(from: number, last: number): { producerId: bigint; firstOffset: number }[] {
    return this.#transactions.filter(
      (transaction) =>
        !transaction.commits &&
        !this.#open.has(transaction) &&
        transaction.firstOffset <= last &&
        transaction.endOffset >= from,
    );
  }
}

function told(lastOffset: number, begins: Transaction | null, ends: Transaction | null): string {
  if (ends) return `${ends.commits ? 'keeps' : 'rolls back'} its transaction at ${lastOffset}`;
  return `has offsets up to ${lastOffset}${begins ? ', in an open transaction' : ''}`;
}

export function withView(bytes: Buffer): ResponseBuffer {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
}
