import { expect, test } from 'vitest';
import { RunTally } from '../../../src/coordinator/run-tally.ts';
import type { Progress } from '../../../src/mongo/progress-document.ts';
import { LIVE_WORDS } from '../../../src/state/layout.ts';

/** A partition whose every tenth record is rejected. */
function at(partition: number, nextOffset: number): Progress {
  const rejected = Math.floor(nextOffset / 10);
  return {
    partition,
    nextOffset,
    counted: nextOffset - rejected,
    rejected: [0, rejected],
  } as unknown as Progress;
}

function tally(...steps: [before: Progress, after: Progress][]): [number, number] {
  const run = new RunTally();
  for (const [before, after] of steps) run.add(before, after, new Float64Array(LIVE_WORDS));
  return [run.counted, run.rejected];
}

test('tells what this run has added, not what was there', () => {
  expect(tally([at(0, 100), at(0, 150)], [at(0, 150), at(0, 200)])).toEqual([90, 10]);
  expect(tally([at(0, 0), at(0, 100)], [at(1, 0), at(1, 100)])).toEqual([180, 20]);
});

test('does not tell a replay twice, after a thread died with its checkpoint on the way', () => {
  const start = at(0, 0);
  expect(tally([start, at(0, 150)], [start, at(0, 50)], [at(0, 50), at(0, 200)])).toEqual([
    180, 20,
  ]);
});

test('leaves out what another process did while the partition was with it', () => {
  expect(tally([at(0, 0), at(0, 100)], [at(0, 500), at(0, 600)])).toEqual([180, 20]);
});
