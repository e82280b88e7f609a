/**
 * A partition's progress document given another owner: taken from a dead process, and let go of.
 * Ownership only saves work, and nothing here touches what is counted; whoever makes progress has
 * its name written with it (progress-store.ts). Who has which is read by progress-reader.ts.
 */
import type { Collection, Db } from 'mongodb';
import { PROGRESS_COLLECTION, type ProgressDocument, progressId } from './progress-document.ts';
import type { Ownership } from './progress-reader.ts';

export class OwnershipStore {
  readonly #collection: Collection<ProgressDocument>;
  readonly #topic: string;
  readonly #owner: string;

  constructor(db: Db, topic: string, owner: string) {
    this.#collection = db.collection<ProgressDocument>(PROGRESS_COLLECTION);
    this.#topic = topic;
    this.#owner = owner;
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
