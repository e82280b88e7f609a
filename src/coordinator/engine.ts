/**
 * The engine of one process, from its start to its end. It joins the group (membership.ts), which
 * gives it partitions (partition-manager.ts), and makes one checkpoint after the other
 * (checkpoint-cycle.ts) at its pace (pace.ts). Invariant: whatever ends it, the last checkpoint is
 * tried for a while, and everything of it is closed.
 */
import type { ClientSession } from 'mongodb';
import type { Settings } from '../config/options.ts';
import { endsWithin, sleep } from '../lib/clock.ts';
import { VendavalError } from '../lib/errors.ts';
import type { Laps } from '../lib/laps.ts';
import type { MongoConnection } from '../mongo/connection.ts';
import { OwnershipStore } from '../mongo/ownership-store.ts';
import { ProgressReader } from '../mongo/progress-reader.ts';
import { ProgressStore } from '../mongo/progress-store.ts';
import { TotalsStore } from '../mongo/totals-store.ts';
import { LIVE } from '../state/layout.ts';
import { CheckpointCycle } from './checkpoint-cycle.ts';
import type { CheckpointReport } from './checkpoint-report.ts';
import { Checkpointer } from './checkpointer.ts';
import type { EngineEvent, EngineState, EngineStatus } from './engine-events.ts';
import { Health } from './health.ts';
import type { LeaseThreads } from './lease-handle.ts';
import { Membership } from './membership.ts';
import { OffsetCommits } from './offset-commits.ts';
import type { DeadLetters, Outside, Topic } from './outside.ts';
import { Pace } from './pace.ts';
import { PartitionManager } from './partition-manager.ts';
import { partitionStatus } from './partition-status.ts';
import { type RecoverySources, recoverPartition } from './recovery.ts';
import { type RunSummary, RunTally } from './run-tally.ts';
import { passOver, reportSkips } from './skips.ts';
import { UntilEnd } from './until-end.ts';
import { WindowCloser } from './window-closer.ts';

/** How long a stop may take for the last checkpoint before it is left to the next start. */
const DRAIN_TIMEOUT_MS = 20_000;
/** Nothing rests on it: the next owner only starts later without. */
const DISOWN_TIMEOUT_MS = 1000;

export interface EngineOptions {
  readonly settings: Settings;
  readonly mongo: MongoConnection;
  /** Throws where the database pins other rules by now than this engine was started with. */
  readonly judgeRules: (session: ClientSession) => Promise<void>;
  readonly outside: Outside;
  /** Of the start, from where the caller began it. */
  readonly laps: Laps;
  /** A name for this process in the progress documents. */
  readonly owner: string;
  /** Drain to the log's present end, then stop. */
  readonly untilEnd: boolean;
  readonly onEvent: (event: EngineEvent) => void;
  readonly onCheckpoint?: (report: CheckpointReport) => void;
}

export class Engine {
  readonly #options: EngineOptions;
  readonly #health: Health;
  readonly #progress: ProgressStore;
  readonly #reader: ProgressReader;
  readonly #totals: TotalsStore;
  readonly #closer: WindowCloser;
  readonly #deadLetters: DeadLetters;
  readonly #pace: Pace;
  readonly #tally = new RunTally();
  readonly #giveUp = new AbortController();
  #giveUpTimer: NodeJS.Timeout | undefined;
  #topic!: Topic;
  #threads!: LeaseThreads;
  #manager!: PartitionManager;
  #membership!: Membership;
  #commits!: OffsetCommits;
  #cycle!: CheckpointCycle;
  #untilEnd!: UntilEnd;
  #state: EngineState = 'starting';
  #fatal: VendavalError | null = null;
  #isStopping = false;
  #isStartTold = false;

  constructor(options: EngineOptions) {
    this.#options = options;
    const { settings, mongo, outside, owner, onEvent } = options;
    this.#health = new Health(settings.mongo, onEvent);
    this.#progress = new ProgressStore(mongo.db, settings.topic, owner);
    this.#reader = new ProgressReader(mongo.db, settings.topic);
    this.#totals = new TotalsStore(mongo.db, settings.collection);
    this.#closer = new WindowCloser(this.#reader, this.#totals, settings.windowMs);
    this.#pace = new Pace(settings, this.#closer);
    this.#deadLetters = outside.deadLetters((code, message) => this.#health.trouble(code, message));
  }

  /** Runs until stopped, drained or failed; then everything of it is closed. */
  async run(): Promise<RunSummary> {
    try {
      await this.#start();
      this.#state = 'running';
      while (!this.#isEnding) {
        await this.#cycle.run();
        this.#tellStart();
        if (this.#options.untilEnd && (await this.#isDrained())) break;
        await this.#pace.pause(() => this.#manager.owned);
      }
    } catch (error) {
      this.#fatal ??= this.#health.asError(error);
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

  #fail(error: VendavalError): void {
    this.#fatal ??= error;
    this.#wind();
  }

  /** From now on the end is bounded, also while a checkpoint is being tried again. */
  #wind(): void {
    this.#giveUpTimer ??= setTimeout(() => this.#giveUp.abort(), DRAIN_TIMEOUT_MS);
    this.#pace.wake();
  }

  get #isEnding(): boolean {
    return this.#isStopping || this.#fatal !== null;
  }

  get #isDraining(): boolean {
    return this.#state === 'draining';
  }

  // --- the start ----------------------------------------------------------------------------

  async #start(): Promise<void> {
    const { outside } = this.#options;
    this.#topic = await outside.watchTopic({
      changed: () => this.#manager?.setLeaders(),
      trouble: (error) => this.#health.trouble(error.code, error.message),
      fatal: (error) => this.#fail(error),
    });
    await this.#totals.ensureIndexes();
    this.#threads = outside.threads(this.#topic.partitionCount);
    this.#manager = this.#makeManager();
    this.#membership = this.#makeMembership();
    this.#commits = new OffsetCommits(this.#membership, this.#health, () => this.#isDraining);
    this.#cycle = this.#makeCycle();
    this.#untilEnd = new UntilEnd(this.#reader, this.#membership.group, this.#health);
    this.#options.laps.lap('threads and indexes');
    await Promise.all([this.#membership.group.join(), this.#deadLetters.connect()]);
    void this.#membership.adopt();
  }

  /** Once every partition that the group gave has had an answer from its broker. */
  #tellStart(): void {
    if (this.#isStartTold || !this.#membership.isAssigned) return;
    const { owned, recovering } = this.#manager;
    const answeredMs = owned.map(({ live }) => live[LIVE.firstAnswerMs]);
    if (recovering.length > 0 || owned.length === 0 || answeredMs.includes(0)) return;
    this.#isStartTold = true;
    const { laps } = this.#options;
    laps.lap('group', this.#membership.firstAssignedMs);
    laps.lap('recovery and first answers', Math.max(...answeredMs));
    this.#health.info('reading', `every partition is read, after ${laps}`);
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
          async () => (await this.#membership.group.logRange(partition)).start,
        );
        await reportSkips(this.#progress, this.#deadLetters, recovered.progress);
        return recovered;
      },
      skip: async (progress, skip) => {
        const isNew = await passOver(this.#progress, this.#totals, settings.late, progress, skip);
        if (isNew) this.#tally.skipped(skip.to - skip.from);
      },
      health: this.#health,
      wake: () => this.#pace.wake(),
      leaderWanted: () => this.#topic.refreshSoon(),
      fatal: (error) => this.#fail(error),
    });
  }

  #makeMembership(): Membership {
    const { settings, mongo, outside, owner } = this.#options;
    return new Membership(outside, {
      health: this.#health,
      manager: this.#manager,
      ownership: new OwnershipStore(mongo.db, settings.topic, owner),
      progress: this.#reader,
      flushIntervalMs: settings.flushIntervalMs,
      partitionCount: () => this.#topic.partitionCount,
      isEnding: () => this.#isEnding,
      isDraining: () => this.#isDraining,
      wake: () => this.#pace.wake(),
      released: (partitions) => this.#commits.forget(partitions),
      fatal: (error) => this.#fail(error),
    });
  }

  #makeCycle(): CheckpointCycle {
    const [health, deadLetters] = [this.#health, this.#deadLetters];
    const sinks = { deadLetters, totals: this.#totals, progress: this.#progress };
    return new CheckpointCycle({
      manager: this.#manager,
      checkpointer: new Checkpointer(sinks, (error) => health.asError(error), health),
      closer: this.#closer,
      commits: this.#commits,
      sources: this.#sources,
      tally: this.#tally,
      health,
      giveUp: this.#giveUp.signal,
      onCheckpoint: this.#options.onCheckpoint,
      partitionCount: () => this.#topic.partitionCount,
      wake: () => this.#pace.wake(),
    });
  }

  get #sources(): RecoverySources {
    const { mongo, judgeRules } = this.#options;
    return { client: mongo.client, progress: this.#progress, totals: this.#totals, judgeRules };
  }

  // --- the end ------------------------------------------------------------------------------

  async #isDrained(): Promise<boolean> {
    if (!this.#membership.isAssigned || this.#manager.recovering.length > 0) return false;
    return this.#untilEnd.isReached(this.#manager.owned, this.#topic.partitionCount);
  }

  async #shutDown(): Promise<void> {
    this.#state = 'draining';
    this.#wind();
    try {
      if (this.#cycle) await this.#drain();
    } catch (error) {
      this.#fatal ??= this.#health.asError(error);
    }
    clearTimeout(this.#giveUpTimer);
    this.#manager?.close();
    this.#topic?.stop();
    await this.#membership?.group.leave();
    await Promise.all([this.#deadLetters.close(), this.#threads?.close()]);
    this.#state = 'stopped';
  }

  /** Stops every lease and makes the last checkpoint; cycles drive the releases on. */
  async #drain(): Promise<void> {
    const { recovering, owned } = this.#manager;
    const partitions = [...recovering, ...owned.map(({ partition }) => partition)];
    let isReleased = false;
    const released = this.#membership.release(partitions, DRAIN_TIMEOUT_MS).then(() => {
      isReleased = true;
    });
    while (!isReleased && !this.#cycle.hasUnsettled && !this.#giveUp.signal.aborted) {
      await this.#cycle.run();
      await Promise.race([released, sleep(10)]);
    }
    if (this.#cycle.hasUnsettled) throw this.#stoppedTooEarly();
    await this.#commits.commitLast();
    const disowned = this.#manager.quiet().then(() => this.#membership.disown(partitions));
    await endsWithin(disowned, DISOWN_TIMEOUT_MS);
  }

  #stoppedTooEarly(): VendavalError {
    const code = this.#health.problem?.code ?? 'E_STOP_TIMEOUT';
    const why = this.#health.problem?.message ?? `no answer in ${DRAIN_TIMEOUT_MS / 1000} s`;
    return new VendavalError(`stopped before the last checkpoint held: ${why}`, {
      code,
      hint: 'Nothing is lost: the next start counts again from the last checkpoint that held.',
    });
  }

  // --- what it says of itself ---------------------------------------------------------------

  status(): EngineStatus {
    const { problem } = this.#health;
    const owned = this.#manager?.owned ?? [];
    const recovering = this.#manager?.recovering ?? [];
    const leaderOf = (partition: number) => this.#topic.leaderOf(partition);
    return {
      state: problem && this.#state === 'running' ? 'retrying' : this.#state,
      problem,
      partitionCount: this.#topic?.partitionCount ?? 0,
      partitions: partitionStatus(owned, recovering, leaderOf),
      watermarkMs: this.#closer.watermarkMs,
      hold: this.#closer.hold,
      times: this.#closer.times,
      cluster: this.#topic?.cluster ?? null,
      checkpoints: this.#cycle?.checkpoints ?? 0,
      lastCheckpointMs: this.#cycle?.lastCheckpointMs ?? 0,
      windowsClosed: this.#closer.closedCount,
    };
  }

  summary(): RunSummary {
    const { counted, rejected, readingMs } = this.#tally;
    const windowsClosed = this.#closer.closedCount;
    const checkpoints = this.#cycle?.checkpoints ?? 0;
    return { counted, rejected, readingMs, checkpoints, windowsClosed };
  }
}
