/**
 * Owns one partition from an offset until told to stop: fetches, scans, and freezes deltas when
 * the coordinator asks. The next fetch is sent before this response is scanned. Everything is
 * bounded: at most two responses are held, and a full delta stops the scan until a checkpoint
 * has taken it. Follows leader changes and broker restarts; ends by itself only where going on
 * would lose or falsify records.
 */
import { RESPONSE_BYTES_MAX } from '../kafka/broker-socket.ts';
import { loadCodec } from '../kafka/compression/codecs.ts';
import { KAFKA_ERROR } from '../kafka/protocol/error-codes.ts';
import type { FetchResponse } from '../kafka/protocol/requests.ts';
import { batchEnd, corruptBatch, firstBatchBytes, nextFetchOffset } from '../kafka/record-batch.ts';
import { Backoff } from '../lib/backoff.ts';
import { steadyEpochMs, systemClock } from '../lib/clock.ts';
import { VendavalError } from '../lib/errors.ts';
import { failPoint } from '../lib/fail-point.ts';
import { NO_TOPIC_ID } from '../lib/topic-id.ts';
import { LEASE_STATE, LIVE } from '../state/layout.ts';
import { WorkerRegion } from '../state/partition-region.ts';
import { IdleTimer } from '../window/watermark.ts';
import { fetchError, logDiverged } from './fetch-errors.ts';
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
  OffsetRange,
  ToCoordinator,
  ToWorker,
} from './lease-protocol.ts';
import { PartitionAccumulator } from './partition-accumulator.ts';
import { ReplicaChoice } from './replica-choice.ts';
import { ResponseScan } from './response-scan.ts';

const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 5000;
/** Head room in a response buffer beside the records asked for. */
const RESPONSE_HEAD_BYTES = 64 * 1024;
/** What is asked for at most, and so the largest batch that can come. */
const FETCH_BYTES_MAX = RESPONSE_BYTES_MAX - RESPONSE_HEAD_BYTES;
/** How often the same corrupt batch is fetched again before the lease gives up. */
const CORRUPT_RETRIES_MAX = 5;
/**
 * The start found all of these well: what is wrong now is wrong with one broker, or for as long as
 * it takes to renew a certificate or a password, and the other partitions go on meanwhile.
 */
const ACCESS_CODES = new Set(['E_KAFKA_TLS', 'E_KAFKA_AUTH', 'E_KAFKA_SASL', 'E_CONFIG']);
/** Transactions last milliseconds; one that holds the position for so long is told, and again. */
const HELD_TOLD_AFTER_MS = 10_000;
const HELD_TOLD_EACH_MS = 60_000;

export class PartitionLease {
  readonly #task: LeaseTask;
  readonly #openSession: OpenSession;
  readonly #region: WorkerRegion;
  readonly #accumulator: PartitionAccumulator;
  readonly #buffers: readonly [ResponseBuffer, ResponseBuffer];
  readonly #idle = new IdleTimer(2 * FETCH_WAIT_MS);
  readonly #backoff = new Backoff(BACKOFF_MIN_MS, BACKOFF_MAX_MS);
  readonly #scan: ResponseScan;
  readonly #replica: ReplicaChoice;
  #isLoadingCodec = false;
  #leader: LeaderAddress;
  #fetchBytes: number;
  #session: LeaseSession | null = null;
  /** A whole response that waits because the one before it waits for a checkpoint. */
  #waiting: { response: FetchResponse; buffer: ResponseBuffer } | null = null;
  #atEnd = false;
  #corruptRetries = 0;
  #corrupt: OffsetRange | null = null;
  /** The next fetch starts one record early, to see that the log is the one that was read. */
  #isProbing: boolean;
  /** Since when an open transaction holds the position, monotonic; NaN when none does. */
  #heldSinceMs = Number.NaN;
  #heldToldMs = Number.NEGATIVE_INFINITY;
  #stopping = false;
  #failure: VendavalError | null = null;
  #isConnecting = false;
  #retryTimer: NodeJS.Timeout | undefined;
  #isRetryDue = false;
  #resolve!: (result: LeaseResult) => void;
  #reject!: (error: unknown) => void;

  constructor(task: LeaseTask, openSession: OpenSession = FetchSession.opener(task.security)) {
    this.#task = task;
    this.#openSession = openSession;
    this.#leader = task.leader;
    this.#fetchBytes = task.fetchBytes;
    this.#region = new WorkerRegion(task.region);
    this.#accumulator = new PartitionAccumulator(this.#region, task.rules, task.start);
    this.#scan = new ResponseScan(this.#accumulator, task.topic, task.partition);
    this.#replica = new ReplicaChoice(task.rack);
    this.#isProbing = this.#mustProbe;
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
    } else if (message.kind === 'replica') {
      this.#replica.located(message.brokerId, message.place, systemClock.monotonicMs());
      if (!this.#stopping) void this.#connect();
    } else if (message.kind === 'drained') {
      if (this.#stopping) this.#finish();
    } else {
      this.#stop();
    }
  }

  // --- connection ---------------------------------------------------------------------------

  /** No id tells the topic from another, and something was read that can. */
  get #mustProbe(): boolean {
    return this.#task.topicId === NO_TOPIC_ID && this.#accumulator.lastCrc >= 0;
  }

  async #connect(): Promise<void> {
    this.#setState(LEASE_STATE.connecting);
    this.#isConnecting = true;
    const { epoch: leaderEpoch } = this.#leader;
    const { rack, ...place } = this.#replica.target(this.#leader);
    try {
      const { topic, topicId, partition } = this.#task;
      const session = await this.#openSession(
        place,
        { topic, topicId, partition, leaderEpoch, rack },
        this.#buffers,
        this.#task.fetchBytes + RESPONSE_HEAD_BYTES,
        {
          fetched: (response, buffer) => this.#guard(() => this.#fetched(response, buffer)),
          closed: (error) => this.#guard(() => this.#sessionFailed(error)),
        },
      );
      if (this.#stopping) return session.close();
      this.#session = session;
      this.#setState(LEASE_STATE.fetching);
      this.#firstFetch(session);
    } catch (error) {
      this.#guard(() => {
        throw error;
      });
    } finally {
      this.#isConnecting = false;
    }
  }

  /** On a new connection the broker checks that the log still has what was read last. */
  #firstFetch(session: LeaseSession): void {
    const { nextOffset, lastEpoch } = this.#accumulator;
    if (this.#isProbing) this.#scan.probe();
    session.fetch(this.#isProbing ? nextOffset - 1 : nextOffset, this.#fetchBytes, lastEpoch);
  }

  #closeSession(): void {
    this.#session?.close();
    this.#session = null;
    this.#waiting = null;
    this.#idle.reset();
    this.#setAtEnd(false);
  }

  /** Connects anew, now and without a word: nothing is wrong. */
  #reopen(): void {
    this.#closeSession();
    this.#scan.drop();
    clearTimeout(this.#retryTimer);
    this.#isRetryDue = false;
    void this.#connect();
  }

  /**
   * The broker would end the session at the next fetch: that one goes with a new sign-in. What has
   * come is taken all the same, or sessions shorter than a fetch would come to nothing for ever; and
   * what is known of the log's end stands, or a partition would never be idle for longer than they are.
   */
  #endSession(session: LeaseSession): void {
    session.close();
    this.#session = null;
    this.#isRetryDue = true;
  }

  /** The connection is of no more use: tries again later, or ends the lease. */
  #sessionFailed(error: VendavalError): void {
    this.#closeSession();
    if (this.#stopping) return;
    this.#replica.failed(systemClock.monotonicMs());
    this.#isProbing = this.#mustProbe;
    const isCorrupt = error.code === 'E_CORRUPT_BATCH' || error.code === 'E_BATCH_TOO_LARGE';
    this.#corrupt = isCorrupt ? this.#scan.corruptRange() : null;
    if (isCorrupt) {
      this.#scan.drop();
      // So that a batch comes with it that tells where this one ends.
      this.#fetchBytes = Math.min(this.#fetchBytes * 2, FETCH_BYTES_MAX);
      if (++this.#corruptRetries > CORRUPT_RETRIES_MAX) return this.#fail(error);
    }
    if (!error.retryable && !ACCESS_CODES.has(error.code)) return this.#fail(error);
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
    if (!this.#isRetryDue || this.#scan.isActive) return;
    this.#isRetryDue = false;
    void this.#connect();
  }

  // --- responses ----------------------------------------------------------------------------

  #fetched(response: FetchResponse, buffer: ResponseBuffer): void {
    if (this.#scan.isActive) this.#waiting = { response, buffer };
    else this.#begin(response, buffer);
  }

  #begin(response: FetchResponse, buffer: ResponseBuffer): void {
    const from = this.#accumulator.nextOffset;
    if (response.error !== KAFKA_ERROR.none) return this.#refused(response, from);
    const { topic, partition } = this.#task;
    if (response.divergence) {
      if (this.#replica.isReplica) return this.#askLeader();
      throw logDiverged(topic, partition, from, response.divergence);
    }
    this.#backoff.reset();
    this.#showBounds(response);
    if (response.preferredReplica >= 0) return this.#goToReplica(response.preferredReplica);
    const nowMs = systemClock.monotonicMs();
    if (this.#replica.isOver(this.#leader, nowMs)) return this.#reopen();
    if (this.#session && nowMs >= this.#session.endsAtMs) this.#endSession(this.#session);
    const { recordsStart, recordsEnd } = response;
    const next = nextFetchOffset(buffer.view, recordsStart, recordsEnd, from);
    const isEmpty = batchEnd(buffer.view, recordsStart, recordsEnd) < 0;
    if (isEmpty) this.#foundNothing(response, buffer, from);
    if (!this.#stopping) this.#session?.fetch(next, this.#fetchBytes);
    if (isEmpty) {
      this.#reconnect();
      return this.#publish();
    }
    this.#idle.reset();
    this.#setAtEnd(false);
    this.#heldSinceMs = Number.NaN;
    this.#isProbing = false;
    this.#region.live[LIVE.bytesRead] += recordsEnd - recordsStart;
    this.#scan.begin(response, buffer);
    this.#resume();
  }

  #refused(response: FetchResponse, from: number): void {
    const isOutOfRange = response.error === KAFKA_ERROR.offsetOutOfRange;
    // Only the leader knows what the log has, and the record before the position may be gone.
    const isNoVerdict = isOutOfRange && (this.#replica.isReplica || this.#isProbing);
    if (!isNoVerdict) {
      throw fetchError(response, this.#task.topic, this.#task.partition, from);
    }
    this.#isProbing = false;
    this.#scan.forgetProbe();
    this.#askLeader();
  }

  /** A replica's word on what the log has is no verdict. */
  #askLeader(): void {
    this.#replica.failed(systemClock.monotonicMs());
    this.#reopen();
  }

  #showBounds({ highWatermark, lastStableOffset, logStartOffset }: FetchResponse): void {
    const { live } = this.#region;
    live[LIVE.fetches]++;
    live[LIVE.highWatermark] = highWatermark;
    live[LIVE.lastStableOffset] = lastStableOffset;
    live[LIVE.logStartOffset] = logStartOffset;
    if (live[LIVE.firstEndOffset] >= 0) return;
    live[LIVE.firstEndOffset] = lastStableOffset;
    live[LIVE.firstAnswerMs] = steadyEpochMs();
  }

  #goToReplica(brokerId: number): void {
    this.#closeSession();
    this.#setState(LEASE_STATE.connecting);
    this.#say({ kind: 'replica-wanted', brokerId });
  }

  #foundNothing(response: FetchResponse, buffer: ResponseBuffer, from: number): void {
    const { recordsStart, recordsEnd, highWatermark, lastStableOffset } = response;
    const isPartial = recordsEnd > recordsStart;
    if (isPartial) this.#askForMore(firstBatchBytes(buffer.view, recordsStart, recordsEnd));
    if (from >= highWatermark && !isPartial) {
      this.#idle.pollAtEnd(systemClock.monotonicMs());
      this.#setAtEnd(true);
    } else {
      this.#idle.reset();
      this.#setAtEnd(false);
    }
    if (from >= lastStableOffset && lastStableOffset < highWatermark) this.#held(response);
    else this.#heldSinceMs = Number.NaN;
  }

  /** A batch came in part: it is larger than what was asked for, or its length is wrong. */
  #askForMore(bytes: number): void {
    const from = this.#accumulator.nextOffset;
    if (bytes > FETCH_BYTES_MAX) throw corruptBatch(from, `a length of ${bytes} bytes`);
    if (bytes <= this.#fetchBytes && bytes > 0) throw corruptBatch(from, 'it is cut off');
    this.#fetchBytes = Math.min(Math.max(bytes, this.#fetchBytes * 2), FETCH_BYTES_MAX);
  }

  /** Records are there that must not be read: a transaction before them is neither done nor undone. */
  #held({ lastStableOffset, highWatermark }: FetchResponse): void {
    const nowMs = systemClock.monotonicMs();
    if (Number.isNaN(this.#heldSinceMs)) this.#heldSinceMs = nowMs;
    const heldMs = nowMs - this.#heldSinceMs;
    if (heldMs < HELD_TOLD_AFTER_MS || nowMs - this.#heldToldMs < HELD_TOLD_EACH_MS) return;
    this.#heldToldMs = nowMs;
    this.#say({
      kind: 'trouble',
      code: 'E_OPEN_TRANSACTION',
      message:
        `a transaction that is open since offset ${lastStableOffset} holds back ` +
        `${highWatermark - lastStableOffset} records, for ${Math.round(heldMs / 1000)} s so far`,
    });
  }

  /** Scans on from where the last scan waits, and then the response that waits behind it. */
  #resume(): void {
    while (this.#scan.isActive) {
      const end = this.#scan.run();
      this.#publish();
      if (end === 'odd') return this.#reopen();
      if (end === 'codec') {
        void this.#loadCodec(this.#scan.head.codec);
        return;
      }
      if (end === 'full') {
        this.#setState(LEASE_STATE.full);
        this.#say({ kind: 'full' });
        return;
      }
      this.#scan.drop();
      this.#corruptRetries = 0;
      this.#fetchBytes = this.#task.fetchBytes;
      if (this.#session) this.#setState(LEASE_STATE.fetching);
      else this.#reconnect();
      const waiting = this.#waiting;
      this.#waiting = null;
      if (waiting) this.#begin(waiting.response, waiting.buffer);
    }
  }

  async #loadCodec(codec: number): Promise<void> {
    if (this.#isLoadingCodec) return;
    this.#isLoadingCodec = true;
    try {
      this.#scan.setCodec(codec, await loadCodec(codec));
    } catch (error) {
      return this.#guard(() => {
        throw error;
      });
    } finally {
      this.#isLoadingCodec = false;
    }
    this.#guard(() => this.#resume());
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
    this.#scan.drop();
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
    this.#resolve({ outcome: 'failed', message, code, corrupt: this.#corrupt, options });
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
