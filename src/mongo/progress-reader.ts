/**
 * What the progress documents of all partitions say together: their times, by which windows close,
 * and their counts. Reads what is durable by now, in no order with anything else; what a recovery
 * reads is in progress-store.ts.
 */
import type { Collection, Db } from 'mongodb';
import { REASONS } from '../sale/reasons.ts';
import type { PartitionTime } from '../window/watermark.ts';
import {
  PROGRESS_COLLECTION,
  type ProgressDocument,
  progressIds,
  timesOf,
} from './progress-document.ts';

/** What a progress document says besides time. */
export interface ProgressCounts {
  readonly partition: number;
  readonly nextOffset: number;
  readonly counted: number;
  /** Of those, the ones that were late. */
  readonly lateCounted: number;
  /** Indexed by reason code. */
  readonly rejected: readonly number[];
  /** null when the last owner gave it up. */
  readonly owner: string | null;
}

type TimesDocument = Pick<
  ProgressDocument,
  '_id' | 'contagem' | 'maior_evento' | 'marca_dagua' | 'no_fim' | 'atualizado_em'
>;

/** By partition. */
export interface StoredTimes {
  /** null where there is no document. */
  readonly times: readonly (PartitionTime | null)[];
  /** Which documents they are of; '' where an older version made it. */
  readonly countIds: readonly (string | null)[];
  /** When the newest of them was written, by the server's clock; 0 where there is none. */
  readonly writtenAtMs: number;
}

export class ProgressReader {
  readonly #collection: Collection<ProgressDocument>;
  readonly #topic: string;

  constructor(db: Db, topic: string) {
    this.#collection = db.collection<ProgressDocument>(PROGRESS_COLLECTION);
    this.#topic = topic;
  }

  async readTimes(partitionCount: number): Promise<StoredTimes> {
    const ids = progressIds(this.#topic, partitionCount);
    const documents = await this.#collection
      .find({ _id: { $in: ids } })
      .project<TimesDocument>({
        contagem: 1,
        maior_evento: 1,
        marca_dagua: 1,
        no_fim: 1,
        atualizado_em: 1,
      })
      .toArray();
    const byId = new Map(documents.map((document) => [document._id, document]));
    const found = ids.map((id) => byId.get(id));
    return {
      times: found.map((document, partition) =>
        document ? { partition, ...timesOf(document) } : null,
      ),
      countIds: found.map((document) => (document ? (document.contagem ?? '') : null)),
      writtenAtMs: documents.reduce((ms, one) => Math.max(ms, one.atualizado_em.getTime()), 0),
    };
  }

  /** What each partition's document counts, and who wrote it; for display. */
  async readCounts(partitionCount: number): Promise<ProgressCounts[]> {
    const ids = progressIds(this.#topic, partitionCount);
    const documents = await this.#collection
      .find({ _id: { $in: ids } })
      .project<Omit<ProgressDocument, 'categorias'>>({ categorias: 0 })
      .toArray();
    return documents.map((document) => ({
      partition: ids.indexOf(document._id),
      nextOffset: Number(document.proximo_offset),
      counted: Number(document.contadas),
      lateCounted: Number(document.atrasadas ?? 0),
      rejected: REASONS.map((name) => Number(document.rejeitadas[name] ?? 0)),
      owner: document.dono,
    }));
  }
}
