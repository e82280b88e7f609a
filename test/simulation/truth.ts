/**
 * What is right: the rules of docs/SEMANTICS.md said once more, plainly, over planned records.
 * Shares no code with the product. For each partition: the verdict of each record, and the state
 * and every sum as of each offset.
 */
import type { PlannedRules } from './plan.ts';
import type { SimRecord } from './sim-partition.ts';

export interface Contribution {
  readonly n: number;
  readonly centavos: number;
  readonly menor: number;
  readonly maior: number;
}

/** A partition as of an offset: all records below it are judged. */
export interface TrueState {
  /** Greatest valid event time, epoch ms; -1 when there was none. */
  readonly maxEventMs: number;
  readonly counted: number;
  /** Of those, the ones that were late. */
  readonly lateCounted: number;
  readonly rejected: Readonly<Record<string, number>>;
  readonly categories: readonly string[];
}

interface KeySum {
  readonly windowEndMs: number;
  /** Offset of each counted sale, and the sum with it. */
  readonly offsets: number[];
  readonly sums: Contribution[];
}

const JUNK_REASON: Readonly<Record<string, string>> = {
  '{"valor": 1}': 'missing_field',
  '{"id_pedido": 7}': 'wrong_type',
};

const NOTHING: Contribution = {
  n: 0,
  centavos: 0,
  menor: Number.POSITIVE_INFINITY,
  maior: Number.NEGATIVE_INFINITY,
};

export class PartitionTruth {
  readonly start: number;
  /** By document id. */
  readonly keys = new Map<string, KeySum>();
  readonly rejections: { readonly offset: number; readonly reason: string }[] = [];
  readonly #rules: PlannedRules;
  /** States after each record, with the offset that follows it. */
  readonly #offsets: number[];
  readonly #states: TrueState[] = [
    { maxEventMs: -1, counted: 0, lateCounted: 0, rejected: {}, categories: [] },
  ];

  constructor(rules: PlannedRules, records: readonly SimRecord[], start: number) {
    this.#rules = rules;
    this.start = start;
    this.#offsets = [start];
    for (const record of records) {
      if (record.offset < start) continue;
      this.#states.push(this.#after(this.#states.at(-1)!, record));
      this.#offsets.push(record.offset + 1);
    }
  }

  /** The state when every record below `offset` is judged. */
  stateAt(offset: number): TrueState {
    return this.#states[lastAtMost(this.#offsets, offset)];
  }

  /** What the partition contributes to a document with its records below `ate`. */
  contribution(documentId: string, ate: number): Contribution {
    const key = this.keys.get(documentId);
    if (!key) return NOTHING;
    const index = lastAtMost(key.offsets, ate - 1);
    return index < 0 ? NOTHING : key.sums[index];
  }

  /** Event time less the delay; negative infinity when there was no event. */
  watermarkAt(offset: number): number {
    const { maxEventMs } = this.stateAt(offset);
    return maxEventMs < 0 ? Number.NEGATIVE_INFINITY : maxEventMs - this.#rules.watermarkDelayMs;
  }

  #after(before: TrueState, { offset, planned, eventMs, kafkaMs }: SimRecord): TrueState {
    const reject = (reason: string, categories = before.categories): TrueState => {
      this.rejections.push({ offset, reason });
      const rejected = { ...before.rejected, [reason]: (before.rejected[reason] ?? 0) + 1 };
      return { ...before, rejected, categories };
    };
    if ('junk' in planned) return reject(JUNK_REASON[planned.junk ?? ''] ?? 'not_json');
    const { categoria, centavos } = planned;
    let { categories } = before;
    if (!categories.includes(categoria)) {
      if (categories.length === this.#rules.maxCategories) return reject('category_limit');
      categories = [...categories, categoria];
    }
    const { windowMs, watermarkDelayMs, futureToleranceMs, late = 'reject' } = this.#rules;
    if (eventMs > kafkaMs + futureToleranceMs) return reject('future_timestamp', categories);
    const windowStartMs = Math.floor(eventMs / windowMs) * windowMs;
    const isLate =
      before.maxEventMs >= 0 && windowStartMs + windowMs <= before.maxEventMs - watermarkDelayMs;
    if (isLate && late === 'reject') return reject('late', categories);
    this.#count(`${new Date(windowStartMs).toISOString()}|${categoria}`, windowStartMs, {
      offset,
      centavos,
    });
    const maxEventMs = Math.max(before.maxEventMs, eventMs);
    const lateCounted = before.lateCounted + Number(isLate);
    return { ...before, maxEventMs, counted: before.counted + 1, lateCounted, categories };
  }

  #count(id: string, windowStartMs: number, sale: { offset: number; centavos: number }): void {
    let key = this.keys.get(id);
    if (!key) {
      key = { windowEndMs: windowStartMs + this.#rules.windowMs, offsets: [], sums: [] };
      this.keys.set(id, key);
    }
    const { n, centavos, menor, maior } = key.sums.at(-1) ?? NOTHING;
    key.offsets.push(sale.offset);
    key.sums.push({
      n: n + 1,
      centavos: centavos + sale.centavos,
      menor: Math.min(menor, sale.centavos),
      maior: Math.max(maior, sale.centavos),
    });
  }
}

/** Index of the last number that is at most `limit`; -1 when there is none. */
function lastAtMost(ascending: readonly number[], limit: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle] <= limit) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
