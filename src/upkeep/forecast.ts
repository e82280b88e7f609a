/**
 * What the engine would make of records that are sent now, by the pinned rules and by how far each
 * partition is: an estimate, since the log goes on. Pure.
 */
import type { PinnedSettings } from '../mongo/settings-store.ts';
import { parseRecord } from '../sale/flatbuffers/reference.ts';
import { pureWatermarkMs } from '../window/watermark.ts';
import { windowEndMs, windowIndexOf } from '../window/window.ts';

export const COUNTED = 'counted';
/** Late, and counted all the same. */
export const CORRECTION = 'correction';

/** How far a partition is: what its progress document says. */
export interface PartitionState {
  readonly maxEventMs: number;
  readonly categories: readonly string[];
}

type Rules = Pick<
  PinnedSettings,
  | 'janela_ms'
  | 'atraso_ms'
  | 'tolerancia_futuro_ms'
  | 'fuso_horario'
  | 'limite_categorias'
  | 'atrasadas'
>;

export class Forecast {
  readonly #rules: Rules;
  readonly #states = new Map<number, { maxEventMs: number; readonly categories: Set<string> }>();
  /** Sales by what becomes of them: COUNTED, CORRECTION, or a reason. */
  readonly outcomes = new Map<string, number>();

  /** @param states by partition; of one that is not there nothing has been counted */
  constructor(rules: Rules, states: ReadonlyMap<number, PartitionState>) {
    this.#rules = rules;
    for (const [partition, { maxEventMs, categories }] of states) {
      this.#states.set(partition, { maxEventMs, categories: new Set(categories) });
    }
  }

  add(outcomes: readonly string[]): void {
    for (const outcome of outcomes) {
      this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    }
  }

  /**
   * What becomes of each sale of a record. What it counts brings the partition's time and categories
   * forward for the records behind it, so each record is to be judged once.
   *
   * @param nowMs the Kafka timestamp that the record will have
   */
  judge(partition: number, value: Buffer | null, nowMs: number): string[] {
    const parsed = parseRecord(value, { timeZone: String(this.#rules.fuso_horario) });
    const verdicts =
      parsed.kind === 'one' ? [parsed.verdict] : parsed.sales.map(({ verdict }) => verdict);
    return verdicts.map((verdict) =>
      verdict.verdict === 'rejected' ? verdict.reason : this.#judge(partition, verdict, nowMs),
    );
  }

  #judge(
    partition: number,
    { categoria, eventMs }: { readonly categoria: string; readonly eventMs: number },
    nowMs: number,
  ): string {
    const state = this.#states.get(partition) ?? { maxEventMs: -1, categories: new Set() };
    this.#states.set(partition, state);
    if (!state.categories.has(categoria)) {
      if (state.categories.size >= Number(this.#rules.limite_categorias)) return 'category_limit';
      state.categories.add(categoria);
    }
    if (eventMs > nowMs + Number(this.#rules.tolerancia_futuro_ms)) return 'future_timestamp';
    const windowMs = Number(this.#rules.janela_ms);
    const endMs = windowEndMs(windowIndexOf(eventMs, windowMs), windowMs);
    if (endMs <= pureWatermarkMs(state.maxEventMs, Number(this.#rules.atraso_ms))) {
      return this.#rules.atrasadas === 'count' ? CORRECTION : 'late';
    }
    state.maxEventMs = Math.max(state.maxEventMs, eventMs);
    return COUNTED;
  }
}
