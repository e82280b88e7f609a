/**
 * One partition from its acquisition to its release, over leases that come and go: what of them is
 * known, and what the next one must know. Whether there is a next one is not decided here.
 */
import type { Skip } from '../mongo/progress-document.ts';
import type { TotalsKey } from '../mongo/totals-store.ts';
import type { LeaseHandle } from './lease-handle.ts';
import type { OwnedPartition } from './owned-partition.ts';

export class Tenure {
  /** null while it is being recovered. */
  owned: OwnedPartition | null = null;
  releasing = false;
  /** Acquired again while it was being let go of. */
  isWanted = false;
  /** Up to where somebody before its lease has counted, as the registers tell; 0 for not ahead. */
  countedTo = 0;
  /** What its lease ended at, to be passed over once all before it is durable. */
  skip: Skip | null = null;
  readonly released: Promise<void>;
  settleReleased!: () => void;
  #reopened: readonly TotalsKey[] = [];
  #deaths = 0;
  #deathsAtOffset = -1;

  constructor() {
    this.released = new Promise<void>((resolve) => {
      this.settleReleased = resolve;
    });
  }

  /** Whether the lease is still what the tenure goes by. */
  isOf(lease: LeaseHandle): boolean {
    return this.owned?.lease === lease;
  }

  /** Keys of late windows in which somebody has counted further than a lease of it began. */
  get reopened(): readonly TotalsKey[] {
    return this.#reopened;
  }

  /** The next lease needs to know of these keys too. */
  reopen(keys: readonly TotalsKey[], durableOffset: number): void {
    // Until it is past all that its lease was guarded against, those guards are needed again: two
    // keys that took turns in being forgotten would have it begin for ever.
    const kept = durableOffset < this.countedTo ? this.#reopened : [];
    this.#reopened = withoutRepeats([...kept, ...keys]);
  }

  /** @returns how often a lease's thread has died without a checkpoint in between */
  died(durableOffset: number): number {
    this.#deaths = durableOffset === this.#deathsAtOffset ? this.#deaths + 1 : 1;
    this.#deathsAtOffset = durableOffset;
    return this.#deaths;
  }
}

function withoutRepeats(keys: readonly TotalsKey[]): TotalsKey[] {
  const byName = new Map(keys.map((key) => [`${key.windowStartMs}|${key.categoria}`, key]));
  return [...byName.values()];
}
