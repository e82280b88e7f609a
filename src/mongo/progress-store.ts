/**
 * The progress documents: for each partition, up to where everything is durable, with the state
 * that a takeover needs to go on as if nothing had happened. Written after the totals, only ever
 * forward; the one place where commit permits come from. What others want to know of all
 * partitions is in progress-reader.ts; who takes one and lets go of it, in ownership-store.ts.
 */
import { randomUUID } from 'node:crypto';
import type { AnyBulkWriteOperation, ClientSession, Collection, Db } from 'mongodb';
import { CommitPermit } from '../lib/commit-permit.ts';
import { EXIT, NEW_DATABASE, VendavalError } from '../lib/errors.ts';
import { failPoint } from '../lib/fail-point.ts';
import { NO_TOPIC_ID } from '../lib/topic-id.ts';
import { REASONS } from '../sale/reasons.ts';
import { NO_MARK } from '../state/batch-mark.ts';
import { NO_EVENT_MS, NO_WATERMARK_MS } from '../window/watermark.ts';
import {
  countIdOf,
  fromDocument,
  knowing,
  ofCount,
  PROGRESS_COLLECTION,
  type Progress,
  type ProgressDocument,
  progressId,
  SKIPPED_FIELD,
  type Skip,
  type SkipDocument,
  skipsOf,
} from './progress-document.ts';

const DUPLICATE_KEY = 11000;

export class ProgressStore {
  readonly #collection: Collection<ProgressDocument>;
  readonly #topic: string;
  readonly #owner: string;

  constructor(db: Db, topic: string, owner: string) {
    this.#collection = db.collection<ProgressDocument>(PROGRESS_COLLECTION);
    this.#topic = topic;
    this.#owner = owner;
  }

  #id(partition: number): string {
    return progressId(this.#topic, partition);
  }

  /** Makes the document if there is none; another process may do so at the same time. */
  async createIfMissing(
    partition: number,
    topicId: string,
    startOffset: number,
    session: ClientSession,
  ): Promise<void> {
    try {
      await this.#collection.updateOne(
        { _id: this.#id(partition) },
        {
          $setOnInsert: {
            contagem: randomUUID(),
            topico_id: topicId,
            inicio: BigInt(startOffset),
            proximo_offset: BigInt(startOffset),
            maior_evento: null,
            marca_dagua: null,
            no_fim: false,
            contadas: 0n,
            rejeitadas: {},
            categorias: [],
            dono: this.#owner,
            atualizado_em: new Date(),
          },
        },
        { upsert: true, session },
      );
    } catch (error) {
      if ((error as { code?: unknown }).code !== DUPLICATE_KEY) throw error;
    }
  }

  /**
   * Says who counts the partition from now on, unless it was counted under another topic id. The
   * majority must acknowledge it, which an old primary that does not know of its successor cannot
   * get: what the session reads next is no older. (A write that changes nothing would not do: it
   * waits for nothing new.)
   *
   * @param known throws where the document is no longer this one; left out by who doesn't know it
   */
  async announce(
    partition: number,
    topicId: string,
    session: ClientSession,
    known?: Pick<Progress, 'countId'>,
  ): Promise<void> {
    const sameTopic = topicId === NO_TOPIC_ID ? {} : { topico_id: { $in: [topicId, NO_TOPIC_ID] } };
    const { matchedCount } = await this.#collection.updateOne(
      { _id: this.#id(partition), ...sameTopic, ...(known ? ofCount(known) : {}) },
      { $set: { dono: this.#owner }, $currentDate: { atualizado_em: true } },
      { session },
    );
    if (known && matchedCount === 0) throw progressDeleted(1);
  }

  async read(partition: number, session?: ClientSession): Promise<Progress | null> {
    const document = await this.#collection.findOne(
      { _id: this.#id(partition) },
      session ? { session } : {},
    );
    return document && fromDocument(document, partition);
  }

  /**
   * Writes each partition's progress, only forward, acknowledged by the majority. A refused one is
   * a success too: the document is further on already.
   *
   * @param withCategories partitions whose dictionary may have grown since it was last written
   * @returns the permits to commit each partition's offset
   */
  async advance(
    progress: readonly Progress[],
    withCategories: ReadonlySet<number>,
  ): Promise<CommitPermit[]> {
    if (progress.length === 0) return [];
    failPoint('before-progress');
    const operations = progress.map((state) => this.#update(state, withCategories));
    failPoint('in-progress');
    const { matchedCount } = await this.#collection.bulkWrite(operations, { ordered: false });
    if (matchedCount < progress.length) await this.#judgeRefusals(progress);
    failPoint('after-progress');
    return progress.map(({ partition, nextOffset }) => CommitPermit.issue(partition, nextOffset));
  }

  /**
   * A refused write finds its document further on. One that finds none is no success, nor one that
   * finds another in its place: that one's count has not what this one's has. Nor is one that has
   * counted what another process could not read and has passed over.
   */
  async #judgeRefusals(progress: readonly Progress[]): Promise<void> {
    const ids = progress.map(({ partition }) => this.#id(partition));
    const found = await this.#collection
      .find({ _id: { $in: ids } })
      .project<Pick<ProgressDocument, '_id' | 'saltos' | 'contagem'>>({ saltos: 1, contagem: 1 })
      .toArray();
    let gone = 0;
    for (const { partition, nextOffset, skips, countId } of progress) {
      const document = found.find(({ _id }) => _id === this.#id(partition));
      if (!document || countIdOf(document) !== countId) {
        gone++;
        continue;
      }
      const stored = skipsOf(document);
      const other = stored.find(
        ({ from }) => from < nextOffset && !skips.some((known) => known.from === from),
      );
      if (other) throw this.#skipConflict(partition, other);
    }
    if (gone > 0) throw progressDeleted(gone);
  }

  #skipConflict(partition: number, { from, to }: Skip): VendavalError {
    return skipConflict(
      `another engine could not read offsets ${from} to ${to - 1} of ${this.#id(partition)} and ` +
        'has passed over them; this one has read and counted them',
    );
  }

  /**
   * Passes over offsets that cannot be read, if the partition is still durable up to them and no
   * further: a single step forward, which every later start and takeover finds done.
   *
   * @returns false when it is further on already, by this very step or another owner's
   */
  async skip({ partition, skips, countId }: Progress, skip: Skip): Promise<boolean> {
    const { from, to, code, why } = skip;
    const { matchedCount } = await this.#collection.updateOne(
      {
        _id: this.#id(partition),
        proximo_offset: BigInt(from),
        ...knowing(skips),
        ...ofCount({ countId }),
      },
      {
        $set: {
          proximo_offset: BigInt(to),
          // What lies before the new offset is nothing that could be known again.
          // Its epoch neither: told with an offset behind its end, the log would look cut back.
          ultimo_lote: { epoca: NO_MARK.epoch, crc: BigInt(NO_MARK.crc) },
          [`saltos.${from}`]: {
            ate: BigInt(to),
            codigo: code,
            motivo: why,
            em: new Date(),
            informado: false,
          } satisfies SkipDocument,
          dono: this.#owner,
        },
        $inc: { [SKIPPED_FIELD]: BigInt(to - from) as never },
        $currentDate: { atualizado_em: true },
      },
    );
    return matchedCount === 1;
  }

  /** The dead letter of what was passed over is sent. */
  async reported({ partition, countId }: Progress, { from }: Skip): Promise<void> {
    await this.#collection.updateOne(
      { _id: this.#id(partition), ...ofCount({ countId }) },
      { $set: { [`saltos.${from}.informado`]: true } },
    );
  }

  #update(
    state: Progress,
    withCategories: ReadonlySet<number>,
  ): AnyBulkWriteOperation<ProgressDocument> {
    const nextOffset = BigInt(state.nextOffset);
    const watermark =
      state.closingWatermarkMs === NO_WATERMARK_MS
        ? {}
        : { $max: { marca_dagua: new Date(state.closingWatermarkMs) } };
    const rejected = REASONS.flatMap((name, code) =>
      code > 0 && state.rejected[code] > 0 ? [[name, BigInt(state.rejected[code])]] : [],
    );
    return {
      updateOne: {
        filter: {
          _id: this.#id(state.partition),
          proximo_offset: { $lte: nextOffset },
          ...knowing(state.skips),
          ...ofCount(state),
        },
        update: {
          $set: {
            proximo_offset: nextOffset,
            // Also where it is not known: the one that stands there lies before another offset.
            ultimo_lote: { epoca: state.lastBatch.epoch, crc: BigInt(state.lastBatch.crc) },
            maior_evento: state.maxEventMs === NO_EVENT_MS ? null : new Date(state.maxEventMs),
            no_fim: state.atEnd,
            contadas: BigInt(state.counted),
            ...(state.lateCounted > 0 ? { atrasadas: BigInt(state.lateCounted) } : {}),
            rejeitadas: Object.fromEntries(rejected),
            // A cluster that was upgraded to Kafka 2.8 has given the topic its id.
            ...(state.topicId === NO_TOPIC_ID ? {} : { topico_id: state.topicId }),
            ...(withCategories.has(state.partition) ? { categorias: [...state.categories] } : {}),
            dono: this.#owner,
          },
          ...watermark,
          $currentDate: { atualizado_em: true },
        },
      },
    };
  }
}

function progressDeleted(documents: number): VendavalError {
  return new VendavalError(
    `${documents} progress documents in "${PROGRESS_COLLECTION}" were deleted while the engine ` +
      'ran, or are others by now',
    {
      code: 'E_PROGRESS_DELETED',
      exitCode: EXIT.dataLossGuard,
      hint:
        'Start the engine again: it counts those partitions from the beginning of their logs, ' +
        'and totals that are still there are not counted twice.',
    },
  );
}

/** What one engine passes over, another has counted. */
export function skipConflict(message: string): VendavalError {
  return new VendavalError(message, {
    code: 'E_SKIP_CONFLICT',
    exitCode: EXIT.dataLossGuard,
    hint:
      "The replicas of that partition differ: repair the broken one's disk. Totals of that " +
      `time may hold those sales or not: count anew into another database: ${NEW_DATABASE}.`,
  });
}
