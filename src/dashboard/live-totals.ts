/**
 * The collection as the live page shows it: its whole sum, each category's, and the newest
 * windows. One small query a second serves every viewer: windows from a boundary on are read anew
 * each time, everything older is summed by the database now and then. So a sum over years costs
 * no more than one over an hour; a change to an old window shows after a while, at most
 * `BASE_MS` or fifty times as long as the sum takes.
 */
import type { CategorySums, TotalsReader, WindowTotals } from '../mongo/totals-reader.ts';
import type { LiveWindow, RevenueView } from './api.ts';
import { wireCentavos } from './wire.ts';

/** Windows behind the newest one that are read anew every second. */
const WINDOWS_LIVE = 60;
/** Documents read every second; the boundary moves up when there would be more. */
const DOCUMENTS_MAX = 1000;
const BASE_MS = 15_000;
/** The sum over old windows takes at most this share of the time. */
const BASE_SHARE = 1 / 50;
const CATEGORIES_SHOWN = 12;

/** Everything that starts before the boundary. */
interface Base {
  readonly boundaryMs: number;
  readonly sums: readonly CategorySums[];
  readonly firstMs: number;
  /** When it should be summed again. */
  readonly dueMs: number;
}

export class LiveTotals {
  readonly #reader: TotalsReader;
  readonly #windowMs: number;
  #base: Base | null = null;

  constructor(reader: TotalsReader, windowMs: number) {
    this.#reader = reader;
    this.#windowMs = windowMs;
  }

  async read(nowMs: number): Promise<RevenueView> {
    if (!this.#base || nowMs >= this.#base.dueMs) this.#base = await this.#sumUp(nowMs);
    if (!this.#base) return composeRevenue([], [], null, nowMs);
    const { boundaryMs, sums, firstMs } = this.#base;
    const recent = await this.#reader.newest(boundaryMs, DOCUMENTS_MAX);
    if (recent.length < DOCUMENTS_MAX) return composeRevenue(sums, recent, firstMs, nowMs);
    // More than expected: the boundary must move up first.
    this.#base = await this.#sumUp(nowMs);
    if (!this.#base) return composeRevenue([], [], null, nowMs);
    const again = await this.#reader.newest(this.#base.boundaryMs, DOCUMENTS_MAX);
    return composeRevenue(this.#base.sums, again, firstMs, nowMs);
  }

  async #sumUp(nowMs: number): Promise<Base | null> {
    const startedMs = performance.now();
    const bounds = await this.#reader.bounds();
    if (!bounds) return null;
    const byDocuments = await this.#reader.startAfter(DOCUMENTS_MAX / 2);
    const boundaryMs = Math.max(
      bounds.lastMs - (WINDOWS_LIVE - 1) * this.#windowMs,
      // Of the window in which the limit falls, a part would be missing.
      byDocuments === null ? 0 : byDocuments + this.#windowMs,
    );
    const sums = await this.#reader.sumsBefore(boundaryMs);
    const tookMs = performance.now() - startedMs;
    const dueMs = nowMs + Math.max(BASE_MS, tookMs / BASE_SHARE);
    return { boundaryMs, sums, firstMs: bounds.firstMs, dueMs };
  }
}

/** Adds both parts up. Pure. */
export function composeRevenue(
  old: readonly CategorySums[],
  recent: readonly WindowTotals[],
  firstMs: number | null,
  nowMs: number,
): RevenueView {
  const byCategory = new Map<string, { centavos: bigint; sales: number }>();
  const add = (categoria: string, centavos: bigint, sales: number) => {
    const sum = byCategory.get(categoria) ?? { centavos: 0n, sales: 0 };
    sum.centavos += centavos;
    sum.sales += sales;
    byCategory.set(categoria, sum);
  };
  for (const { categoria, centavos, sales } of old) add(categoria, centavos, sales);
  for (const row of recent) add(row.categoria, row.centavos, row.volume_vendas);

  const all = [...byCategory]
    .map(([categoria, sum]) => ({ categoria, ...sum }))
    .sort((a, b) => compare(b.centavos, a.centavos) || a.categoria.localeCompare(b.categoria));
  const shown = all.slice(0, CATEGORIES_SHOWN);
  const rest = all.slice(CATEGORIES_SHOWN);
  const others = sum(rest);
  const total = sum(all);
  return {
    readAtMs: nowMs,
    centavos: wireCentavos(total.centavos),
    sales: total.sales,
    firstWindowMs: firstMs,
    categories: shown.map((one) => ({ ...one, centavos: wireCentavos(one.centavos) })),
    others: {
      categories: rest.length,
      centavos: wireCentavos(others.centavos),
      sales: others.sales,
    },
    windows: windowsOf(
      recent,
      shown.map(({ categoria }) => categoria),
    ),
  };
}

const compare = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0);

function sum(list: readonly { centavos: bigint; sales: number }[]): {
  centavos: bigint;
  sales: number;
} {
  const total = { centavos: 0n, sales: 0 };
  for (const { centavos, sales } of list) {
    total.centavos += centavos;
    total.sales += sales;
  }
  return total;
}

/** One row for each window, with a column for each category that is shown and one for the rest. */
function windowsOf(rows: readonly WindowTotals[], categories: readonly string[]): LiveWindow[] {
  const columnOf = new Map(categories.map((categoria, i) => [categoria, i]));
  const byStart = new Map<number, WindowTotals[]>();
  for (const row of rows) {
    const startMs = row.janela_inicio.getTime();
    const list = byStart.get(startMs);
    if (list) list.push(row);
    else byStart.set(startMs, [row]);
  }
  return [...byStart]
    .sort(([a], [b]) => b - a)
    .map(([startMs, list]) => {
      const columns: bigint[] = new Array(categories.length + 1).fill(0n);
      for (const { categoria, centavos } of list) {
        columns[columnOf.get(categoria) ?? categories.length] += centavos;
      }
      return {
        startMs,
        closed: list.every(({ fechada }) => fechada),
        corrected: list.some(({ corrigida_em }) => corrigida_em !== null),
        centavos: wireCentavos(columns.reduce((a, b) => a + b, 0n)),
        sales: list.reduce((count, { volume_vendas }) => count + volume_vendas, 0),
        byCategory: columns.map(wireCentavos),
      };
    });
}
