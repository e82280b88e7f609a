/**
 * What the engine says while it runs, and what is wrong with it now. A problem stands from the first
 * failure of a checkpoint's step until the step holds; what goes on by itself is told and no problem.
 */
import { systemClock } from '../lib/clock.ts';
import type { VendavalError } from '../lib/errors.ts';
import { mongoError } from '../mongo/connection.ts';
import type { CheckpointWatcher } from './checkpointer.ts';
import type { EngineEvent, EngineProblem } from './engine-events.ts';

export class Health implements CheckpointWatcher {
  readonly #mongoUrl: string;
  readonly #onEvent: (event: EngineEvent) => void;
  #problem: EngineProblem | null = null;

  constructor(mongoUrl: string, onEvent: (event: EngineEvent) => void) {
    this.#mongoUrl = mongoUrl;
    this.#onEvent = onEvent;
  }

  /** What a retry waits for; null when nothing is wrong. */
  get problem(): EngineProblem | null {
    return this.#problem;
  }

  /** Whatever was thrown, as one of ours: what is none is taken for the database's. */
  asError(error: unknown): VendavalError {
    return mongoError(error, this.#mongoUrl);
  }

  retrying(error: VendavalError, attempt: number): void {
    const { code, message, hint = null } = error;
    this.#problem = { code, message, hint, sinceMs: this.#problem?.sinceMs ?? systemClock.now() };
    this.#emit('error', code, `checkpoint attempt ${attempt}: ${message}`);
  }

  recovered(): void {
    this.#problem = null;
    this.#emit('info', 'recovered', 'the checkpoint holds again; nothing was lost');
  }

  info(code: string, message: string): void {
    this.#emit('info', code, message);
  }

  trouble(code: string, message: string): void {
    this.#emit('warn', code, message);
  }

  #emit(level: EngineEvent['level'], code: string, message: string): void {
    this.#onEvent({ level, code, message });
  }
}
