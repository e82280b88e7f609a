/**
 * What the engine must come to for one partition that only this load writes to: the verdict of
 * each sale in the order of the log, and the sums of what was acknowledged. Verdicts follow the
 * order of writing, which is the log's, since one writer sends the batches of a partition in order
 * and again until each is acknowledged; sums wait in a journal until its batch is.
 *
 * The rules are written here again, apart from the engine's code, so that an error in one shows
 * in the comparison: windows, watermark, lateness, the future, the limit on categories.
 */
import type { LatePolicy } from '../config/options.ts';
import { assert } from '../lib/assert.ts';
import { REASON, REASONS } from '../sale/reasons.ts';

/** What verdicts depend on, besides the sales. */
export interface LoadRules {
  readonly windowMs: number;
  readonly watermarkDelayMs: number;
  readonly futureToleranceMs: number;
  readonly timeZone: string;
  readonly maxCategories: number;
  readonly late: LatePolicy;
}

/** What one batch adds once it is acknowledged. */
export class Journal {
  /** A place in the sums, or a reason code as a negative number. */
  keys = new Int32Array(1024);
  centavos = new Int32Array(1024);
  count = 0;

  add(key: number, centavos: number): void {
    if (this.count === this.keys.length) {
      this.keys = doubled(this.keys, Int32Array);
      this.centavos = doubled(this.centavos, Int32Array);
    }
    this.keys[this.count] = key;
    this.centavos[this.count] = centavos;
    this.count++;
  }
}

/** Sums of one window and category in one partition. */
export interface PartSum {
  readonly window: number;
  readonly category: number;
  readonly count: number;
  readonly centavos: number;
  readonly menor: number;
  readonly maior: number;
}

const ROWS_AT_FIRST = 64;
/** Windows looked up without a map: a power of two, more than disorder spans. */
const CACHED_WINDOWS = 64;
const NO_EVENT_MS = -1;

export class PartitionVerdicts {
  readonly #rules: LoadRules;
  readonly #categories: number;
  readonly #isAdmitted: Uint8Array;
  #admitted = 0;
  #maxEventMs = NO_EVENT_MS;
  /** Where the journal of the batch that is being built is. */
  #journal = new Journal();
  readonly #rows = new Map<number, number>();
  readonly #windows: number[] = [];
  readonly #cachedWindow = new Float64Array(CACHED_WINDOWS).fill(-1);
  readonly #cachedRow = new Int32Array(CACHED_WINDOWS);
  /** Row times categories plus category. */
  #counts: Float64Array;
  #centavos: Float64Array;
  #menores: Int32Array;
  #maiores: Int32Array;
  readonly rejected = new Float64Array(REASONS.length);

  constructor(rules: LoadRules, categories: number) {
    this.#rules = rules;
    this.#categories = categories;
    this.#isAdmitted = new Uint8Array(categories);
    const size = ROWS_AT_FIRST * categories;
    this.#counts = new Float64Array(size);
    this.#centavos = new Float64Array(size);
    this.#menores = new Int32Array(size);
    this.#maiores = new Int32Array(size);
  }

  /** From now on verdicts go into this journal. */
  writeTo(journal: Journal): void {
    journal.count = 0;
    this.#journal = journal;
  }

  /** A value that is no sale, for this reason. */
  reject(reason: number): void {
    this.#journal.add(-reason, 0);
  }

  /** A well-formed sale. @param timestampMs that of its Kafka record */
  judge(category: number, centavos: number, eventMs: number, timestampMs: number): void {
    if (this.#isAdmitted[category] === 0) {
      if (this.#admitted === this.#rules.maxCategories) return this.reject(REASON.category_limit);
      this.#isAdmitted[category] = 1;
      this.#admitted++;
    }
    const { windowMs, watermarkDelayMs, futureToleranceMs } = this.#rules;
    if (eventMs - timestampMs > futureToleranceMs) return this.reject(REASON.future_timestamp);
    const window = Math.floor(eventMs / windowMs);
    const isLate =
      this.#maxEventMs !== NO_EVENT_MS &&
      (window + 1) * windowMs <= this.#maxEventMs - watermarkDelayMs;
    if (isLate && this.#rules.late === 'reject') return this.reject(REASON.late);
    if (eventMs > this.#maxEventMs) this.#maxEventMs = eventMs;
    this.#journal.add(this.#rowOf(window) * this.#categories + category, centavos);
  }

  /** The journal's batch is in the log, exactly once. */
  commit(journal: Journal): void {
    const { keys, centavos, count } = journal;
    for (let i = 0; i < count; i++) {
      const key = keys[i];
      if (key < 0) {
        this.rejected[-key]++;
        continue;
      }
      const valor = centavos[i];
      if (this.#counts[key]++ === 0) {
        this.#menores[key] = valor;
        this.#maiores[key] = valor;
      }
      this.#centavos[key] += valor;
      if (valor < this.#menores[key]) this.#menores[key] = valor;
      if (valor > this.#maiores[key]) this.#maiores[key] = valor;
    }
    journal.count = 0;
  }

  /** Sums of what was committed. */
  *sums(): Generator<PartSum> {
    for (const [row, window] of this.#windows.entries()) {
      for (let category = 0; category < this.#categories; category++) {
        const key = row * this.#categories + category;
        const [count, centavos] = [this.#counts[key], this.#centavos[key]];
        if (count === 0) continue;
        assert(Number.isSafeInteger(centavos), 'centavos of one part stay exact');
        const [menor, maior] = [this.#menores[key], this.#maiores[key]];
        yield { window, category, count, centavos, menor, maior };
      }
    }
  }

  #rowOf(window: number): number {
    const slot = window & (CACHED_WINDOWS - 1);
    if (this.#cachedWindow[slot] === window) return this.#cachedRow[slot];
    let row = this.#rows.get(window);
    if (row === undefined) {
      row = this.#windows.push(window) - 1;
      this.#rows.set(window, row);
      if (row * this.#categories === this.#counts.length) this.#grow();
    }
    this.#cachedWindow[slot] = window;
    this.#cachedRow[slot] = row;
    return row;
  }

  #grow(): void {
    this.#counts = doubled(this.#counts, Float64Array);
    this.#centavos = doubled(this.#centavos, Float64Array);
    this.#menores = doubled(this.#menores, Int32Array);
    this.#maiores = doubled(this.#maiores, Int32Array);
  }
}

function doubled<T extends Float64Array | Int32Array>(from: T, Kind: new (length: number) => T): T {
  const to = new Kind(2 * from.length);
  to.set(from);
  return to;
}
