/**
 * A progress document as it is stored, as the engine has it, and what leads from the one to the
 * other. Says what makes one the same count's as another, and what was passed over; who reads and
 * writes them, and in which order, is in progress-store.ts.
 */
import { REASON, REASONS } from '../sale/reasons.ts';
import { type BatchMark, NO_MARK } from '../state/batch-mark.ts';
import { NO_EVENT_MS, NO_WATERMARK_MS, type PartitionTime } from '../window/watermark.ts';

export const PROGRESS_COLLECTION = 'progresso_particoes';

export interface SkipDocument {
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

export const progressId = (topic: string, partition: number) => `${topic}/${partition}`;

/** Of every partition of the topic, by partition. */
export const progressIds = (topic: string, partitionCount: number) =>
  Array.from({ length: partitionCount }, (_, partition) => progressId(topic, partition));

/** Whose document it is. */
export const partitionOf = ({ _id }: Pick<ProgressDocument, '_id'>, topic: string) =>
  Number(_id.slice(`${topic}/`.length));

export function timesOf(
  document: Pick<ProgressDocument, 'maior_evento' | 'marca_dagua' | 'no_fim'>,
): Omit<PartitionTime, 'partition'> {
  return {
    maxEventMs: document.maior_evento?.getTime() ?? NO_EVENT_MS,
    closingWatermarkMs: document.marca_dagua?.getTime() ?? NO_WATERMARK_MS,
    atEnd: document.no_fim,
  };
}

export const SKIPPED_FIELD = `rejeitadas.${REASONS[REASON.corrupt_batch]}`;

/** Matches a document that has these skips and no others: their count of offsets only grows. */
export function knowing(skips: readonly Skip[]): Record<string, unknown> {
  const offsets = skips.reduce((sum, { from, to }) => sum + to - from, 0);
  return { [SKIPPED_FIELD]: offsets === 0 ? { $exists: false } : BigInt(offsets) };
}

/** Matches the very document that a progress is of, and none that was made after it. */
export function ofCount({ countId }: Pick<Progress, 'countId'>): Record<string, unknown> {
  return { contagem: countId ?? { $exists: false } };
}

export const countIdOf = ({ contagem }: Pick<ProgressDocument, 'contagem'>) => contagem ?? null;

export function skipsOf({ saltos = {} }: Pick<ProgressDocument, 'saltos'>): Skip[] {
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

export function fromDocument(document: ProgressDocument, partition: number): Progress {
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
