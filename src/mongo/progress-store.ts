/**
 * The progress documents: for each partition, up to where everything is durable, with the state
 * that a takeover needs to go on as if nothing had happened. Written after the totals, only ever
 * forward; the one place where commit permits come from.
 */
import { randomUUID } from 'node:crypto';
import type { AnyBulkWriteOperation, ClientSession, Collection, Db } from 'mongodb';
import { CommitPermit } from '../lib/commit-permit.ts';
import { EXIT, NEW_DATABASE, VendavalError } from '../lib/errors.ts';
import { failPoint } from '../lib/fail-point.ts';
import { NO_TOPIC_ID } from '../lib/topic-id.ts';
import { REASON, REASONS } from '../sale/reasons.ts';
import { type BatchMark, NO_MARK } from '../state/batch-mark.ts';
import { NO_EVENT_MS, NO_WATERMARK_MS, type PartitionTime } from '../window/watermark.ts';

export const PROGRESS_COLLECTION = 'progresso_particoes';
const DUPLICATE_KEY = 11000;

interface SkipDocument {
  /** One past its last offset. */
  readonly ate: bigint;
  readonly codigo: string;
  readonly motivo: string;
  readonly em: Date;
  /** Its dead letter is sent. */
  readonly informado: boolean;
}

export interface ProgressDocument {
  readonly _id: string;
  /** Drawn when it was made; absent in one that an older version made. */
  readonly contagem?: string;
  readonly topico_id: string;
  readonly inicio: bigint;
  readonly proximo_offset: bigint;
  /** The batch before that offset; absent until the first checkpoint. */
  readonly ultimo_lote?: { readonly epoca: number | bigint; readonly crc: number | bigint };
  /** Greatest valid event time. */
  readonly maior_evento: Date | null;
  /** Idle-adjusted watermark; closes windows and judges nothing. */
  readonly marca_dagua: Date | null;
  readonly no_fim: boolean;
  readonly contadas: bigint;
  /** Of those, the ones that were late; absent where there was none. */
  readonly atrasadas?: bigint;
  /** By reason name; only those that occurred. */
  readonly rejeitadas: Readonly<Record<string, bigint>>;
  /** Categories admitted so far, in order of first appearance. */
  readonly categorias: readonly string[];
  /** What was passed over unread, by its first offset. */
  readonly saltos?: Readonly<Record<string, SkipDocument>>;
  /** Who counts it, or did so last; null when it was let go of. */
  readonly dono: string | null;
  readonly atualizado_em: Date;
}

/** A partition's state as of an offset, as recovery and checkpoints pass it around. */
export interface Progress {
  readonly partition: number;
  /**
   * Which document it is of: one that a reset has removed and another engine made anew is another.
   * null where an older version made it.
   */
  readonly countId: string | null;
  readonly topicId: string;
  readonly startOffset: number;
  readonly nextOffset: number;
  readonly lastBatch: BatchMark;
  readonly maxEventMs: number;
  readonly closingWatermarkMs: number;
  readonly atEnd: boolean;
  readonly counted: number;
  /** Of those, the ones that were late. */
  readonly lateCounted: number;
  /** Indexed by reason code. */
  readonly rejected: readonly number[];
  readonly categories: readonly string[];
  readonly skips: readonly Skip[];
}

/** Offsets that were passed over because they cannot be read: decided once, and for good. */
export interface Skip {
  readonly from: number;
  /** One past the last. */
  readonly to: number;
  readonly code: string;
  readonly why: string;
  /** Its dead letter is sent. */
  readonly isReported: boolean;
}

/** Who has a partition, as of the last write of its document. */
export interface Ownership {
  readonly partition: number;
  readonly owner: string | null;
  /** Changes with every write. */
  readonly stamp: number;
}

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

const progressId = (topic: string, partition: number) => `${topic}/${partition}`;

/** Whose document it is. */
export const partitionOf = ({ _id }: Pick<ProgressDocument, '_id'>, topic: string) =>
  Number(_id.slice(`${topic}/`.length));

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

  /** What each partition's document says about time; null where there is none. */
  async readTimes(partitionCount: number): Promise<(PartitionTime | null)[]> {
    const ids = Array.from({ length: partitionCount }, (_, partition) => this.#id(partition));
    const documents = await this.#collection
      .find({ _id: { $in: ids } })
      .project<Pick<ProgressDocument, '_id' | 'maior_evento' | 'marca_dagua' | 'no_fim'>>({
        maior_evento: 1,
        marca_dagua: 1,
        no_fim: 1,
      })
      .toArray();
    const byId = new Map(documents.map((document) => [document._id, document]));
    return ids.map((id, partition) => {
      const document = byId.get(id);
      return document ? { partition, ...timesOf(document) } : null;
    });
  }

  /** Of every partition that has a document. */
  async ownerships(partitionCount: number): Promise<Ownership[]> {
    const ids = Array.from({ length: partitionCount }, (_, partition) => this.#id(partition));
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
      { _id: this.#id(partition), dono: owner, atualizado_em: new Date(stamp) },
      { $set: { dono: this.#owner }, $currentDate: { atualizado_em: true } },
    );
    return modifiedCount === 1;
  }

  /** Says that nobody has these partitions, where this process was the last who had. */
  async disown(partitions: readonly number[]): Promise<void> {
    const ids = partitions.map((partition) => this.#id(partition));
    await this.#collection.updateMany(
      { _id: { $in: ids }, dono: this.#owner },
      { $set: { dono: null }, $currentDate: { atualizado_em: true } },
    );
  }

  /** What each partition's document counts, and who wrote it; for display. */
  async readCounts(partitionCount: number): Promise<ProgressCounts[]> {
    const ids = Array.from({ length: partitionCount }, (_, partition) => this.#id(partition));
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

function timesOf(
  document: Pick<ProgressDocument, 'maior_evento' | 'marca_dagua' | 'no_fim'>,
): Omit<PartitionTime, 'partition'> {
  return {
    maxEventMs: document.maior_evento?.getTime() ?? NO_EVENT_MS,
    closingWatermarkMs: document.marca_dagua?.getTime() ?? NO_WATERMARK_MS,
    atEnd: document.no_fim,
  };
}

const SKIPPED_FIELD = `rejeitadas.${REASONS[REASON.corrupt_batch]}`;

/** Matches a document that has these skips and no others: their count of offsets only grows. */
function knowing(skips: readonly Skip[]): Record<string, unknown> {
  const offsets = skips.reduce((sum, { from, to }) => sum + to - from, 0);
  return { [SKIPPED_FIELD]: offsets === 0 ? { $exists: false } : BigInt(offsets) };
}

/** Matches the very document that a progress is of, and none that was made after it. */
function ofCount({ countId }: Pick<Progress, 'countId'>): Record<string, unknown> {
  return { contagem: countId ?? { $exists: false } };
}

const countIdOf = ({ contagem }: Pick<ProgressDocument, 'contagem'>) => contagem ?? null;

function skipsOf({ saltos = {} }: Pick<ProgressDocument, 'saltos'>): Skip[] {
  return Object.entries(saltos).map(([from, { ate, codigo, motivo, informado }]) => ({
    from: Number(from),
    to: Number(ate),
    code: codigo,
    why: motivo,
    isReported: informado,
  }));
}

function markOf({ ultimo_lote: mark }: ProgressDocument): BatchMark {
  return mark ? { epoch: Number(mark.epoca), crc: Number(mark.crc) } : NO_MARK;
}

function fromDocument(document: ProgressDocument, partition: number): Progress {
  return {
    partition,
    countId: countIdOf(document),
    topicId: document.topico_id,
    startOffset: Number(document.inicio),
    nextOffset: Number(document.proximo_offset),
    lastBatch: markOf(document),
    ...timesOf(document),
    counted: Number(document.contadas),
    lateCounted: Number(document.atrasadas ?? 0),
    rejected: REASONS.map((name) => Number(document.rejeitadas[name] ?? 0)),
    categories: document.categorias,
    skips: skipsOf(document),
  };
}
