/** The worker threads of a simulated process: real leases, each on the actor of its thread. */
import type { LeaseThreads } from '../../src/coordinator/lease-handle.ts';
import type {
  LeaseOrder,
  LeasePort,
  LeaseResult,
  ToCoordinator,
  ToWorker,
} from '../../src/workers/lease-protocol.ts';
import { PartitionLease } from '../../src/workers/partition-lease.ts';
import type { SimLog } from './sim-log.ts';
import { Actor, type World } from './world.ts';

/** One direction of a channel between two threads: in order, and not at once. */
class Channel<Message> {
  readonly #world: World;
  readonly #to: Actor;
  #listener: ((message: Message) => void) | null = null;
  #lastAtMs = 0;
  isClosed = false;

  constructor(world: World, to: Actor) {
    this.#world = world;
    this.#to = to;
  }

  listen(listener: (message: Message) => void): void {
    this.#listener = listener;
  }

  send(message: Message): void {
    const world = this.#world;
    this.#lastAtMs = Math.max(this.#lastAtMs, world.nowMs + world.random.next() * 2);
    world.after(this.#lastAtMs - world.nowMs, this.#to, 'message', () => {
      if (!this.isClosed) this.#listener?.(message);
    });
  }
}

function port<Heard, Said>(heard: Channel<Heard>, said: Channel<Said>): LeasePort<Heard, Said> {
  return {
    on: (_event, listener) => heard.listen(listener),
    postMessage: (message) => said.send(message),
    close: () => {
      heard.isClosed = true;
      said.isClosed = true;
    },
  };
}

export class SimThreads implements LeaseThreads {
  readonly #world: World;
  readonly #log: SimLog;
  readonly #main: Actor;
  readonly #threads: Actor[];
  readonly #deaths = new Map<Actor, Set<() => void>>();
  #next = 0;
  #made = 0;

  constructor(world: World, log: SimLog, main: Actor, count: number) {
    this.#world = world;
    this.#log = log;
    this.#main = main;
    this.#threads = Array.from({ length: count }, () => this.#thread());
  }

  #thread(): Actor {
    return new Actor(this.#main.machine, `t${this.#made++}`);
  }

  run(task: LeaseOrder): {
    port: LeasePort<ToCoordinator, ToWorker>;
    ended: Promise<LeaseResult>;
  } {
    const world = this.#world;
    const main = this.#main;
    const actor = this.#threads[this.#next++ % this.#threads.length];
    const toWorker = new Channel<ToWorker>(world, actor);
    const toMain = new Channel<ToCoordinator>(world, main);
    const ended = new Promise<LeaseResult>((resolve, reject) => {
      const died = () =>
        world.after(1, main, 'thread died', () => reject(new Error('worker exited with code 1')));
      const deaths = this.#deathsOf(actor);
      deaths.add(died);
      world.after(world.random.next() * 2, actor, 'lease', () => {
        const lease = new PartitionLease(
          // The simulated connection brings its own memory.
          { ...task, fetchBytes: 1, security: null, port: port(toWorker, toMain) },
          this.#log.opener(actor),
        );
        lease.run().then(
          (result) => {
            deaths.delete(died);
            world.after(world.random.next() * 2, main, 'lease over', () => resolve(result));
          },
          (error) => {
            deaths.delete(died);
            world.after(world.random.next() * 2, main, 'lease failed', () => reject(error));
          },
        );
      });
    });
    return { port: port(toMain, toWorker), ended };
  }

  /** A thread ends with all its leases, and another takes its place. */
  kill(index: number): void {
    const at = index % this.#threads.length;
    const actor = this.#threads[at];
    this.#world.tell(actor.name, 'the thread dies');
    actor.isDead = true;
    this.#threads[at] = this.#thread();
    for (const died of this.#deathsOf(actor)) died();
  }

  async close(): Promise<void> {
    this.#threads.forEach((_, index) => {
      this.kill(index);
    });
  }

  #deathsOf(actor: Actor): Set<() => void> {
    let deaths = this.#deaths.get(actor);
    if (!deaths) {
      deaths = new Set();
      this.#deaths.set(actor, deaths);
    }
    return deaths;
  }
}
