/**
 * Takes a database back to before its first sale, so that the next engine counts the topic from the
 * log's beginning. What is removed first is what resumes (the progress documents), then the totals,
 * then the settings: a reset that is cut off leaves totals that the next engine goes on from without
 * counting anything twice, and that another reset removes. An engine that wakes amid it and begins
 * anew is noticed before the settings go. Documents without registers are not an engine's, and stay.
 */
import type { Db } from 'mongodb';
import type { TransactionalProducer } from '../kafka/transactions.ts';
import { areOtherTopics } from '../lib/topic-id.ts';
import {
  PROGRESS_COLLECTION,
  type ProgressDocument,
  partitionOf,
} from '../mongo/progress-document.ts';
import { type PinnedSettings, readPinned, SETTINGS_COLLECTION } from '../mongo/settings-store.ts';
import type { LogBounds } from '../verification/log-bounds.ts';
import { resetKey } from './letter.ts';
import { engineAlive } from './live-engines.ts';

const BATCH = 2000;
/** What every document has that an engine has written, and no other program's. */
const OURS = { partes: { $exists: true } };

/** Records that were counted or rejected, and that the log no longer holds. */
export interface Loss {
  readonly partition: number;
  readonly countedFrom: number;
  /** Where its log begins now; null when the whole topic is another one, or gone. */
  readonly logStart: number | null;
  readonly records: number;
}

export interface ResetPlan {
  readonly pinned: PinnedSettings | null;
  /** Totals. */
  readonly documents: number;
  /** Of the same collection, and no engine's: they stay. */
  readonly others: number;
  readonly partitions: number;
  readonly losses: readonly Loss[];
}

/** The topic as it is now; null when there is none. */
export interface PresentLog {
  readonly topicId: string;
  readonly bounds: readonly LogBounds[];
}

export async function planReset(
  db: Db,
  collection: string,
  topic: string,
  log: PresentLog | null,
): Promise<ResetPlan> {
  const progress = await db.collection<ProgressDocument>(PROGRESS_COLLECTION).find().toArray();
  const documents = await db.collection(collection).countDocuments(OURS);
  return {
    pinned: await readPinned(db),
    documents,
    others: (await db.collection(collection).countDocuments()) - documents,
    partitions: progress.length,
    losses: progress.flatMap((document) => lossOf(document, topic, log) ?? []),
  };
}

function lossOf(document: ProgressDocument, topic: string, log: PresentLog | null): Loss | null {
  const partition = partitionOf(document, topic);
  const countedFrom = Number(document.inicio);
  const next = Number(document.proximo_offset);
  const isSameTopic = log !== null && !areOtherTopics(document.topico_id, log.topicId);
  const start = isSameTopic ? log.bounds.find((b) => b.partition === partition)?.start : undefined;
  const records = Math.min(start ?? next, next) - countedFrom;
  return records <= 0 ? null : { partition, countedFrom, logStart: start ?? null, records };
}

export interface ResetSteps {
  /** What is being removed, and how many of them are gone. */
  removed(what: string, count: number): void;
}

/**
 * @param letters where to say that all letters so far are of totals that are gone; null when there
 *   is no dead-letter topic
 */
export async function reset(
  db: Db,
  collection: string,
  letters: { producer: TransactionalProducer; topic: string; partitions: number } | null,
  { removed }: ResetSteps,
): Promise<void> {
  const { deletedCount } = await db.collection(PROGRESS_COLLECTION).deleteMany({});
  removed(PROGRESS_COLLECTION, deletedCount);
  if (letters) {
    const marks = Array.from({ length: letters.partitions }, (_, partition) => ({
      topic: letters.topic,
      partition,
      key: Buffer.from(resetKey(db.databaseName)),
      value: Buffer.from('letters before this one are of totals that were removed'),
      headers: [],
    }));
    await letters.producer.send(marks);
  }
  await removeAll(db, collection, removed);
  // It goes by the settings that are pinned still: without them, others would go on from what it makes.
  const begun = await db.collection(PROGRESS_COLLECTION).countDocuments();
  if (begun > 0) throw engineAlive(`it has begun to count "${db.databaseName}" anew meanwhile`);
  const settings = await db.collection(SETTINGS_COLLECTION).deleteMany({});
  removed(SETTINGS_COLLECTION, settings.deletedCount);
}

/** In pieces, none of which takes as long as a client waits; indexes and shards stay. */
async function removeAll(
  db: Db,
  collection: string,
  removed: ResetSteps['removed'],
): Promise<void> {
  const documents = db.collection(collection);
  let count = 0;
  for (;;) {
    const ids = await documents
      .find(OURS, { projection: { _id: 1 } })
      .limit(BATCH)
      .toArray();
    if (ids.length === 0) break;
    await documents.deleteMany({ _id: { $in: ids.map(({ _id }) => _id) }, ...OURS });
    count += ids.length;
    removed(collection, count);
  }
  if (count === 0) removed(collection, 0);
}
