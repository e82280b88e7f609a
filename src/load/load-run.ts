/**
 * A load from start to end, seen from the main thread: worker threads write the partitions, one
 * writer each; this adds up what they report. Invariant: whatever happens, the result says what was
 * acknowledged, exactly, and what is unknown.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { existingTopic } from '../kafka/metadata.ts';
import { steadyEpochMs } from '../lib/clock.ts';
import { messageOf, VendavalError } from '../lib/errors.ts';
import type {
  Acknowledgement,
  FromThread,
  LoadTask,
  PartitionOutcome,
  ThreadReport,
  ToThread,
} from './load-protocol.ts';
import { Schedule } from './schedule.ts';

/** From "all are connected" to the first sale. */
const START_DELAY_MS = 20;
/** After a stop, what is in flight is waited for so long. */
const FLUSH_LIMIT_MS = 10_000;
const THREAD_HEAP_MB_MAX = 256;
const NO_REPORT: ThreadReport = {
  made: 0,
  acknowledged: 0,
  bytes: 0,
  lagMs: 0,
  troubles: 0,
  acknowledgements: [],
};

export interface LoadPlan extends Omit<LoadTask, 'partitions' | 'own'> {
  /** 0 is one for each core, at most one for each partition. */
  readonly threads: number;
}

export interface LoadListener {
  started(partitions: number, threads: number, total: number): void;
  acknowledged(batches: readonly Acknowledgement[]): void;
  trouble(code: string, message: string): void;
}

export interface LoadStatus {
  readonly elapsedMs: number;
  readonly phase: string;
  /** Sales a second that the profile asks for now. */
  readonly targetRate: number;
  readonly total: number;
  readonly made: number;
  readonly acknowledged: number;
  readonly bytes: number;
  /** How long the oldest sale that is due has waited for its acknowledgement. */
  readonly lagMs: number;
  readonly lagMsMax: number;
  /** Failures that were tried again. */
  readonly troubles: number;
}

export interface LoadResult {
  readonly partitions: number;
  readonly outcomes: readonly PartitionOutcome[];
  readonly status: LoadStatus;
  /** Why it ended before its time; null when it did not, or was stopped. */
  readonly failure: VendavalError | null;
}

/** One worker thread. */
interface Thread {
  readonly worker: Worker;
  report: ThreadReport;
}

export class LoadRun {
  readonly #plan: LoadPlan;
  readonly #listener: LoadListener;
  readonly #schedule: Schedule;
  readonly #threads: Thread[] = [];
  readonly #outcomes: PartitionOutcome[] = [];
  #startMs = Number.NaN;
  #endMs = Number.NaN;
  #lagMsMax = 0;
  #troubles = 0;
  #failure: VendavalError | null = null;

  constructor(plan: LoadPlan, listener: LoadListener) {
    const { phases, rate, durationMs, countMax } = plan;
    this.#plan = plan;
    this.#listener = listener;
    this.#schedule = new Schedule(phases, rate, durationMs, countMax);
  }

  /** Runs to the end of the schedule, or until the signal; what was sent is waited for. */
  async run(signal: AbortSignal): Promise<LoadResult> {
    const { access, topic } = this.#plan;
    const metadata = await existingTopic(access, topic);
    const partitions = metadata.partitions.length;
    const threads = Math.min(this.#plan.threads || availableParallelism(), partitions);
    const numbers = Array.from({ length: partitions }, (_, partition) => partition);
    let flushTimer: NodeJS.Timeout | undefined;
    const stop = () => {
      this.#tellAll({ kind: 'stop' });
      flushTimer ??= setTimeout(() => this.#tellAll({ kind: 'end' }), FLUSH_LIMIT_MS);
    };
    signal.addEventListener('abort', stop, { once: true });
    try {
      let ready = 0;
      const running = Promise.all(
        Array.from({ length: threads }, (_, thread) => {
          const own = numbers.filter((partition) => partition % threads === thread);
          return this.#runThread({ ...this.#plan, partitions, own }, stop, () => {
            if (++ready === threads) this.#start(partitions, threads);
          });
        }),
      );
      if (signal.aborted) stop();
      await running;
    } finally {
      clearTimeout(flushTimer);
      signal.removeEventListener('abort', stop);
    }
    this.#endMs = steadyEpochMs();
    const status = this.status();
    return { partitions, outcomes: this.#outcomes, status, failure: this.#failure };
  }

  status(): LoadStatus {
    const nowMs = Number.isNaN(this.#endMs) ? steadyEpochMs() : this.#endMs;
    const elapsedMs = Number.isNaN(this.#startMs) ? 0 : Math.max(0, nowMs - this.#startMs);
    const sum = (of: (report: ThreadReport) => number) =>
      this.#threads.reduce((total, { report }) => total + of(report), 0);
    return {
      elapsedMs,
      phase: this.#schedule.phaseAt(elapsedMs).name,
      targetRate: this.#schedule.rateAt(elapsedMs),
      total: this.#schedule.total,
      made: sum(({ made }) => made),
      acknowledged: sum(({ acknowledged }) => acknowledged),
      bytes: sum(({ bytes }) => bytes),
      lagMs: Math.max(0, ...this.#threads.map(({ report }) => report.lagMs)),
      lagMsMax: this.#lagMsMax,
      troubles: this.#troubles,
    };
  }

  #start(partitions: number, threads: number): void {
    if (this.#failure) return;
    this.#listener.started(partitions, threads, this.#schedule.total);
    this.#startMs = steadyEpochMs() + START_DELAY_MS;
    this.#tellAll({ kind: 'start', startMs: this.#startMs });
  }

  #tellAll(message: ToThread): void {
    for (const { worker } of this.#threads) worker.postMessage(message);
  }

  /** Resolves when the thread has ended, in whatever way. */
  #runThread(task: LoadTask, stop: () => void, onReady: () => void): Promise<void> {
    const worker = new Worker(new URL('./load-thread.js', import.meta.url), {
      workerData: task,
      resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MB_MAX },
    });
    const thread: Thread = { worker, report: NO_REPORT };
    this.#threads.push(thread);
    const fail = (failure: VendavalError) => {
      this.#failure ??= failure;
      stop();
    };
    return new Promise((resolve) => {
      let hasEnded = false;
      worker.on('message', (message: FromThread) => {
        if (message.kind === 'ready') onReady();
        else if (message.kind === 'report') this.#take(thread, message.report);
        else if (message.kind === 'trouble') this.#listener.trouble(message.code, message.message);
        else if (message.kind === 'failed') {
          const { message: text, code, options } = message.failure;
          fail(new VendavalError(text, { ...options, code }));
        } else {
          hasEnded = true;
          this.#outcomes.push(...message.outcomes);
        }
      });
      worker.on('error', (error) => fail(threadDied(messageOf(error), error)));
      worker.on('exit', (code) => {
        if (!hasEnded) fail(threadDied(`it exited with code ${code}`));
        resolve();
      });
    });
  }

  #take(thread: Thread, report: ThreadReport): void {
    thread.report = report;
    this.#lagMsMax = Math.max(this.#lagMsMax, report.lagMs);
    this.#troubles += report.troubles;
    if (report.acknowledgements.length > 0) this.#listener.acknowledged(report.acknowledgements);
  }
}

function threadDied(why: string, cause?: unknown): VendavalError {
  return new VendavalError(`a thread of the load died: ${why}`, {
    code: 'E_WORKER_DIED',
    hint: 'What it wrote is in the topic, and no oracle knows it: start again on a new topic.',
    cause,
  });
}
