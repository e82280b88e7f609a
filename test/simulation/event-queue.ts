/** Events by time, and by order of making where times are equal: a binary heap. */
import type { Actor } from './world.ts';

export interface SimEvent {
  atMs: number;
  readonly order: number;
  readonly actor: Actor | null;
  readonly label: string;
  readonly action: () => void;
  isCancelled: boolean;
}

const isBefore = (a: SimEvent, b: SimEvent) =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

export class EventQueue {
  readonly #heap: SimEvent[] = [];
  #order = 0;

  add(atMs: number, actor: Actor | null, label: string, action: () => void): SimEvent {
    const event = { atMs, order: this.#order++, actor, label, action, isCancelled: false };
    this.#push(event);
    return event;
  }

  /** Back into the queue, for a later time. */
  put(event: SimEvent, atMs: number): void {
    event.atMs = atMs;
    this.#push(event);
  }

  take(): SimEvent | undefined {
    for (;;) {
      const event = this.#pop();
      if (!event?.isCancelled) return event;
    }
  }

  #push(event: SimEvent): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): SimEvent | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return first;
  }
}
