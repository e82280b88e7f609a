/**
 * One partition's contributions, cumulative since its start offset, for the windows that are timely
 * for it. Where late sales are counted, those of a window that is not are known only after
 * `reopen` has taken what the database says of them. Pure: deltas in, registers out. Money is a
 * bigint here, so that no sum of sums can lose a centavo.
 */
import type { TotalsKey, TotalsUpdate } from '../mongo/totals-store.ts';
import type { SingleWriterTable } from '../state/single-writer-table.ts';
import { windowEndMs, windowIndexOf, windowStartMs } from '../window/window.ts';

interface Sum {
  readonly window: number;
  readonly categoria: string;
  /** Below it every sale is in the sum. */
  ate: number;
  count: number;
  centavos: bigint;
  menor: number;
  maior: number;
}

/** A register as recovery found it. */
export interface Contribution extends TotalsKey {
  readonly register: {
    readonly count: number;
    readonly centavos: bigint;
    readonly menor: number;
    readonly maior: number;
    readonly ate: number;
  };
}

export class PartitionTotals {
  readonly #partition: number;
  readonly #windowMs: number;
  readonly #sums = new Map<string, Sum>();

  constructor(partition: number, windowMs: number, stored: readonly Contribution[]) {
    this.#partition = partition;
    this.#windowMs = windowMs;
    this.reopen(stored);
  }

  /** Goes on from these registers. */
  reopen(stored: readonly Contribution[]): void {
    for (const { windowStartMs: startMs, categoria, register } of stored) {
      const window = windowIndexOf(startMs, this.#windowMs);
      this.#sums.set(`${window}|${categoria}`, { window, categoria, ...register });
    }
  }

  /**
   * Keys of a frozen table that are in windows before this one and whose sums are not known here:
   * their registers, where there are any, must be reopened before the table is absorbed.
   */
  unknownBefore(
    firstOpenWindow: number,
    table: SingleWriterTable,
    nameOf: (category: number) => string,
  ): TotalsKey[] {
    const unknown: TotalsKey[] = [];
    table.forEach((window, category) => {
      if (window >= firstOpenWindow) return;
      const categoria = nameOf(category);
      if (this.#sums.has(`${window}|${categoria}`)) return;
      unknown.push({ windowStartMs: windowStartMs(window, this.#windowMs), categoria });
    });
    return unknown;
  }

  /**
   * Adds a frozen table's rows.
   *
   * @param ate the checkpoint's offset: the registers now cover everything below it
   * @returns what the documents of every touched key must say, as frozen copies
   */
  absorb(
    table: SingleWriterTable,
    nameOf: (category: number) => string,
    ate: number,
  ): TotalsUpdate[] {
    const updates: TotalsUpdate[] = [];
    table.forEach((window, category, count, centavos, menor, maior) => {
      const sum = this.#sumOf(window, nameOf(category));
      sum.count += count;
      sum.centavos += BigInt(centavos);
      sum.menor = Math.min(sum.menor, menor);
      sum.maior = Math.max(sum.maior, maior);
      sum.ate = ate;
      const register = {
        count: sum.count,
        centavos: sum.centavos,
        menor: sum.menor,
        maior: sum.maior,
        ate,
      };
      updates.push({
        windowStartMs: windowStartMs(window, this.#windowMs),
        windowEndMs: windowEndMs(window, this.#windowMs),
        categoria: sum.categoria,
        registers: [{ partition: this.#partition, register }],
      });
    });
    return updates;
  }

  /**
   * Forgets windows that are late for this partition from now on; only once they are durable. A
   * register that was ahead of the progress is kept until that has come as far: its sales below are
   * still to be passed over.
   */
  forgetBefore(firstOpenWindow: number, durableOffset: number): void {
    for (const [key, sum] of this.#sums) {
      if (sum.window < firstOpenWindow && sum.ate <= durableOffset) this.#sums.delete(key);
    }
  }

  get size(): number {
    return this.#sums.size;
  }

  #sumOf(window: number, categoria: string): Sum {
    const key = `${window}|${categoria}`;
    let sum = this.#sums.get(key);
    if (!sum) {
      sum = {
        window,
        categoria,
        ate: 0,
        count: 0,
        centavos: 0n,
        menor: Number.POSITIVE_INFINITY,
        maior: Number.NEGATIVE_INFINITY,
      };
      this.#sums.set(key, sum);
    }
    return sum;
  }
}

/** One update for each document, with the registers of all partitions that have news of it. */
export function mergeByDocument(updates: readonly TotalsUpdate[]): TotalsUpdate[] {
  const byDocument = new Map<string, TotalsUpdate>();
  for (const update of updates) {
    const key = `${update.windowStartMs}|${update.categoria}`;
    const known = byDocument.get(key);
    const registers = known ? [...known.registers, ...update.registers] : update.registers;
    byDocument.set(key, { ...update, registers });
  }
  return [...byDocument.values()];
}
