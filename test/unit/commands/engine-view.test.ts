import { expect, test } from 'vitest';
import { renderEngine } from '../../../src/commands/engine-view.ts';
import type { EngineStatus, PartitionStatus } from '../../../src/coordinator/engine-events.ts';

const NOW_MS = Date.UTC(2024, 10, 29, 12);

const partition = (index: number, lag: number): PartitionStatus => ({
  ...{
    partition: index,
    state: 'fetching',
    nextOffset: 10,
    endOffset: 10 + lag,
    durableOffset: 10,
  },
  ...{ lag, openTransactionAt: null, atEnd: lag === 0, counted: 1234, rejected: 2, bytesRead: 0 },
  ...{
    reconnects: 0,
    rejectedByReason: {},
    durableCounted: 0,
    durableLateCounted: 0,
    newestRecordMs: NOW_MS - 3000,
  },
  ...{ leader: 'kafka:9092', sharedBytes: 0 },
});

const status = (partitions: PartitionStatus[]): EngineStatus => ({
  ...{ state: 'running', problem: null, partitionCount: partitions.length, partitions },
  ...{ watermarkMs: NOW_MS - 120_000, hold: null, times: [], cluster: null, checkpoints: 1 },
  ...{ lastCheckpointMs: 12, windowsClosed: 0 },
});

test('the engine shows each partition with its rate, lag and newest sale', () => {
  const text = renderEngine(
    status([partition(0, 5), partition(1, 0)]),
    new Map([[0, 700]]),
    9,
    NOW_MS,
  );
  const [row] = text.split('\n').filter((line) => line.includes(' 0 │ fetching'));
  expect(row.split('│').map((cell) => cell.trim())).toEqual([
    '',
    '0',
    'fetching',
    '700',
    '5',
    '3.0 s ago',
    '1,234',
    '2',
    '',
  ]);
  expect(text).toContain('running | 700 sales/s | 2,472 read | lag 5 | checkpoint 12 ms');
  expect(text).toContain('2 min 00 s behind');
});

test('with more partitions than lines, the furthest behind stay, and how many do not is said', () => {
  const many = Array.from({ length: 100 }, (_, i) => partition(i, i === 42 ? 9000 : i));
  const text = renderEngine(status(many), new Map(), 2, NOW_MS);
  const shown = [...text.matchAll(/│ +(\d+) │ fetching/g)].map(([, index]) => index);
  expect(shown).toEqual(['42', '99']);
  expect(text).toContain('… and 98 partitions');
});

test('what is wrong stands under it, without a password', () => {
  const message = 'no answer from mongodb://loja:segredo@db:27017/';
  const problem = { code: 'E_MONGO', message, hint: null, sinceMs: NOW_MS };
  const text = renderEngine({ ...status([]), problem }, new Map(), 5, NOW_MS);
  expect(text).toContain('E_MONGO no answer from mongodb://loja:***@db:27017/');
});
