import { describe, expect, it } from 'vitest';
import type { LiveSnapshot, PartitionView } from '../../../src/dashboard/api.ts';
import { Format } from '../../../src/page/format.ts';
import { EN } from '../../../src/page/texts-en.ts';
import { PT } from '../../../src/page/texts-pt.ts';
import { judge, type Verdict } from '../../../src/page/verdict.ts';

const NOW = Date.UTC(2024, 10, 29, 3);
const MINUTE = 60_000;

function partition(index: number, more: Partial<PartitionView> = {}): PartitionView {
  return {
    ...{ partition: index, state: 'fetching', owner: 'a/1', leader: 'k:9092' },
    ...{ recordsPerSecond: 10, nextOffset: 9, endOffset: 9, durableOffset: 9, lag: 0, lagMs: 0 },
    ...{
      openTransactionAt: null,
      counted: 9,
      lateCounted: 0,
      rejected: 0,
      newestSaleMs: NOW,
      atEnd: false,
    },
    ...{ watermarkMs: NOW - 2 * MINUTE, reconnects: 0 },
    ...more,
  };
}

type Parts = Record<string, object>;

function snapshot(more: Parts = {}): LiveSnapshot {
  const whole: Parts = {
    engine: {
      ...{ state: 'running', problem: null, startedAtMs: NOW - 3_600_000, windowMs: MINUTE },
      ...{ owner: 'a/1', flushIntervalMs: 250 },
    },
    kafka: { problem: null },
    database: { problem: null },
    stream: {
      ...{ salesPerSecond: 100, rejectedLastMinute: 0, counted: 9, rejected: 0, lag: 0, lagMs: 0 },
    },
    watermark: { atMs: NOW, delayMs: 0, hold: { kind: 'slowest', partition: 0 } },
    checkpoint: { durableAtMs: NOW - 300 },
  };
  for (const [key, value] of Object.entries(more)) {
    const known = whole[key];
    Object.assign(whole, { [key]: Array.isArray(value) ? value : { ...known, ...value } });
  }
  return {
    ...{ nowMs: NOW, rejected: [], partitions: [partition(0), partition(1)] },
    ...whole,
  } as unknown as LiveSnapshot;
}

const problem = {
  code: 'E_MONGO_UNREACHABLE',
  message: 'no answer',
  hint: 'see',
  sinceMs: NOW - 9000,
};
const behind = (lag: number) => ({ stream: { lag, lagMs: 60_000 } });
const CASES: [string, LiveSnapshot, number | undefined, Partial<Verdict>][] = [
  ['all is well', snapshot(), 0, { kind: 'counting', level: 'ok', durableAgoMs: 300 }],
  ['nothing came yet', snapshot({ stream: { counted: 0 } }), 0, { kind: 'no-sales' }],
  ['it starts', snapshot({ engine: { state: 'starting' } }), 0, { kind: 'starting' }],
  ['it stops', snapshot({ engine: { state: 'draining' } }), 0, { kind: 'stopping' }],
  [
    'a checkpoint is tried again',
    snapshot({ engine: { state: 'retrying', problem }, ...behind(1e6) }),
    0,
    { kind: 'not-durable', level: 'bad', code: 'E_MONGO_UNREACHABLE', forMs: 9000 },
  ],
  [
    'the database hangs without an error',
    snapshot({ checkpoint: { durableAtMs: NOW - 11_000 } }),
    0,
    { kind: 'stalled', level: 'warn', forMs: 11_000 },
  ],
  [
    'it has no partition to make checkpoints of',
    snapshot({ engine: { owner: 'b/2' }, checkpoint: { durableAtMs: NOW - 11_000 } }),
    0,
    { kind: 'counting' },
  ],
  [
    'a leader is away',
    snapshot({ partitions: [partition(0), partition(1, { state: 'backing-off' })] }),
    0,
    { kind: 'kafka', level: 'bad', partitions: [1] },
  ],
  [
    'a partition has no reader',
    snapshot({ watermark: { hold: { kind: 'no-document', partition: 2 } } }),
    0,
    { kind: 'unread', level: 'bad', partition: 2 },
  ],
  [
    'partitions are not given out yet',
    snapshot({
      engine: { startedAtMs: NOW - 5000 },
      watermark: { hold: { kind: 'no-document', partition: 2 } },
    }),
    0,
    { kind: 'starting' },
  ],
  ['only the page is blind', snapshot({ database: { problem } }), 0, { kind: 'database-unread' }],
  [
    'a transaction hangs',
    snapshot({ partitions: [partition(0, { openTransactionAt: 7, lag: 90_000, lagMs: MINUTE })] }),
    0,
    { kind: 'transaction', level: 'warn', partition: 0, forMs: MINUTE },
  ],
  [
    'a short transaction',
    snapshot({ partitions: [partition(0, { openTransactionAt: 7, lag: 3, lagMs: 900 })] }),
    0,
    { kind: 'counting' },
  ],
  ['it catches up', snapshot(behind(1e6)), 2e6, { kind: 'catching-up', level: 'info', etaMs: 1e7 }],
  ['it falls behind', snapshot(behind(2e6)), 1e6, { kind: 'falling-behind', level: 'warn' }],
  ['a second of lag', snapshot({ stream: { lag: 1e6, lagMs: 900 } }), 0, { kind: 'counting' }],
  [
    'one partition holds the windows',
    snapshot({ partitions: [partition(0, { watermarkMs: NOW - 20 * MINUTE }), partition(1)] }),
    0,
    { kind: 'held', level: 'warn', partition: 0, behindMs: 18 * MINUTE },
  ],
  [
    'many are rejected',
    snapshot({
      stream: { rejectedLastMinute: 600 },
      rejected: [{ reason: 'late', count: 600, samples: [] }],
    }),
    0,
    { kind: 'rejecting', level: 'warn', count: 600, reason: 'late' },
  ],
  ['few are rejected', snapshot({ stream: { rejectedLastMinute: 9 } }), 0, { kind: 'counting' }],
];

describe('the verdict', () => {
  it.each(CASES)('%s', (_, given, lagBefore, expected) => {
    expect(judge(given, lagBefore)).toMatchObject(expected);
  });

  it('is told in both languages, with a title and what to do, and no gap in the text', () => {
    for (const [name, given, lagBefore] of CASES) {
      const verdict = judge(given, lagBefore);
      const texts = [
        PT.verdict(verdict, new Format('pt', 'UTC')),
        EN.verdict(verdict, new Format('en', 'UTC')),
      ];
      for (const { title, advice } of texts) {
        expect(title.length, name).toBeGreaterThan(5);
        expect(advice.length, name).toBeGreaterThan(5);
        expect(`${title} ${advice}`, name).not.toMatch(/undefined|null|NaN|\[object/);
      }
      expect(texts[0], name).not.toEqual(texts[1]);
    }
  });
});
