/** For property tests of readers. */
import type { CategoryIds } from '../../src/sale/rules.ts';

/** A dictionary with a limit, as the engine's. */
export class Categories implements CategoryIds {
  readonly names: string[] = [];
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  intern(name: string): number {
    const id = this.names.indexOf(name);
    if (id >= 0) return id;
    return this.names.length < this.#limit ? this.names.push(name) - 1 : -1;
  }
}
