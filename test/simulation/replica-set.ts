/**
 * A replica set as its clients can tell: a primary whose newest writes are not yet on the majority,
 * a point up to which they are, and failovers. A new primary has everything that the majority had
 * and any part of the rest; it may for a moment know an older majority point than the old primary
 * did; and the old primary goes on answering until it hears of its successor.
 */
import type { Document } from './documents.ts';
import type { World } from './world.ts';

/** Writes in one order over all replica sets, as a cluster's logical clock gives it. */
let lastSequence = 0;

/** The newest committed writes that a new primary may not yet know to be committed. */
const LAG_MAX = 8;

export interface Write {
  readonly sequence: number;
  readonly collection: string;
  readonly id: string;
  readonly before: Document | undefined;
  readonly after: Document | undefined;
  /** The majority has it: no failover can take it back. */
  isCommitted: boolean;
}

type Collections = Map<string, Map<string, Document>>;

interface Waiter {
  readonly sequence: number;
  readonly done: () => void;
  readonly failed: () => void;
}

export interface Watcher {
  /** A write is on a node that takes itself for the primary. */
  applied(write: Write): void;
  /** A write is on the majority for the first time. */
  committed(write: Write): void;
}

/** A server that is primary, or takes itself for one. */
export class Node {
  isOver = false;
  /** With all its writes, and with those that it knows the majority to have. */
  readonly head: Collections;
  readonly committed: Collections;
  headSequence: number;
  committedSequence: number;
  readonly tail: Write[];
  readonly recent: Write[] = [];
  readonly #waiters = new Set<Waiter>();
  readonly #watcher: Watcher;

  constructor(
    watcher: Watcher,
    committed: Collections,
    committedSequence: number,
    tail: readonly Write[],
  ) {
    this.#watcher = watcher;
    this.committed = committed;
    this.committedSequence = committedSequence;
    this.head = copied(committed);
    this.headSequence = committedSequence;
    this.tail = [...tail];
    for (const write of tail) this.#put(this.head, write);
  }

  collection(level: 'head' | 'committed', name: string): Map<string, Document> {
    const collections = this[level];
    let found = collections.get(name);
    if (!found) {
      found = new Map();
      collections.set(name, found);
    }
    return found;
  }

  write(collection: string, id: string, after: Document | undefined): void {
    const before = this.collection('head', collection).get(id);
    const sequence = ++lastSequence;
    const write = { sequence, collection, id, before, after, isCommitted: false };
    this.tail.push(write);
    this.#put(this.head, write);
    this.#watcher.applied(write);
  }

  /** An entry without content: what a new primary writes first, and a causal read asks for. */
  note(): void {
    this.tail.push({
      sequence: ++lastSequence,
      collection: '',
      id: '',
      before: undefined,
      after: undefined,
      isCommitted: false,
    });
    this.headSequence = lastSequence;
  }

  /** Calls `done` when everything up to `sequence` is on the majority, `failed` when this ends. */
  whenCommitted(sequence: number, done: () => void, failed: () => void): void {
    if (this.committedSequence >= sequence) done();
    else if (this.isOver) failed();
    else this.#waiters.add({ sequence, done, failed });
  }

  /** The majority has everything up to here. */
  advance(sequence: number): void {
    while (this.tail.length > 0 && this.tail[0].sequence <= sequence) {
      const write = this.tail.shift()!;
      this.#put(this.committed, write);
      this.committedSequence = write.sequence;
      if (write.id !== '') {
        this.recent.push(write);
        if (this.recent.length > LAG_MAX) this.recent.shift();
      }
      if (write.isCommitted) continue;
      write.isCommitted = true;
      if (write.id !== '') this.#watcher.committed(write);
    }
    for (const waiter of this.#waiters) {
      if (waiter.sequence > this.committedSequence) continue;
      this.#waiters.delete(waiter);
      waiter.done();
    }
  }

  stepDown(): void {
    this.isOver = true;
    for (const { failed } of this.#waiters) failed();
    this.#waiters.clear();
  }

  /** The committed documents as they were some writes ago, and those writes. */
  olderView(count: number): { view: Collections; sequence: number; since: Write[] } {
    const view = copied(this.committed);
    const since = count === 0 ? [] : this.recent.slice(-count);
    for (const write of [...since].reverse()) {
      this.#put(view, { ...write, after: write.before });
    }
    const first = since[0];
    return { view, sequence: first ? first.sequence - 1 : this.committedSequence, since };
  }

  #put(collections: Collections, write: Write): void {
    if (collections === this.head) this.headSequence = write.sequence;
    put(collections, write);
  }
}

function put(collections: Collections, { collection, id, after }: Write): void {
  if (id === '') return;
  let documents = collections.get(collection);
  if (!documents) {
    documents = new Map();
    collections.set(collection, documents);
  }
  if (after) documents.set(id, after);
  else documents.delete(id);
}

function copied(collections: Collections): Collections {
  return new Map([...collections].map(([name, documents]) => [name, new Map(documents)]));
}

export class ReplicaSet {
  primary: Node;
  readonly #world: World;
  readonly #watcher: Watcher;
  readonly #name: string;
  /** What the majority has, whoever knows it. */
  readonly #durable: Collections = new Map();
  #isReplicating = false;

  constructor(world: World, watcher: Watcher, name: string) {
    this.#world = world;
    this.#name = name;
    this.#watcher = {
      applied: (write) => watcher.applied(write),
      committed: (write) => {
        put(this.#durable, write);
        watcher.committed(write);
      },
    };
    this.primary = new Node(this.#watcher, new Map(), 0, []);
  }

  durable(collection: string): ReadonlyMap<string, Document> {
    return this.#durable.get(collection) ?? new Map();
  }

  /** Something was written: the majority will have it soon, if this primary lasts. */
  replicate(): void {
    const { random } = this.#world;
    this.#replicateIn(random.chance(0.1) ? random.between(10, 300) : random.between(0, 6));
  }

  #replicateIn(delayMs: number): void {
    if (this.#isReplicating) return;
    this.#isReplicating = true;
    const { random } = this.#world;
    const node = this.primary;
    this.#world.after(delayMs, null, 'replicate', () => {
      if (this.primary !== node) return;
      this.#isReplicating = false;
      // A part of it, now and then; never less than the note that a new primary begins with.
      const whole = node.headSequence;
      node.advance(random.chance(0.8) ? whole : this.#partOf(node));
      if (this.primary.tail.length > 0) this.replicate();
    });
  }

  #partOf({ tail, headSequence }: Node): number {
    const noteAt = tail.findLastIndex(({ id }) => id === '');
    if (tail.length === 0) return headSequence;
    const { random } = this.#world;
    return tail[random.between(Math.max(0, noteAt), tail.length - 1)].sequence;
  }

  failover(staleMs: number): void {
    const { random } = this.#world;
    const old = this.primary;
    const { view, sequence, since } = old.olderView(random.between(0, old.recent.length));
    // What the old primary had from before its own time is committed, whether it knew or not.
    const sure = old.tail.findLastIndex(({ isCommitted }) => isCommitted) + 1;
    const kept = old.tail.slice(0, random.between(sure, old.tail.length));
    this.#world.tell(
      this.#name,
      `failover: ${old.tail.length - kept.length} writes are rolled back, ` +
        `${since.length} not yet known to be on the majority`,
    );
    this.primary = new Node(this.#watcher, view, sequence, [...since, ...kept]);
    this.primary.note();
    this.#isReplicating = false;
    this.#replicateIn(random.between(0, 500));
    this.#world.after(staleMs, null, 'step down', () => old.stepDown());
  }
}
