/**
 * Reads the totals for people and programs: ranges, pages, sums. Read-only, every query bounded
 * in rows and time; money is summed from the registers as whole centavos. Ranges go by `_id`,
 * which begins with the window's start and is indexed everywhere.
 */
import type { Collection, Db, Document } from 'mongodb';
import type { TotalsDocument } from './totals-store.ts';

/** The server gives up a query that takes longer. */
const QUERY_MS_MAX = 10_000;

/** From `fromMs` up to, not including, `toMs`, by the window's start. */
export interface WindowRange {
  readonly fromMs: number;
  readonly toMs: number;
  readonly categoria?: string | undefined;
}

export interface WindowTotals {
  readonly id: string;
  readonly janela_inicio: Date;
  readonly janela_fim: Date;
  readonly categoria: string;
  readonly faturamento_total: number;
  readonly volume_vendas: number;
  readonly centavos: bigint;
  readonly fechada: boolean;
  readonly ticket_medio: number;
  readonly menor_valor: number;
  readonly maior_valor: number;
  readonly atualizado_em: Date;
  readonly corrigida_em: Date | null;
}

export interface CategorySums {
  readonly categoria: string;
  readonly centavos: bigint;
  readonly sales: number;
}

export interface Bucket extends CategorySums {
  readonly startMs: number;
  readonly windows: number;
  readonly open: number;
}

const startOf = ({ janela_inicio }: { janela_inicio: Date }) => janela_inicio.getTime();
const startText = (ms: number) => new Date(ms).toISOString();

/** Through $map: a sum over a path into an array is not the same on every server. */
const CENTAVOS = {
  $sum: {
    $map: { input: { $objectToArray: '$partes' }, as: 'part', in: '$$part.v.centavos' },
  },
};

const ROW = { $set: { centavos: CENTAVOS, partes: '$$REMOVE' } };

type RowDocument = Omit<TotalsDocument, 'partes'> & { readonly centavos: bigint | number };

function toRow(document: RowDocument): WindowTotals {
  const { _id: id, centavos, volume_vendas, corrigida_em = null, ...rest } = document;
  return {
    ...rest,
    id,
    centavos: BigInt(centavos),
    volume_vendas: Number(volume_vendas),
    corrigida_em,
  };
}

const inRange = (
  { fromMs, toMs, categoria }: WindowRange,
  after: string | null = null,
): Document => ({
  _id: { ...(after === null ? { $gte: startText(fromMs) } : { $gt: after }), $lt: startText(toMs) },
  ...(categoria === undefined ? {} : { categoria }),
});

export class TotalsReader {
  readonly #collection: Collection<TotalsDocument>;

  constructor(db: Db, collection: string) {
    this.#collection = db.collection<TotalsDocument>(collection);
  }

  /** The newest documents from a time on, newest window first. */
  async newest(fromMs: number, limit: number): Promise<WindowTotals[]> {
    const documents = await this.#query<RowDocument>([
      { $match: { _id: { $gte: startText(fromMs) } } },
      { $sort: { _id: -1 } },
      { $limit: limit },
      ROW,
    ]).toArray();
    return documents.map(toRow);
  }

  /** The starts of the first and the last window; null for an empty collection. */
  async bounds(): Promise<{ firstMs: number; lastMs: number } | null> {
    const ends = await Promise.all([this.#end(1), this.#end(-1)]);
    if (ends[0] === null || ends[1] === null) return null;
    return { firstMs: ends[0], lastMs: ends[1] };
  }

  /** The start of the window that the document after so many newer ones belongs to. */
  async startAfter(newer: number): Promise<number | null> {
    return this.#end(-1, newer);
  }

  async #end(direction: 1 | -1, skip = 0): Promise<number | null> {
    const document = await this.#collection.findOne(
      {},
      { sort: { _id: direction }, skip, projection: { janela_inicio: 1 }, maxTimeMS: QUERY_MS_MAX },
    );
    return document?.janela_inicio.getTime() ?? null;
  }

  /** Sums of each category over all windows that start before a time. */
  async sumsBefore(ms: number): Promise<CategorySums[]> {
    const documents = await this.#query<{ _id: string; centavos: bigint; sales: bigint }>([
      { $match: { _id: { $lt: startText(ms) } } },
      {
        $group: {
          _id: '$categoria',
          centavos: { $sum: CENTAVOS },
          sales: { $sum: '$volume_vendas' },
        },
      },
    ]).toArray();
    return documents.map(({ _id, centavos, sales }) => ({
      categoria: _id,
      centavos: BigInt(centavos),
      sales: Number(sales),
    }));
  }

  /** The starts of the windows from a time on of which every document is closed. */
  async closedWindows(fromMs: number): Promise<number[]> {
    const documents = await this.#collection
      .find({ _id: { $gte: startText(fromMs) } }, { maxTimeMS: QUERY_MS_MAX })
      .project<Pick<TotalsDocument, 'janela_inicio' | 'fechada'>>({ janela_inicio: 1, fechada: 1 })
      .toArray();
    const open = new Set(documents.filter(({ fechada }) => !fechada).map(startOf));
    return [...new Set(documents.map(startOf))].filter((startMs) => !open.has(startMs));
  }

  /** A page in order of `_id`, from after `after` on. */
  async page(range: WindowRange, after: string | null, limit: number): Promise<WindowTotals[]> {
    const documents = await this.#query<RowDocument>([
      { $match: inRange(range, after) },
      { $sort: { _id: 1 } },
      { $limit: limit },
      ROW,
    ]).toArray();
    return documents.map(toRow);
  }

  /** How many documents the range has, counted up to `max`. */
  count(range: WindowRange, max: number): Promise<number> {
    return this.#collection.countDocuments(inRange(range), { limit: max, maxTimeMS: QUERY_MS_MAX });
  }

  /** Windows added up in steps from the range's begin on, by category; at most `limit` rows. */
  async buckets(range: WindowRange, stepMs: number, limit: number): Promise<Bucket[]> {
    const start = new Date(range.fromMs);
    const index = {
      $floor: { $divide: [{ $subtract: ['$janela_inicio', start] }, stepMs] },
    };
    const documents = await this.#query<{
      _id: { i: number; c: string };
      centavos: bigint;
      sales: bigint;
      windows: number;
      open: number;
    }>([
      { $match: inRange(range) },
      {
        $group: {
          _id: { i: index, c: '$categoria' },
          centavos: { $sum: CENTAVOS },
          sales: { $sum: '$volume_vendas' },
          windows: { $sum: 1 },
          open: { $sum: { $cond: ['$fechada', 0, 1] } },
        },
      },
      { $sort: { '_id.i': 1, '_id.c': 1 } },
      { $limit: limit },
    ]).toArray();
    return documents.map(({ _id, centavos, sales, windows, open }) => ({
      startMs: range.fromMs + Number(_id.i) * stepMs,
      categoria: _id.c,
      centavos: BigInt(centavos),
      sales: Number(sales),
      windows: Number(windows),
      open: Number(open),
    }));
  }

  #query<T extends Document>(pipeline: Document[]) {
    return this.#collection.aggregate<T>(pipeline, { maxTimeMS: QUERY_MS_MAX });
  }
}
