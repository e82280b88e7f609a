/**
 * One running lease, seen from the coordinator: turns messages into calls and promises. Knows
 * nothing of checkpoints, nor of where leases run.
 */
import { VendavalError } from '../lib/errors.ts';
import { failPoint } from '../lib/fail-point.ts';
import { CoordinatorRegion } from '../state/partition-region.ts';
import type {
  BrokerPlace,
  LeaderAddress,
  LeaseOrder,
  LeasePort,
  LeaseResult,
  ToCoordinator,
  ToWorker,
} from '../workers/lease-protocol.ts';

/** A worker hears between two responses, which take milliseconds; this long means it is stuck. */
const FREEZE_TIMEOUT_S = 30;

type CoordinatorPort = LeasePort<ToCoordinator, ToWorker>;

/** Where leases run. */
export interface LeaseThreads {
  /** Starts a lease; the promise rejects when its thread dies or its code fails. */
  run(task: LeaseOrder): {
    readonly port: CoordinatorPort;
    readonly ended: Promise<LeaseResult>;
  };
  close(): Promise<void>;
}

export interface LeaseHandler {
  /** A checkpoint is needed before the worker can go on. */
  full(): void;
  leaderWanted(reason: string): void;
  /** The leader names this replica; its place is to be told by `setReplica`. */
  replicaWanted(brokerId: number): void;
  trouble(code: string, message: string): void;
}

export class LeaseHandle {
  readonly region: CoordinatorRegion;
  /** Settles when the task ends; rejects when its thread died or the code failed. */
  readonly ended: Promise<LeaseResult>;
  readonly #port: CoordinatorPort;
  #frozen: (() => void) | null = null;
  #hasEnded = false;

  constructor(threads: LeaseThreads, task: LeaseOrder, handler: LeaseHandler) {
    this.region = new CoordinatorRegion(task.region);
    const { port, ended } = threads.run(task);
    this.#port = port;
    port.on('message', (message) => {
      if (message.kind === 'frozen') this.#settle();
      else if (message.kind === 'full') handler.full();
      else if (message.kind === 'leader-wanted') handler.leaderWanted(message.reason);
      else if (message.kind === 'replica-wanted') handler.replicaWanted(message.brokerId);
      else handler.trouble(message.code, message.message);
    });
    this.ended = ended;
    const over = () => {
      this.#hasEnded = true;
      port.close();
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
    failPoint('before-freeze');
    await this.#expectFrozen({ kind: 'freeze' });
    failPoint('after-freeze');
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

  setReplica(brokerId: number, place: BrokerPlace | null): void {
    this.#send({ kind: 'replica', brokerId, place });
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
        // Nothing more is to be had from it: a stop does not wait for it once again.
        this.#hasEnded = true;
        this.#port.close();
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
