/**
 * What must come out, worked out a second time and plainly: the topic read again by another
 * client, each partition's records judged in offset order, centavos added as BigInt. It shares the
 * field rules with the engine (src/sale/flatbuffers/reference.ts for both formats, which has tests of
 * its own) and nothing else: windows, watermark, lateness, the future rule, the category limit, the
 * sums and the texts of batched sales in dead letters are written here again.
 */
import { parseRecord, type SaleVerdict } from '../../src/sale/flatbuffers/reference.ts';
import { itemText } from './item-text.ts';
import type { RecordRead } from './topic.ts';

/** What verdicts depend on; the defaults are the engine's. */
export interface OracleRules {
  readonly windowMs: number;
  readonly delayMs: number;
  readonly futureToleranceMs: number;
  readonly timeZone: string;
  readonly maxCategories: number;
  readonly late: 'reject' | 'count';
}

export const DEFAULT_RULES: OracleRules = {
  windowMs: 60_000,
  delayMs: 120_000,
  futureToleranceMs: 300_000,
  timeZone: 'UTC',
  maxCategories: 10_000,
  late: 'reject',
};

export interface ExpectedPart {
  n: bigint;
  centavos: bigint;
  menor: bigint;
  maior: bigint;
  lastOffset: number;
}

export interface ExpectedDocument {
  readonly id: string;
  readonly windowStartMs: number;
  readonly windowEndMs: number;
  readonly categoria: string;
  readonly parts: Map<number, ExpectedPart>;
}

export interface ExpectedDeadLetter {
  readonly reason: string;
  readonly record: RecordRead;
  /** Which sale of a batch it is; null for the record as a whole. */
  readonly item: number | null;
  readonly value: Buffer | null;
}

export interface ExpectedPartition {
  records: number;
  counted: number;
  /** Of those, the ones that were late. */
  lateCounted: number;
  readonly rejected: Map<string, number>;
  maxEventMs: number | null;
  readonly categories: string[];
}

export interface Oracle {
  readonly topic: string;
  readonly rules: OracleRules;
  readonly documents: Map<string, ExpectedDocument>;
  /** By "topic/partition/offset", and "/index" for a sale of a batch. */
  readonly deadLetters: Map<string, ExpectedDeadLetter>;
  readonly partitions: Map<number, ExpectedPartition>;
}

type Verdict =
  | {
      readonly counted: true;
      readonly categoria: string;
      readonly centavos: bigint;
      readonly eventMs: number;
    }
  | { readonly counted: false; readonly reason: string };

/** In this order: form and fields, the limit on categories, the future, lateness. */
function judge(
  sale: SaleVerdict,
  record: RecordRead,
  partition: ExpectedPartition,
  rules: OracleRules,
): Verdict {
  if (sale.verdict === 'rejected') return { counted: false, reason: sale.reason };
  const { categoria, eventMs } = sale;
  if (!partition.categories.includes(categoria)) {
    if (partition.categories.length === rules.maxCategories) {
      return { counted: false, reason: 'category_limit' };
    }
    partition.categories.push(categoria);
  }
  if (eventMs - record.timestamp > rules.futureToleranceMs) {
    return { counted: false, reason: 'future_timestamp' };
  }
  const windowEndMs = eventMs - (eventMs % rules.windowMs) + rules.windowMs;
  if (partition.maxEventMs !== null && windowEndMs <= partition.maxEventMs - rules.delayMs) {
    if (rules.late === 'reject') return { counted: false, reason: 'late' };
    partition.lateCounted++;
  }
  return { counted: true, categoria, centavos: BigInt(sale.valorCentavos), eventMs };
}

function add(oracle: Oracle, record: RecordRead, verdict: Verdict & { counted: true }): void {
  const { categoria, centavos, eventMs } = verdict;
  const windowStartMs = eventMs - (eventMs % oracle.rules.windowMs);
  const id = `${new Date(windowStartMs).toISOString()}|${categoria}`;
  let document = oracle.documents.get(id);
  if (!document) {
    const windowEndMs = windowStartMs + oracle.rules.windowMs;
    document = { id, windowStartMs, windowEndMs, categoria, parts: new Map() };
    oracle.documents.set(id, document);
  }
  const part = document.parts.get(record.partition);
  if (!part) {
    const { offset: lastOffset } = record;
    const first = { n: 1n, centavos, menor: centavos, maior: centavos, lastOffset };
    document.parts.set(record.partition, first);
    return;
  }
  part.n += 1n;
  part.centavos += centavos;
  if (centavos < part.menor) part.menor = centavos;
  if (centavos > part.maior) part.maior = centavos;
  part.lastOffset = record.offset;
}

/** @param records sorted by partition and offset */
export function judgeAll(
  records: readonly RecordRead[],
  topic: string,
  rules: OracleRules,
): Oracle {
  const oracle: Oracle = {
    topic,
    rules,
    documents: new Map(),
    deadLetters: new Map(),
    partitions: new Map(),
  };
  for (const record of records) {
    let partition = oracle.partitions.get(record.partition);
    if (!partition) {
      partition = {
        ...{ records: 0, counted: 0, lateCounted: 0, rejected: new Map(), maxEventMs: null },
        categories: [],
      };
      oracle.partitions.set(record.partition, partition);
    }
    partition.records++;
    for (const { item, sale, value } of salesOf(record, rules)) {
      const verdict = judge(sale, record, partition, rules);
      if (verdict.counted) {
        partition.counted++;
        add(oracle, record, verdict);
        partition.maxEventMs = Math.max(partition.maxEventMs ?? 0, verdict.eventMs);
      } else {
        const { reason } = verdict;
        partition.rejected.set(reason, (partition.rejected.get(reason) ?? 0) + 1);
        const at = `${topic}/${record.partition}/${record.offset}`;
        const key = item === null ? at : `${at}/${item}`;
        oracle.deadLetters.set(key, { reason, record, item, value });
      }
    }
  }
  return oracle;
}

interface SaleOfRecord {
  readonly item: number | null;
  readonly sale: SaleVerdict;
  /** What its dead letter would hold. */
  readonly value: Buffer | null;
}

/** One, or those of a batch, as if they were records one after the other. */
function salesOf(record: RecordRead, { timeZone }: OracleRules): SaleOfRecord[] {
  const parsed = parseRecord(record.value, { timeZone });
  if (parsed.kind === 'one') return [{ item: null, sale: parsed.verdict, value: record.value }];
  return parsed.sales.map(({ verdict, fields }, item) => ({
    item,
    sale: verdict,
    value: Buffer.from(itemText(fields)),
  }));
}

/** Counted and rejected over all partitions; each sale of a batch by itself. */
export function sums({ partitions }: Oracle): { counted: number; rejected: number } {
  let counted = 0;
  let rejected = 0;
  for (const partition of partitions.values()) {
    counted += partition.counted;
    for (const count of partition.rejected.values()) rejected += count;
  }
  return { counted, rejected };
}
