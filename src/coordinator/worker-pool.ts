/**
 * The worker threads: one piscina task is one lease. Turns messages into calls and promises, and
 * a thread's death into a rejected promise; knows nothing of checkpoints.
 */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { VendavalError } from '../lib/errors.ts';
import { CoordinatorRegion } from '../state/partition-region.ts';
import type {
  LeaderAddress,
  LeaseResult,
  LeaseTask,
  ToCoordinator,
  ToWorker,
} from '../workers/lease-protocol.ts';

/** Most leases that one thread can be given; far more than partitions in a topic. */
const LEASES_PER_THREAD_MAX = 4096;
/** A worker hears between two responses, which take milliseconds; this long means it is stuck. */
const FREEZE_TIMEOUT_S = 30;
const THREAD_HEAP_MB_MAX = 256;

export interface LeaseHandler {
  /** A checkpoint is needed before the worker can go on. */
  full(): void;
  leaderWanted(reason: string): void;
  trouble(code: string, message: string): void;
}

/** One running lease, seen from the coordinator. */
export class LeaseHandle {
  readonly region: CoordinatorRegion;
  /** Settles when the task ends; rejects when its thread died or the code failed. */
  readonly ended: Promise<LeaseResult>;
  readonly #port: MessagePort;
  #frozen: (() => void) | null = null;
  #hasEnded = false;

  constructor(pool: Piscina, task: Omit<LeaseTask, 'port'>, handler: LeaseHandler) {
    this.region = new CoordinatorRegion(task.region);
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.on('message', (message: ToCoordinator) => {
      if (message.kind === 'frozen') this.#settle();
      else if (message.kind === 'full') handler.full();
      else if (message.kind === 'leader-wanted') handler.leaderWanted(message.reason);
      else handler.trouble(message.code, message.message);
    });
    this.ended = pool.run({ ...task, port: port2 } satisfies LeaseTask, { transferList: [port2] });
    const over = () => {
      this.#hasEnded = true;
      port1.close();
      this.#settle();
    };
    this.ended.then(over, over);
  }

  /** The task is over; a last frozen delta may still wait to be drained. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Asks for a frozen delta; an ended lease may have one or not. */
  async freeze(): Promise<void> {
    if (this.region.frozen || this.#hasEnded) return;
    await this.#expectFrozen({ kind: 'freeze' });
  }

  /** The frozen delta was taken: the worker may have it back. */
  release(): void {
    this.region.release();
    this.#send({ kind: 'drained' });
  }

  /** Nobody will drain what is left: lets a stopping worker end all the same. */
  abandon(): void {
    if (this.region.frozen) this.release();
  }

  /** Lets the worker stop fetching and freeze its last delta, which is then to be drained. */
  stop(): void {
    this.#send({ kind: 'stop' });
  }

  setLeader(leader: LeaderAddress): void {
    this.#send({ kind: 'leader', leader });
  }

  #send(message: ToWorker): void {
    if (!this.#hasEnded) this.#port.postMessage(message);
  }

  #expectFrozen(message: ToWorker): Promise<void> {
    return new Promise((resolve, reject) => {
      let waitedS = 0;
      // By ticks, of which a process that was stopped (SIGSTOP) gets one for all of the time.
      const timer = setInterval(() => {
        if (++waitedS < FREEZE_TIMEOUT_S) return;
        clearInterval(timer);
        this.#frozen = null;
        reject(
          new VendavalError(`a worker thread did not answer in ${FREEZE_TIMEOUT_S} s`, {
            code: 'E_WORKER_STUCK',
            hint: 'Start the engine again; it goes on from the last checkpoint.',
          }),
        );
      }, 1000);
      this.#frozen = () => {
        clearInterval(timer);
        resolve();
      };
      this.#send(message);
    });
  }

  #settle(): void {
    const settle = this.#frozen;
    this.#frozen = null;
    settle?.();
  }
}

export class WorkerPool {
  readonly #pool: Piscina;
  readonly threads: number;

  /** @param threads 0 for one for each core, at most one for each partition */
  constructor(threads: number, partitionCount: number) {
    this.threads = threads || Math.max(1, Math.min(availableParallelism(), partitionCount));
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
  }

  lease(task: Omit<LeaseTask, 'port'>, handler: LeaseHandler): LeaseHandle {
    return new LeaseHandle(this.#pool, task, handler);
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}
