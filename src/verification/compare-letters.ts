/**
 * Dead letters against the rejected records of one partition. Every record that was rejected below
 * the progress offset must have a letter; every letter must have such a record, and repeat it.
 * The same letter twice is allowed: after a crash it is sent again. Pure.
 */
import { VALUE_OMITTED, WHOLE_RECORD } from './dead-letter.ts';
import type { Differences } from './differences.ts';
import { inOrder, type LetterRows } from './letter-rows.ts';
import { LATE } from './partition-judge.ts';

export interface LettersScope {
  readonly topic: string;
  readonly partition: number;
  /** The section of the log that was judged. */
  readonly from: number;
  readonly to: number;
  /** One past the log's last record. */
  readonly end: number;
  /** Records below it must have their letters. */
  readonly progressOffset: number;
  /** Below it a sale may have been late by records that are no longer there. */
  readonly settledOffset: number;
  /** Letters were deleted: one that is not there may have been. */
  readonly areLettersDeleted: boolean;
  /** Offsets of which the database itself says that the letter is still to be sent. */
  readonly notYetSent: ReadonlySet<number>;
}

export interface LettersCompared {
  readonly letters: number;
  readonly repeats: number;
  /** Without value, because the original was too large to copy. */
  readonly omitted: number;
  /** Of records outside the judged section, or late by what is no longer there. */
  readonly unjudged: number;
  /** Rejected records whose letter may have been deleted. */
  readonly unknown: number;
}

export function compareLetters(
  rejects: LetterRows,
  letters: LetterRows,
  scope: LettersScope,
  differences: Differences,
): LettersCompared {
  const counts = {
    letters: letters.offsets.length,
    repeats: 0,
    omitted: 0,
    unjudged: 0,
    unknown: 0,
  };
  const rejectOrder = inOrder(rejects);
  const letterOrder = inOrder(letters);
  let next = 0;
  for (const row of rejectOrder) {
    const place = placeOf(rejects, row);
    // Letters before this record's place have no cause, or none that was judged.
    while (next < letterOrder.length && isBefore(letters, letterOrder[next], place)) {
      withoutCause(letters, letterOrder[next++], scope, counts, differences);
    }
    let repeats = -1;
    while (next < letterOrder.length && isAt(letters, letterOrder[next], place)) {
      repeats++;
      compareOne(rejects, row, letters, letterOrder[next++], scope, counts, differences);
    }
    if (repeats >= 0) {
      counts.repeats += repeats;
    } else if (place.offset < scope.progressOffset && !scope.notYetSent.has(place.offset)) {
      if (scope.areLettersDeleted) counts.unknown++;
      else {
        const reason = rejects.reasonNames[rejects.reasons[row]];
        differences.add('missing dead letter', show(scope, place), '', 'no letter', reason);
      }
    }
  }
  while (next < letterOrder.length) {
    withoutCause(letters, letterOrder[next++], scope, counts, differences);
  }
  return counts;
}

interface Place {
  readonly offset: number;
  readonly item: number;
}

const placeOf = ({ offsets, items }: LetterRows, row: number): Place => ({
  offset: offsets[row],
  item: items[row],
});

function isBefore({ offsets, items }: LetterRows, row: number, { offset, item }: Place): boolean {
  return offsets[row] < offset || (offsets[row] === offset && items[row] < item);
}

function isAt({ offsets, items }: LetterRows, row: number, { offset, item }: Place): boolean {
  return offsets[row] === offset && items[row] === item;
}

function show({ topic, partition }: LettersScope, { offset, item }: Place): string {
  return `${topic}/${partition}/${offset}${item === WHOLE_RECORD ? '' : `/${item}`}`;
}

type Counts = { -readonly [Field in keyof LettersCompared]: LettersCompared[Field] };

function compareOne(
  rejects: LetterRows,
  reject: number,
  letters: LetterRows,
  letter: number,
  scope: LettersScope,
  counts: Counts,
  differences: Differences,
): void {
  const place = show(scope, placeOf(rejects, reject));
  const expected = rejects.reasonNames[rejects.reasons[reject]];
  const found = letters.reasonNames[letters.reasons[letter]];
  if (found !== expected) {
    differences.add('wrong dead letter', place, 'vendaval-reason', found, expected);
  }
  if (letters.fingerprints[letter] === VALUE_OMITTED) counts.omitted++;
  else if (letters.fingerprints[letter] !== rejects.fingerprints[reject]) {
    const what = 'value, key or headers';
    differences.add('wrong dead letter', place, what, 'differ', "the rejected record's");
  }
}

function withoutCause(
  letters: LetterRows,
  row: number,
  scope: LettersScope,
  counts: Counts,
  differences: Differences,
): void {
  const place = placeOf(letters, row);
  const reason = letters.reasonNames[letters.reasons[row]];
  const { offset } = place;
  const isJudged = offset >= scope.from && offset < scope.to;
  const maySoBeLate = reason === LATE && offset < scope.settledOffset;
  if ((isJudged && !maySoBeLate) || offset >= scope.end) {
    const why = offset >= scope.end ? 'no such record' : 'a record that is counted, or none';
    differences.add(
      'dead letter without cause',
      show(scope, place),
      'vendaval-reason',
      reason,
      why,
    );
  } else {
    counts.unjudged++;
  }
}
