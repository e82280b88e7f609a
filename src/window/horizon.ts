/**
 * How far a partition's own time has come, and which windows that leaves open. It only goes
 * forward. Knows nothing of sales: whoever judges them moves it.
 */
import { firstTimelyWindow } from './watermark.ts';
import { windowEndMs } from './window.ts';

export class WindowHorizon {
  readonly #windowMs: number;
  readonly #delayMs: number;
  #maxEventMs: number;
  #firstOpenWindow: number;
  #closesNextAtMs: number;

  /** @param maxEventMs NO_EVENT_MS where there was none */
  constructor(windowMs: number, delayMs: number, maxEventMs: number) {
    this.#windowMs = windowMs;
    this.#delayMs = delayMs;
    this.#maxEventMs = maxEventMs;
    this.#firstOpenWindow = this.firstOpenAt(maxEventMs);
    this.#closesNextAtMs = windowEndMs(this.#firstOpenWindow, windowMs) + delayMs;
  }

  /** The greatest event time so far; NO_EVENT_MS before the first. */
  get maxEventMs(): number {
    return this.#maxEventMs;
  }

  /** Window indices below this one are late. */
  get firstOpenWindow(): number {
    return this.#firstOpenWindow;
  }

  /** The least event time that closes another window: before it, there is nothing to compute. */
  get closesNextAtMs(): number {
    return this.#closesNextAtMs;
  }

  advanceTo(eventMs: number): void {
    if (!(eventMs > this.#maxEventMs)) return;
    this.#maxEventMs = eventMs;
    if (eventMs >= this.#closesNextAtMs) this.#close(eventMs);
  }

  /** What `firstOpenWindow` will be once it was advanced to that time. */
  firstOpenAt(eventMs: number): number {
    return firstTimelyWindow(eventMs, this.#delayMs, this.#windowMs);
  }

  #close(eventMs: number): void {
    this.#firstOpenWindow = this.firstOpenAt(eventMs);
    this.#closesNextAtMs = windowEndMs(this.#firstOpenWindow, this.#windowMs) + this.#delayMs;
  }
}
