/**
 * What a load must come to, as a file: the sums of each window and category, what must be rejected
 * and why, and up to which offsets it is said. Names that documents of the database have mean the
 * same here; docs/LOAD.md describes all of it. Made of what was acknowledged, so it is exact, and
 * it holds for a topic that nobody else has written to: what it can't answer for it says in
 * `not_because`.
 */

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { LatePolicy } from '../config/options.ts';
import { EXIT, messageOf, VendavalError } from '../lib/errors.ts';
import { REASONS } from '../sale/reasons.ts';
import { windowStartMs } from '../window/window.ts';
import type { PartitionOutcome } from './load-protocol.ts';
import type { LoadRules } from './partition-verdicts.ts';
import { SALE_CATEGORIES } from './shop.ts';

const FORMAT = 1;

export interface OracleTotal {
  /** ISO 8601. */
  readonly janela_inicio: string;
  readonly categoria: string;
  readonly volume_vendas: number;
  /** Digits: sums may pass what a JSON number holds exactly. */
  readonly centavos: string;
  readonly menor: number;
  readonly maior: number;
}

export interface OraclePartition {
  readonly particao: number;
  /** The first offset of the load; null when nothing of it is here. */
  readonly primeiro_offset: number | null;
  /** The offset after its last. */
  readonly proximo_offset: number;
  readonly contadas: number;
  readonly rejeitadas: Readonly<Record<string, number>>;
}

export interface LoadOracle {
  readonly vendaval_oracle: typeof FORMAT;
  readonly topic: string;
  readonly holds: boolean;
  readonly not_because: readonly string[];
  /** Sales that the broker acknowledged, and those of which that is not known. */
  readonly acknowledged: number;
  readonly unknown: number;
  readonly contadas: number;
  readonly rejeitadas: Readonly<Record<string, number>>;
  /** What verdicts depend on, as in `configuracao_vendaval`. */
  readonly rules: {
    readonly janela_ms: number;
    readonly atraso_ms: number;
    readonly tolerancia_futuro_ms: number;
    readonly fuso_horario: string;
    readonly limite_categorias: number;
    readonly atrasadas: LatePolicy;
  };
  readonly particoes: readonly OraclePartition[];
  /** Sorted by window and category. */
  readonly totais: readonly OracleTotal[];
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

function byName(rejected: readonly number[]): Record<string, number> {
  const entries = REASONS.map((name, code) => [name, rejected[code]] as const);
  return Object.fromEntries(entries.filter(([, count]) => count > 0));
}

/** Why the sums can't be those of the topic; empty when they are. */
function doubts(outcomes: readonly PartitionOutcome[], partitions: number): string[] {
  const list: string[] = [];
  for (const { partition, firstOffset, foreignOffsets, unknownSales } of outcomes) {
    if (firstOffset > 0) {
      list.push(`partition ${partition} held ${firstOffset} records before this load`);
    }
    if (foreignOffsets > 0) {
      list.push(`partition ${partition} got ${foreignOffsets} records that are not of this load`);
    }
    if (unknownSales > 0) {
      list.push(
        `partition ${partition} may have ${unknownSales} sales that it did not acknowledge`,
      );
    }
  }
  const missing = partitions - outcomes.length;
  if (missing > 0) list.push(`nothing is known of ${missing} partitions: their thread has died`);
  return list;
}

/** @param partitions of the topic, from which an outcome may be missing */
export function oracleOf(
  topic: string,
  rules: LoadRules,
  outcomes: readonly PartitionOutcome[],
  partitions: number,
): LoadOracle {
  const sorted = [...outcomes].sort((a, b) => a.partition - b.partition);
  const reasons = doubts(sorted, partitions);
  const particoes = sorted.map((outcome): OraclePartition => {
    const { partition, firstOffset, nextOffset, sums, rejected } = outcome;
    return {
      particao: partition,
      primeiro_offset: firstOffset < 0 ? null : firstOffset,
      proximo_offset: Math.max(0, nextOffset),
      contadas: sum(sums.map(({ count }) => count)),
      rejeitadas: byName(rejected),
    };
  });
  return {
    vendaval_oracle: FORMAT,
    topic,
    holds: reasons.length === 0,
    not_because: reasons,
    acknowledged: sum(sorted.map(({ acknowledged }) => acknowledged)),
    unknown: sum(sorted.map(({ unknownSales }) => unknownSales)),
    contadas: sum(particoes.map(({ contadas }) => contadas)),
    rejeitadas: byName(REASONS.map((_, code) => sum(sorted.map((o) => o.rejected[code])))),
    rules: {
      janela_ms: rules.windowMs,
      atraso_ms: rules.watermarkDelayMs,
      tolerancia_futuro_ms: rules.futureToleranceMs,
      fuso_horario: rules.timeZone,
      limite_categorias: rules.maxCategories,
      atrasadas: rules.late,
    },
    particoes,
    totais: totalsOf(sorted, rules.windowMs),
  };
}

function totalsOf(outcomes: readonly PartitionOutcome[], windowMs: number): OracleTotal[] {
  const totals = new Map<string, { n: number; centavos: bigint; menor: number; maior: number }>();
  for (const { window, category, count, centavos, menor, maior } of outcomes.flatMap(
    ({ sums }) => sums,
  )) {
    const key = `${new Date(windowStartMs(window, windowMs)).toISOString()}|${SALE_CATEGORIES[category]}`;
    const total = totals.get(key) ?? { n: 0, centavos: 0n, menor, maior };
    total.n += count;
    total.centavos += BigInt(centavos);
    total.menor = Math.min(total.menor, menor);
    total.maior = Math.max(total.maior, maior);
    totals.set(key, total);
  }
  return [...totals]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { n, centavos, menor, maior }]) => {
      const [janela_inicio, categoria] = key.split('|');
      return {
        janela_inicio,
        categoria,
        volume_vendas: n,
        centavos: String(centavos),
        menor,
        maior,
      };
    });
}

function fileError(path: string, doing: string, cause: unknown): VendavalError {
  return new VendavalError(`the oracle file ${path} cannot be ${doing}: ${messageOf(cause)}`, {
    code: 'E_ORACLE_FILE',
    exitCode: EXIT.usage,
    hint: 'Give --oracle the path of a file in a folder where this user may write.',
    cause,
  });
}

/** Whole or not at all; a line for each total. */
export function writeOracle(path: string, oracle: LoadOracle): void {
  const { particoes, totais, ...head } = oracle;
  const lines = (rows: readonly object[]) =>
    rows.map((row) => `\n    ${JSON.stringify(row)}`).join(',');
  const text =
    `${JSON.stringify(head, null, 2).slice(0, -2)},\n` +
    `  "particoes": [${lines(particoes)}\n  ],\n  "totais": [${lines(totais)}\n  ]\n}\n`;
  try {
    writeFileSync(`${path}.part`, text);
    renameSync(`${path}.part`, path);
  } catch (error) {
    throw fileError(path, 'written', error);
  }
}

/** Before the load, so that an hour's work is not lost to a typing error. */
export function checkOraclePath(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.part`, '');
  } catch (error) {
    throw fileError(path, 'written', error);
  }
}

export function readOracle(path: string): LoadOracle {
  let oracle: LoadOracle;
  try {
    oracle = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw fileError(path, 'read', error);
  }
  if (oracle?.vendaval_oracle !== FORMAT) {
    throw fileError(path, 'read', `it is no oracle of format ${FORMAT}`);
  }
  return oracle;
}
