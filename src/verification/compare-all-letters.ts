/** The dead letters of all partitions, each with its partition's rejected records. Pure. */
import { compareLetters, type LettersCompared } from './compare-letters.ts';
import type { Differences } from './differences.ts';
import { type LetterRows, mergeRows } from './letter-rows.ts';
import type { LogBounds } from './log-bounds.ts';
import type { Notes } from './notes.ts';
import type { PartitionPlan } from './plan.ts';
import type { LettersRead, SalesRead } from './read-task.ts';

export interface LettersInput {
  readonly topic: string;
  readonly deadLetterTopic: string;
  readonly plans: readonly PartitionPlan[];
  readonly sales: ReadonlyMap<number, SalesRead>;
  readonly letters: readonly LettersRead[];
  readonly letterBounds: readonly LogBounds[];
}

export function compareAllLetters(
  input: LettersInput,
  differences: Differences,
  notes: Notes,
): LettersCompared {
  const { topic, plans, sales, letters, letterBounds } = input;
  const areLettersDeleted = letterBounds.some(({ start }) => start > 0);
  const sum = { letters: 0, repeats: 0, omitted: 0, unjudged: 0, unknown: 0 };
  const byPartition = byOrigin(letters);
  for (const { partition, bounds, progress } of plans) {
    const { findings, from, to } = sales.get(partition)!;
    const unreported = (progress?.skips ?? []).filter(({ isReported }) => !isReported);
    const compared = compareLetters(
      findings.rejects,
      mergeRows(byPartition.get(partition) ?? []),
      {
        ...{ topic, partition, from, to, areLettersDeleted },
        end: bounds.end,
        progressOffset: progress?.nextOffset ?? 0,
        settledOffset: findings.settledOffset,
        notYetSent: new Set(unreported.map((skip) => skip.from)),
      },
      differences,
    );
    for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += compared[key];
    byPartition.delete(partition);
  }
  for (const [partition, rows] of byPartition) {
    for (const { offsets } of rows) {
      sum.letters += offsets.length;
      for (const offset of offsets) {
        const where = `${topic}/${partition}/${offset}`;
        const kind = 'dead letter without cause';
        differences.add(kind, where, '', 'a letter', 'no such partition');
      }
    }
  }
  complainOfOthers(input, differences);
  note(input, sum, notes);
  return sum;
}

function byOrigin(letters: readonly LettersRead[]): Map<number, LetterRows[]> {
  const byPartition = new Map<number, LetterRows[]>();
  for (const read of letters) {
    for (const [partition, rows] of read.letters) {
      byPartition.set(partition, [...(byPartition.get(partition) ?? []), rows]);
    }
  }
  return byPartition;
}

function complainOfOthers(
  { letters, deadLetterTopic }: LettersInput,
  differences: Differences,
): void {
  for (const { partition, others } of letters) {
    for (let i = 0; i < others.count; i++) {
      const where = `${deadLetterTopic}/${partition}/${others.offsets[i] ?? '…'}`;
      const expected = 'topic/partition/offset';
      differences.add('dead letter without cause', where, 'key', 'no origin', expected);
    }
  }
}

function note(
  { letters, deadLetterTopic }: LettersInput,
  { unjudged, unknown, omitted }: LettersCompared,
  notes: Notes,
): void {
  const foreign = letters.reduce((sum, read) => sum + read.foreign, 0);
  if (unknown > 0) {
    notes.add(
      'letters-deleted',
      `${unknown} rejected records have no dead letter; the oldest of "${deadLetterTopic}" were deleted`,
    );
  }
  if (unjudged > 0) {
    notes.add('letters-unjudged', `${unjudged} dead letters are of records that were not judged`);
  }
  if (omitted > 0) {
    const why = 'too large to copy, or never readable';
    notes.add('letters-omitted', `${omitted} dead letters are without their value: ${why}`);
  }
  if (foreign > 0) notes.add('letters-foreign', `${foreign} dead letters are of other topics`);
}
