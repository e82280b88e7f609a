/**
 * Makes the sales of one partition, in order, into record batches, and has each judged. Invariant:
 * with the same seed, profile and number of partitions, the same sales but for their times, however
 * they fall into batches: each takes the same random words whatever becomes of it, and its phase
 * goes by its number, not by the clock.
 */
import { RECORD_HEAD_BYTES_MAX, RecordBatchWriter } from '../kafka/record-batch-writer.ts';
import type { BatchSlot } from './batch-slot.ts';
import type { LoadRules, PartitionVerdicts } from './partition-verdicts.ts';
import type { Phase } from './profiles.ts';
import { Random } from './random.ts';
import { SaleFields, type SaleValues } from './sale-values.ts';
import { SALE_CATEGORIES, VALOR_CENTAVOS_MAX, VALOR_CENTAVOS_MIN } from './shop.ts';

const DAY_MS = 86_400_000;
/** Disorder goes up to the watermark delay, and never further than this. */
const DISORDER_MS_MAX = 120_000;
/** How far late sales are behind the last window that is still open. */
const LATE_MS_MAX = 600_000;
const WORD = 2 ** 32;

/** What a sale is; each has its own share. */
const KIND = { honest: 0, disordered: 1, late: 2, poison: 3, malformed: 4 } as const;
type Kind = (typeof KIND)[keyof typeof KIND];

/** A phase as limits that 32 random bits are compared with. */
interface Limits {
  readonly malformed: number;
  readonly poison: number;
  readonly late: number;
  readonly disorder: number;
  readonly hot: number;
}

function limitsOf(phase: Phase): Limits {
  const malformed = phase.malformed * WORD;
  const poison = malformed + phase.poison * WORD;
  const late = poison + phase.late * WORD;
  return { malformed, poison, late, disorder: late + phase.disorder * WORD, hot: phase.hot * WORD };
}

export class SaleStream {
  readonly #values: SaleValues;
  readonly #verdicts: PartitionVerdicts;
  readonly #rules: LoadRules;
  readonly #phaseOf: (index: number) => { phase: Phase; endIndex: number };
  readonly #random: Random;
  readonly #writer = new RecordBatchWriter();
  readonly #sale = new SaleFields();
  readonly #disorderMs: number;
  /** Of the next sale that is drawn, in this partition. */
  #index = 0;
  #phaseEnd = 0;
  #limits: Limits = { malformed: 0, poison: 0, late: 0, disorder: 0, hot: 0 };
  /** Of the sale that is drawn and not yet written. */
  #isDrawn = false;
  #kind: Kind = KIND.honest;
  #chance = 0;

  /** @param phaseOf the phase of this partition's sale `index`, and the first one after it */
  constructor(
    seed: number,
    partition: number,
    values: SaleValues,
    verdicts: PartitionVerdicts,
    rules: LoadRules,
    phaseOf: (index: number) => { phase: Phase; endIndex: number },
  ) {
    this.#random = new Random(seed, partition);
    this.#values = values;
    this.#verdicts = verdicts;
    this.#rules = rules;
    this.#phaseOf = phaseOf;
    this.#disorderMs = Math.min(DISORDER_MS_MAX, rules.watermarkDelayMs);
  }

  /** The batch that `fill` has written. */
  get writer(): RecordBatchWriter {
    return this.#writer;
  }

  /**
   * Writes the next sales, at most `count`, from `at` on until the batch has `bytesMax`, or one
   * more sale would not fit. They are due one after the other from the first time to the last.
   */
  fill(
    slot: BatchSlot,
    at: number,
    bytesMax: number,
    count: number,
    firstDueMs: number,
    lastDueMs: number,
  ): void {
    const [writer, values, { bytes, view }] = [this.#writer, this.#values, slot];
    const stepMs = count === 1 ? 0 : (lastDueMs - firstDueMs) / (count - 1);
    const fits = bytesMax - RECORD_HEAD_BYTES_MAX - values.bytesMax;
    this.#verdicts.writeTo(slot.journal);
    slot.firstDueMs = firstDueMs;
    writer.begin(bytes, view, at, Math.floor(firstDueMs));
    let i = 0;
    while (i < count && (writer.count === 0 || writer.bytes <= fits)) {
      // A value of many sales has the time of its last one.
      const end = Math.min(i + values.salesPerValue, count);
      const timestampMs = Math.floor(firstDueMs + stepMs * (end - 1));
      const valueAt = writer.open(timestampMs);
      if (this.#draw() === KIND.malformed) {
        writer.close(this.#writeMalformed(bytes, valueAt));
        i++;
        continue;
      }
      values.begin(bytes, view, valueAt);
      do {
        this.#add(firstDueMs + stepMs * i, timestampMs);
        i++;
      } while (i < end && this.#draw() !== KIND.malformed);
      writer.close(values.end());
    }
    slot.records = writer.count;
    slot.sales = i;
    slot.lastDueMs = firstDueMs + stepMs * (i - 1);
  }

  /** The kind of the sale that is to be written next; asking again gives the same one. */
  #draw(): Kind {
    if (this.#isDrawn) return this.#kind;
    this.#isDrawn = true;
    if (this.#index === this.#phaseEnd) {
      const { phase, endIndex } = this.#phaseOf(this.#index);
      this.#limits = limitsOf(phase);
      this.#phaseEnd = endIndex;
    }
    this.#index++;
    const [random, sale, limits] = [this.#random, this.#sale, this.#limits];
    sale.id0 = random.word();
    sale.id1 = random.word();
    sale.id2 = random.word();
    sale.id3 = random.word();
    const kind = random.word() >>> 0;
    this.#chance = random.word() >>> 0;
    const category = random.word() >>> 0;
    sale.category = category < limits.hot ? 0 : 1 + (category % (SALE_CATEGORIES.length - 1));
    sale.valorCentavos =
      VALOR_CENTAVOS_MIN + random.below(VALOR_CENTAVOS_MAX - VALOR_CENTAVOS_MIN + 1);
    if (kind >= limits.disorder) this.#kind = KIND.honest;
    else if (kind >= limits.late) this.#kind = KIND.disordered;
    else if (kind >= limits.poison) this.#kind = KIND.late;
    else this.#kind = kind >= limits.malformed ? KIND.poison : KIND.malformed;
    return this.#kind;
  }

  #add(dueMs: number, timestampMs: number): void {
    this.#isDrawn = false;
    const sale = this.#sale;
    sale.eventMs = 1000 * Math.floor((dueMs + this.#awayMs()) / 1000);
    this.#values.add(sale);
    this.#verdicts.judge(sale.category, sale.valorCentavos, sale.eventMs, timestampMs);
  }

  /** How far from its due time the sale says that it was made. */
  #awayMs(): number {
    const { windowMs, watermarkDelayMs, futureToleranceMs } = this.#rules;
    const share = this.#chance / WORD;
    switch (this.#kind) {
      case KIND.disordered:
        return -share * this.#disorderMs;
      case KIND.late:
        return -(watermarkDelayMs + windowMs + 1000 + share * LATE_MS_MAX);
      case KIND.poison:
        return futureToleranceMs + DAY_MS;
      default:
        return 0;
    }
  }

  #writeMalformed(bytes: Buffer, at: number): number {
    this.#isDrawn = false;
    const { malformed } = this.#values;
    const value = malformed[this.#chance % malformed.length];
    this.#verdicts.reject(value.reason);
    return at + value.bytes.copy(bytes, at);
  }
}
