/**
 * The simulated Kafka topic and the connections that leases fetch over. Late answers, errors,
 * damaged batches and silence are its faults; a record that it has shown is never changed.
 */
import { VendavalError } from '../../src/lib/errors.ts';
import type {
  FetchHandler,
  LeaseSession,
  OpenSession,
  ResponseBuffer,
} from '../../src/workers/fetch-session.ts';
import type { PlannedPartition, Weather } from './plan.ts';
import { SimPartition, withView } from './sim-partition.ts';
import type { Actor, World } from './world.ts';

/** Longer than the product asks for, and shorter than what a lease takes for a gap. */
const FETCH_WAIT_MS = 900;
const OFFSET_OUT_OF_RANGE = 1;
const NOT_LEADER = 6;
/** Where in a batch its first record lies; everything from the attributes on is under the CRC. */
const RECORDS_AT = 61;

function unreachable(): VendavalError {
  return new VendavalError('the connection broke', {
    code: 'E_BROKER_UNREACHABLE',
    retryable: true,
  });
}

type Found = NonNullable<ReturnType<SimPartition['batchesFrom']>>;

/** One lease's connection to the broker. */
class SimSession implements LeaseSession {
  readonly endsAtMs = Number.POSITIVE_INFINITY;
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
    const found = this.#partition.batchesFrom(offset, world.random.pick([1, 2, 100]));
    if (found) return this.#answer(0, offset, found);
    const takeBack = this.#partition.onAppend(() => {
      timer.isCancelled = true;
      this.#serve(offset);
    });
    const timer = world.after(FETCH_WAIT_MS, null, 'nothing', () => {
      takeBack();
      this.#answer(0);
    });
  }

  #answer(error: number, offset = -1, found: Found | null = null): void {
    const { world, weather } = this.#log;
    const { index, startOffset, endOffset, stableOffset } = this.#partition;
    const isError = error !== 0;
    let { buffer } = this.#partition;
    if (found && world.random.chance(weather.corruptFetch)) {
      buffer = damaged(buffer, found.start);
      world.tell(this.#actor.name, `fetch ${index} at ${offset} comes back damaged`);
    }
    const response = {
      error,
      highWatermark: isError ? -1 : endOffset,
      lastStableOffset: isError ? -1 : stableOffset,
      logStartOffset: isError ? -1 : startOffset,
      aborted: found ? this.#partition.abortedIn(offset, found.lastOffset) : [],
      preferredReplica: -1,
      divergence: null,
      recordsStart: found?.start ?? 0,
      recordsEnd: found?.end ?? 0,
    };
    world.after(world.delayMs(), this.#actor, 'fetched', () => {
      if (!this.#isClosed) this.#handler.fetched(response, buffer);
    });
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
