/** What the fleet and its worker processes say to each other. */
import type { Plan } from './plan.ts';

export interface Failure {
  readonly seed: number;
  readonly invariant: string;
  readonly message: string;
}

export interface Tally {
  histories: number;
  steps: number;
  simulatedMs: number;
  records: number;
  lives: number;
  /** Of all histories, in any order. */
  hash: number;
  readonly failures: Failure[];
}

export type Order =
  | { readonly kind: 'run'; readonly from: number; readonly count: number }
  | { readonly kind: 'tell'; readonly plan: Plan }
  | { readonly kind: 'shrink'; readonly plan: Plan };

export type Answer =
  | { readonly kind: 'ran'; readonly tally: Tally }
  | {
      readonly kind: 'told';
      readonly story: readonly string[];
      readonly failure: Omit<Failure, 'seed'> | null;
    }
  | { readonly kind: 'shrunk'; readonly plan: Plan; readonly tried: number };

export const noTally = (): Tally => ({
  histories: 0,
  steps: 0,
  simulatedMs: 0,
  records: 0,
  lives: 0,
  hash: 0,
  failures: [],
});
