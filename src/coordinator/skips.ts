/**
 * What of a log was passed over, since it cannot be read (`--on-corrupt skip`): judged before it is
 * made durable, and told by a dead letter, whichever process made it so.
 */
import type { LatePolicy } from '../config/options.ts';
import type { DeadLetter } from '../kafka/dead-letters.ts';
import type { Progress, Skip } from '../mongo/progress-document.ts';
import { type ProgressStore, skipConflict } from '../mongo/progress-store.ts';
import type { TotalsStore } from '../mongo/totals-store.ts';
import { REASON } from '../sale/reasons.ts';
import { WHOLE_RECORD } from '../state/reject-log.ts';
import type { DeadLetters } from './outside.ts';

/**
 * Makes durable that these offsets are passed over.
 *
 * @returns false when something else has been since
 */
export async function passOver(
  store: ProgressStore,
  totals: TotalsStore,
  late: LatePolicy,
  progress: Progress,
  skip: Skip,
): Promise<boolean> {
  if (late === 'count') await judgeSkip(totals, progress, skip);
  return store.skip(progress, skip);
}

/** Recovery has seen what was counted beyond, but for late sales: those may be of any window. */
async function judgeSkip(
  totals: TotalsStore,
  { partition }: Progress,
  { from, to, why }: Skip,
): Promise<void> {
  if (!(await totals.isCountedBeyond(partition, from))) return;
  const where = `partition ${partition}: offsets ${from} to ${to - 1}`;
  throw skipConflict(`${where} cannot be passed over (${why}): totals say that they were counted`);
}

/** Also those that a process before this one has passed over, and did not live to report. */
export async function reportSkips(
  store: ProgressStore,
  deadLetters: DeadLetters,
  progress: Progress,
): Promise<void> {
  for (const skip of progress.skips.filter(({ isReported }) => !isReported)) {
    await deadLetters.send([skipLetter(progress, skip)]);
    await store.reported(progress, skip);
  }
}

/** Its place and why, for its bytes mean nothing. */
function skipLetter({ topicId, partition }: Progress, { from, to, why }: Skip): DeadLetter {
  return {
    topicId,
    partition,
    record: {
      offset: from,
      item: WHOLE_RECORD,
      timestampMs: -1,
      reason: REASON.corrupt_batch,
      detail: `offsets ${from} to ${to - 1}: ${why}`,
      key: null,
      value: null,
      valueOmitted: true,
      rawHeaders: Buffer.alloc(0),
    },
  };
}
