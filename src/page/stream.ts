/**
 * The stream of snapshots, with what a browser's EventSource leaves out: it notices a silence, and
 * comes back from any end, an answer with an error included. A page that nobody sees lets go.
 */
import type { LiveSnapshot, RateHistory } from '../dashboard/api.ts';

/** Snapshots come every second; this long without one and something is wrong. */
const SILENCE_MS = 4000;
const CHECK_MS = 500;
const RETRY_MIN_MS = 1000;
const RETRY_MAX_MS = 5000;
const HIDDEN_MS_MAX = 60_000;

export interface StreamWatcher {
  rates(history: RateHistory): void;
  live(snapshot: LiveSnapshot): void;
  /** No word from the engine since then; null when there never was one. */
  gone(sinceMs: number | null): void;
}

export class Stream {
  readonly #watcher: StreamWatcher;
  #source: EventSource | null = null;
  #heardAtMs: number | null = null;
  /** When the present connection was asked for, or last heard. */
  #sinceMs = 0;
  #retryMs = RETRY_MIN_MS;
  #retryTimer: number | undefined;
  #hiddenTimer: number | undefined;

  constructor(watcher: StreamWatcher) {
    this.#watcher = watcher;
  }

  start(): void {
    this.#open();
    setInterval(() => this.#check(), CHECK_MS);
    document.addEventListener('visibilitychange', () => this.#visibilityChanged());
  }

  #open(): void {
    this.#close();
    this.#sinceMs = Date.now();
    const source = new EventSource('/api/stream');
    this.#source = source;
    source.addEventListener('rates', (event) => {
      this.#watcher.rates(JSON.parse((event as MessageEvent<string>).data));
    });
    source.addEventListener('live', (event) => {
      this.#heardAtMs = Date.now();
      this.#sinceMs = this.#heardAtMs;
      this.#retryMs = RETRY_MIN_MS;
      this.#watcher.live(JSON.parse((event as MessageEvent<string>).data));
    });
    source.addEventListener('error', () => this.#broken());
  }

  #close(): void {
    clearTimeout(this.#retryTimer);
    this.#source?.close();
    this.#source = null;
  }

  /** The browser would try again by itself, but not after every kind of end. */
  #broken(): void {
    this.#watcher.gone(this.#heardAtMs);
    this.#close();
    this.#retryTimer = setTimeout(() => this.#open(), this.#retryMs);
    this.#retryMs = Math.min(RETRY_MAX_MS, this.#retryMs * 2);
  }

  #check(): void {
    if (this.#source && Date.now() - this.#sinceMs > SILENCE_MS) this.#broken();
  }

  #visibilityChanged(): void {
    clearTimeout(this.#hiddenTimer);
    if (document.hidden) {
      this.#hiddenTimer = setTimeout(() => this.#close(), HIDDEN_MS_MAX);
    } else if (!this.#source) {
      this.#open();
    }
  }
}
