import { describe, expect, it, test } from 'vitest';
import { judgeMemory, judgeNode } from '../../../src/doctor/machine-checks.ts';
import { judgeClock } from '../../../src/doctor/place-check.ts';
import { releaseOf } from '../../../src/kafka/protocol/cluster.ts';
import type { ApiRanges } from '../../../src/kafka/protocol/requests.ts';

test.each([
  ['18.20.0', 'fail'],
  ['20.19.3', 'fail'],
  ['20.19.4', 'note'],
  ['20.20.0', 'note'],
  ['22.1.0', 'ok'],
  ['24.0.0', 'ok'],
])('Node %s is judged as %s', (version, verdict) => {
  expect(judgeNode(version, 2).verdict).toBe(verdict);
});

test('memory is judged by the number of partitions', () => {
  const gib = 1024 ** 3;
  expect(judgeMemory(3, 10_000, gib, 8 * gib).verdict).toBe('ok');
  expect(judgeMemory(200, 10_000, gib, 8 * gib)).toMatchObject({
    verdict: 'warn',
    problem: { code: 'E_MEMORY' },
  });
});

describe('a clock', () => {
  const read = (theirMs: number, tookMs = 10) =>
    judgeClock({ beforeMs: 1000, theirMs, afterMs: 1000 + tookMs }, 'the brokers');

  it('agrees when it reads a time at which it was asked', () => {
    expect(read(1005)).toMatchObject({ verdict: 'ok', data: { skewMs: 0, toWithinMs: 10 } });
  });

  it('is not blamed for an answer that took long', () => {
    expect(read(9000, 10_000)).toMatchObject({ verdict: 'ok', data: { skewMs: 0 } });
  });

  it('that is ahead or behind by seconds is a warning, with how much', () => {
    expect(read(6010)).toMatchObject({ verdict: 'warn', data: { skewMs: 5000 } });
    expect(read(-4000)).toMatchObject({ verdict: 'warn', data: { skewMs: -5000 } });
    expect(read(-4000).found).toBe('the brokers 5.0 s behind this machine');
  });

  it('an hour behind this machine makes brokers refuse dead letters', () => {
    expect(read(1000 - 3_600_000)).toMatchObject({
      verdict: 'fail',
      problem: { code: 'E_CLOCK_SKEW' },
    });
  });

  it('that is not told is passed over', () => {
    expect(read(Number.NaN).verdict).toBe('skip');
  });
});

describe("a broker's release", () => {
  /** Greatest versions of Produce, Fetch, ListOffsets, Metadata and JoinGroup, as each release has them. */
  const RELEASES: [string, number[], string][] = [
    ['2.6', [8, 11, 5, 9, 7], 'older than 2.7'],
    ['2.7.2', [8, 12, 5, 9, 7], '2.7'],
    ['2.8.2', [9, 12, 6, 11, 7], '2.8'],
    ['3.0.2', [9, 12, 7, 11, 7], '3.0'],
    ['3.1.2', [9, 13, 7, 12, 7], '3.1'],
    ['3.4.1', [9, 13, 7, 12, 9], '3.2 to 3.4'],
    ['3.6.2', [9, 15, 8, 12, 9], '3.5 or 3.6'],
    ['3.7.2', [10, 16, 8, 12, 9], '3.7'],
    ['3.8.1', [11, 16, 8, 12, 9], '3.8'],
    ['3.9.1', [11, 17, 9, 12, 9], '3.9'],
    ['4.0.1', [12, 17, 10, 13, 9], '4.0'],
    ['4.1.1', [13, 18, 10, 13, 9], '4.1 or newer'],
    ['4.3.0', [13, 18, 11, 13, 9], '4.1 or newer'],
  ];

  it.each(RELEASES)(
    '%s is told by what it speaks',
    (_, [produce, fetch, list, metadata, join], release) => {
      const ranges: ApiRanges = new Map([
        [0, [0, produce]],
        [1, [0, fetch]],
        [2, [0, list]],
        [3, [0, metadata]],
        [11, [0, join]],
      ]);
      expect(releaseOf(ranges)).toBe(release);
    },
  );
});
