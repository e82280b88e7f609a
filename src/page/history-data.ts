/** From the API's rows to columns of a chart. Pure. */
import type { BucketsAnswer } from '../dashboard/api.ts';

const BARS_MAX = 240;
/** Steps that people count in; each is tried as a multiple of the window. */
const STEPS_MS = [
  ...[1, 5, 10, 15, 30].map((s) => s * 1000),
  ...[1, 5, 10, 15, 30].map((minutes) => minutes * 60_000),
  ...[1, 3, 6, 12].map((hours) => hours * 3_600_000),
  ...[1, 7, 30, 365].map((days) => days * 86_400_000),
];
/** A usual step that leaves fewer bars than this share of them is not worth it. */
const USUAL_FACTOR_MAX = 8;
const NAMES_SHOWN = 6;

/** The shortest usual step that keeps a range within the bars that fit. */
export function stepFor(fromMs: number, toMs: number, windowMs: number): number {
  const needed = (toMs - fromMs) / BARS_MAX;
  const shortest = Math.max(1, Math.ceil(needed / windowMs)) * windowMs;
  const usual = STEPS_MS.find((ms) => ms >= needed && ms % windowMs === 0);
  // For a window of seven seconds, the first usual step would be a week.
  return usual !== undefined && usual <= USUAL_FACTOR_MAX * shortest ? usual : shortest;
}

export interface StackedBuckets {
  readonly startsMs: readonly number[];
  /** Alphabetical; null for all that are not among the greatest. */
  readonly names: readonly (string | null)[];
  /** By name, then by start. */
  readonly centavos: readonly (readonly string[])[];
  readonly total: bigint;
  readonly sales: number;
}

export function stackBuckets({ buckets, from, stepMs }: BucketsAnswer): StackedBuckets {
  const byName = new Map<string, bigint>();
  let total = 0n;
  let sales = 0;
  for (const { categoria, faturamento_centavos, volume_vendas } of buckets) {
    const centavos = BigInt(faturamento_centavos);
    byName.set(categoria, (byName.get(categoria) ?? 0n) + centavos);
    total += centavos;
    sales += volume_vendas;
  }
  const ranked = [...byName].sort(([, a], [, b]) => (a < b ? 1 : a > b ? -1 : 0));
  const shown = ranked
    .slice(0, NAMES_SHOWN)
    .map(([name]) => name)
    .toSorted();
  const names = ranked.length > shown.length ? [...shown, null] : shown;
  const startsMs = startsBetween(buckets, Date.parse(from), stepMs);
  const indexOf = new Map(startsMs.map((ms, index) => [ms, index]));
  const columns = names.map(() => new Array<bigint>(startsMs.length).fill(0n));
  for (const { categoria, inicio, faturamento_centavos } of buckets) {
    const column = shown.indexOf(categoria);
    const index = indexOf.get(Date.parse(inicio))!;
    columns[column < 0 ? names.length - 1 : column][index] += BigInt(faturamento_centavos);
  }
  return { startsMs, names, centavos: columns.map((column) => column.map(String)), total, sales };
}

/** Every step from the first to the last with sales: a gap shows as one. */
function startsBetween(
  buckets: BucketsAnswer['buckets'],
  fromMs: number,
  stepMs: number,
): number[] {
  if (buckets.length === 0) return [];
  const first = Date.parse(buckets[0].inicio);
  const last = Date.parse(buckets[buckets.length - 1].inicio);
  const count = Math.round((last - first) / stepMs) + 1;
  return Array.from({ length: count }, (_, i) => Math.max(fromMs, first + i * stepMs));
}
