/**
 * Which section of each partition's log must be read to judge what the database says, and what is
 * known of the records before it. Pure.
 */
import type { LogBounds } from './log-bounds.ts';
import type { PartitionTask, WindowRange } from './partition-judge.ts';
import type { StoredDocument } from './stored-document.ts';
import type { StoredProgress } from './stored-progress.ts';

export interface PartitionPlan {
  readonly partition: number;
  /** null while no engine has begun with it. */
  readonly progress: StoredProgress | null;
  readonly bounds: LogBounds;
  readonly from: number;
  readonly to: number;
  readonly task: PartitionTask;
}

export interface PlanInput {
  readonly bounds: readonly LogBounds[];
  readonly progress: ReadonlyMap<number, StoredProgress>;
  readonly documents: Iterable<StoredDocument>;
  readonly range: WindowRange;
  /** By partition: no record before it can be of a window in the range; null without a range. */
  readonly rangeStarts: readonly number[] | null;
}

export function planPartitions(input: PlanInput): PartitionPlan[] {
  const { bounds, progress, documents, range, rangeStarts } = input;
  const ahead = aheadOf(documents, progress);
  return bounds.map((bound) => {
    const { partition, start, end } = bound;
    const stored = progress.get(partition) ?? null;
    const begin = stored?.startOffset ?? start;
    const earliest = Math.max(begin, start);
    const keys = ahead.get(partition) ?? new Map<string, number>();
    const progressOffset = stored?.nextOffset ?? earliest;
    const to = Math.min(end, Math.max(progressOffset, ...keys.values()));
    const rangeStart = rangeStarts === null ? -1 : rangeStarts[partition];
    const isSkipping = rangeStart > earliest;
    const from = Math.min(isSkipping ? rangeStart : earliest, Math.max(to, earliest));
    const { fromMs } = range;
    const missing = isSkipping ? { boundMs: fromMs } : start > begin ? 'unknown' : 'nothing';
    const admitted = stored?.categories ?? [];
    const skips = (stored?.skips ?? []).filter((skip) => skip.from >= from && skip.from < to);
    const task: PartitionTask = {
      ...{ partition, progressOffset, ahead: keys, range, missing, admitted, skips },
    };
    return { partition, progress: stored, bounds: bound, from, to: Math.max(from, to), task };
  });
}

/** By partition: the keys whose register says more than the progress document. */
function aheadOf(
  documents: Iterable<StoredDocument>,
  progress: ReadonlyMap<number, StoredProgress>,
): Map<number, Map<string, number>> {
  const ahead = new Map<number, Map<string, number>>();
  for (const { id, registers } of documents) {
    for (const { partition, ate } of registers) {
      if (ate <= (progress.get(partition)?.nextOffset ?? 0)) continue;
      let keys = ahead.get(partition);
      if (!keys) {
        keys = new Map();
        ahead.set(partition, keys);
      }
      keys.set(id, ate);
    }
  }
  return ahead;
}
