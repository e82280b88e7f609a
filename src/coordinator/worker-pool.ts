/** The worker threads: one piscina task is one lease, and a thread's death rejects its tasks. */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { KafkaSecurity } from '../kafka/access.ts';
import { sleep, systemClock } from '../lib/clock.ts';
import type {
  LeaseOrder,
  LeaseResult,
  LeaseTask,
  ThreadLoaded,
} from '../workers/lease-protocol.ts';
import type { LeaseThreads } from './lease-handle.ts';

/**
 * By default. With one thread for each core, three partitions on two cores would leave one core idle
 * for half of the time; the scheduler shares more threads out evenly, and no partition waits long
 * for its turn.
 */
const THREADS_PER_CORE = 2;
/** Most leases that one thread can be given; far more than partitions in a topic. */
const LEASES_PER_THREAD_MAX = 4096;
const THREAD_HEAP_MB_MAX = 256;
/** A thread loads its code in a tenth of a second; one that takes so long hangs. */
const LOAD_LIMIT_MS = 10_000;
const LOAD_POLL_MS = 5;

export class WorkerPool implements LeaseThreads {
  readonly #pool: Piscina;
  readonly #security: KafkaSecurity | null;
  /** Ids of the threads that have loaded all of their code. */
  readonly #loaded = new Set<number>();
  readonly threads: number;

  /** @param threads 0 for two for each core, at most one for each partition */
  constructor(threads: number, partitionCount: number, security: KafkaSecurity | null) {
    this.#security = security;
    const usual = Math.min(THREADS_PER_CORE * availableParallelism(), partitionCount);
    this.threads = threads || Math.max(1, usual);
    this.#pool = new Piscina({
      filename: fileURLToPath(new URL('../workers/lease-task.js', import.meta.url)),
      minThreads: this.threads,
      maxThreads: this.threads,
      concurrentTasksPerWorker: LEASES_PER_THREAD_MAX,
      // Between tasks the thread must keep its event loop: other leases live in it.
      atomics: 'disabled',
      idleTimeout: Number.POSITIVE_INFINITY,
      resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MB_MAX },
    });
    // A dead thread rejects its tasks, which is where it is dealt with.
    this.#pool.on('error', () => {});
    this.#pool.on('message', ({ loaded }: ThreadLoaded) => this.#loaded.add(loaded));
  }

  run(task: LeaseOrder): { port: MessagePort; ended: Promise<LeaseResult> } {
    const { port1, port2 } = new MessageChannel();
    const ended = this.#pool.run(
      { ...task, security: this.#security, port: port2 } satisfies LeaseTask,
      { transferList: [port2] },
    );
    return { port: port1, ended };
  }

  /**
   * Ends the threads, each once it has loaded its code: Node aborts the whole process when one is
   * ended while its modules are linked, and a native addon may crash. Source: the stack of such an
   * end, `node::loader::ModuleWrap::InstantiateSync` in `node::OnFatalError`.
   */
  async close(): Promise<void> {
    const untilMs = systemClock.monotonicMs() + LOAD_LIMIT_MS;
    while (this.#isLoading && systemClock.monotonicMs() < untilMs) await sleep(LOAD_POLL_MS);
    await this.#pool.destroy();
  }

  get #isLoading(): boolean {
    return this.#pool.threads.some(({ threadId }) => !this.#loaded.has(threadId));
  }
}
