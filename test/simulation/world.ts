/**
 * Virtual time and the one queue of events from which everything in a simulated history happens.
 * One event runs at a time, with all promise callbacks that follow from it, and then the next; a
 * seeded generator chooses every delay. So a seed makes the same history again, to the last step.
 *
 * The product's code is not told: the globals through which Node code meets time and chance
 * (setTimeout, setInterval, performance.now, Date.now, Math.random) are the world's while a history
 * runs. A timer belongs to the actor in whose event it was made.
 */
import { type Random, seeded } from '../parts/random.ts';
import { EventQueue, type SimEvent } from './event-queue.ts';

/** 2024-11-25T10:30:00Z, the wall clock's time when a history begins. */
export const EPOCH_MS = Date.UTC(2024, 10, 25, 10, 30);

/** One life of a process, from start to exit: what dies, freezes and has clocks. */
export class Machine {
  readonly name: string;
  isDead = false;
  frozenUntilMs = 0;
  /** What its wall clock is ahead of the true time. */
  wallSkewMs = 0;
  readonly monotonicBaseMs: number;

  constructor(name: string, monotonicBaseMs: number) {
    this.name = name;
    this.monotonicBaseMs = monotonicBaseMs;
  }
}

/** A thread of a machine: events and timers that end with it. */
export class Actor {
  readonly machine: Machine;
  readonly name: string;
  isDead = false;

  constructor(machine: Machine, thread: string) {
    this.machine = machine;
    this.name = thread === '' ? machine.name : `${machine.name}/${thread}`;
  }

  get isAlive(): boolean {
    return !this.isDead && !this.machine.isDead;
  }
}

/** A broken promise of the system under test, or of the history's end. */
export class Violation extends Error {
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(message);
    this.invariant = invariant;
  }
}

class SimTimer {
  event: SimEvent;

  constructor(event: SimEvent) {
    this.event = event;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

const REAL = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
  setImmediate: globalThis.setImmediate,
  dateNow: Date.now,
  performanceNow: performance.now,
  random: Math.random,
};

/** Lets every promise callback run that can. */
const settled = () => new Promise<void>((resolve) => REAL.setImmediate(resolve));

export class World {
  nowMs = 0;
  steps = 0;
  readonly random: Random;
  /** What happened, in words; null when nobody reads it. */
  readonly story: string[] | null;
  #hash = 0x811c9dc5;
  #actor: Actor | null = null;
  #violation: Violation | null = null;
  readonly #queue = new EventQueue();

  constructor(seed: number, isTold: boolean) {
    this.random = seeded(seed);
    this.story = isTold ? [] : null;
  }

  /** A number that two histories share only if they went alike. */
  get hash(): number {
    return this.#hash;
  }

  tell(who: string, what: string | (() => string)): void {
    if (!this.story) return;
    const at = (this.nowMs / 1000).toFixed(3).padStart(8);
    this.story.push(`${at} s  ${who.padEnd(9)} ${typeof what === 'string' ? what : what()}`);
  }

  /** Remembers the first violation; the history ends after this step. */
  violate(invariant: string, message: string): void {
    this.#violation ??= new Violation(invariant, message);
    this.tell('!', `${invariant}: ${message}`);
  }

  /** Runs `action` later: on `actor`'s thread, if it still lives, or on a server when it is null. */
  after(delayMs: number, actor: Actor | null, label: string, action: () => void): SimEvent {
    return this.#queue.add(this.nowMs + Math.max(0, delayMs), actor, label, action);
  }

  /** Resolves in an event of `actor`. */
  pause(delayMs: number, actor: Actor, label: string): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, actor, label, resolve));
  }

  /** Milliseconds of a message's way: mostly short, now and then long. */
  delayMs(longMs = 0): number {
    const { random } = this;
    if (longMs > 0 && random.chance(0.2)) return random.between(1, longMs);
    return random.between(0, 4);
  }

  /**
   * Lets events happen until `isOver`, a violation, or a time.
   *
   * @returns whether it was over by `deadlineMs`
   */
  async run(isOver: () => boolean, deadlineMs: number): Promise<boolean> {
    while (!isOver()) {
      const event = this.#queue.take();
      if (!event) return false;
      if (event.atMs > deadlineMs) {
        this.#queue.put(event, event.atMs);
        return false;
      }
      const { actor } = event;
      if (actor) {
        if (!actor.isAlive) continue;
        const { frozenUntilMs } = actor.machine;
        if (frozenUntilMs > event.atMs) {
          this.#queue.put(event, frozenUntilMs);
          continue;
        }
      }
      this.nowMs = event.atMs;
      this.steps++;
      this.#note(event.label);
      await this.#happen(event, actor);
      if (this.#violation) throw this.#violation;
    }
    return true;
  }

  async #happen(event: SimEvent, actor: Actor | null): Promise<void> {
    if (!actor) return event.action();
    this.#actor = actor;
    try {
      event.action();
    } catch (error) {
      this.violate('no uncaught error', `${actor.name}: ${(error as Error).stack}`);
    }
    await settled();
    this.#actor = null;
  }

  #note(label: string): void {
    let hash = Math.imul(this.#hash ^ Math.round(this.nowMs * 64), 0x01000193);
    for (let i = 0; i < label.length; i++) {
      hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193);
    }
    this.#hash = hash >>> 0;
  }

  // --- globals ------------------------------------------------------------------------------

  /** Makes the globals the world's until the returned function is called. */
  enter(): () => void {
    const timer = (isInterval: boolean) => (action: () => void, delayMs?: number) => {
      const actor = this.#actor;
      if (!actor) throw new Error('a timer was made outside any event');
      const ms = Math.max(1, delayMs ?? 1);
      const run = () => {
        if (isInterval) made.event = this.after(ms, actor, 'tick', run);
        action();
      };
      const made = new SimTimer(this.after(ms, actor, 'timer', run));
      return made;
    };
    const clear = (made: unknown) => {
      if (made instanceof SimTimer) made.event.isCancelled = true;
      else REAL.clearTimeout(made as NodeJS.Timeout);
    };
    const asleep = (error: unknown) =>
      this.violate('no unhandled rejection', String((error as Error)?.stack ?? error));
    Object.assign(globalThis, {
      setTimeout: timer(false),
      setInterval: timer(true),
      clearTimeout: clear,
      clearInterval: clear,
    });
    Date.now = () => Math.floor(EPOCH_MS + this.nowMs + (this.#actor?.machine.wallSkewMs ?? 0));
    performance.now = () => this.nowMs + (this.#actor?.machine.monotonicBaseMs ?? 0);
    Math.random = this.random.next;
    process.on('unhandledRejection', asleep);
    // A stack costs more than the error that carries it, and is read only in a told history.
    const { stackTraceLimit } = Error;
    if (!this.story) Error.stackTraceLimit = 0;
    return () => {
      Error.stackTraceLimit = stackTraceLimit;
      process.off('unhandledRejection', asleep);
      const { setTimeout, clearTimeout, setInterval, clearInterval } = REAL;
      Object.assign(globalThis, { setTimeout, clearTimeout, setInterval, clearInterval });
      Date.now = REAL.dateNow;
      performance.now = REAL.performanceNow;
      Math.random = REAL.random;
    };
  }
}
