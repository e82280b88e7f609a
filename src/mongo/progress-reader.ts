/**
 * What the progress documents of all partitions say together: their times, by which windows close,
 * their counts, and who has them. Needs no name, since it writes nothing. Reads what is durable by
 * now, in no order with anything else; what a recovery reads is in progress-store.ts.
 */
import type { Collection, Db, FindCursor, WithId } from 'mongodb';
import { REASONS } from '../sale/reasons.ts';
import type { PartitionTime } from '../window/watermark.ts';
import {
  fromDocument,
  PROGRESS_COLLECTION,
  type Progress,
  type ProgressDocument,
  partitionOf,
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

/** Who has a partition, as of the last write of its document. */
export interface Ownership {
  readonly partition: number;
  /** null when the last owner gave it up. */
  readonly owner: string | null;
  /** Changes with every write. */
  readonly stamp: number;
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
    const documents = await this.#find(ids)
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
    const documents = await this.#find(progressIds(this.#topic, partitionCount))
      .project<Omit<ProgressDocument, 'categorias'>>({ categorias: 0 })
      .toArray();
    return documents.map((document) => ({
      partition: partitionOf(document, this.#topic),
      nextOffset: Number(document.proximo_offset),
      counted: Number(document.contadas),
      lateCounted: Number(document.atrasadas ?? 0),
      rejected: REASONS.map((name) => Number(document.rejeitadas[name] ?? 0)),
      owner: document.dono,
    }));
  }

  /** Of every partition that has a document. */
  async readOwnerships(partitionCount: number): Promise<Ownership[]> {
    const documents = await this.#find(progressIds(this.#topic, partitionCount))
      .project<Pick<ProgressDocument, '_id' | 'dono' | 'atualizado_em'>>({
        dono: 1,
        atualizado_em: 1,
      })
      .toArray();
    return documents.map((document) => ({
      partition: partitionOf(document, this.#topic),
      owner: document.dono,
      stamp: document.atualizado_em.getTime(),
    }));
  }

  /** All that each says, of every partition that has one. */
  async readAll(partitionCount: number): Promise<Progress[]> {
    const documents = await this.#find(progressIds(this.#topic, partitionCount)).toArray();
    return documents.map((document) => fromDocument(document, partitionOf(document, this.#topic)));
  }

  #find(ids: readonly string[]): FindCursor<WithId<ProgressDocument>> {
    return this.#collection.find({ _id: { $in: ids } });
  }
}
