/** The worker threads: one piscina task is one lease, and a thread's death rejects its tasks. */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { KafkaSecurity } from '../kafka/access.ts';
import type { LeaseOrder, LeaseResult, LeaseTask } from '../workers/lease-protocol.ts';
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

export class WorkerPool implements LeaseThreads {
  readonly #pool: Piscina;
  readonly #security: KafkaSecurity | null;
  readonly threads: number;

  /** @param threads 0 for two for each core, at most one for each partition */
  constructor(threads: number, partitionCount: number, security: KafkaSecurity | null) {
    this.#security = security;
    const usual = Math.min(THREADS_PER_CORE * availableParallelism(), partitionCount);
    this.threads = threads || Math.max(1, usual);
    this.#pool = new Piscina({
      filename: fileURLToPath(new URL('../workers/lease-thread.cjs', import.meta.url)),
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
  }

  run(task: LeaseOrder): { port: MessagePort; ended: Promise<LeaseResult> } {
    const { port1, port2 } = new MessageChannel();
    const ended = this.#pool.run(
      { ...task, security: this.#security, port: port2 } satisfies LeaseTask,
      { transferList: [port2] },
    );
    return { port: port1, ended };
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}
