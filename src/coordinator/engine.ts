/**
 * The engine of one process: joins the group, owns partitions, and makes checkpoints in the order
 * that exactness rests on (docs/ARCHITECTURE.md): freeze, drain, dead letters, totals, progress,
 * close windows, commit. One checkpoint at a time.
 */
import type { ClientSession } from 'mongodb';
import type { Settings } from '../config/options.ts';
import { endsBefore, endsWithin, sleep, systemClock } from '../lib/clock.ts';
import type { CommitPermit } from '../lib/commit-permit.ts';
import { messageOf, VendavalError } from '../lib/errors.ts';
import { type MongoConnection, mongoError } from '../mongo/connection.ts';
import { type Progress, ProgressStore, type Skip, skipConflict } from '../mongo/progress-store.ts';
import { type StoredContribution, type TotalsKey, TotalsStore } from '../mongo/totals-store.ts';
import { LIVE } from '../state/layout.ts';
import { OrphanWatch } from './adoption.ts';
import { type CheckpointReport, StepTimer } from './checkpoint-report.ts';
import { Checkpointer } from './checkpointer.ts';
import type { EngineEvent, EngineProblem, EngineState, EngineStatus } from './engine-events.ts';
import type { LeaseThreads } from './lease-handle.ts';
import type { DeadLetters, Group, Outside, Topic } from './outside.ts';
import type { CheckpointContent, OwnedPartition } from './owned-partition.ts';
import { PartitionManager } from './partition-manager.ts';
import { partitionStatus } from './partition-status.ts';
import { type RecoverySources, readLate, recoverPartition } from './recovery.ts';
import { type RunSummary, RunTally } from './run-tally.ts';
import { skipLetter } from './skip-letter.ts';
import { WindowCloser } from './window-closer.ts';

/** How often the watermark of an idle partition is written, and other processes' are read. */
const IDLE_INTERVAL_MS = 1000;
/** How long a partition that moves to another member may take for its last checkpoint. */
const RELEASE_TIMEOUT_MS = 20_000;
/** How long a stop may take for the last checkpoint before it is left to the next start. */
const DRAIN_TIMEOUT_MS = 20_000;
/** Rejected records in one checkpoint; as dead letters they take about ten times that. */
const LETTER_BYTES_MAX = 24 * 1024 * 1024;
const COMMIT_TIMEOUT_MS = 10_000;
/** How long a checkpoint waits for its commit; it takes some ten milliseconds. */
const COMMIT_WAIT_MS = 500;
const ORPHANS_INTERVAL_MS = 250;
/** Nothing rests on it: the next owner only starts later without. */
const DISOWN_TIMEOUT_MS = 1000;
/** Nothing rests on the last commit, and a group amid a rebalance may answer after ten seconds. */
const LAST_COMMIT_TIMEOUT_MS = 5000;

/** Records between a position and its log's end from which on an engine is catching up. */
const CATCH_UP_LAG = 100_000;
const CATCH_UP_INTERVAL_MS = 1000;
/** How often it is looked whether a checkpoint would let a window close. */
const CLOSABLE_POLL_MS = 25;

const isFarBehind = (live: Float64Array) =>
  live[LIVE.highWatermark] - live[LIVE.nextOffset] > CATCH_UP_LAG;

export interface EngineOptions {
  readonly settings: Settings;
  readonly mongo: MongoConnection;
  /** Throws where the database pins other rules by now than this engine was started with. */
  readonly judgeRules: (session: ClientSession) => Promise<void>;
  readonly outside: Outside;
  /** A name for this process in the progress documents. */
  readonly owner: string;
  /** Drain to the log's present end, then stop. */
  readonly untilEnd: boolean;
  readonly onEvent: (event: EngineEvent) => void;
  readonly onCheckpoint?: (report: CheckpointReport) => void;
}

export class Engine {
  readonly #options: EngineOptions;
  readonly #settings: Settings;
  readonly #progress: ProgressStore;
  readonly #totals: TotalsStore;
  readonly #closer: WindowCloser;
  readonly #deadLetters: DeadLetters;
  readonly #checkpointer: Checkpointer;
  readonly #giveUp = new AbortController();
  #giveUpTimer: NodeJS.Timeout | undefined;
  #group!: Group;
  #topic!: Topic;
  #threads!: LeaseThreads;
  #manager!: PartitionManager;
  #wake = new AbortController();
  #state: EngineState = 'starting';
  #problem: EngineProblem | null = null;
  #fatal: VendavalError | null = null;
  #isStopping = false;
  /** Drained content that did not become durable; see `#cycle`. */
  #hasUnsettled = false;
  /** The group has said which partitions are ours: these. */
  #isAssigned = false;
  readonly #assigned = new Set<number>();
  /** Taken over from a dead process, until then. */
  readonly #adopted = new Set<number>();
  #isAdopting = false;
  #uncommitted = new Map<number, CommitPermit>();
  #committing: Promise<void> | null = null;
  #leastTouchedMs = Number.POSITIVE_INFINITY;
  #lastCloseAtMs = Number.NEGATIVE_INFINITY;
  #checkpoints = 0;
  #lastCheckpointMs = 0;
  readonly #tally = new RunTally();

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#settings = options.settings;
    const { db } = options.mongo;
    this.#progress = new ProgressStore(db, this.#settings.topic, options.owner);
    this.#totals = new TotalsStore(db, this.#settings.collection);
    this.#closer = new WindowCloser(this.#progress, this.#totals, this.#settings.windowMs);
    this.#deadLetters = options.outside.deadLetters((code, message) =>
      this.#trouble(code, message),
    );
    this.#checkpointer = new Checkpointer(
      { deadLetters: this.#deadLetters, totals: this.#totals, progress: this.#progress },
      (error) => this.#asError(error),
      {
        retrying: (error, attempt) => {
          const { code, message, hint = null } = error;
          this.#problem = {
            code,
            message,
            hint,
            sinceMs: this.#problem?.sinceMs ?? systemClock.now(),
          };
          this.#emit('error', error.code, `checkpoint attempt ${attempt}: ${error.message}`);
        },
        recovered: () => {
          this.#problem = null;
          this.#emit('info', 'recovered', 'the checkpoint holds again; nothing was lost');
        },
      },
    );
  }

  /** Runs until stopped, drained or failed; then everything of it is closed. */
  async run(): Promise<RunSummary> {
    try {
      await this.#start();
      this.#state = 'running';
      while (!this.#isStopping && !this.#fatal) {
        await this.#cycle();
        if (this.#options.untilEnd && this.#isDrained()) break;
        await this.#pause();
      }
    } catch (error) {
      this.#fatal ??= this.#asError(error);
    } finally {
      await this.#shutDown();
    }
    if (this.#fatal) throw this.#fatal;
    return this.summary();
  }

  /** Stops fetching, makes what was counted durable, commits, leaves the group. */
  stop(): void {
    this.#isStopping = true;
    this.#wind();
  }

  async #start(): Promise<void> {
    const { outside } = this.#options;
    this.#topic = await outside.watchTopic({
      changed: () => this.#manager?.setLeaders(),
      trouble: (error) => this.#trouble(error.code, error.message),
      fatal: (error) => this.#fail(error),
    });
    await this.#totals.ensureIndexes();
    this.#threads = outside.threads(this.#topic.partitionCount);
    this.#manager = this.#makeManager();
    this.#group = outside.group({
      assigned: (partitions) => {
        // Nobody would stop a lease that starts during the drain: the next owner takes them.
        if (this.#state === 'draining') return;
        this.#isAssigned = true;
        for (const partition of partitions) {
          this.#assigned.add(partition);
          this.#manager.acquire(partition);
        }
        const others = [...this.#adopted].filter((partition) => !this.#assigned.has(partition));
        this.#adopted.clear();
        void this.#release(others, RELEASE_TIMEOUT_MS);
        this.#wake.abort();
      },
      revoked: (partitions) => {
        for (const partition of partitions) this.#assigned.delete(partition);
        // All at once is how a lost membership shows; the group's next word follows in any case.
        if (this.#assigned.size === 0) this.#isAssigned = false;
        void this.#adopt();
        return this.#release(partitions, RELEASE_TIMEOUT_MS);
      },
      trouble: (code, message) => this.#trouble(code, message),
    });
    await Promise.all([this.#group.join(), this.#deadLetters.connect()]);
    void this.#adopt();
  }

  /** Goes on with what a dead process has left, until the group says what is ours. */
  async #adopt(): Promise<void> {
    const isWaiting = () => !this.#isAssigned && !this.#isStopping && !this.#fatal;
    if (this.#isAdopting || !isWaiting()) return;
    this.#isAdopting = true;
    const watch = new OrphanWatch(this.#settings.flushIntervalMs);
    while (isWaiting()) {
      try {
        const ownerships = await this.#progress.ownerships(this.#topic.partitionCount);
        for (const orphan of watch.look(ownerships, systemClock.monotonicMs())) {
          const { partition, owner } = orphan;
          if (this.#adopted.has(partition)) continue;
          if (!(await this.#progress.claim(orphan)) || !isWaiting()) continue;
          this.#emit('info', 'adopted', `partition ${partition}: nothing more comes from ${owner}`);
          this.#adopted.add(partition);
          this.#manager.acquire(partition);
        }
      } catch (error) {
        if (!isWaiting()) break;
        const { code, message } = this.#asError(error);
        this.#trouble(code, `what a dead process may have left waits: ${message}`);
      }
      await sleep(ORPHANS_INTERVAL_MS);
    }
    this.#isAdopting = false;
  }

  #makeManager(): PartitionManager {
    const { settings, outside } = this.#options;
    return new PartitionManager({
      topic: settings.topic,
      rules: settings,
      categoryLimit: settings.maxCategories,
      rack: settings.rack,
      onCorrupt: settings.onCorrupt,
      threads: this.#threads,
      limits: outside.limits,
      partitionCount: () => this.#topic.partitionCount,
      leaderOf: (partition) => this.#topic.leaderOf(partition),
      replicaOf: (partition, brokerId) => this.#topic.replicaOf(partition, brokerId),
      recover: async (partition, reopened) => {
        const recovered = await recoverPartition(
          this.#sources,
          partition,
          this.#topic.topicId,
          { watermarkDelayMs: settings.watermarkDelayMs, reopened },
          async () => (await this.#group.logRange(partition)).start,
        );
        await this.#reportSkips(recovered.progress);
        return recovered;
      },
      skip: async (progress, skip) => {
        await this.#judgeSkip(progress, skip);
        if (await this.#progress.skip(progress, skip)) this.#tally.skipped(skip.to - skip.from);
      },
      asError: (error) => this.#asError(error),
      wake: () => this.#wake.abort(),
      leaderWanted: () => this.#topic.refreshSoon(),
      info: (code, message) => this.#emit('info', code, message),
      trouble: (code, message) => this.#trouble(code, message),
      fatal: (error) => this.#fail(error),
    });
  }

  /** Recovery has seen what was counted beyond, but for late sales: those may be of any window. */
  async #judgeSkip({ partition }: Progress, { from, to, why }: Skip): Promise<void> {
    if (this.#settings.late === 'reject') return;
    if (!(await this.#totals.isCountedBeyond(partition, from))) return;
    const where = `partition ${partition}: offsets ${from} to ${to - 1}`;
    throw skipConflict(
      `${where} cannot be passed over (${why}): totals say that they were counted`,
    );
  }

  /** Also those that a process before this one has passed over, and did not live to report. */
  async #reportSkips(progress: Progress): Promise<void> {
    for (const skip of progress.skips.filter(({ isReported }) => !isReported)) {
      await this.#deadLetters.send([skipLetter(progress.partition, skip)]);
      await this.#progress.reported(progress, skip);
    }
  }

  /**
   * Until the next checkpoint. While the engine is far behind, nobody waits for its newest totals,
   * and a checkpoint costs the cores that could catch up: then it comes less often, and writes
   * each document once for the many times it changed. One that closes a window comes at once. A
   * full table wakes it all the same.
   */
  async #pause(): Promise<void> {
    const { signal } = this.#wake;
    const { flushIntervalMs } = this.#settings;
    const startMs = systemClock.monotonicMs();
    for (;;) {
      const isCatchingUp = this.#manager.owned.some(({ live }) => isFarBehind(live));
      const limitMs = isCatchingUp
        ? Math.max(flushIntervalMs, CATCH_UP_INTERVAL_MS)
        : flushIntervalMs;
      const leftMs = limitMs - (systemClock.monotonicMs() - startMs);
      if (leftMs <= 0 || signal.aborted || (!isCatchingUp && this.#becomesClosable())) break;
      await sleep(Math.min(leftMs, CLOSABLE_POLL_MS), signal);
    }
    this.#wake = new AbortController();
  }

  #becomesClosable(): boolean {
    const read = new Map(
      this.#manager.owned.map(({ partition, live }) => [partition, live[LIVE.maxEventMs]]),
    );
    const { watermarkDelayMs } = this.#settings;
    return this.#closer.becomesClosable((partition) => read.get(partition), watermarkDelayMs);
  }

  // --- the cycle ----------------------------------------------------------------------------

  async #cycle(): Promise<void> {
    // Drained content is in its partition's sums and comes in no later delta: to write those after
    // a checkpoint that failed would pass over it. The next start counts it again.
    if (this.#hasUnsettled) return;
    const startMs = systemClock.monotonicMs();
    const timer = new StepTimer();
    const taking = this.#manager.owned.filter((owned) => owned.hasNews(startMs, IDLE_INTERVAL_MS));
    await Promise.all(taking.map((owned) => owned.lease.freeze()));
    timer.done('freeze');
    this.#hasUnsettled = true;
    if (!(await this.#reopenLate(taking))) return;
    const contents = this.#drainFrozen(taking.filter((owned) => this.#manager.has(owned)));
    timer.done('drain');
    if (contents.size > 0) {
      const permits = await this.#checkpointer.persist(
        [...contents.values()],
        this.#giveUp.signal,
        timer,
      );
      if (!permits) return;
      const nowMs = systemClock.monotonicMs();
      for (const [owned, { progress }] of contents) {
        this.#tally.add(owned.durable, progress, owned.live);
        owned.settle(progress, nowMs);
      }
      for (const permit of permits) this.#uncommitted.set(permit.partition, permit);
      this.#noteTouched([...contents.values()]);
      this.#checkpoints++;
      this.#lastCheckpointMs = nowMs - startMs;
    }
    this.#hasUnsettled = false;
    const durableAtMs = systemClock.now();
    await this.#closeWindows(contents.size > 0);
    timer.done('close');
    await this.#commit(COMMIT_WAIT_MS);
    timer.done('commit');
    if (contents.size > 0) this.#report([...contents.values()], durableAtMs, timer);
    this.#manager.reap();
  }

  #report(
    contents: readonly CheckpointContent[],
    durableAtMs: number,
    { stepMs }: StepTimer,
  ): void {
    this.#options.onCheckpoint?.({
      durableAtMs,
      durationMs: this.#lastCheckpointMs,
      stepMs,
      registers: contents.reduce((count, { updates }) => count + updates.length, 0),
      arrivals: contents.map(({ arrivals }) => arrivals),
      letters: contents.flatMap(({ letters }) => letters),
    });
  }

  /**
   * Where late sales are counted: learns what the database says of late windows that frozen deltas
   * add to. A partition whose delta can't be added to that begins again, and gives no content.
   *
   * @returns false when it was given up
   */
  async #reopenLate(taking: readonly OwnedPartition[]): Promise<boolean> {
    const steps = taking.flatMap((owned) => {
      const keys = owned.lateKeys();
      return keys.length === 0 ? [] : [this.#reopen(owned, keys)];
    });
    return (await Promise.all(steps)).every((holds) => holds);
  }

  async #reopen(owned: OwnedPartition, keys: readonly TotalsKey[]): Promise<boolean> {
    let stored: readonly StoredContribution[] = [];
    const read = async () => {
      stored = await readLate(this.#sources, owned.durable, keys);
    };
    if (!(await this.#checkpointer.untilItHolds(read, this.#giveUp.signal))) return false;
    if (owned.reopen(stored)) return true;
    const { partition } = owned;
    const message = `partition ${partition}: late sales are counted further than ${owned.durable.nextOffset}`;
    this.#emit('info', 'begins-again', message);
    this.#manager.beginAgain(partition, keys);
    return true;
  }

  get #sources(): RecoverySources {
    const { mongo, judgeRules } = this.#options;
    return { client: mongo.client, progress: this.#progress, totals: this.#totals, judgeRules };
  }

  /** Takes the frozen deltas, longest waiting first, as far as their dead letters fit in memory. */
  #drainFrozen(taking: OwnedPartition[]): Map<OwnedPartition, CheckpointContent> {
    const contents = new Map<OwnedPartition, CheckpointContent>();
    let letterBytes = 0;
    for (const owned of taking.sort((a, b) => a.durableAtMs - b.durableAtMs)) {
      const { frozen } = owned.lease.region;
      if (!frozen) continue;
      letterBytes += frozen.rejectLog.sizeBytes;
      if (contents.size > 0 && letterBytes > LETTER_BYTES_MAX) {
        // It stays frozen for the next checkpoint, which shall not wait for its time.
        this.#wake.abort();
        break;
      }
      contents.set(owned, owned.drain(this.#closer.times));
    }
    return contents;
  }

  #noteTouched(contents: readonly CheckpointContent[]): void {
    for (const { updates } of contents) {
      for (const { windowEndMs } of updates) {
        this.#leastTouchedMs = Math.min(this.#leastTouchedMs, windowEndMs);
      }
    }
  }

  async #closeWindows(hasNews: boolean): Promise<void> {
    const nowMs = systemClock.monotonicMs();
    if (!hasNews && nowMs - this.#lastCloseAtMs < IDLE_INTERVAL_MS) return;
    try {
      const closing = this.#closer.run(this.#topic.partitionCount, this.#leastTouchedMs);
      if (!(await endsBefore(closing, this.#giveUp.signal))) return;
      this.#leastTouchedMs = Number.POSITIVE_INFINITY;
      this.#lastCloseAtMs = nowMs;
    } catch (error) {
      const { code, message } = this.#asError(error);
      this.#trouble(code, `windows stay open for now: ${message}`);
    }
  }

  /** Nothing rests on a commit: one that the group leaves waiting holds up no checkpoint. */
  async #commit(waitMs: number): Promise<void> {
    this.#committing ??= this.#commitAll().finally(() => {
      this.#committing = null;
    });
    await endsWithin(this.#committing, waitMs);
  }

  /** Also what becomes durable meanwhile: one request at a time. */
  async #commitAll(): Promise<void> {
    // One that is not yet a member may not commit.
    while (this.#uncommitted.size > 0 && this.#isAssigned) {
      const permits = [...this.#uncommitted.values()];
      this.#uncommitted.clear();
      try {
        const isLast = this.#state === 'draining';
        await this.#group.commit(permits, isLast ? LAST_COMMIT_TIMEOUT_MS : COMMIT_TIMEOUT_MS);
      } catch (error) {
        // The progress documents say where to resume; the next checkpoint commits further on.
        this.#trouble('E_COMMIT', `offsets were not committed to Kafka: ${messageOf(error)}`);
        return;
      }
    }
  }

  /** Every owned partition is durable up to the end that its log had at the first fetch. */
  #isDrained(): boolean {
    if (!this.#isAssigned || this.#manager.recovering.length > 0) return false;
    return this.#manager.owned.every(({ live, durable }) => {
      const end = live[LIVE.firstEndOffset];
      return end >= 0 && durable.nextOffset >= end;
    });
  }

  async #release(partitions: readonly number[], timeoutMs: number): Promise<void> {
    await Promise.all(partitions.map((partition) => this.#manager.release(partition, timeoutMs)));
    for (const partition of partitions) this.#uncommitted.delete(partition);
  }

  /** What a process has left in order is no orphan: an ordinary start takes nothing over. */
  async #disown(partitions: readonly number[]): Promise<void> {
    if (partitions.length === 0) return;
    try {
      await this.#progress.disown(partitions);
    } catch (error) {
      const { code, message } = this.#asError(error);
      this.#trouble(code, `partitions were let go of without a word: ${message}`);
    }
  }

  // --- the end ------------------------------------------------------------------------------

  async #shutDown(): Promise<void> {
    this.#state = 'draining';
    this.#wind();
    try {
      if (this.#manager) await this.#drain();
    } catch (error) {
      this.#fatal ??= this.#asError(error);
    }
    clearTimeout(this.#giveUpTimer);
    this.#manager?.close();
    this.#topic?.stop();
    await this.#group?.leave();
    await Promise.all([this.#deadLetters.close(), this.#threads?.close()]);
    this.#state = 'stopped';
  }

  /** Stops every lease and makes the last checkpoint; cycles drive the releases on. */
  async #drain(): Promise<void> {
    const partitions = [
      ...this.#manager.recovering,
      ...this.#manager.owned.map((o) => o.partition),
    ];
    let isReleased = false;
    const released = this.#release(partitions, DRAIN_TIMEOUT_MS).then(() => {
      isReleased = true;
    });
    while (!isReleased && !this.#hasUnsettled && !this.#giveUp.signal.aborted) {
      await this.#cycle();
      await Promise.race([released, sleep(10)]);
    }
    if (this.#hasUnsettled) {
      const code = this.#problem?.code ?? 'E_STOP_TIMEOUT';
      const why = this.#problem?.message ?? `no answer in ${DRAIN_TIMEOUT_MS / 1000} s`;
      throw new VendavalError(`stopped before the last checkpoint held: ${why}`, {
        code,
        hint: 'Nothing is lost: the next start counts again from the last checkpoint that held.',
      });
    }
    await this.#commit(LAST_COMMIT_TIMEOUT_MS);
    const disowned = this.#manager.quiet().then(() => this.#disown(partitions));
    await endsWithin(disowned, DISOWN_TIMEOUT_MS);
  }

  #fail(error: VendavalError): void {
    this.#fatal ??= error;
    this.#wind();
  }

  /** From now on the end is bounded, also while a checkpoint is being tried again. */
  #wind(): void {
    this.#giveUpTimer ??= setTimeout(() => this.#giveUp.abort(), DRAIN_TIMEOUT_MS);
    this.#wake.abort();
  }

  #asError(error: unknown): VendavalError {
    return mongoError(error, this.#settings.mongo);
  }

  #trouble(code: string, message: string): void {
    this.#emit('warn', code, message);
  }

  #emit(level: EngineEvent['level'], code: string, message: string): void {
    this.#options.onEvent({ level, code, message });
  }

  status(): EngineStatus {
    const owned = this.#manager?.owned ?? [];
    const recovering = this.#manager?.recovering ?? [];
    return {
      state: this.#problem && this.#state === 'running' ? 'retrying' : this.#state,
      problem: this.#problem,
      partitionCount: this.#topic?.partitionCount ?? 0,
      partitions: partitionStatus(owned, recovering, (partition) =>
        this.#topic.leaderOf(partition),
      ),
      watermarkMs: this.#closer.watermarkMs,
      hold: this.#closer.hold,
      times: this.#closer.times,
      cluster: this.#topic?.cluster ?? null,
      checkpoints: this.#checkpoints,
      lastCheckpointMs: this.#lastCheckpointMs,
      windowsClosed: this.#closer.closedCount,
    };
  }

  summary(): RunSummary {
    const { counted, rejected, readingMs } = this.#tally;
    const windowsClosed = this.#closer.closedCount;
    return { counted, rejected, readingMs, checkpoints: this.#checkpoints, windowsClosed };
  }
}
