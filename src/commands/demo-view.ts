/** The demo's picture of itself: the newest totals as a table, and one line on the stream. */
import Table from 'cli-table3';
import type { Db } from 'mongodb';
import type { EngineStatus } from '../coordinator/engine-events.ts';
import { formatCount, formatReais, humanDurationMs } from '../lib/units.ts';
import { outColour as pc, TABLE_STYLE } from './colour.ts';
import { describeHold } from './watermark-text.ts';

/** Windows shown; older ones stay in the collection. */
const WINDOWS_SHOWN = 4;
const CATEGORIES_SHOWN = 8;

export interface WindowRow {
  readonly janela_inicio: Date;
  readonly categoria: string;
  readonly centavos: bigint;
  readonly volume_vendas: number;
  readonly fechada: boolean;
  readonly corrigida: boolean;
}

interface StoredTotals {
  janela_inicio: Date;
  categoria: string;
  volume_vendas: bigint;
  fechada: boolean;
  corrigida_em?: Date;
  partes: Record<string, { centavos: bigint }>;
}

/** The newest windows' totals as they are stored; newest window first, categories by name. */
export async function newestTotals(db: Db, collection: string): Promise<WindowRow[]> {
  const documents = await db
    .collection<StoredTotals>(collection)
    .find()
    .sort({ janela_inicio: -1, categoria: 1 })
    .limit(WINDOWS_SHOWN * CATEGORIES_SHOWN)
    .toArray();
  const shown = [...new Set(documents.map((d) => d.janela_inicio.getTime()))].slice(
    0,
    WINDOWS_SHOWN,
  );
  return documents
    .filter((document) => shown.includes(document.janela_inicio.getTime()))
    .map(({ janela_inicio, categoria, volume_vendas, fechada, corrigida_em, partes }) => ({
      janela_inicio,
      categoria,
      centavos: Object.values(partes).reduce((sum, part) => sum + BigInt(part.centavos), 0n),
      volume_vendas: Number(volume_vendas),
      fechada,
      corrigida: corrigida_em !== undefined,
    }));
}

export async function closedCount(db: Db, collection: string): Promise<number> {
  return db.collection(collection).countDocuments({ fechada: true });
}

const clock = (date: Date) => date.toISOString().slice(11, 19);

export function renderTotals(rows: readonly WindowRow[], windowMs: number): string {
  const table = new Table({
    head: ['window (UTC)', 'category', 'revenue', 'sales', ''].map((name) => pc.bold(name)),
    colAligns: ['left', 'left', 'right', 'right', 'left'],
    style: TABLE_STYLE,
    // No line between rows: four windows must fit on a small terminal.
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  });
  let previous = 0;
  for (const row of rows) {
    const start = row.janela_inicio.getTime();
    const end = new Date(start + windowMs);
    const state = row.fechada ? pc.green('closed') : pc.yellow('open');
    table.push([
      start === previous ? '' : `${clock(row.janela_inicio)} to ${clock(end)}`,
      row.categoria,
      formatReais(row.centavos),
      formatCount(row.volume_vendas),
      row.corrigida ? `${state} ${pc.magenta('corrected')}` : state,
    ]);
    previous = start;
  }
  return table.toString();
}

/** Rate, lag and the watermark with who holds it. */
export function renderStream(status: EngineStatus, salesPerSecond: number, nowMs: number): string {
  const lag = status.partitions.reduce((total, partition) => total + partition.lag, 0);
  const counted = status.partitions.reduce((total, partition) => total + partition.counted, 0);
  const watermark =
    status.watermarkMs === null
      ? describeHold(status.hold)
      : `${clock(new Date(status.watermarkMs))}, ${humanDurationMs(nowMs - status.watermarkMs)} ` +
        `behind now, ${describeHold(status.hold)}`;
  const lines = [
    `${pc.bold('stream')}     ${salesPerSecond.toFixed(1)} sales/s, ${formatCount(counted)} counted, ` +
      `lag ${formatCount(lag)} sales, last checkpoint ${humanDurationMs(status.lastCheckpointMs)}`,
    `${pc.bold('watermark')}  ${watermark}`,
  ];
  if (status.problem) lines.push(`${pc.red('problem')}    ${status.problem.message}`);
  return lines.join('\n');
}
