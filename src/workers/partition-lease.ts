/**
 * Owns one partition from an offset until told to stop: fetches, scans, and freezes deltas when
 * the coordinator asks. The next fetch is sent before this response is scanned. Everything is
 * bounded: at most two responses are held, and a full delta stops the scan until a checkpoint
 * has taken it. Follows leader changes and broker restarts; ends by itself only where going on
 * would lose or falsify records.
 */
import { crc32c } from '@node-rs/crc32';
import { RESPONSE_BYTES_MAX } from '../kafka/broker-socket.ts';
import { type Decompress, loadCodec, unpackBatch } from '../kafka/compression/codecs.ts';
import { UnpackedRecords } from '../kafka/compression/unpacked-records.ts';
import { KAFKA_ERROR, kafkaErrorName } from '../kafka/protocol/error-codes.ts';
import type { FetchResponse } from '../kafka/protocol/requests.ts';
import {
  AbortedFilter,
  BatchHead,
  batchEnd,
  CRC_FROM,
  corruptBatch,
  nextFetchOffset,
} from '../kafka/record-batch.ts';
import { Backoff } from '../lib/backoff.ts';
import { systemClock } from '../lib/clock.ts';
import { EXIT, VendavalError } from '../lib/errors.ts';
import { failPoint } from '../lib/fail-point.ts';
import { LEASE_STATE, LIVE } from '../state/layout.ts';
import { WorkerRegion } from '../state/partition-region.ts';
import { IdleTimer } from '../window/watermark.ts';
import {
  FETCH_WAIT_MS,
  FetchSession,
  type LeaseSession,
  type OpenSession,
  type ResponseBuffer,
  responseBuffer,
} from './fetch-session.ts';
import type {
  LeaderAddress,
  LeaseResult,
  LeaseTask,
  ToCoordinator,
  ToWorker,
} from './lease-protocol.ts';
import { PartitionAccumulator } from './partition-accumulator.ts';

const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 5000;
/** Head room in a response buffer beside the records asked for. */
const RESPONSE_HEAD_BYTES = 64 * 1024;
/** How often the same corrupt batch is fetched again before the lease gives up. */
const CORRUPT_RETRIES_MAX = 5;

/** A response that is being scanned, and the batch to go on with. */
interface Scan {
  readonly response: FetchResponse;
  readonly buffer: ResponseBuffer;
  position: number;
  /** The batch at `position` passed its CRC; it is not checked again after a wait. */
  verified: boolean;
  /** It was compressed, and its records are unpacked; a wait for a checkpoint keeps them. */
  unpackedBytes: number;
}

const NOT_UNPACKED = -1;

/** What stops a scan: nothing, a full delta, or a codec's library that is not loaded yet. */
type ScanEnd = 'done' | 'full' | 'codec';

export class PartitionLease {
  readonly #task: LeaseTask;
  readonly #openSession: OpenSession;
  readonly #region: WorkerRegion;
  readonly #accumulator: PartitionAccumulator;
  readonly #buffers: readonly [ResponseBuffer, ResponseBuffer];
  readonly #idle = new IdleTimer(2 * FETCH_WAIT_MS);
  readonly #backoff = new Backoff(BACKOFF_MIN_MS, BACKOFF_MAX_MS);
  readonly #head = new BatchHead();
  readonly #aborted = new AbortedFilter();
  readonly #unpacked = new UnpackedRecords();
  /** By codec; those that a batch has needed. */
  readonly #codecs: (Decompress | undefined)[] = [];
  #isLoadingCodec = false;
  #leader: LeaderAddress;
  #fetchBytes: number;
  #session: LeaseSession | null = null;
  #scan: Scan | null = null;
  /** A whole response that waits because the one before it waits for a checkpoint. */
  #waiting: { response: FetchResponse; buffer: ResponseBuffer } | null = null;
  #atEnd = false;
  #corruptRetries = 0;
  #stopping = false;
  #failure: VendavalError | null = null;
  #isConnecting = false;
  #retryTimer: NodeJS.Timeout | undefined;
  #isRetryDue = false;
  #resolve!: (result: LeaseResult) => void;
  #reject!: (error: unknown) => void;

  constructor(task: LeaseTask, openSession: OpenSession = FetchSession.open) {
    this.#task = task;
    this.#openSession = openSession;
    this.#leader = task.leader;
    this.#fetchBytes = task.fetchBytes;
    this.#region = new WorkerRegion(task.region);
    this.#accumulator = new PartitionAccumulator(this.#region, task.rules, task.start);
    const size = task.fetchBytes + RESPONSE_HEAD_BYTES;
    this.#buffers = [responseBuffer(size), responseBuffer(size)];
  }

  run(): Promise<LeaseResult> {
    const { live } = this.#region;
    live[LIVE.firstEndOffset] = -1;
    live[LIVE.highWatermark] = -1;
    live[LIVE.nextOffset] = this.#accumulator.nextOffset;
    this.#publish();
    return new Promise<LeaseResult>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#task.port.on('message', (message) => this.#guard(() => this.#hear(message)));
      void this.#connect();
    }).finally(() => {
      clearTimeout(this.#retryTimer);
      this.#task.port.close();
    });
  }

  /** Runs a callback of the event loop; an error that is none of ours ends the task as a bug. */
  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (error instanceof VendavalError) return this.#sessionFailed(error);
      this.#session?.close();
      this.#setState(LEASE_STATE.stopped);
      this.#reject(error);
    }
  }

  #say(message: ToCoordinator): void {
    this.#task.port.postMessage(message);
  }

  #hear(message: ToWorker): void {
    if (message.kind === 'leader') {
      this.#leader = message.leader;
    } else if (message.kind === 'freeze') {
      this.#freeze();
      this.#resume();
    } else if (message.kind === 'drained') {
      if (this.#stopping) this.#finish();
    } else {
      this.#stop();
    }
  }

  // --- connection ---------------------------------------------------------------------------

  async #connect(): Promise<void> {
    this.#setState(LEASE_STATE.connecting);
    this.#isConnecting = true;
    const leader = this.#leader;
    try {
      const { topic, topicId, partition } = this.#task;
      const session = await this.#openSession(
        leader,
        { topic, topicId, partition },
        this.#buffers,
        {
          fetched: (response, buffer) => this.#guard(() => this.#fetched(response, buffer)),
          closed: (error) => this.#guard(() => this.#sessionFailed(error)),
        },
      );
      if (this.#stopping) return session.close();
      this.#session = session;
      this.#setState(LEASE_STATE.fetching);
      session.fetch(this.#accumulator.nextOffset, this.#fetchBytes);
    } catch (error) {
      this.#guard(() => {
        throw error;
      });
    } finally {
      this.#isConnecting = false;
    }
  }

  /** The connection is of no more use: tries again later, or ends the lease. */
  #sessionFailed(error: VendavalError): void {
    const session = this.#session;
    this.#session = null;
    this.#waiting = null;
    session?.close();
    if (this.#stopping) return;
    this.#idle.reset();
    this.#setAtEnd(false);
    if (!error.retryable) return this.#fail(error);
    if (error.code === 'E_CORRUPT_BATCH') {
      this.#scan = null;
      if (++this.#corruptRetries > CORRUPT_RETRIES_MAX) return this.#fail(error);
    }
    this.#say({ kind: 'trouble', code: error.code, message: error.message });
    this.#say({ kind: 'leader-wanted', reason: error.message });
    this.#setState(LEASE_STATE.backingOff);
    this.#region.live[LIVE.reconnects]++;
    clearTimeout(this.#retryTimer);
    this.#isRetryDue = false;
    this.#retryTimer = setTimeout(() => {
      this.#isRetryDue = true;
      this.#reconnect();
    }, this.#backoff.nextMs());
  }

  /** Not before the rest of the last response is scanned: the next fetch starts after it. */
  #reconnect(): void {
    if (this.#stopping || this.#session || this.#isConnecting) return;
    if (!this.#isRetryDue || this.#scan) return;
    this.#isRetryDue = false;
    void this.#connect();
  }

  // --- responses ----------------------------------------------------------------------------

  #fetched(response: FetchResponse, buffer: ResponseBuffer): void {
    if (this.#scan) this.#waiting = { response, buffer };
    else this.#begin(response, buffer);
  }

  #begin(response: FetchResponse, buffer: ResponseBuffer): void {
    if (response.error !== KAFKA_ERROR.none) throw this.#fetchError(response);
    this.#backoff.reset();
    const { live } = this.#region;
    live[LIVE.fetches]++;
    live[LIVE.highWatermark] = response.highWatermark;
    live[LIVE.lastStableOffset] = response.lastStableOffset;
    live[LIVE.logStartOffset] = response.logStartOffset;
    if (live[LIVE.firstEndOffset] < 0) live[LIVE.firstEndOffset] = response.lastStableOffset;
    const { recordsStart, recordsEnd } = response;
    const from = this.#accumulator.nextOffset;
    const next = nextFetchOffset(buffer.view, recordsStart, recordsEnd, from);
    const isEmpty = batchEnd(buffer.view, recordsStart, recordsEnd) < 0;
    if (isEmpty) this.#foundNothing(response, from, recordsEnd > recordsStart);
    if (!this.#stopping) this.#session?.fetch(next, this.#fetchBytes);
    if (isEmpty) return this.#publish();
    this.#idle.reset();
    this.#setAtEnd(false);
    live[LIVE.bytesRead] += recordsEnd - recordsStart;
    this.#aborted.load(response.aborted);
    this.#scan = {
      response,
      buffer,
      position: recordsStart,
      verified: false,
      unpackedBytes: NOT_UNPACKED,
    };
    this.#resume();
  }

  #foundNothing(response: FetchResponse, from: number, partialBatch: boolean): void {
    if (partialBatch) {
      // The batch is larger than what was asked for.
      this.#fetchBytes = Math.min(this.#fetchBytes * 2, RESPONSE_BYTES_MAX - RESPONSE_HEAD_BYTES);
    }
    if (from >= response.highWatermark && !partialBatch) {
      this.#idle.pollAtEnd(systemClock.monotonicMs());
      this.#setAtEnd(true);
    } else {
      this.#idle.reset();
      this.#setAtEnd(false);
    }
  }

  /** Scans on from where the last scan waits, and then the response that waits behind it. */
  #resume(): void {
    while (this.#scan) {
      const end = this.#scanOn(this.#scan);
      this.#publish();
      if (end === 'codec') return;
      if (end === 'full') {
        this.#setState(LEASE_STATE.full);
        this.#say({ kind: 'full' });
        return;
      }
      this.#scan = null;
      this.#corruptRetries = 0;
      if (this.#session) this.#setState(LEASE_STATE.fetching);
      else this.#reconnect();
      const waiting = this.#waiting;
      this.#waiting = null;
      if (waiting) this.#begin(waiting.response, waiting.buffer);
    }
  }

  #scanOn(scan: Scan): ScanEnd {
    const { bytes, view } = scan.buffer;
    const head = this.#head;
    for (;;) {
      const end = batchEnd(view, scan.position, scan.response.recordsEnd);
      if (end < 0) return 'done';
      if (!scan.verified) {
        if (
          crc32c(bytes.subarray(scan.position + CRC_FROM, end)) !==
          view.getUint32(scan.position + 17)
        ) {
          throw corruptBatch(this.#accumulator.nextOffset, 'its checksum does not match');
        }
        scan.verified = true;
      }
      head.read(view, scan.position, end);
      failPoint('in-batch');
      if (head.isControl) {
        this.#aborted.passControl(head, view);
        this.#accumulator.passBatch(head);
      } else if (this.#aborted.isAborted(head)) {
        this.#accumulator.passBatch(head);
      } else if (head.codec !== 0) {
        if (!this.#unpack(scan)) return 'codec';
        const { bytes: records, view: recordsView } = this.#unpacked;
        if (!this.#accumulator.addBatch(records, recordsView, head)) return 'full';
        this.#unpacked.clear();
      } else if (!this.#accumulator.addBatch(bytes, view, head)) {
        return 'full';
      }
      scan.position = end;
      scan.verified = false;
      scan.unpackedBytes = NOT_UNPACKED;
    }
  }

  /**
   * Points the head at the batch's unpacked records.
   *
   * @returns false when the codec has to be loaded first; the scan goes on by itself then
   */
  #unpack(scan: Scan): boolean {
    const head = this.#head;
    if (scan.unpackedBytes !== NOT_UNPACKED) {
      head.recordsStart = 0;
      head.end = scan.unpackedBytes;
      return true;
    }
    const decompress = this.#codecs[head.codec];
    if (!decompress) {
      void this.#loadCodec(head.codec);
      return false;
    }
    unpackBatch(decompress, scan.buffer.bytes, head, this.#unpacked);
    scan.unpackedBytes = head.end;
    return true;
  }

  async #loadCodec(codec: number): Promise<void> {
    if (this.#isLoadingCodec) return;
    this.#isLoadingCodec = true;
    try {
      this.#codecs[codec] = await loadCodec(codec);
    } catch (error) {
      return this.#guard(() => {
        throw error;
      });
    } finally {
      this.#isLoadingCodec = false;
    }
    this.#guard(() => this.#resume());
  }

  #fetchError(response: FetchResponse): VendavalError {
    const { error, logStartOffset, highWatermark } = response;
    const { topic, partition } = this.#task;
    const where = `${topic}/${partition}`;
    if (error === KAFKA_ERROR.offsetOutOfRange) {
      return outOfRange(where, this.#accumulator.nextOffset, logStartOffset, highWatermark);
    }
    if (error === KAFKA_ERROR.topicAuthorizationFailed) {
      return new VendavalError(`this user may not read ${where}`, {
        code: 'E_KAFKA_AUTHORIZATION',
        hint: `Grant it: bin/kafka-acls.sh --add --operation Read --topic ${topic} …`,
      });
    }
    return new VendavalError(`fetching ${where} failed: ${kafkaErrorName(error)}`, {
      code: 'E_FETCH',
      retryable: error !== KAFKA_ERROR.unsupportedVersion,
      hint: 'The engine asks for the leader again and goes on by itself.',
    });
  }

  // --- hand-over ----------------------------------------------------------------------------

  #freeze(): void {
    if (!this.#region.canFreeze) return;
    this.#accumulator.writeSnapshot(this.#idle.idleMs, this.#atEnd);
    failPoint('in-freeze');
    this.#say({ kind: 'frozen', sequence: this.#region.freeze() });
  }

  #stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    clearTimeout(this.#retryTimer);
    this.#session?.close();
    this.#session = null;
    this.#scan = null;
    this.#waiting = null;
    this.#publish();
    this.#finish();
  }

  #fail(error: VendavalError): void {
    this.#failure = error;
    this.#stop();
  }

  /** Freezes what there is and ends; waits for the other delta to be drained first. */
  #finish(): void {
    if (!this.#region.canFreeze) return;
    this.#freeze();
    this.#setState(LEASE_STATE.stopped);
    const failure = this.#failure;
    if (!failure) return this.#resolve({ outcome: 'stopped' });
    const { message, code, hint, retryable, exitCode } = failure;
    const options = { retryable, exitCode, ...(hint === undefined ? {} : { hint }) };
    this.#resolve({ outcome: 'failed', message, code, options });
  }

  // --- display ------------------------------------------------------------------------------

  #setState(state: number): void {
    this.#region.live[LIVE.state] = state;
  }

  #setAtEnd(atEnd: boolean): void {
    this.#atEnd = atEnd;
    this.#region.live[LIVE.atEnd] = atEnd ? 1 : 0;
  }

  #publish(): void {
    const { live } = this.#region;
    const accumulator = this.#accumulator;
    live[LIVE.counted] = accumulator.counted;
    live[LIVE.rejected] = accumulator.rejectedTotal;
    live[LIVE.maxEventMs] = accumulator.maxEventMs;
    if (accumulator.newestRecordMs >= 0) live[LIVE.newestRecordMs] = accumulator.newestRecordMs;
    if (accumulator.nextOffset !== live[LIVE.nextOffset]) {
      const now = systemClock.now();
      if (live[LIVE.firstRecordEpochMs] === 0) live[LIVE.firstRecordEpochMs] = now;
      live[LIVE.lastRecordEpochMs] = now;
    }
    live[LIVE.nextOffset] = accumulator.nextOffset;
  }
}

function outOfRange(where: string, offset: number, start: number, end: number): VendavalError {
  const isRewound = end >= 0 && offset > end;
  const next = `${where}: the next record to count is at offset ${offset}`;
  // Brokers leave the log's bounds out (-1) of this error.
  const found =
    start > offset
      ? `the log now starts at ${start}: ${start - offset} records were deleted before they were counted`
      : isRewound
        ? `the log ends at ${end}: it was cut back or made anew`
        : 'the log does not have it: it was deleted before it was counted, or the log was cut back';
  return new VendavalError(`${next}, but ${found}`, {
    code: isRewound ? 'E_LOG_REWOUND' : 'E_LOG_TRUNCATED',
    exitCode: EXIT.dataLossGuard,
    hint:
      'Nothing was skipped. Restore the records, or count what is left of the topic ' +
      'into another database: --database <new name>.',
  });
}
