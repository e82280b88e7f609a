/**
 * One snapshot a second for everybody: made once, serialised once, whatever the number of
 * viewers; and not made at all while nobody looks. Each event is whole, so a viewer that reads
 * too slowly is passed over until it has caught up, and let go when it does not: nothing piles up.
 */
import type { ServerResponse } from 'node:http';
import { sleep } from '../lib/clock.ts';
import type { LiveSnapshot, RateHistory } from './api.ts';

const INTERVAL_MS = 1000;
/** A browser that lost the stream tries again after this. */
const RETRY_MS = 1000;
const VIEWERS_MAX = 1000;
/** Intervals that a viewer may fail to read before it is let go. */
const BLOCKED_MAX = 30;
/** How long a second's event waits for the database. */
const REFRESH_WAIT_MS = 500;
/** How long one question for a snapshot waits for the database; it then gets the last answer. */
const FRESH_WAIT_MS = 1500;

export interface FeedSources {
  /** Asks the database again; never rejects. */
  refresh(): Promise<void>;
  snapshot(viewers: number): LiveSnapshot;
  rates(): RateHistory;
}

interface Viewer {
  readonly response: ServerResponse;
  blocked: number;
}

export class LiveFeed {
  readonly #sources: FeedSources;
  readonly #viewers = new Set<Viewer>();
  #timer: NodeJS.Timeout | undefined;
  #refreshing: Promise<void> | null = null;
  #refreshedAtMs = Number.NEGATIVE_INFINITY;
  /** The event of this second, for whoever joins in it. */
  #latest: Promise<string> | null = null;
  #latestAtMs = Number.NEGATIVE_INFINITY;

  constructor(sources: FeedSources) {
    this.#sources = sources;
  }

  get viewers(): number {
    return this.#viewers.size;
  }

  get isFull(): boolean {
    return this.#viewers.size >= VIEWERS_MAX;
  }

  /** The present snapshot, no older than the interval if the database answers. */
  async current(): Promise<LiveSnapshot> {
    if (performance.now() - this.#refreshedAtMs >= INTERVAL_MS) {
      await Promise.race([this.#refresh(), sleep(FRESH_WAIT_MS)]);
    }
    return this.#sources.snapshot(this.viewers);
  }

  /** Keeps the response open and writes an event a second to it; the head is sent already. */
  async join(response: ServerResponse): Promise<void> {
    const viewer = { response, blocked: 0 };
    response.on('close', () => this.#leave(viewer));
    this.#viewers.add(viewer);
    this.#timer ??= setInterval(() => void this.#tick(), INTERVAL_MS);
    response.write(`retry: ${RETRY_MS}\n\n${event('rates', this.#sources.rates())}`);
    if (!this.#latest || performance.now() - this.#latestAtMs >= INTERVAL_MS) {
      this.#keep(this.current().then((snapshot) => event('live', snapshot)));
    }
    const text = await this.#latest;
    if (text !== null && !response.destroyed) response.write(text);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const { response } of this.#viewers) response.end();
    this.#viewers.clear();
  }

  #keep(event: Promise<string>): void {
    this.#latest = event;
    this.#latestAtMs = performance.now();
  }

  #leave(viewer: Viewer): void {
    this.#viewers.delete(viewer);
    if (this.#viewers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #tick(): Promise<void> {
    // A slow database makes its figures old, not the page dead.
    await Promise.race([this.#refresh(), sleep(REFRESH_WAIT_MS)]);
    const text = event('live', this.#sources.snapshot(this.viewers));
    this.#keep(Promise.resolve(text));
    for (const viewer of this.#viewers) {
      if (!viewer.response.writableNeedDrain) {
        viewer.blocked = 0;
        viewer.response.write(text);
      } else if (++viewer.blocked > BLOCKED_MAX) {
        viewer.response.destroy();
      }
    }
  }

  #refresh(): Promise<void> {
    this.#refreshing ??= this.#sources.refresh().finally(() => {
      this.#refreshing = null;
      this.#refreshedAtMs = performance.now();
    });
    return this.#refreshing;
  }
}

/** JSON has no raw line breaks, so one data line is enough. */
function event(name: string, data: LiveSnapshot | RateHistory): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
