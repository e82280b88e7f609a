/**
 * What exactness rests on, each as a change of the source that takes it out, and the row of faults
 * that must then fail: `npm run chaos -- --canaries`. A text to find must be there exactly once, or
 * the canary fails, so that a protection that moves takes its canary along.
 */
import type { Replacement } from '../../scripts/build.ts';

export interface Protection {
  readonly name: string;
  /** Applied to the engine's build, and to src as a scenario's own process loads it. */
  readonly changes: readonly Replacement[];
  /** The scenarios to run; a title's beginning chooses among those of the row. */
  readonly shownBy: { readonly row: number; readonly title?: string };
  /** How the failure must read: a canary that fails for another reason has shown nothing. */
  readonly failsWith: RegExp;
}

const DIFFERS = /differ from the oracle/;

export const PROTECTIONS: readonly Protection[] = [
  {
    name: 'order: totals before progress',
    changes: [
      {
        file: 'src/coordinator/checkpointer.ts',
        find: 'if (!(await this.#untilItHolds(() => totals.write(updates), giveUp))) return null;',
        replace: 'const writeTotals = () => totals.write(updates);',
      },
      {
        file: 'src/coordinator/checkpointer.ts',
        find: 'if (!(await this.#untilItHolds(advance, giveUp))) return null;',
        replace: `if (!(await this.#untilItHolds(advance, giveUp))) return null;
          if (!(await this.#untilItHolds(writeTotals, giveUp))) return null;`,
      },
    ],
    shownBy: { row: 2, title: 'crash before, in and after the totals' },
    failsWith: DIFFERS,
  },
  {
    name: 'order: dead letters before progress',
    changes: [
      {
        file: 'src/coordinator/checkpointer.ts',
        find: 'if (!(await this.#untilItHolds(() => deadLetters.send(letters), giveUp))) return null;',
        replace: 'const sendLetters = () => deadLetters.send(letters);',
      },
      {
        file: 'src/coordinator/checkpointer.ts',
        find: 'if (!(await this.#untilItHolds(advance, giveUp))) return null;',
        replace: `if (!(await this.#untilItHolds(advance, giveUp))) return null;
          if (!(await this.#untilItHolds(sendLetters, giveUp))) return null;`,
      },
    ],
    shownBy: { row: 2, title: 'crash before, in and after the letters' },
    failsWith: DIFFERS,
  },
  {
    name: "the replay's guard for each key",
    changes: [
      {
        file: 'src/workers/partition-accumulator.ts',
        find: 'return ate !== undefined && offset < ate;',
        replace: 'return ate === Number.NaN && offset < ate;',
      },
    ],
    shownBy: { row: 2, title: 'crash before, in and after the progress' },
    failsWith: DIFFERS,
  },
];
