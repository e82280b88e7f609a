import { expect, test } from 'vitest';
import type { LeaseThreads } from '../../../src/coordinator/lease-handle.ts';
import { PartitionManager } from '../../../src/coordinator/partition-manager.ts';
import { EXIT } from '../../../src/lib/errors.ts';
import type { Skip } from '../../../src/mongo/progress-document.ts';
import type { StoredContribution, TotalsKey } from '../../../src/mongo/totals-store.ts';
import { NO_MARK } from '../../../src/state/batch-mark.ts';
import { LIVE } from '../../../src/state/layout.ts';
import { NO_EVENT_MS, NO_WATERMARK_MS } from '../../../src/window/watermark.ts';
import type { LeaseResult } from '../../../src/workers/lease-protocol.ts';
import { LIMITS, RULES } from '../../parts/lease-regions.ts';

const LIMIT_MS = 10_000;

/** A manager whose leases end when the test says so. */
function setUp() {
  const ends: ((result: LeaseResult) => void)[] = [];
  const fatal: string[] = [];
  const threads: LeaseThreads = {
    run: ({ start }) => {
      guards.push(start.guards.map(({ categoria }) => categoria));
      return {
        port: { on: () => {}, postMessage: () => {}, close: () => {} },
        ended: new Promise((resolve) => ends.push(resolve)),
      };
    },
    close: async () => {},
  };
  const progress = {
    ...{ partition: 0, countId: null, topicId: 'id', startOffset: 0, nextOffset: 10 },
    maxEventMs: NO_EVENT_MS,
    ...{ closingWatermarkMs: NO_WATERMARK_MS, atEnd: false, counted: 0, lateCounted: 0 },
    ...{ rejected: [], categories: [], lastBatch: NO_MARK, skips: [] },
  };
  /** What a recovery waits for. */
  const recovery = { until: Promise.resolve() };
  const skipped: Skip[] = [];
  const contributions: StoredContribution[] = [];
  /** Those that a recovery tells only where it is asked. */
  const late: StoredContribution[] = [];
  /** What each lease passes over, by category. */
  const guards: string[][] = [];
  const manager = new PartitionManager({
    ...{ topic: 'sales', rules: RULES, categoryLimit: 10, threads, limits: LIMITS },
    ...{ rack: '', onCorrupt: 'skip', skip: async (_, skip) => void skipped.push(skip) },
    partitionCount: () => 1,
    replicaOf: () => null,
    leaderOf: () => ({ host: '127.0.0.1', port: 1, epoch: 0, inSync: [] }),
    recover: async (_, reopened) => {
      await recovery.until;
      const asked = reopened.flatMap((key) => late.filter((l) => l.categoria === key.categoria));
      return { progress, contributions: [...contributions, ...asked] };
    },
    health: { asError: (error) => error as never, info: () => {}, trouble: () => {} },
    ...{ wake: () => {}, leaderWanted: () => {} },
    fatal: ({ code }) => fatal.push(code),
  });
  /** What a checkpoint after the lease's end does. */
  const endLease = async (lease: number) => {
    ends[lease]({ outcome: 'stopped' });
    await new Promise(setImmediate);
    manager.reap();
  };
  const endTruncated = (lease: number) =>
    ends[lease]({
      outcome: 'failed',
      message: 'the log does not have it',
      code: 'E_LOG_TRUNCATED',
      corrupt: null,
      options: { retryable: false, exitCode: EXIT.dataLossGuard },
    });
  const endCorrupt = async (lease: number, from: number) => {
    ends[lease]({
      outcome: 'failed',
      message: 'its checksum does not match',
      code: 'E_CORRUPT_BATCH',
      corrupt: { from, to: from + 3 },
      options: { retryable: true },
    });
    await new Promise(setImmediate);
    manager.reap();
  };
  const leases = (count: number) => expect.poll(() => ends.length).toBe(count);
  const started = () => ends.length;
  const counted = { contributions, late, guards, skipped };
  return {
    ...{ manager, progress, fatal, recovery, leases, started, counted },
    ...{ endLease, endTruncated, endCorrupt },
  };
}

test('a partition that is acquired again while it is being let go of is counted again', async () => {
  const { manager, endLease, leases } = setUp();
  manager.acquire(0);
  await leases(1);
  const released = manager.release(0, LIMIT_MS);
  manager.acquire(0);
  await endLease(0);
  await released;
  await leases(2);
  expect(manager.owned).toHaveLength(1);
});

test('and not when it is let go of once more before that', async () => {
  const { manager, endLease, leases, started } = setUp();
  manager.acquire(0);
  await leases(1);
  const released = manager.release(0, LIMIT_MS);
  manager.acquire(0);
  const releasedAgain = manager.release(0, LIMIT_MS);
  await endLease(0);
  await Promise.all([released, releasedAgain]);
  await new Promise(setImmediate);
  expect(started()).toBe(1);
  expect(manager.owned).toEqual([]);
});

test('an owner whose records were deleted when another had counted them goes on from there', async () => {
  const { manager, progress, fatal, endTruncated, leases } = setUp();
  manager.acquire(0);
  await leases(1);
  manager.owned[0].live[LIVE.nextOffset] = 10;
  progress.nextOffset = 15;
  endTruncated(0);
  await leases(2);
  await expect.poll(() => manager.owned[0]?.durable.nextOffset).toBe(15);
  expect(fatal).toEqual([]);
});

test('and stops when nobody had counted them', async () => {
  const { manager, fatal, endTruncated, leases, started } = setUp();
  manager.acquire(0);
  await leases(1);
  manager.owned[0].live[LIVE.nextOffset] = 10;
  endTruncated(0);
  await expect.poll(() => fatal).toEqual(['E_LOG_TRUNCATED']);
  expect(started()).toBe(1);
});

/** What another process has counted up to an offset and told in no progress. */
const countedTo = (ate: number, categoria = 'Casa'): StoredContribution => ({
  ...{ windowStartMs: 0, categoria },
  register: { count: 1, centavos: 1n, menor: 1, maior: 1, ate },
});

test('a batch that cannot be read is passed over when nobody has counted past its start', async () => {
  const { manager, fatal, counted, endCorrupt, leases } = setUp();
  counted.contributions.push(countedTo(10));
  manager.acquire(0);
  await leases(1);
  await endCorrupt(0, 10);
  await leases(2);
  expect(counted.skipped).toMatchObject([{ from: 10, to: 13 }]);
  expect(fatal).toEqual([]);
});

test('and stops the engine when totals tell that somebody could read and has counted it', async () => {
  const { manager, fatal, counted, endCorrupt, leases, started } = setUp();
  counted.contributions.push(countedTo(13), countedTo(11));
  manager.acquire(0);
  await leases(1);
  await endCorrupt(0, 10);
  expect(fatal).toEqual(['E_SKIP_CONFLICT']);
  expect(counted.skipped).toEqual([]);
  expect(started()).toBe(1);
});

const lateKey = (categoria: string): TotalsKey => ({ windowStartMs: 0, categoria });

test('a partition that begins again for one late key passes over what it knew of another', async () => {
  const { manager, counted, leases } = setUp();
  counted.late.push(countedTo(12, 'Casa'), countedTo(12, 'Livros'));
  manager.acquire(0);
  await leases(1);
  manager.beginAgain(0, [lateKey('Casa')]);
  await leases(2);
  manager.beginAgain(0, [lateKey('Livros')]);
  await leases(3);
  manager.beginAgain(0, [lateKey('Livros')]);
  await leases(4);
  const all = ['Casa', 'Livros'];
  expect(counted.guards).toEqual([[], ['Casa'], all, all]);
});

test('and forgets it once the partition is durable as far as all of them', async () => {
  const { manager, progress, counted, leases } = setUp();
  counted.late.push(countedTo(12, 'Casa'));
  manager.acquire(0);
  await leases(1);
  manager.beginAgain(0, [lateKey('Casa')]);
  await leases(2);
  progress.nextOffset = 12;
  manager.owned[0].settle(progress, 0);
  counted.late[0] = countedTo(15, 'Casa');
  counted.late.push(countedTo(15, 'Livros'));
  manager.beginAgain(0, [lateKey('Livros')]);
  await leases(3);
  expect(counted.guards).toEqual([[], ['Casa'], ['Livros']]);
});

test('is not quiet while a recovery is under way, though its partition was let go of', async () => {
  const { manager, recovery, started } = setUp();
  let settle = () => {};
  recovery.until = new Promise<void>((resolve) => {
    settle = resolve;
  });
  manager.acquire(0);
  await manager.release(0, LIMIT_MS);
  let isQuiet = false;
  const quiet = manager.quiet().then(() => {
    isQuiet = true;
  });
  await new Promise(setImmediate);
  expect(isQuiet).toBe(false);
  settle();
  await quiet;
  expect(started()).toBe(0);
});
