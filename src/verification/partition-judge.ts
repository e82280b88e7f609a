/**
 * One partition's log, judged record by record in offset order: what every register, the progress
 * document and the dead letters must say. Pure; the verdicts depend on the log and on the pinned
 * rules alone. Its memory is bounded by the sums and by a few bytes for each rejected record.
 *
 * A register is complete up to its own `ate`, which may be ahead of the progress document. So a
 * sale below the progress is added whatever its key, and one from there on only below its key's
 * `ate`: then both sides speak of the same sales, also beside a live engine.
 *
 * A log whose beginning is missing (deleted, or left out for a range) has verdicts that depend on
 * what is missing: whether a sale was late, by how far the deleted ones had moved time. Everything
 * that was deleted is of event times up to some bound; windows that start after it hold none of
 * that, and no sale of theirs can have been late by it. Those are judged, others not.
 */
import { expectedFingerprint, type LogRecord, VALUE_OMITTED, WHOLE_RECORD } from './dead-letter.ts';
import { type LetterRows, LetterRowsBuilder } from './letter-rows.ts';
import type { Rules } from './rules.ts';
import type { BatchedSale, Sale, SaleVerdict } from './sale.ts';
import { SaleRules } from './sale-rules.ts';

export const LATE = 'late';
const CORRUPT = 'corrupt_batch';

/** Windows that start in [fromMs, toMs); both are the start of a window. */
export interface WindowRange {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Offsets that an engine could not read and has passed over; `to` is not included. */
export interface SkippedRange {
  readonly from: number;
  readonly to: number;
}

export interface PartitionTask {
  readonly partition: number;
  /** Every sale below it is in a register. */
  readonly progressOffset: number;
  /** Keys whose register says more than that: by window start and category, up to where. */
  readonly ahead: ReadonlyMap<string, number>;
  readonly range: WindowRange;
  /**
   * What is known of the records that are not there to be read: nothing is missing, or their event
   * times lie before `boundMs`, or that bound is to be found in the log.
   */
  readonly missing: 'nothing' | 'unknown' | { readonly boundMs: number };
  /** Categories admitted up to the progress offset; read only where records are missing. */
  readonly admitted: readonly string[];
  /** What was passed over unread, in order. */
  readonly skips: readonly SkippedRange[];
}

export interface Sum {
  n: bigint;
  centavos: bigint;
  menor: bigint;
  maior: bigint;
  lastOffset: number;
}

/** The partition's state as of an offset. */
export interface JudgedState {
  readonly counted: number;
  /** Of those, the ones that were late. */
  readonly lateCounted: number;
  readonly rejected: ReadonlyMap<string, number>;
  readonly maxEventMs: number | null;
  readonly categories: readonly string[];
}

export interface PartitionFindings {
  readonly partition: number;
  /** By window start, then category. */
  readonly sums: ReadonlyMap<number, ReadonlyMap<string, Sum>>;
  /** As of the progress offset; null when that cannot be known: see `PartitionTask.missing`. */
  readonly atProgress: JudgedState | null;
  readonly rejects: LetterRows;
  /** Below this offset a sale may have been late by records that are missing. */
  readonly settledOffset: number;
  /** Windows from this start on are judged; -Infinity for all. */
  readonly judgedFromMs: number;
  readonly records: number;
}

/** How many records at the beginning of a cut log are asked for the time of those before them. */
const BOUND_RECORDS = 1000;

export class PartitionJudge {
  readonly #rules: Rules;
  readonly #task: PartitionTask;
  readonly #saleRules: SaleRules;
  readonly #sums = new Map<number, Map<string, Sum>>();
  readonly #rejected = new Map<string, number>();
  readonly #rejects = new LetterRowsBuilder();
  readonly #categories: Set<string>;
  #counted = 0;
  #lateCounted = 0;
  #records = 0;
  #maxEventMs = Number.NEGATIVE_INFINITY;
  #atProgress: JudgedState | null = null;
  /** Missing records are of event times below it; NaN while that is being found. */
  #boundMs: number;
  #firstTimestampsMax = Number.NEGATIVE_INFINITY;
  #settledOffset: number;

  constructor(rules: Rules, task: PartitionTask) {
    this.#rules = rules;
    this.#task = task;
    this.#saleRules = new SaleRules(rules.timeZone, rules.version);
    const { missing } = task;
    this.#categories = new Set(missing === 'nothing' ? [] : task.admitted);
    if (missing === 'nothing') this.#boundMs = Number.NEGATIVE_INFINITY;
    else this.#boundMs = missing === 'unknown' ? Number.NaN : missing.boundMs;
    this.#settledOffset = missing === 'nothing' ? 0 : Number.POSITIVE_INFINITY;
  }

  /** No record from here on can change what is asked for: all are late for the whole range. */
  get isBeyondRange(): boolean {
    if (this.#rules.isLateCounted) return false;
    return this.#maxEventMs - this.#rules.delayMs >= this.#task.range.toMs;
  }

  add(record: LogRecord): void {
    if (record.offset >= this.#task.progressOffset) this.#atProgress ??= this.#state();
    this.#records++;
    if (this.#settledOffset === Number.POSITIVE_INFINITY) this.#settle(record);
    const verdict = this.#saleRules.judge(record.value);
    if (!Array.isArray(verdict)) return this.#take(record, WHOLE_RECORD, verdict as SaleVerdict);
    // As if each were a record: one moves the time by which the next is judged.
    (verdict as readonly BatchedSale[]).forEach((sale, item) => {
      this.#take(record, item, sale.verdict, sale);
    });
  }

  #take(record: LogRecord, item: number, verdict: SaleVerdict, batched?: BatchedSale): void {
    const reason = typeof verdict === 'string' ? verdict : this.#judge(record, verdict);
    if (reason === null) return;
    this.#rejected.set(reason, (this.#rejected.get(reason) ?? 0) + 1);
    const { topic } = this.#rules;
    const value = batched ? batched.letterValue() : record.value;
    const origin = { topic, partition: this.#task.partition, offset: record.offset, item };
    const print = expectedFingerprint(origin, { ...record, value });
    this.#rejects.push(record.offset, item, reason, print);
  }

  /** These offsets were passed over: they count as rejected, and have one letter, at the first. */
  skip({ from, to }: SkippedRange): void {
    this.#rejected.set(CORRUPT, (this.#rejected.get(CORRUPT) ?? 0) + to - from);
    this.#rejects.push(from, WHOLE_RECORD, CORRUPT, VALUE_OMITTED);
  }

  /** @param reachedProgress whether the log was read up to the progress offset */
  findings(reachedProgress: boolean): PartitionFindings {
    if (Number.isNaN(this.#boundMs)) this.#findBound();
    const isKnown = reachedProgress && this.#task.missing === 'nothing';
    const { windowMs } = this.#rules;
    return {
      partition: this.#task.partition,
      sums: this.#sums,
      atProgress: isKnown ? (this.#atProgress ?? this.#state()) : null,
      rejects: this.#rejects.rows(),
      settledOffset: this.#settledOffset,
      judgedFromMs: Math.ceil(this.#boundMs / windowMs) * windowMs,
      records: this.#records,
    };
  }

  /** @returns the reason why it is not counted; null when it is */
  #judge(record: LogRecord, sale: Sale): string | null {
    const { windowMs, delayMs, futureToleranceMs, maxCategories } = this.#rules;
    if (!this.#categories.has(sale.categoria)) {
      if (this.#categories.size >= maxCategories) return 'category_limit';
      this.#categories.add(sale.categoria);
    }
    const { timestampMs } = record;
    if (timestampMs >= 0 && sale.eventMs - timestampMs > futureToleranceMs) {
      return 'future_timestamp';
    }
    const windowStartMs = sale.eventMs - (sale.eventMs % windowMs);
    if (windowStartMs + windowMs <= this.#maxEventMs - delayMs) {
      if (!this.#rules.isLateCounted) return LATE;
      this.#lateCounted++;
    }
    this.#counted++;
    if (sale.eventMs > this.#maxEventMs) this.#maxEventMs = sale.eventMs;
    this.#add(record.offset, windowStartMs, sale);
    return null;
  }

  #add(offset: number, windowStartMs: number, sale: Sale): void {
    const { progressOffset, ahead, range } = this.#task;
    if (windowStartMs < range.fromMs || windowStartMs >= range.toMs) return;
    if (offset >= progressOffset) {
      const ate = ahead.get(documentId(windowStartMs, sale.categoria));
      if (ate === undefined || offset >= ate) return;
    }
    let byCategory = this.#sums.get(windowStartMs);
    if (!byCategory) {
      byCategory = new Map();
      this.#sums.set(windowStartMs, byCategory);
    }
    const { categoria, centavos } = sale;
    const sum = byCategory.get(categoria);
    if (!sum) {
      const first = { n: 1n, centavos, menor: centavos, maior: centavos, lastOffset: offset };
      byCategory.set(categoria, first);
      return;
    }
    sum.n += 1n;
    sum.centavos += centavos;
    if (centavos < sum.menor) sum.menor = centavos;
    if (centavos > sum.maior) sum.maior = centavos;
    sum.lastOffset = offset;
  }

  /** Once time has passed the bound, what is missing can no longer have moved it further. */
  #settle(record: LogRecord): void {
    if (Number.isNaN(this.#boundMs)) {
      const { timestampMs } = record;
      this.#firstTimestampsMax = Math.max(
        this.#firstTimestampsMax,
        timestampMs < 0 ? Number.POSITIVE_INFINITY : timestampMs,
      );
      if (this.#records >= BOUND_RECORDS) this.#findBound();
    }
    if (this.#maxEventMs >= this.#boundMs) this.#settledOffset = record.offset;
  }

  /**
   * Deleted are the oldest records. That none of them has a Kafka timestamp which is later by more
   * than the delay than all of the first that are left is taken for granted, since the delay is how
   * far out of order records may come; and no sale is counted that is further than the tolerance
   * ahead of its own timestamp.
   */
  #findBound(): void {
    this.#boundMs =
      this.#records === 0
        ? Number.POSITIVE_INFINITY
        : this.#firstTimestampsMax + this.#rules.delayMs + this.#rules.futureToleranceMs + 1;
  }

  #state(): JudgedState {
    return {
      counted: this.#counted,
      lateCounted: this.#lateCounted,
      rejected: new Map(this.#rejected),
      maxEventMs: this.#maxEventMs === Number.NEGATIVE_INFINITY ? null : this.#maxEventMs,
      categories: [...this.#categories],
    };
  }
}

/** The `_id` of a window and category. */
export function documentId(windowStartMs: number, categoria: string): string {
  return `${new Date(windowStartMs).toISOString()}|${categoria}`;
}
