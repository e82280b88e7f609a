/** The demo's picture of itself: the newest totals as a table, and one line on the stream. */
import Table from 'cli-table3';
import logUpdate from 'log-update';
import type { Db } from 'mongodb';
import type { Settings } from '../config/options.ts';
import type { Engine } from '../coordinator/engine.ts';
import type { EngineStatus } from '../coordinator/engine-events.ts';
import { formatCount, formatReais, humanDurationMs } from '../lib/units.ts';
import type { MongoConnection } from '../mongo/connection.ts';
import { outColour as pc, TABLE_STYLE } from './colour.ts';
import type { Shell } from './shell.ts';
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

/** Redrawn in place on a terminal; one JSON line a second in a pipe. */
export class DemoView {
  readonly #settings: Settings;
  readonly #shell: Shell;
  readonly #startedMs = performance.now();
  #notes: string[] = [];
  #isBusy = false;
  #isClosed = false;
  #firstClosedMs: number | null = null;
  #lastCounted = 0;
  #lastMs = performance.now();
  #rate = 0;

  constructor(settings: Settings, shell: Shell) {
    this.#settings = settings;
    this.#shell = shell;
  }

  /** Keeps the last few events in sight under the table. */
  note(line: string): void {
    this.#notes = [...this.#notes, line].slice(-3);
  }

  /** @param engine null where others count */
  async show(engine: Engine | null, mongo: MongoConnection): Promise<void> {
    // A slow database must not pile up questions.
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      const rows = await newestTotals(mongo.db, this.#settings.collection);
      const closed = await closedCount(mongo.db, this.#settings.collection);
      if (closed > 0) this.#firstClosedMs ??= performance.now() - this.#startedMs;
      if (this.#isClosed) return;
      const status = engine?.status() ?? null;
      this.#measure(status?.partitions.reduce((total, p) => total + p.counted, 0) ?? 0);
      if (this.#shell.json) this.#print({ closed, rows, ...status });
      else this.#draw(rows, status, closed);
    } catch (error) {
      this.note(`the table waits: ${(error as Error).message}`);
    } finally {
      this.#isBusy = false;
    }
  }

  #measure(counted: number): void {
    const nowMs = performance.now();
    // Smoothed, since at two sales a second every half second differs.
    const rate = ((counted - this.#lastCounted) * 1000) / Math.max(1, nowMs - this.#lastMs);
    this.#rate = this.#lastCounted === 0 ? rate : this.#rate * 0.8 + Math.max(0, rate) * 0.2;
    this.#lastCounted = counted;
    this.#lastMs = nowMs;
  }

  #draw(rows: readonly WindowRow[], status: EngineStatus | null, closed: number): void {
    const first =
      this.#firstClosedMs === null
        ? 'no window closed yet'
        : `${closed} totals closed, the first after ${humanDurationMs(this.#firstClosedMs)}`;
    logUpdate(
      [
        '',
        renderTotals(rows, this.#settings.windowMs),
        ...(status ? [renderStream(status, this.#rate, Date.now())] : []),
        `${pc.bold('closed')}     ${first}`,
        ...this.#notes.map((note) => pc.dim(note)),
      ].join('\n'),
    );
  }

  #print(fields: object): void {
    const line = {
      code: 'demo',
      elapsedMs: Math.round(performance.now() - this.#startedMs),
      firstClosedMs: this.#firstClosedMs === null ? null : Math.round(this.#firstClosedMs),
      ...fields,
    };
    const text = JSON.stringify(line, (_, value) =>
      typeof value === 'bigint' ? value.toString() : value,
    );
    this.#shell.out.write(`${text}\n`);
  }

  close(): void {
    if (!this.#shell.json && !this.#isClosed) logUpdate.done();
    this.#isClosed = true;
  }
}
