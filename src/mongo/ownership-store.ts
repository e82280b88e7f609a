/**
 * Who has a partition, as its progress document says: taken from a dead process, and let go of.
 * Ownership only saves work, and nothing here touches what is counted; whoever makes progress has
 * its name written with it (progress-store.ts).
 */
import type { Collection, Db } from 'mongodb';
import {
  PROGRESS_COLLECTION,
  type ProgressDocument,
  progressId,
  progressIds,
} from './progress-document.ts';

/** Who has a partition, as of the last write of its document. */
export interface Ownership {
  readonly partition: number;
  readonly owner: string | null;
  /** Changes with every write. */
  readonly stamp: number;
}

export class OwnershipStore {
  readonly #collection: Collection<ProgressDocument>;
  readonly #topic: string;
  readonly #owner: string;

  constructor(db: Db, topic: string, owner: string) {
    this.#collection = db.collection<ProgressDocument>(PROGRESS_COLLECTION);
    this.#topic = topic;
    this.#owner = owner;
  }

  /** Of every partition that has a document. */
  async ownerships(partitionCount: number): Promise<Ownership[]> {
    const ids = progressIds(this.#topic, partitionCount);
    const documents = await this.#collection
      .find({ _id: { $in: ids } })
      .project<Pick<ProgressDocument, '_id' | 'dono' | 'atualizado_em'>>({
        dono: 1,
        atualizado_em: 1,
      })
      .toArray();
    return documents.map(({ _id, dono, atualizado_em }) => ({
      partition: ids.indexOf(_id),
      owner: dono,
      stamp: atualizado_em.getTime(),
    }));
  }

  /**
   * Makes this process the owner, unless the document was written since.
   *
   * @returns whether it did
   */
  async claim({ partition, owner, stamp }: Ownership): Promise<boolean> {
    const { modifiedCount } = await this.#collection.updateOne(
      { _id: progressId(this.#topic, partition), dono: owner, atualizado_em: new Date(stamp) },
      { $set: { dono: this.#owner }, $currentDate: { atualizado_em: true } },
    );
    return modifiedCount === 1;
  }

  /** Says that nobody has these partitions, where this process was the last who had. */
  async disown(partitions: readonly number[]): Promise<void> {
    const ids = partitions.map((partition) => progressId(this.#topic, partition));
    await this.#collection.updateMany(
      { _id: { $in: ids }, dono: this.#owner },
      { $set: { dono: null }, $currentDate: { atualizado_em: true } },
    );
  }
}
