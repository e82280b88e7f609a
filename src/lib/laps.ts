/** How long the parts of a start took, one after the other. */
import { steadyEpochMs } from './clock.ts';

export class Laps {
  readonly #startedMs: number;
  readonly #parts: { readonly name: string; readonly ms: number }[] = [];
  #lastMs: number;

  /** @param startedMs when the first part began, as steadyEpochMs tells the time */
  constructor(startedMs = steadyEpochMs()) {
    this.#startedMs = startedMs;
    this.#lastMs = startedMs;
  }

  /** A part has ended, and the next begins. */
  lap(name: string, endedMs = steadyEpochMs()): void {
    this.#parts.push({ name, ms: Math.max(0, endedMs - this.#lastMs) });
    this.#lastMs = Math.max(endedMs, this.#lastMs);
  }

  /** All parts and their sum: `612 ms: program 214, database 61, ...` */
  toString(): string {
    const parts = this.#parts.map(({ name, ms }) => `${name} ${Math.round(ms)}`).join(', ');
    return `${Math.round(this.#lastMs - this.#startedMs)} ms: ${parts}`;
  }
}
