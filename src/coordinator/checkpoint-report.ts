/**
 * What a finished checkpoint tells whoever watches: how long each step took, what it held, and
 * when Kafka had got its records. Made from what the checkpoint holds anyway, once for each.
 */
import type { DeadLetter } from '../kafka/dead-letters.ts';
import { systemClock } from '../lib/clock.ts';
import type { Arrivals } from './owned-partition.ts';

/** In the order in which they run. */
export const CHECKPOINT_STEPS = [
  'freeze',
  'drain',
  'letters',
  'totals',
  'progress',
  'close',
  'commit',
] as const;

export type CheckpointStep = (typeof CHECKPOINT_STEPS)[number];
export type StepTimes = Readonly<Record<CheckpointStep, number>>;

export interface CheckpointReport {
  /** Wall clock when all of it was durable. */
  readonly durableAtMs: number;
  /** From its start until all of it was durable. */
  readonly durationMs: number;
  readonly stepMs: StepTimes;
  /** How many of them were written: one for each partition, window and category with news. */
  readonly registers: number;
  readonly arrivals: readonly Arrivals[];
  readonly letters: readonly DeadLetter[];
}

/** Times the steps of one checkpoint, one after the other. */
export class StepTimer {
  readonly stepMs: Record<CheckpointStep, number> = {
    freeze: 0,
    drain: 0,
    letters: 0,
    totals: 0,
    progress: 0,
    close: 0,
    commit: 0,
  };
  #lapMs = systemClock.monotonicMs();

  /** The step is over; what comes next begins now. */
  done(step: CheckpointStep): void {
    const nowMs = systemClock.monotonicMs();
    this.stepMs[step] = nowMs - this.#lapMs;
    this.#lapMs = nowMs;
  }
}
