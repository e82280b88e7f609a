/**
 * The engine's reading of Fetch responses without its connections, for the fuzzer: a response, and
 * then, as after an error, what a fetch from there on gives. What was counted is kept as plain values.
 */
import { loadCodec } from '../../src/kafka/compression/codecs.ts';
import { decodeFetch, type FetchResponse } from '../../src/kafka/protocol/requests.ts';
import { VendavalError } from '../../src/lib/errors.ts';
import type { RegionLimits } from '../../src/state/layout.ts';
import type { ResponseBuffer } from '../../src/workers/fetch-session.ts';
import { PartitionAccumulator } from '../../src/workers/partition-accumulator.ts';
import { ResponseScan } from '../../src/workers/response-scan.ts';
import { fetchResponse, TOPIC_ID } from './fetch-server.ts';
import { Drained, FROM_THE_START, type RegionPair, RULES, regionPair } from './lease-regions.ts';

/** An error, a wait and a gap for each batch at most; more turns are a hang. */
const TURNS_MAX = 200;
/** Checkpoints in one response. */
const WAITS_MAX = 10_000;
const CODES = new Set([
  ...['E_PROTOCOL', 'E_CORRUPT_BATCH', 'E_BATCH_TOO_LARGE', 'E_UNKNOWN_CODEC'],
  ...['E_MESSAGE_FORMAT', 'E_TOPIC_RECREATED'],
]);
const CODECS = await Promise.all([0, 1, 2, 3, 4].map((codec) => loadCodec(codec)));
/** The producer whose transactions are rolled back, and the one whose are not. */
export const ABORTED = 7n;
export const COMMITTED = 8n;

export type Random = () => number;
export const below = (random: Random, limit: number): number => Math.floor(random() * limit);
export const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)];

export interface LoggedBatch {
  readonly bytes: Buffer;
  readonly base: number;
  readonly last: number;
}

/** As a broker answers a fetch from this offset on. */
export function respond(
  log: readonly LoggedBatch[],
  from: number,
  aborted: readonly Aborted[],
): Buffer {
  const rest = log.filter(({ last }) => last >= from);
  return fetchResponse(13, TOPIC_ID, {
    records: Buffer.concat(rest.map(({ bytes }) => bytes)),
    highWatermark: log.at(-1)!.last + 1,
    logStartOffset: 0,
    // One for each transaction that was rolled back; each begins where the one before it ended.
    aborted: aborted.filter(({ end }) => end >= from),
  });
}

export interface Aborted {
  readonly producerId: bigint;
  readonly firstOffset: number;
  readonly end: number;
}

export function abortedIn(log: readonly LoggedBatch[]): Aborted[] {
  const list: Aborted[] = [];
  let first = -1;
  for (const { bytes, base } of log) {
    if (bytes.readBigInt64BE(43) !== ABORTED) continue;
    if (first < 0) first = base;
    if ((bytes.readInt16BE(21) & 0x20) === 0) continue;
    list.push({ producerId: ABORTED, firstOffset: first, end: base });
    first = -1;
  }
  return list;
}

/** The engine's reading of responses, without its connections. */
export class Reading {
  readonly drained = new Drained();
  readonly #pair: RegionPair;
  readonly #accumulator: PartitionAccumulator;
  readonly #scan: ResponseScan;
  /** An error that stayed was the end: as a lease ends, with all before it. */
  hasEnded = false;

  constructor(limits: RegionLimits) {
    this.#pair = regionPair(limits);
    this.#accumulator = new PartitionAccumulator(this.#pair.worker, RULES, FROM_THE_START);
    this.#scan = new ResponseScan(this.#accumulator, 'vendas', 0);
  }

  /**
   * Reads the changed response, and then what a fetch from there gives, to the end.
   *
   * @returns the last error's code, or `right`
   */
  read(changed: Buffer, fetch: (from: number) => Buffer): string {
    for (const [codec, decompress] of CODECS.entries()) this.#scan.setCodec(codec, decompress);
    let outcome = 'right';
    let bytes = changed;
    let failures = 0;
    for (let turn = 0; ; turn++) {
      if (turn > TURNS_MAX) throw new Error('it turns for ever');
      try {
        const response = decode(bytes);
        if (this.#scanAll(response, bytes) && turn > 0) break;
      } catch (error) {
        if (!(error instanceof VendavalError) || !CODES.has(error.code)) throw error;
        if (error.message.length > 400) throw new Error(`a long message: ${error.message}`);
        outcome = error.code;
        this.#scan.corruptRange();
        this.#scan.drop();
        this.hasEnded = !error.retryable || ++failures > 5;
        if (this.hasEnded) break;
      }
      bytes = fetch(this.#accumulator.nextOffset);
    }
    this.#drain();
    return outcome;
  }

  /** @returns whether it was read to its end */
  #scanAll(response: FetchResponse, bytes: Buffer): boolean {
    const buffer: ResponseBuffer = {
      bytes,
      view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
    };
    this.#scan.begin(response, buffer);
    for (let waits = 0; waits < WAITS_MAX; waits++) {
      const end = this.#scan.run();
      if (end === 'full') {
        this.#drain();
        continue;
      }
      this.#scan.drop();
      return end === 'done';
    }
    throw new Error('it is full for ever');
  }

  #drain(): void {
    this.#accumulator.writeSnapshot(0, false);
    this.#pair.worker.freeze();
    this.drained.take(this.#pair.coordinator);
  }
}

function decode(bytes: Buffer): FetchResponse {
  return decodeFetch(bytes, bytes.length, 13);
}
