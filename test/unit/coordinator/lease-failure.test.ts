import { expect, test } from 'vitest';
import {
  afterFailure,
  type FailedPartition,
  type LeaseFailure,
} from '../../../src/coordinator/lease-failure.ts';

const FAILED: FailedPartition = { partition: 3, onCorrupt: 'skip', skips: 0, countedTo: 0 };
const SPOILED: LeaseFailure = {
  ...{ outcome: 'failed', message: 'its checksum does not match', code: 'E_CORRUPT_BATCH' },
  ...{ corrupt: { from: 10, to: 13 }, options: { retryable: true, hint: 'Fetch it again.' } },
};

test('what cannot be read is passed over where that was asked for, a thousand times', () => {
  const { corrupt, code, message: why } = SPOILED;
  expect(afterFailure({ ...FAILED, skips: 999 }, SPOILED)).toEqual({
    kind: 'pass-over',
    skip: { ...corrupt, code, why, isReported: false },
  });
  expect(afterFailure({ ...FAILED, skips: 1000 }, SPOILED)).toMatchObject({
    kind: 'give-up',
    error: { code, hint: 'Fetch it again.' },
  });
});

test('and where it was not, the engine stops and says how to', () => {
  expect(afterFailure({ ...FAILED, onCorrupt: 'stop' }, SPOILED)).toMatchObject({
    kind: 'give-up',
    error: {
      message: 'partition 3: its checksum does not match',
      hint: expect.stringMatching(/^Fetch it again. .*offsets 10 to 12, .*--on-corrupt skip/),
    },
  });
});

test('what somebody has counted is never passed over, nor is it offered', () => {
  expect(afterFailure({ ...FAILED, countedTo: 10 }, SPOILED).kind).toBe('pass-over');
  const counted = { ...FAILED, countedTo: 11 };
  expect(afterFailure(counted, SPOILED)).toMatchObject({
    kind: 'give-up',
    error: { code: 'E_SKIP_CONFLICT', message: expect.stringContaining('offsets up to 10 were') },
  });
  expect(afterFailure({ ...counted, onCorrupt: 'stop' }, SPOILED)).toMatchObject({
    kind: 'give-up',
    error: { code: 'E_CORRUPT_BATCH', hint: 'Fetch it again.' },
  });
});

test('what is gone from the log is looked for with others; all else is the end', () => {
  const ended = (code: string) => afterFailure(FAILED, { ...SPOILED, code, corrupt: null }).kind;
  expect(ended('E_LOG_TRUNCATED')).toBe('look-again');
  expect(ended('E_LOG_REWOUND')).toBe('give-up');
});
