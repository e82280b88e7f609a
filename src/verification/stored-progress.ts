/** The progress documents as the database holds them, read without trust in their form. */
import { type ClientSession, type Db, type Document, Double, Int32, Long } from 'mongodb';
import type { Differences } from './differences.ts';
import type { SkippedRange } from './partition-judge.ts';
import { RAW, typeName } from './stored-document.ts';

export interface StoredProgress {
  readonly partition: number;
  readonly topicId: string;
  readonly startOffset: number;
  readonly nextOffset: number;
  readonly maxEventMs: number | null;
  readonly closingWatermarkMs: number | null;
  readonly isAtEnd: boolean;
  readonly counted: number;
  readonly lateCounted: number;
  readonly rejected: ReadonlyMap<string, number>;
  readonly categories: readonly string[];
  /** In order of offsets. */
  readonly skips: readonly (SkippedRange & { readonly isReported: boolean })[];
  readonly updatedMs: number;
}

type Form = readonly [type: string, is: (value: unknown) => boolean];

const isText = (value: unknown) => typeof value === 'string';
const isLong = (value: unknown) => value instanceof Long;
const isNumber = (value: unknown) =>
  value instanceof Long || value instanceof Int32 || value instanceof Double;
const isDate = (value: unknown) => value instanceof Date;
const isObjectOf = (value: unknown, is: (member: unknown) => boolean) =>
  typeof value === 'object' && value !== null && Object.values(value).every(is);

const areSkips = (value: unknown) =>
  isObjectOf(value, (skip) => isLong((skip as { ate?: unknown } | null)?.ate));

const LONG: Form = ['long', isLong];
const DATE_OR_NULL: Form = ['date or null', (value) => value === null || isDate(value)];

const FIELDS: Readonly<Record<string, Form>> = {
  _id: ['string', isText],
  // Absent in one that an older version made.
  contagem: ['string', (value) => value === undefined || isText(value)],
  topico_id: ['string', isText],
  inicio: LONG,
  proximo_offset: LONG,
  // Which batch lies before that offset; absent before there is one.
  ultimo_lote: ['numbers', (value) => value === undefined || isObjectOf(value, isNumber)],
  maior_evento: DATE_OR_NULL,
  marca_dagua: DATE_OR_NULL,
  no_fim: ['boolean', (value) => typeof value === 'boolean'],
  contadas: LONG,
  // Of those, the late ones; absent where there was none.
  atrasadas: ['long', (value) => value === undefined || isLong(value)],
  rejeitadas: ['an object of longs', (value) => isObjectOf(value, isLong)],
  categorias: ['an array of strings', (value) => Array.isArray(value) && value.every(isText)],
  // What was passed over unread; absent where nothing was.
  saltos: ['objects with a long ate', (value) => value === undefined || areSkips(value)],
  dono: ['string or null', (value) => value === null || isText(value)],
  atualizado_em: ['date', isDate],
};

/**
 * By partition. A document that can't be read is left out, and told of like one of a partition
 * that the topic does not have.
 */
export async function readProgress(
  db: Db,
  session: ClientSession,
  topic: string,
  partitionCount: number,
  differences: Differences,
): Promise<Map<number, StoredProgress>> {
  const found = new Map<number, StoredProgress>();
  const documents = db.collection('progresso_particoes', RAW).find({}, { session, ...RAW });
  for await (const document of documents) {
    const id = String(document._id);
    const partition = partitionOf(id, topic, partitionCount);
    if (partition === null) {
      differences.add('progress', id, '_id', id, `${topic}/0 to ${topic}/${partitionCount - 1}`);
      continue;
    }
    if (hasGoodForm(document, id, differences))
      found.set(partition, toProgress(partition, document));
  }
  return found;
}

function partitionOf(id: string, topic: string, partitionCount: number): number | null {
  if (!id.startsWith(`${topic}/`)) return null;
  const text = id.slice(topic.length + 1);
  const partition = Number(text);
  return String(partition) === text && partition >= 0 && partition < partitionCount
    ? partition
    : null;
}

/** Unknown fields are told of and do no harm. */
function hasGoodForm(document: Document, id: string, differences: Differences): boolean {
  for (const field of Object.keys(document)) {
    if (FIELDS[field]) continue;
    differences.add('progress', id, field, typeName(document[field]), 'no such field');
  }
  let isGood = true;
  for (const [field, [type, is]] of Object.entries(FIELDS)) {
    if (is(document[field])) continue;
    differences.add('progress', id, field, typeName(document[field]), type);
    isGood = false;
  }
  return isGood;
}

interface Skip {
  readonly ate: Long;
  readonly informado?: unknown;
}

function toProgress(partition: number, document: Document): StoredProgress {
  const counts = Object.entries(document.rejeitadas as Record<string, Long>);
  return {
    partition,
    topicId: document.topico_id,
    startOffset: Number(document.inicio),
    nextOffset: Number(document.proximo_offset),
    maxEventMs: document.maior_evento?.getTime() ?? null,
    closingWatermarkMs: document.marca_dagua?.getTime() ?? null,
    isAtEnd: document.no_fim,
    counted: Number(document.contadas),
    lateCounted: Number(document.atrasadas ?? 0),
    rejected: new Map(counts.map(([reason, count]) => [reason, Number(count)])),
    categories: document.categorias,
    skips: Object.entries((document.saltos ?? {}) as Record<string, Skip>)
      .map(([from, skip]) => ({
        from: Number(from),
        to: Number(skip.ate),
        isReported: skip.informado === true,
      }))
      .sort((a, b) => a.from - b.from),
    updatedMs: document.atualizado_em.getTime(),
  };
}

/**
 * The watermark that closes windows: the least over all partitions, of which one without any sale
 * does not count once it is read to its end. null while it can't be told.
 */
export function globalWatermarkMs(
  progress: ReadonlyMap<number, StoredProgress>,
  partitionCount: number,
): number | null {
  let least = Number.POSITIVE_INFINITY;
  for (let partition = 0; partition < partitionCount; partition++) {
    const state = progress.get(partition);
    if (!state || (state.maxEventMs === null && !state.isAtEnd)) return null;
    if (state.maxEventMs !== null) least = Math.min(least, state.closingWatermarkMs ?? -Infinity);
  }
  return Number.isFinite(least) ? least : null;
}

/** No window that ends after it can have been closed. null when there was never a watermark. */
export function greatestWatermarkMs(progress: ReadonlyMap<number, StoredProgress>): number | null {
  const marks = [...progress.values()].flatMap(
    ({ closingWatermarkMs }) => closingWatermarkMs ?? [],
  );
  return marks.length > 0 ? Math.max(...marks) : null;
}
