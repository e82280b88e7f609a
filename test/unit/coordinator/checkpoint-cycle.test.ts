import { expect, test } from 'vitest';
import { CheckpointCycle, type CycleContext } from '../../../src/coordinator/checkpoint-cycle.ts';
import { Checkpointer } from '../../../src/coordinator/checkpointer.ts';
import { Health } from '../../../src/coordinator/health.ts';
import type { OwnedPartition } from '../../../src/coordinator/owned-partition.ts';
import { VendavalError } from '../../../src/lib/errors.ts';
import type { StoredContribution } from '../../../src/mongo/totals-store.ts';

const KEYS = [{ windowStartMs: 0, categoria: 'Casa' }];

/** Partitions that hold a late sale each, whose registers are read at the first few tries not. */
function setUp(failures: readonly number[]) {
  const left = [...failures];
  const told: string[] = [];
  const reopened: number[] = [];
  const health = new Health('mongodb://db/', ({ code }) => told.push(code));
  const owned = failures.map((_, partition) => ({
    ...{ partition, durable: { partition, topicId: 'id', countId: null, nextOffset: 7 } },
    ...{ hasNews: () => true, lateKeys: () => KEYS },
    lease: { freeze: async () => {}, region: { frozen: null } },
    reopen: (stored: readonly StoredContribution[]) => {
      reopened.push(partition);
      // As one that was counted further by somebody else.
      return stored.length === 0;
    },
  }));
  const began: number[] = [];
  const contributionsTo = async (partition: number) => {
    if (left[partition]-- > 0) throw new VendavalError('no answer', { code: 'E_MONGO' });
    return partition === 0 ? [] : [{}];
  };
  const cycle = new CheckpointCycle({
    manager: {
      ...{ owned: owned as unknown as OwnedPartition[], has: () => true, reap: () => {} },
      beginAgain: (partition: number) => void began.push(partition),
    },
    checkpointer: new Checkpointer(null as never, (error) => health.asError(error), health),
    closer: { run: async () => {} },
    commits: { commit: async () => {} },
    sources: {
      client: { startSession: () => ({ endSession: async () => {} }) },
      progress: { announce: async () => {} },
      totals: { contributionsTo },
    },
    ...{ health, giveUp: new AbortController().signal, partitionCount: () => 2 },
  } as unknown as CycleContext);
  return { cycle, told, reopened, began, health };
}

test('registers of late windows that cannot be read are a problem until all of them are', async () => {
  const { cycle, told, reopened, began, health } = setUp([1, 3]);
  await cycle.run();
  expect(told).toEqual(['E_MONGO', 'E_MONGO', 'E_MONGO', 'recovered', 'begins-again']);
  expect(health.problem).toBeNull();
  expect(reopened).toEqual([0, 1]);
  expect(began).toEqual([1]);
  expect(cycle.hasUnsettled).toBe(false);
});
