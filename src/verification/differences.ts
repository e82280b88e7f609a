/**
 * What does not agree, in words: where, which field, what was found and what should stand there.
 * Only the first are kept; all are counted, by kind.
 */
export const KINDS = [
  'changed value',
  'missing document',
  'stray document',
  'duplicate document',
  'malformed document',
  'closed too early',
  'left open',
  'progress',
  'missing dead letter',
  'dead letter without cause',
  'wrong dead letter',
] as const;

export type Kind = (typeof KINDS)[number];

export interface Difference {
  readonly kind: Kind;
  /** A document's id, a partition, a dead letter's place. */
  readonly where: string;
  readonly field: string;
  readonly found: string;
  readonly expected: string;
}

export class Differences {
  readonly #limit: number;
  readonly #kept: Difference[] = [];
  readonly #counts = new Map<Kind, number>();

  /** @param limit how many are kept */
  constructor(limit: number) {
    this.#limit = limit;
  }

  add(kind: Kind, where: string, field: string, found: string, expected: string): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    if (this.#kept.length < this.#limit) this.#kept.push({ kind, where, field, found, expected });
  }

  get kept(): readonly Difference[] {
    return this.#kept;
  }

  /** By kind, in the order of KINDS; only those that occurred. */
  get counts(): ReadonlyMap<Kind, number> {
    return new Map(
      KINDS.flatMap((kind) => {
        const count = this.#counts.get(kind);
        return count === undefined ? [] : [[kind, count] as const];
      }),
    );
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }
}
