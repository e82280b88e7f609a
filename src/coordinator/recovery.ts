/**
 * From what is durable to a lease that goes on as if nothing had happened; the same at the first
 * start, after a crash, at a takeover and after a thread's death. The progress document, not
 * Kafka's committed offset, says where to resume.
 */
import type { ClientSession, MongoClient } from 'mongodb';
import { EXIT, NEW_DATABASE, VendavalError } from '../lib/errors.ts';
import { failPoint } from '../lib/fail-point.ts';
import { areOtherTopics, NO_TOPIC_ID } from '../lib/topic-id.ts';
import type { Progress } from '../mongo/progress-document.ts';
import type { ProgressStore } from '../mongo/progress-store.ts';
import type { StoredContribution, TotalsKey, TotalsStore } from '../mongo/totals-store.ts';
import { pureWatermarkMs } from '../window/watermark.ts';

export interface RecoveredPartition {
  readonly progress: Progress;
  readonly contributions: readonly StoredContribution[];
}

export interface RecoverySources {
  readonly client: MongoClient;
  readonly progress: ProgressStore;
  readonly totals: TotalsStore;
  /** Throws where the database pins other rules by now than this process counts by. */
  judgeRules(session: ClientSession): Promise<void>;
}

/**
 * Reads the partition's progress, making it if there is none, and then its registers: in this
 * order, so that the registers are never older than the progress.
 *
 * @param reopened of which the registers are wanted too, though their windows are late
 * @param earliestOffset where a partition without a document starts
 */
export function recoverPartition(
  sources: RecoverySources,
  partition: number,
  topicId: string,
  { watermarkDelayMs, reopened }: { watermarkDelayMs: number; reopened: readonly TotalsKey[] },
  earliestOffset: () => Promise<number>,
): Promise<RecoveredPartition> {
  return readingNewest(sources, { partition, topicId }, async (session) => {
    const { totals } = sources;
    let progress = await sources.progress.read(partition, session);
    if (!progress) {
      const start = await earliestOffset();
      await sources.progress.createIfMissing(partition, topicId, start, session);
      // Another process may have made it first: its start offset counts, not ours.
      progress = await sources.progress.read(partition, session);
    }
    if (!progress) throw new Error(`the progress document of partition ${partition} vanished`);
    // Here and not before: a count whose progress this is has pinned its rules before it made any.
    await sources.judgeRules(session);
    await judgeProgress(progress, topicId, () => totals.isEmpty(session));
    failPoint('in-recovery');
    const watermarkMs = pureWatermarkMs(progress.maxEventMs, watermarkDelayMs);
    const timely = await totals.contributions(partition, watermarkMs, session);
    const late = await totals.contributionsTo(partition, reopened, session);
    const contributions = [...timely, ...late];
    const known = topicId === NO_TOPIC_ID ? progress.topicId : topicId;
    return { progress: { ...progress, topicId: known }, contributions };
  });
}

/**
 * What the partition has contributed to keys of late windows. Throws where its progress is no
 * longer the document that it was: what is there then is of another count.
 */
export function readLate(
  sources: RecoverySources,
  { partition, topicId, countId }: Pick<Progress, 'partition' | 'topicId' | 'countId'>,
  keys: readonly TotalsKey[],
): Promise<StoredContribution[]> {
  const announced = { partition, topicId, known: { countId } };
  return readingNewest(sources, announced, (session) =>
    sources.totals.contributionsTo(partition, keys, session),
  );
}

interface Announced extends Pick<Progress, 'partition' | 'topicId'> {
  readonly known?: Pick<Progress, 'countId'>;
}

/**
 * Reads in one causally consistent session of majority reads, and after a write of the session's,
 * so that nothing of it is stale: records that another owner has counted since may be deleted by
 * now.
 */
async function readingNewest<T>(
  sources: RecoverySources,
  { partition, topicId, known }: Announced,
  read: (session: ClientSession) => Promise<T>,
): Promise<T> {
  const session = sources.client.startSession({ causalConsistency: true });
  try {
    await sources.progress.announce(partition, topicId, session, known);
    return await read(session);
  } finally {
    await session.endSession();
  }
}

/** Refuses to go on where going on would lose or mix totals. */
async function judgeProgress(
  progress: Progress,
  topicId: string,
  hasNoTotals: () => Promise<boolean>,
): Promise<void> {
  if (areOtherTopics(progress.topicId, topicId)) {
    throw topicMadeAnew(progress.topicId, topicId);
  }
  if (progress.counted > 0 && (await hasNoTotals())) {
    throw new VendavalError(
      `partition ${progress.partition} has ${progress.counted} sales counted, but the collection ` +
        'of totals is empty: it was dropped or emptied',
      {
        code: 'E_TOTALS_MISSING',
        exitCode: EXIT.dataLossGuard,
        hint:
          `Count the topic anew into another one: ${NEW_DATABASE}. From a backup, restore the ` +
          'whole database as of one moment: older totals with newer progress would lack what was ' +
          'counted between, and only vendaval verify would tell.',
      },
    );
  }
}

export function topicMadeAnew(known: string, found: string): VendavalError {
  return new VendavalError(
    `the topic was deleted and made anew: it was counted under topic id ${known}, and now has ` +
      found,
    {
      code: 'E_TOPIC_RECREATED',
      exitCode: EXIT.dataLossGuard,
      hint: `The old totals are complete up to its end. Count the new topic into another database: ${NEW_DATABASE}.`,
    },
  );
}
