/**
 * The totals: one document for each (window, category), made of one register per partition. A
 * write says "partition p, up to offset ate, is exactly this" and is refused by the document
 * itself when a register already says more; so writes may come late, twice, out of order or from
 * a process that no longer owns the partition. The totals are computed by the server from the
 * registers, in the same single-document update.
 *
 * An old document may be compacted (src/upkeep/compact.ts): registers that can never change again are
 * then one sum, beside the list of their partitions, and the document takes nothing more from those.
 */
import {
  type AnyBulkWriteOperation,
  type ClientSession,
  type Collection,
  type Db,
  type Document,
  type Filter,
  MongoBulkWriteError,
} from 'mongodb';
import { failPoint } from '../lib/fail-point.ts';
import { NO_WATERMARK_MS } from '../window/watermark.ts';

/** Updates in one request; a request stays well under the server's 48 MB and 100,000. */
const BULK_UPDATES_MAX = 500;
const READ_IDS_MAX = 1000;
const DUPLICATE_KEY = 11000;
const DUPLICATE_RETRIES_MAX = 5;

/** What one partition contributes to one (window, category), up to but not including `ate`. */
export interface Register {
  readonly count: number;
  readonly centavos: bigint;
  readonly menor: number;
  readonly maior: number;
  readonly ate: number;
}

/** The new registers of one document. */
export interface TotalsUpdate {
  readonly windowStartMs: number;
  readonly windowEndMs: number;
  readonly categoria: string;
  readonly registers: readonly { readonly partition: number; readonly register: Register }[];
}

export interface StoredRegister {
  readonly n: bigint;
  readonly centavos: bigint;
  readonly menor: bigint;
  readonly maior: bigint;
  readonly ate: bigint;
}

/** Among a document's registers, the sum of those that were compacted. */
export const COMPACTED = 'compactadas';

export interface CompactedRegisters extends Omit<StoredRegister, 'ate'> {
  /** Whose they were, and of all that can never have one again. */
  readonly particoes: readonly number[];
}

/** As it is stored; the seed's fields first. Money in reais as the nearest double. */
export interface TotalsDocument {
  readonly _id: string;
  readonly janela_inicio: Date;
  readonly janela_fim: Date;
  readonly categoria: string;
  readonly faturamento_total: number;
  readonly volume_vendas: bigint;
  readonly fechada: boolean;
  readonly ticket_medio: number;
  readonly menor_valor: number;
  readonly maior_valor: number;
  readonly atualizado_em: Date;
  readonly partes: Readonly<Record<string, StoredRegister>> & {
    readonly [COMPACTED]?: CompactedRegisters;
  };
  readonly corrigida_em?: Date;
}

/** A window and category. */
export interface TotalsKey {
  readonly windowStartMs: number;
  readonly categoria: string;
}

export interface StoredContribution extends TotalsKey {
  readonly register: Register;
}

export function documentId(windowStartMs: number, categoria: string): string {
  return `${new Date(windowStartMs).toISOString()}|${categoria}`;
}

/** For closing and for recovery, which both ask by a window's end. */
export const TOTALS_INDEXES = [{ fechada: 1, janela_fim: 1 }, { janela_fim: 1 }] as const;

export class TotalsStore {
  readonly #collection: Collection<TotalsDocument>;

  constructor(db: Db, collection: string) {
    this.#collection = db.collection<TotalsDocument>(collection);
  }

  async ensureIndexes(): Promise<void> {
    for (const index of TOTALS_INDEXES) await this.#collection.createIndex({ ...index });
  }

  async isEmpty(session: ClientSession): Promise<boolean> {
    const options = { projection: { _id: 1 }, session };
    return (await this.#collection.findOne({}, options)) === null;
  }

  /**
   * Writes every update, acknowledged by the majority. Throws unless all of them are durable; the
   * caller then sends the same content again.
   */
  async write(updates: readonly TotalsUpdate[]): Promise<void> {
    for (let start = 0; start < updates.length; start += BULK_UPDATES_MAX) {
      await this.#writeChunk(updates.slice(start, start + BULK_UPDATES_MAX).map(toOperation));
    }
  }

  async #writeChunk(operations: AnyBulkWriteOperation<TotalsDocument>[]): Promise<void> {
    failPoint('before-totals');
    let left = operations;
    for (let attempt = 0; ; attempt++) {
      try {
        failPoint('in-totals');
        await this.#collection.bulkWrite(left, { ordered: false });
        failPoint('after-totals');
        return;
      } catch (error) {
        // Two processes upserted the same new document: the loser's update finds it now.
        const again = duplicateKeyOnly(error, left);
        if (!again || attempt >= DUPLICATE_RETRIES_MAX) throw error;
        left = again;
      }
    }
  }

  /** What the partition has contributed to windows that its timely events can still reach. */
  contributions(
    partition: number,
    watermarkMs: number,
    session: ClientSession,
  ): Promise<StoredContribution[]> {
    const isAll = watermarkMs === NO_WATERMARK_MS;
    const reachable = isAll ? {} : { janela_fim: { $gt: new Date(watermarkMs) } };
    return this.#registers(partition, reachable, session);
  }

  /** Whether a document holds more of the partition than up to this offset; looks at all of them. */
  async isCountedBeyond(partition: number, offset: number): Promise<boolean> {
    const beyond = { [`partes.${partition}.ate`]: { $gt: BigInt(offset) } };
    return (await this.#collection.findOne(beyond, { projection: { _id: 1 } })) !== null;
  }

  /** What it has contributed to these; nothing comes of one that it has no register in. */
  async contributionsTo(
    partition: number,
    keys: readonly TotalsKey[],
    session: ClientSession,
  ): Promise<StoredContribution[]> {
    const ids = keys.map(({ windowStartMs, categoria }) => documentId(windowStartMs, categoria));
    const found: StoredContribution[] = [];
    for (let start = 0; start < ids.length; start += READ_IDS_MAX) {
      const some = { _id: { $in: ids.slice(start, start + READ_IDS_MAX) } };
      found.push(...(await this.#registers(partition, some, session)));
    }
    return found;
  }

  async #registers(
    partition: number,
    filter: Filter<TotalsDocument>,
    session: ClientSession,
  ): Promise<StoredContribution[]> {
    const path = `partes.${partition}`;
    const documents = this.#collection
      .find({ ...filter, [path]: { $exists: true } }, { session })
      .project<Pick<TotalsDocument, 'janela_inicio' | 'categoria' | 'partes'>>({
        janela_inicio: 1,
        categoria: 1,
        [path]: 1,
      });
    const found: StoredContribution[] = [];
    for await (const { janela_inicio, categoria, partes } of documents) {
      const { n, centavos, menor, maior, ate } = partes[partition];
      found.push({
        windowStartMs: janela_inicio.getTime(),
        categoria,
        register: {
          count: Number(n),
          centavos: BigInt(centavos),
          menor: Number(menor),
          maior: Number(maior),
          ate: Number(ate),
        },
      });
    }
    return found;
  }

  /**
   * Closes open documents whose window ends at or before the watermark, as far as they were written
   * when what it is made from was. A process that is stopped before this, and wakes when the
   * database was reset, finds only later ones: those of a count that the watermark is not of.
   *
   * @param writtenAtMs by the server's clock, when the newest progress was written
   * @returns how many were closed
   */
  async close(watermarkMs: number, writtenAtMs: number): Promise<number> {
    failPoint('in-close');
    const result = await this.#collection.updateMany(
      { ...openUpTo(watermarkMs), atualizado_em: { $lte: new Date(writtenAtMs) } },
      { $set: { fechada: true }, $currentDate: { atualizado_em: true } },
    );
    return result.modifiedCount;
  }

  /** Whether one was written too late for that, and is to be closed by later progress. */
  async isLeftOpen(watermarkMs: number, writtenAtMs: number): Promise<boolean> {
    const later = { ...openUpTo(watermarkMs), atualizado_em: { $gt: new Date(writtenAtMs) } };
    return (await this.#collection.findOne(later, { projection: { _id: 1 } })) !== null;
  }
}

const openUpTo = (watermarkMs: number) => ({
  fechada: false,
  janela_fim: { $lte: new Date(watermarkMs) },
});

function duplicateKeyOnly(
  error: unknown,
  operations: AnyBulkWriteOperation<TotalsDocument>[],
): AnyBulkWriteOperation<TotalsDocument>[] | null {
  if (!(error instanceof MongoBulkWriteError)) return null;
  const writeErrors = Array.isArray(error.writeErrors) ? error.writeErrors : [error.writeErrors];
  if (error.result.getWriteConcernError() !== undefined || writeErrors.length === 0) return null;
  if (writeErrors.some(({ code }) => code !== DUPLICATE_KEY)) return null;
  return writeErrors.map(({ index }) => operations[index]);
}

function toStored(register: Register): StoredRegister {
  return {
    n: BigInt(register.count),
    centavos: register.centavos,
    menor: BigInt(register.menor),
    maior: BigInt(register.maior),
    ate: BigInt(register.ate),
  };
}

const reais = (centavos: Document | string) => ({ $divide: [centavos, 100] });

/** An aggregate over the registers. Through $map: `$$all.v.n` alone is not summed everywhere. */
const over = (operator: string, field: string) => ({
  [operator]: { $map: { input: '$$all', as: 'part', in: `$$part.v.${field}` } },
});

/** The mean in centavos, half up, in whole numbers: floor((2c + n) / 2n). */
const meanCentavos = {
  $floor: {
    $divide: [
      { $add: [{ $multiply: ['$$centavos', 2] }, '$$count'] },
      { $multiply: ['$$count', 2] },
    ],
  },
};

function toOperation(update: TotalsUpdate): AnyBulkWriteOperation<TotalsDocument> {
  const accepted = update.registers.map(({ partition, register }) => ({
    $and: [
      { $gt: [BigInt(register.ate), { $ifNull: [`$partes.${partition}.ate`, -1] }] },
      { $not: [{ $in: [partition, { $ifNull: [`$partes.${COMPACTED}.particoes`, []] }] }] },
    ],
  }));
  const merged = {
    $mergeObjects: [
      '$partes',
      ...update.registers.map(({ partition, register }, i) => ({
        $cond: [accepted[i], { $literal: { [partition]: toStored(register) } }, {}],
      })),
    ],
  };
  const fields = {
    janela_inicio: new Date(update.windowStartMs),
    janela_fim: new Date(update.windowEndMs),
    categoria: { $literal: update.categoria },
    faturamento_total: reais('$$centavos'),
    volume_vendas: '$$count',
    fechada: { $ifNull: ['$fechada', false] },
    ticket_medio: reais(meanCentavos),
    menor_valor: reais(over('$min', 'menor')),
    maior_valor: reais(over('$max', 'maior')),
    atualizado_em: '$$NOW',
    partes: '$$partes',
    // An honest sale that came after its window had closed: the change shows. A register that
    // only says the same of more records, as after a takeover, is none.
    corrigida_em: {
      $cond: [
        { $and: [{ $eq: ['$fechada', true] }, { $ne: ['$volume_vendas', '$$count'] }] },
        '$$NOW',
        { $ifNull: ['$corrigida_em', '$$REMOVE'] },
      ],
    },
  };
  const withTotals = {
    $let: {
      vars: { all: { $objectToArray: '$$partes' } },
      in: {
        $let: {
          vars: { centavos: over('$sum', 'centavos'), count: over('$sum', 'n') },
          in: { $mergeObjects: ['$$ROOT', fields] },
        },
      },
    },
  };
  const next = {
    $cond: [{ $or: accepted }, { $let: { vars: { partes: merged }, in: withTotals } }, '$$ROOT'],
  };
  return {
    updateOne: {
      filter: { _id: documentId(update.windowStartMs, update.categoria) },
      update: [{ $replaceWith: next }],
      upsert: true,
    },
  };
}
