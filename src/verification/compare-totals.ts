/**
 * The documents against what the log says. For a window and category that every partition's log
 * can judge: the registers, and the totals that follow from the log. For others: the registers of
 * the partitions that can, and totals that follow from the document's own registers. Pure.
 */
import { formatReais } from '../lib/units.ts';
import type { Differences } from './differences.ts';
import { documentId, type PartitionFindings, type Sum } from './partition-judge.ts';
import type { StoredDocument, StoredRegister } from './stored-document.ts';
import type { StoredTotals } from './stored-totals.ts';

export interface TotalsCompared {
  /** Documents that the database holds in the range. */
  readonly documents: number;
  /** Of which a part can't be judged, since the log no longer holds all of their sales. */
  readonly unjudged: number;
  /** The last window of those, by its start; null when there is none. */
  readonly unjudgedUpToMs: number | null;
}

/** What the log says of one window and category. */
interface Expected {
  readonly windowStartMs: number;
  readonly categoria: string;
  readonly sums: Map<number, Sum>;
}

/**
 * @param stored by id, of the range; ids that can't be read were told of already
 * @param findings one for each partition that was read; others have no sale
 * @param ends by partition, one past the log's last record: no register can say more
 */
export function compareTotals(
  { byId, unreadable, count }: StoredTotals,
  findings: readonly PartitionFindings[],
  ends: ReadonlyMap<number, number>,
  differences: Differences,
): TotalsCompared {
  const expected = gather(findings);
  const ids = [...new Set([...expected.keys(), ...byId.keys()])].sort();
  const judgedFrom = new Map(findings.map((found) => [found.partition, found.judgedFromMs]));
  const allJudgedFromMs = Math.max(Number.NEGATIVE_INFINITY, ...judgedFrom.values());
  let unjudged = 0;
  let unjudgedUpToMs: number | null = null;
  for (const id of ids) {
    const document = byId.get(id);
    const wanted = expected.get(id);
    const windowStartMs = (document ?? wanted)!.windowStartMs;
    const isJudged = windowStartMs >= allJudgedFromMs;
    if (!document) {
      if (isJudged && !unreadable.has(id)) missing(id, wanted!, differences);
      continue;
    }
    if (!isJudged) {
      unjudged++;
      unjudgedUpToMs = Math.max(unjudgedUpToMs ?? windowStartMs, windowStartMs);
    }
    if (!wanted && isJudged) {
      const found = describe(document.volume, centavosOf(document.total));
      differences.add('stray document', id, '', found, 'no sale in the log');
      continue;
    }
    const isPartJudged = (partition: number) =>
      windowStartMs >= (judgedFrom.get(partition) ?? Number.NEGATIVE_INFINITY);
    const sums = wanted?.sums ?? new Map<number, Sum>();
    compareRegisters(document, sums, isPartJudged, ends, differences);
    compareCompacted(document, sums, isPartJudged, differences);
    const { registers, compacted } = document;
    const stored = compacted ? [...registers, compacted] : registers;
    compareFields(document, isJudged ? [...sums.values()] : stored, differences);
  }
  return { documents: count, unjudged, unjudgedUpToMs };
}

/** Whether the log has sales of a window and category, by the id of their document. */
export class IdsWithSales {
  readonly #findings: readonly PartitionFindings[];

  constructor(findings: readonly PartitionFindings[]) {
    this.#findings = findings;
  }

  has(id: string): boolean {
    const at = id.indexOf('|');
    const windowStartMs = Date.parse(id.slice(0, at));
    if (Number.isNaN(windowStartMs) || documentId(windowStartMs, '') !== id.slice(0, at + 1)) {
      return false;
    }
    return this.#findings.some(({ sums }) => sums.get(windowStartMs)?.has(id.slice(at + 1)));
  }
}

function gather(findings: readonly PartitionFindings[]): Map<string, Expected> {
  const expected = new Map<string, Expected>();
  for (const { partition, sums } of findings) {
    for (const [windowStartMs, byCategory] of sums) {
      for (const [categoria, sum] of byCategory) {
        const id = documentId(windowStartMs, categoria);
        let document = expected.get(id);
        if (!document) {
          document = { windowStartMs, categoria, sums: new Map() };
          expected.set(id, document);
        }
        document.sums.set(partition, sum);
      }
    }
  }
  return expected;
}

function missing(id: string, { sums }: Expected, differences: Differences): void {
  const { n, centavos } = totalOf([...sums.values()]);
  differences.add('missing document', id, '', 'no document', describe(n, centavos));
}

function compareRegisters(
  { id, registers, compacted }: StoredDocument,
  sums: ReadonlyMap<number, Sum>,
  isPartJudged: (partition: number) => boolean,
  ends: ReadonlyMap<number, number>,
  differences: Differences,
): void {
  const stored = new Map(registers.map((register) => [register.partition, register]));
  for (const [partition, sum] of sums) {
    if (stored.has(partition) || !isPartJudged(partition)) continue;
    if (compacted?.partitions.includes(partition)) continue;
    const expected = describe(sum.n, sum.centavos);
    differences.add('changed value', id, `partes.${partition}`, 'no register', expected);
  }
  for (const register of registers) {
    const { partition } = register;
    if (compacted?.partitions.includes(partition)) {
      const expected = 'no register: it was compacted';
      const found = describe(register.n, register.centavos);
      differences.add('changed value', id, `partes.${partition}`, found, expected);
      continue;
    }
    const end = ends.get(partition);
    const sum = sums.get(partition);
    if (end === undefined || (!sum && isPartJudged(partition))) {
      const found = describe(register.n, register.centavos);
      const expected = end === undefined ? 'no such partition' : 'no sale in the log';
      differences.add('changed value', id, `partes.${partition}`, found, expected);
      continue;
    }
    if (sum && isPartJudged(partition)) compareRegister(id, register, sum, differences);
    if (register.ate <= end) continue;
    const expected = `at most ${end}, the end of the log`;
    differences.add('changed value', id, `partes.${partition}.ate`, String(register.ate), expected);
  }
}

/** What was compacted, where all of it can be judged. */
function compareCompacted(
  { id, compacted }: StoredDocument,
  sums: ReadonlyMap<number, Sum>,
  isPartJudged: (partition: number) => boolean,
  differences: Differences,
): void {
  if (!compacted?.partitions.every(isPartJudged)) return;
  const path = 'partes.compactadas';
  const parts = compacted.partitions.flatMap((partition) => sums.get(partition) ?? []);
  if (parts.length === 0) {
    const found = describe(compacted.n, compacted.centavos);
    differences.add('changed value', id, path, found, 'no sale in the log');
    return;
  }
  compareSum(id, path, compacted, totalOf(parts), differences);
}

function compareRegister(
  id: string,
  register: StoredRegister,
  sum: Sum,
  differences: Differences,
): void {
  const path = `partes.${register.partition}`;
  compareSum(id, path, register, sum, differences);
  if (register.ate > sum.lastOffset) return;
  const expected = `above ${sum.lastOffset}, its last sale`;
  differences.add('changed value', id, `${path}.ate`, String(register.ate), expected);
}

type Part = Pick<Sum, 'n' | 'centavos' | 'menor' | 'maior'>;

function compareSum(
  id: string,
  path: string,
  found: Part,
  sum: Part,
  differences: Differences,
): void {
  const wrong = (field: string, is: string, expected: string) =>
    differences.add('changed value', id, `${path}.${field}`, is, expected);
  if (found.n !== sum.n) wrong('n', String(found.n), String(sum.n));
  for (const field of ['centavos', 'menor', 'maior'] as const) {
    if (found[field] !== sum[field]) {
      wrong(field, formatReais(found[field]), formatReais(sum[field]));
    }
  }
}

function totalOf(parts: readonly Part[]): Part {
  return parts.reduce((a, b) => ({
    n: a.n + b.n,
    centavos: a.centavos + b.centavos,
    menor: a.menor < b.menor ? a.menor : b.menor,
    maior: a.maior > b.maior ? a.maior : b.maior,
  }));
}

/** @param parts what the document's fields must follow from */
function compareFields(
  document: StoredDocument,
  parts: readonly Part[],
  differences: Differences,
): void {
  const { id, volume } = document;
  if (parts.length === 0) {
    differences.add('changed value', id, 'partes', 'no register', 'one at least');
    return;
  }
  const { n, centavos, menor, maior } = totalOf(parts);
  if (volume !== n) {
    differences.add('changed value', id, 'volume_vendas', String(volume), String(n));
  }
  // Half up to the whole centavo.
  const mean = n > 0n ? (2n * centavos + n) / (2n * n) : 0n;
  const money: [string, number, bigint][] = [
    ['faturamento_total', document.total, centavos],
    ['ticket_medio', document.mean, mean],
    ['menor_valor', document.least, menor],
    ['maior_valor', document.greatest, maior],
  ];
  for (const [field, found, exact] of money) {
    if (isDoubleOf(found, exact)) continue;
    differences.add('changed value', id, field, showReais(found), formatReais(exact));
  }
}

/** Beyond it a server's division is no longer the double nearest to the decimal number. */
const EXACT_CENTAVOS_MAX = 2n ** 52n;

function isDoubleOf(reais: number, centavos: bigint): boolean {
  const digits = centavos.toString().padStart(3, '0');
  const nearest = Number(`${digits.slice(0, -2)}.${digits.slice(-2)}`);
  if (centavos <= EXACT_CENTAVOS_MAX) return reais === nearest;
  return Math.abs(reais - nearest) <= nearest * 2 ** -50;
}

/** NaN and infinities can be stored, and are no money. */
function centavosOf(reais: number): bigint | null {
  return Number.isFinite(reais) ? BigInt(Math.round(reais * 100)) : null;
}

/** As money where it is a whole number of centavos, and with all its digits where it is not. */
function showReais(reais: number): string {
  const centavos = centavosOf(reais);
  return centavos !== null && isDoubleOf(reais, centavos) ? formatReais(centavos) : `${reais}`;
}

function describe(count: bigint, centavos: bigint | null): string {
  const sales = count === 1n ? '1 sale' : `${count} sales`;
  return `${sales}, ${centavos === null ? 'no amount' : formatReais(centavos)}`;
}
