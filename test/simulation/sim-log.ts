/**
 * The simulated Kafka topic: each partition's log as real record batches, which become readable as
 * time passes, and the connections that leases fetch over. Late answers, errors, corrupt batches
 * and silence are its faults; a record that it has shown is never changed.
 */
import { VendavalError } from '../../src/lib/errors.ts';
import type {
  FetchHandler,
  LeaseSession,
  OpenSession,
  ResponseBuffer,
} from '../../src/workers/fetch-session.ts';
import { saleJson } from '../parts/lease-regions.ts';
import { recordBatch } from '../parts/record-batch-builder.ts';
import type { PlannedPartition, PlannedRecord, Weather } from './plan.ts';
import { type Actor, EPOCH_MS, type World } from './world.ts';

/** Longer than the product asks for, and shorter than what a lease takes for a gap. */
const FETCH_WAIT_MS = 900;
const OFFSET_OUT_OF_RANGE = 1;
const NOT_LEADER = 6;
/** Where in a batch its first record lies; everything from the attributes on is under the CRC. */
const RECORDS_AT = 61;

export interface SimRecord {
  readonly offset: number;
  readonly planned: PlannedRecord;
  /** Epoch ms; -1 for a record that is no sale. */
  readonly eventMs: number;
  readonly kafkaMs: number;
}

interface SimBatch {
  readonly start: number;
  readonly end: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
}

export class SimPartition {
  readonly index: number;
  readonly records: SimRecord[] = [];
  readonly firstOffset: number;
  /** The log's start and end: offsets from `startOffset` on and below `endOffset` can be read. */
  startOffset: number;
  endOffset: number;
  /** Since when the log has ended where it ends. */
  endSinceMs: number;
  /** How long the log has ended at each offset where it once did. */
  readonly endedForMs = new Map<number, number>();
  readonly #batches: SimBatch[] = [];
  readonly #buffer: ResponseBuffer;
  #readable = 0;
  readonly #waiting = new Set<() => void>();

  constructor(index: number, planned: PlannedPartition, world: World) {
    this.index = index;
    this.firstOffset = planned.firstOffset;
    this.startOffset = planned.firstOffset;
    this.endOffset = planned.firstOffset;
    this.endSinceMs = planned.atMs;
    const encoded: Buffer[] = [];
    let position = 0;
    let next = planned.firstOffset;
    for (const batch of planned.batches) {
      const baseOffset = next + batch.gap;
      const bytes = this.#encode(baseOffset, batch.records);
      next = baseOffset + batch.records.length;
      const place = { start: position, end: position + bytes.length };
      this.#batches.push({ ...place, baseOffset, lastOffset: next - 1 });
      encoded.push(bytes);
      position += bytes.length;
      world.after(batch.atMs - world.nowMs, null, 'append', () => this.#append(world));
    }
    this.#buffer = withView(Buffer.concat(encoded));
  }

  #encode(baseOffset: number, planned: readonly PlannedRecord[]): Buffer {
    const records = planned.map((record, i) => {
      const offset = baseOffset + i;
      const kafkaMs = EPOCH_MS + record.kafkaMs;
      const eventMs = 'junk' in record ? -1 : EPOCH_MS + record.eventMs;
      this.records.push({ offset, planned: record, eventMs, kafkaMs });
      const value =
        'junk' in record ? record.junk : saleJson(record.categoria, record.centavos, eventMs);
      return { value, timestampMs: kafkaMs };
    });
    return recordBatch({ baseOffset, records, timestampMs: records[0].timestampMs });
  }

  #append(world: World): void {
    const batch = this.#batches[this.#readable++];
    this.endedForMs.set(this.endOffset, world.nowMs - this.endSinceMs);
    this.endOffset = batch.lastOffset + 1;
    this.endSinceMs = world.nowMs;
    world.tell('log', `partition ${this.index} has offsets up to ${batch.lastOffset}`);
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** How long the log has ended at `offset`, so far or as long as it did. */
  idleMs(offset: number, nowMs: number): number {
    if (offset === this.endOffset) return nowMs - this.endSinceMs;
    return this.endedForMs.get(offset) ?? 0;
  }

  /** Everything that was planned can be read. */
  get isComplete(): boolean {
    return this.#readable === this.#batches.length;
  }

  /** Calls back at the next append. @returns takes the call back */
  onAppend(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }

  /** Whole batches from the one with `offset` on, at most `count`; null when there is none yet. */
  batchesFrom(offset: number, count: number): { start: number; end: number } | null {
    const from = this.#batches.findIndex(({ lastOffset }) => lastOffset >= offset);
    if (from < 0 || from >= this.#readable) return null;
    const to = Math.min(this.#readable, from + count) - 1;
    return { start: this.#batches[from].start, end: this.#batches[to].end };
  }

  get buffer(): ResponseBuffer {
    return this.#buffer;
  }
}

function withView(bytes: Buffer): ResponseBuffer {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
}

function unreachable(): VendavalError {
  return new VendavalError('the connection broke', {
    code: 'E_BROKER_UNREACHABLE',
    retryable: true,
  });
}

/** One lease's connection to the broker. */
class SimSession implements LeaseSession {
  readonly #log: SimLog;
  readonly #partition: SimPartition;
  readonly #actor: Actor;
  readonly #handler: FetchHandler;
  #isClosed = false;

  constructor(log: SimLog, partition: SimPartition, actor: Actor, handler: FetchHandler) {
    this.#log = log;
    this.#partition = partition;
    this.#actor = actor;
    this.#handler = handler;
  }

  fetch(offset: number): void {
    const { world, weather } = this.#log;
    if (world.random.chance(weather.fetchFails)) return this.#break();
    world.after(world.delayMs(), null, 'fetch', () => this.#serve(offset));
  }

  close(): void {
    this.#isClosed = true;
  }

  #break(): void {
    const { world } = this.#log;
    world.after(world.delayMs(), this.#actor, 'broken', () => {
      if (this.#isClosed) return;
      this.#isClosed = true;
      this.#handler.closed(unreachable());
    });
  }

  /** In the broker. */
  #serve(offset: number): void {
    const log = this.#log;
    const { world, weather } = log;
    const { index, startOffset, endOffset } = this.#partition;
    if (this.#isClosed || !this.#actor.isAlive) return;
    if (log.isDown) return this.#break();
    if (log.greyUntilMs > world.nowMs) {
      world.after(log.greyUntilMs - world.nowMs, null, 'grey', () => this.#serve(offset));
      return;
    }
    if (world.random.chance(weather.fetchFails)) return this.#answer(NOT_LEADER);
    if (offset < startOffset || offset > endOffset) {
      world.tell(this.#actor.name, `fetch ${index} at ${offset}: the log begins at ${startOffset}`);
      return this.#answer(OFFSET_OUT_OF_RANGE);
    }
    if (offset < endOffset) return this.#answer(0, offset);
    const takeBack = this.#partition.onAppend(() => {
      timer.isCancelled = true;
      this.#serve(offset);
    });
    const timer = world.after(FETCH_WAIT_MS, null, 'nothing', () => {
      takeBack();
      this.#answer(0);
    });
  }

  #answer(error: number, offset?: number): void {
    const { world, weather } = this.#log;
    const { index, startOffset, endOffset } = this.#partition;
    const isError = error !== 0;
    let { buffer } = this.#partition;
    let found = offset === undefined ? null : this.#partition.batchesFrom(offset, this.#some());
    if (found && world.random.chance(weather.corruptFetch)) {
      buffer = damaged(buffer, found.start);
      world.tell(this.#actor.name, `fetch ${index} at ${offset} comes back damaged`);
    }
    found ??= { start: 0, end: 0 };
    const response = {
      error,
      highWatermark: isError ? -1 : endOffset,
      lastStableOffset: isError ? -1 : endOffset,
      logStartOffset: isError ? -1 : startOffset,
      aborted: [],
      preferredReplica: -1,
      divergence: null,
      recordsStart: found.start,
      recordsEnd: found.end,
    };
    world.after(world.delayMs(), this.#actor, 'fetched', () => {
      if (!this.#isClosed) this.#handler.fetched(response, buffer);
    });
  }

  #some(): number {
    return this.#log.world.random.pick([1, 2, 100]);
  }
}

function damaged(buffer: ResponseBuffer, batchStart: number): ResponseBuffer {
  const bytes = Buffer.from(buffer.bytes);
  bytes[batchStart + RECORDS_AT] ^= 0x40;
  return withView(bytes);
}

export class SimLog {
  readonly world: World;
  weather: Weather;
  readonly partitions: SimPartition[] = [];
  /** Connections break while it is down, and nothing is answered while it is grey. */
  isDown = false;
  greyUntilMs = 0;

  constructor(world: World, weather: Weather, planned: readonly PlannedPartition[]) {
    this.world = world;
    this.weather = weather;
    planned.forEach((partition, index) => {
      const add = () => this.partitions.push(new SimPartition(index, partition, world));
      if (partition.atMs === 0) add();
      else world.after(partition.atMs, null, 'new partition', add);
    });
  }

  /** For the leases of one thread. */
  opener(actor: Actor): OpenSession {
    return async (_place, target, _buffers, _usualBytes, handler) => {
      await this.world.pause(this.world.delayMs(), actor, 'connect');
      const { random } = this.world;
      if (this.isDown || random.chance(this.weather.fetchFails)) throw unreachable();
      return new SimSession(this, this.partitions[target.partition], actor, handler);
    };
  }
}
