import { expect, test } from 'vitest';
import { leaseOrder } from '../../../src/coordinator/lease-order.ts';
import type { StoredContribution } from '../../../src/mongo/totals-store.ts';
import { NO_MARK } from '../../../src/state/batch-mark.ts';
import { LIMITS, RULES } from '../../parts/lease-regions.ts';

const MIB = 1024 * 1024;
const LEADER = { host: '127.0.0.1', port: 9092, epoch: 7, inSync: [1] };

function order({ partitionCount = 1, ahead = [] as number[] }) {
  const contributions = ahead.map(
    (ate): StoredContribution => ({
      ...{ windowStartMs: 2 * RULES.windowMs, categoria: `até ${ate}` },
      register: { count: 1, centavos: 1n, menor: 1, maior: 1, ate },
    }),
  );
  const progress = {
    ...{ partition: 4, countId: null, topicId: 'id', startOffset: 0, nextOffset: 10 },
    ...{ maxEventMs: 5, closingWatermarkMs: 5, atEnd: false, counted: 9, lateCounted: 1 },
    ...{ rejected: [0, 1], categories: ['Casa'], lastBatch: NO_MARK, skips: [] },
  };
  return leaseOrder(
    {
      ...{ topic: 'vendas', rules: RULES, categoryLimit: 8, rack: 'a', limits: LIMITS },
      partitionCount: () => partitionCount,
      leaderOf: () => LEADER,
    },
    { progress, contributions },
  );
}

test('a lease begins where its partition is durable, at its leader', () => {
  const { start, ...rest } = order({});
  expect(rest).toMatchObject({ topic: 'vendas', topicId: 'id', partition: 4, leader: LEADER });
  expect(start).toEqual({
    ...{ nextOffset: 10, lastBatch: NO_MARK, maxEventMs: 5, counted: 9, lateCounted: 1 },
    ...{ rejected: [0, 1], guards: [] },
  });
});

test('it is guarded against what totals have counted beyond that, and no other', () => {
  const { start } = order({ ahead: [9, 10, 11] });
  expect(start.guards).toEqual([{ window: 2, categoria: 'até 11', ate: 11 }]);
});

test('partitions share the memory for fetches, within bounds', () => {
  const share = (partitionCount: number) => order({ partitionCount }).fetchBytes;
  expect([1, 12].map(share)).toEqual([4 * MIB, 4 * MIB]);
  expect(share(24)).toBe(2 * MIB);
  expect([192, 1000].map(share)).toEqual([MIB / 4, MIB / 4]);
});
