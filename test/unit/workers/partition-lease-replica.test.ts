/** A lease with a rack, between a leader and a replica nearby. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KAFKA_ERROR } from '../../../src/kafka/protocol/error-codes.ts';
import { FetchServer } from '../../parts/fetch-server.ts';
import { LeaseDriver, until } from '../../parts/lease-driver.ts';
import { saleJson } from '../../parts/lease-regions.ts';
import { DEFAULT_TIMESTAMP_MS, recordBatch } from '../../parts/record-batch-builder.ts';

const REPLICA_ID = 2;

let leader: FetchServer;
let replica: FetchServer;
let driver: LeaseDriver;

beforeEach(async () => {
  [leader, replica] = await Promise.all([FetchServer.start(), FetchServer.start()]);
  // As a leader does: no records, but the bounds, for whoever has a replica nearby.
  leader.reply = ({ rack }) =>
    rack === '' ? 'serve' : { preferredReplica: REPLICA_ID, highWatermark: leader.endOffset };
});

afterEach(async () => {
  await driver.stop().catch(() => {});
  await Promise.all([leader.close(), replica.close()]);
});

function sales(baseOffset: number, count: number): Buffer {
  const value = saleJson('Casa', 1, DEFAULT_TIMESTAMP_MS);
  return recordBatch({ baseOffset, records: Array.from({ length: count }, () => ({ value })) });
}

/** Tells it where the replica is, as the coordinator does; `null` for one that is not in sync. */
async function goesToReplica(isInSync = true): Promise<void> {
  await until(() => driver.said('replica-wanted').length > 0, 'it asks for the replica');
  expect(driver.said('replica-wanted')[0].brokerId).toBe(REPLICA_ID);
  const place = isInSync ? { host: '127.0.0.1', port: replica.port } : null;
  driver.send({ kind: 'replica', brokerId: REPLICA_ID, place });
}

function start(): void {
  const inSync = [1, REPLICA_ID];
  driver = new LeaseDriver({ port: leader.port, inSync }, { rack: 'sa-1' });
}

async function expectAll(offset: number): Promise<void> {
  await driver.reached(offset);
  expect((await driver.checkpoint()).counted).toBe(offset);
}

describe('a lease with a rack', () => {
  it('tells it to the leader, and reads from the replica that the leader names', async () => {
    for (const server of [leader, replica]) server.append(sales(0, 3));
    start();
    await goesToReplica();
    await expectAll(3);
    expect(leader.asked.map(({ rack }) => rack)).toEqual(['sa-1']);
    expect(replica.asked[0]).toMatchObject({ offset: 0, rack: 'sa-1', leaderEpoch: 7 });
    expect(driver.live('firstEndOffset')).toBe(3);
    expect(driver.troubles).toEqual([]);
  });

  it('goes back to the leader when the replica dies, and is served there', async () => {
    for (const server of [leader, replica]) server.append(sales(0, 3));
    start();
    await goesToReplica();
    await driver.reached(3);
    leader.append(sales(3, 2));
    replica.reply = () => 'close';
    replica.dropConnections();
    await expectAll(5);
    expect(leader.asked.at(-1)).toMatchObject({ rack: '' });
  });

  it('takes no word of a replica on what the log has: it may be behind', async () => {
    leader.append(sales(0, 3), sales(3, 2));
    replica.append(sales(0, 3));
    replica.reply = ({ offset }) =>
      offset >= 3 ? { error: KAFKA_ERROR.offsetOutOfRange } : 'serve';
    start();
    await goesToReplica();
    await expectAll(5);
    expect(driver.ended).toBeNull();
    expect(driver.troubles).toEqual([]);
  });

  it('takes no word of a replica on a log that was cut back, and asks the leader with its epoch', async () => {
    leader.append(sales(0, 3), sales(3, 2));
    replica.append(sales(0, 3));
    replica.reply = ({ offset }) =>
      offset >= 3 ? { divergence: { epoch: 6, endOffset: 1 }, highWatermark: 3 } : 'serve';
    start();
    await goesToReplica();
    await expectAll(5);
    expect(leader.asked.find(({ rack }) => rack === '')).toMatchObject({ offset: 3, lastEpoch: 7 });
    expect(driver.ended).toBeNull();
    expect(driver.troubles).toEqual([]);
  });

  it('ends when the leader says it too', async () => {
    const divergence = { epoch: 6, endOffset: 1 };
    replica.append(sales(0, 3));
    replica.reply = ({ offset }) => (offset >= 3 ? { divergence, highWatermark: 3 } : 'serve');
    leader.reply = ({ rack }) =>
      rack === ''
        ? { divergence, highWatermark: 3 }
        : { preferredReplica: REPLICA_ID, highWatermark: 3 };
    start();
    await goesToReplica();
    expect(await driver.result).toMatchObject({ outcome: 'failed', code: 'E_LOG_REWOUND' });
    expect(leader.asked.at(-1)).toMatchObject({ rack: '', offset: 3 });
  });

  it('fetches a batch that is corrupt at the replica from the leader', async () => {
    const bad = sales(3, 2);
    bad[bad.length - 10] ^= 1;
    leader.append(sales(0, 3), sales(3, 2));
    replica.append(sales(0, 3), bad);
    start();
    await goesToReplica();
    await expectAll(5);
    expect(driver.troubles).toEqual(['E_CORRUPT_BATCH']);
  });

  it('stays with the leader while the replica is not in sync', async () => {
    leader.append(sales(0, 3));
    start();
    await goesToReplica(false);
    await expectAll(3);
    expect(replica.connections).toBe(0);
  });

  it('leaves a replica that falls out of sync', async () => {
    for (const server of [leader, replica]) server.append(sales(0, 3));
    start();
    await goesToReplica();
    await driver.reached(3);
    const asked = leader.asked.length;
    const place = { host: '127.0.0.1', port: leader.port, epoch: 7 };
    driver.send({ kind: 'leader', leader: { ...place, inSync: [1] } });
    await until(() => leader.asked.length > asked, 'the leader is asked again');
    expect(leader.asked.at(-1)).toMatchObject({ offset: 3, rack: 'sa-1' });
  });
});

describe('an open transaction', () => {
  it('is no end of the log: the partition is not idle, and its bounds tell why', async () => {
    leader.reply = () => 'serve';
    leader.append(sales(0, 3), sales(3, 2));
    leader.lastStableOffset = 3;
    start();
    await driver.reached(3);
    const { length } = leader.asked;
    await until(() => leader.asked.length > length + 3, 'it has asked in vain');
    expect(driver.live('atEnd')).toBe(0);
    expect(driver.live('lastStableOffset')).toBe(3);
    expect(driver.live('highWatermark')).toBe(5);
    expect((await driver.checkpoint()).atEnd).toBe(false);
    leader.lastStableOffset = null;
    leader.append(sales(5, 1));
    await expectAll(6);
  });
});
