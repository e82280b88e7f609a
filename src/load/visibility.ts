/**
 * How long sales take to be visible in the database: joins acknowledged batches with what the
 * progress documents said when. A progress document is written after the totals it speaks of, by
 * the majority; so a batch is taken as visible when a read that shows its partition's progress at
 * or past its end has come back. That is never too early, and late by up to a poll.
 *
 * Two times are kept of each sale: from its batch's handing to the socket, which is before the
 * broker appends it; and from when it was due, which also has all waiting before that.
 */
import type { Acknowledgement } from './load-protocol.ts';
import { MsHistogram, type Percentiles } from './ms-histogram.ts';

/** Due times within a batch are taken as spread evenly, in so many steps. */
const STEPS = 8;

interface Sighting {
  readonly nextOffset: number;
  readonly atMs: number;
}

export interface VisibilityFigures {
  /** Sales that were seen, and those that are acknowledged and were not yet. */
  readonly visible: number;
  readonly notVisible: number;
  readonly sinceSent: Percentiles | null;
  readonly sinceDue: Percentiles | null;
}

export class Visibility {
  readonly #sinceSent = new MsHistogram();
  readonly #sinceDue = new MsHistogram();
  /** By partition, oldest first. */
  readonly #batches = new Map<number, Acknowledgement[]>();
  readonly #sightings = new Map<number, Sighting[]>();

  acknowledged(batches: readonly Acknowledgement[]): void {
    for (const batch of batches) listOf(this.#batches, batch.partition).push(batch);
    for (const partition of new Set(batches.map((batch) => batch.partition))) this.#join(partition);
  }

  /** A read that showed a partition's progress came back at this time of the shared clock. */
  seen(partition: number, nextOffset: number, atMs: number): void {
    const sightings = listOf(this.#sightings, partition);
    // Acknowledgements may come later than the sighting that they belong to.
    if (nextOffset > (sightings.at(-1)?.nextOffset ?? 0)) sightings.push({ nextOffset, atMs });
    this.#join(partition);
  }

  figures(): VisibilityFigures {
    const waiting = [...this.#batches.values()].flat();
    return {
      visible: this.#sinceSent.total,
      notVisible: waiting.reduce((sum, { sales }) => sum + sales, 0),
      sinceSent: this.#sinceSent.percentiles(),
      sinceDue: this.#sinceDue.percentiles(),
    };
  }

  #join(partition: number): void {
    const batches = listOf(this.#batches, partition);
    const sightings = listOf(this.#sightings, partition);
    let done = 0;
    let passed = 0;
    while (done < batches.length && passed < sightings.length) {
      if (sightings[passed].nextOffset < batches[done].endOffset) passed++;
      else this.#record(batches[done++], sightings[passed].atMs);
    }
    batches.splice(0, done);
    // The newest one stays: it says from where on sightings are news.
    sightings.splice(0, Math.min(passed, sightings.length - 1));
  }

  #record({ sales, sentMs, firstDueMs, lastDueMs }: Acknowledgement, atMs: number): void {
    this.#sinceSent.add(atMs - sentMs, sales);
    for (let step = 0; step < STEPS; step++) {
      const dueMs = firstDueMs + ((lastDueMs - firstDueMs) * (step + 0.5)) / STEPS;
      this.#sinceDue.add(atMs - dueMs, sales / STEPS);
    }
  }
}

function listOf<T>(lists: Map<number, T[]>, partition: number): T[] {
  let list = lists.get(partition);
  if (!list) {
    list = [];
    lists.set(partition, list);
  }
  return list;
}
