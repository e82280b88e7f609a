/** What the database holds against what a load's oracle says. Pure. */
import type { LoadOracle, OracleTotal } from './oracle-file.ts';

/** A document of the totals. */
export interface FoundTotal {
  readonly janela_inicio: Date;
  readonly categoria: string;
  readonly faturamento_total: number;
  readonly volume_vendas: number;
  readonly centavos: bigint;
  readonly menor_valor: number;
  readonly maior_valor: number;
}

/** A partition's progress document. */
export interface FoundProgress {
  readonly partition: number;
  readonly nextOffset: number;
  readonly counted: number;
  readonly rejected: Readonly<Record<string, number>>;
}

/** The double nearest to a sum of centavos in reais. */
function reais(centavos: bigint): number {
  const digits = centavos.toString().padStart(3, '0');
  return Number(`${digits.slice(0, -2)}.${digits.slice(-2)}`);
}

/** Sentences, one for each difference; none means that all is exact. */
export function differences(
  oracle: LoadOracle,
  totals: readonly FoundTotal[],
  progress: readonly FoundProgress[],
): string[] {
  const list = oracle.not_because.map((reason) => `the oracle does not hold: ${reason}`);
  const found = new Map(
    totals.map((total) => [`${total.janela_inicio.toISOString()}|${total.categoria}`, total]),
  );
  for (const wanted of oracle.totais) {
    const id = `${wanted.janela_inicio}|${wanted.categoria}`;
    const total = found.get(id);
    found.delete(id);
    if (total) list.push(...totalDifferences(id, wanted, total));
    else list.push(`${id}: missing, with ${wanted.volume_vendas} sales`);
  }
  for (const [id, { volume_vendas }] of found) {
    list.push(`${id}: a stray document with ${volume_vendas} sales`);
  }
  const byPartition = new Map(progress.map((one) => [one.partition, one]));
  for (const wanted of oracle.particoes) {
    const one = byPartition.get(wanted.particao);
    const of = (name: string, value: unknown, expected: unknown) => {
      const [is, should] = [JSON.stringify(value), JSON.stringify(expected)];
      if (is !== should) list.push(`partition ${wanted.particao}: ${name} ${is}, not ${should}`);
    };
    of('proximo_offset', one?.nextOffset ?? null, wanted.proximo_offset);
    of('contadas', one?.counted ?? null, wanted.contadas);
    of('rejeitadas', sorted(one?.rejected ?? {}), sorted(wanted.rejeitadas));
  }
  return list;
}

function totalDifferences(id: string, wanted: OracleTotal, total: FoundTotal): string[] {
  const centavos = BigInt(wanted.centavos);
  const pairs: [string, unknown, unknown][] = [
    ['volume_vendas', total.volume_vendas, wanted.volume_vendas],
    ['centavos', total.centavos, centavos],
    ['faturamento_total', total.faturamento_total, reais(centavos)],
    ['menor_valor', total.menor_valor, wanted.menor / 100],
    ['maior_valor', total.maior_valor, wanted.maior / 100],
  ];
  return pairs
    .filter(([, is, should]) => is !== should)
    .map(([name, is, should]) => `${id}: ${name} ${is}, not ${should}`);
}

const sorted = (counts: Readonly<Record<string, number>>) =>
  Object.entries(counts)
    .filter(([, count]) => count > 0)
    .sort();
