import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LEASE_STATE } from '../../../src/state/layout.ts';
import { FetchServer, TOPIC_ID } from '../../parts/fetch-server.ts';
import { LeaseDriver, type LeaseOptions, until } from '../../parts/lease-driver.ts';
import { LIMITS, saleJson } from '../../parts/lease-regions.ts';
import { DEFAULT_TIMESTAMP_MS, marker, recordBatch } from '../../parts/record-batch-builder.ts';

const T = DEFAULT_TIMESTAMP_MS;
const KEY = `${T / 60_000}|Casa`;

let server: FetchServer;

const leases: LeaseDriver[] = [];

beforeEach(async () => {
  server = await FetchServer.start();
});

afterEach(async () => {
  for (const lease of leases.splice(0)) await lease.stop().catch(() => {});
  await server.close();
});

function lease(options: LeaseOptions = {}): LeaseDriver {
  const driver = new LeaseDriver({ port: server.port }, options);
  leases.push(driver);
  return driver;
}

/** A batch of `count` sales of one centavo each. */
function sales(baseOffset: number, count: number, categoria = 'Casa'): Buffer {
  const value = saleJson(categoria, 1, T);
  return recordBatch({ baseOffset, records: Array.from({ length: count }, () => ({ value })) });
}

/** A batch of sales with one new category each, which fill a table of four slots at the fourth. */
function spread(baseOffset: number, count: number): Buffer {
  const records = Array.from({ length: count }, (_, i) => ({
    value: saleJson(`C${(baseOffset + i) % 8}`, 1, T),
  }));
  return recordBatch({ baseOffset, records });
}

const SMALL = { ...LIMITS, tableSlots: 4 };

describe('PartitionLease', () => {
  it('counts the log to its end and goes on with what is appended', async () => {
    server.append(sales(0, 3), sales(3, 2));
    const driver = lease();
    await driver.reached(5);
    server.append(sales(5, 4));
    await driver.reached(9);
    expect(await driver.checkpoint()).toMatchObject({ nextOffset: 9, counted: 9 });
    expect(driver.drained.sums[KEY]).toMatchObject({ count: 9, centavos: 9 });
    expect(driver.live('firstEndOffset')).toBe(5);
    expect(driver.live('highWatermark')).toBe(9);
  });

  it("asks by topic id, with the leader's epoch, for committed records from its start", async () => {
    lease({ start: { nextOffset: 42 } });
    await until(() => server.asked.length > 0, 'a fetch is asked for');
    expect(server.asked[0]).toMatchObject({
      version: 13,
      topic: TOPIC_ID,
      partition: 0,
      leaderEpoch: 7,
      isolation: 1,
      offset: 42,
      bytesMax: 64 * 1024,
    });
  });

  it('asks by name where the broker gives no topic id', async () => {
    server.append(sales(0, 1));
    const driver = lease({ topicId: '0'.repeat(32) });
    await driver.reached(1);
    expect(server.asked[0]).toMatchObject({ version: 12, topic: 'vendas' });
  });

  it('starts inside a batch where the last owner stopped', async () => {
    server.append(sales(0, 10));
    const driver = lease({ start: { nextOffset: 7, counted: 7 } });
    await driver.reached(10);
    expect(await driver.checkpoint()).toMatchObject({ counted: 10 });
    expect(driver.drained.sums[KEY].count).toBe(3);
  });

  it('leaves out rolled-back records, and does not read past open transactions', async () => {
    const transactional = (baseOffset: number, producerId: bigint) =>
      recordBatch({
        baseOffset,
        records: [{ value: saleJson('Casa', 1, T) }],
        transactional: true,
        producerId,
      });
    server.aborted = [{ producerId: 9n, firstOffset: 0 }];
    server.append(
      transactional(0, 9n),
      transactional(1, 8n),
      marker(2, 9n, 'abort'),
      marker(3, 8n, 'commit'),
      transactional(4, 9n),
      marker(5, 9n, 'commit'),
      transactional(6, 9n),
    );
    server.lastStableOffset = 6;
    const driver = lease();
    await driver.reached(6);
    await until(() => server.asked.some(({ offset }) => offset === 6), 'the end is asked for');
    expect(await driver.checkpoint()).toMatchObject({ nextOffset: 6, counted: 2, atEnd: false });
    server.aborted = [];
    server.append(marker(7, 9n, 'commit'));
    server.lastStableOffset = null;
    await driver.reached(8);
    expect(await driver.checkpoint()).toMatchObject({ nextOffset: 8, counted: 3 });
  });
});

describe('the end of the log', () => {
  it('is seen by a fetch that finds nothing, and not before', async () => {
    server.append(sales(0, 1));
    server.reply = ({ offset }) => (offset === 1 ? 'never' : 'serve');
    const driver = lease();
    await driver.reached(1);
    await until(() => server.asked.length === 2, 'the next fetch is asked for');
    expect(await driver.checkpoint()).toMatchObject({ atEnd: false, idleMs: 0 });
  });

  it('makes idle time as long as fetches find nothing, and none once records come', async () => {
    server.append(sales(0, 1));
    const driver = lease();
    await until(() => driver.live('atEnd') === 1, 'the end is seen');
    let snapshot = await driver.checkpoint();
    while (snapshot.idleMs === 0) snapshot = await driver.checkpoint();
    expect(snapshot.atEnd).toBe(true);
    server.reply = ({ offset }) => (offset === 2 ? 'never' : 'serve');
    server.append(sales(1, 1));
    await driver.reached(2);
    expect(await driver.checkpoint()).toMatchObject({ atEnd: false, idleMs: 0 });
  });

  it('is not seen while the high watermark lies further on', async () => {
    server.reply = () => ({ highWatermark: 5, lastStableOffset: 0 });
    const driver = lease();
    await until(() => server.asked.length > 3, 'several fetches found nothing');
    expect(await driver.checkpoint()).toMatchObject({ atEnd: false, idleMs: 0 });
  });

  it('is no longer known when the connection breaks', async () => {
    const driver = lease();
    await until(() => driver.live('atEnd') === 1, 'the end is seen');
    server.reply = () => 'never';
    server.dropConnections();
    await until(() => driver.troubles.length > 0, 'the break is noticed');
    expect(await driver.checkpoint()).toMatchObject({ atEnd: false, idleMs: 0 });
  });
});

describe('fetching ahead', () => {
  it('asks for the next records before the present ones are scanned, and for no more', async () => {
    server.append(spread(0, 5));
    server.reply = ({ offset }) => {
      if (offset === 5 && server.log.length === 1) server.log.push(spread(5, 5));
      return 'serve';
    };
    const driver = lease({ limits: SMALL });
    await until(() => driver.said('full').length > 0, 'the table is full');
    expect(driver.live('nextOffset')).toBe(3);
    // Stuck at 3, it has asked for what comes after the whole response.
    await until(() => server.asked.length === 2, 'the next fetch is asked for');
    expect(server.asked.map(({ offset }) => offset)).toEqual([0, 5]);
    await driver.checkpoint();
    await until(() => driver.said('full').length > 1, 'the table is full again');
    expect(server.asked.map(({ offset }) => offset)).toEqual([0, 5, 10]);
    await driver.drainTo(10);
    const counts = Object.values(driver.drained.sums).map(({ count }) => count);
    expect(counts.reduce((sum, count) => sum + count)).toBe(10);
  });

  it('fetches a batch again from its start when a response ends in the middle of it', async () => {
    const [first, second] = [sales(0, 3), sales(3, 3)];
    server.append(first, second);
    const driver = lease({ fetchBytes: first.length + 100 });
    await driver.reached(6);
    expect(server.asked.slice(0, 2).map(({ offset }) => offset)).toEqual([0, 3]);
    await driver.checkpoint();
    expect(driver.drained.sums[KEY].count).toBe(6);
  });

  it('asks for as much as a batch needs that is larger than a fetch, and for less again', async () => {
    const large = sales(0, 1000);
    server.append(large, sales(1000, 3), sales(1003, 3));
    const driver = lease({ fetchBytes: 20_000 });
    await driver.reached(1006);
    const sizes = server.asked.filter(({ offset }) => offset === 0).map((asked) => asked.bytesMax);
    expect(sizes).toEqual([20_000, large.length]);
    await until(() => server.asked.at(-1)?.offset === 1006, 'more is asked for');
    await until(() => server.asked.at(-1)?.bytesMax === 20_000, 'as little as before');
    expect(driver.live('reconnects')).toBe(0);
    await driver.checkpoint();
    expect(driver.drained.sums[KEY].count).toBe(1006);
  });

  it('takes a response that is larger than what was asked for', async () => {
    const records = sales(0, 2000);
    server.log.push(records);
    server.reply = ({ offset }) => (offset > 0 ? 'serve' : { records, highWatermark: 2000 });
    const driver = lease({ fetchBytes: 1024 });
    await driver.reached(2000);
    expect((await driver.checkpoint()).counted).toBe(2000);
  });
});

describe('a full delta', () => {
  it('stops the scan and the fetching until it is frozen', async () => {
    server.append(spread(0, 100));
    const driver = lease({ limits: SMALL });
    await until(() => driver.said('full').length > 0, 'the table is full');
    expect(driver.live('state')).toBe(LEASE_STATE.full);
    await driver.drainTo(100);
    expect(Object.values(driver.drained.sums).map(({ count }) => count)).toEqual([
      13, 13, 13, 13, 12, 12, 12, 12,
    ]);
    expect(driver.live('state')).toBe(LEASE_STATE.fetching);
  });

  it('keeps the rest of its response when the connection breaks meanwhile', async () => {
    server.append(spread(0, 40));
    server.reply = ({ offset, connection }) =>
      offset === 40 && connection === 0 ? 'never' : 'serve';
    const driver = lease({ limits: SMALL });
    await until(() => server.asked.length === 2, 'the next fetch is asked for');
    server.dropConnections();
    await until(() => driver.troubles.length > 0, 'the break is noticed');
    // Its first back-off is over: a new connection would fetch over what it still scans.
    await new Promise((resolve) => setTimeout(resolve, 110));
    expect(server.connections).toBe(1);
    server.append(spread(40, 40));
    await driver.drainTo(80);
    const total = Object.values(driver.drained.sums).reduce((sum, { count }) => sum + count, 0);
    expect(total).toBe(80);
    expect(server.asked.filter(({ offset }) => offset === 0)).toHaveLength(1);
  });

  it('drops the response that waits behind it when the connection breaks, and fetches it again', async () => {
    server.append(spread(0, 8), spread(8, 8));
    server.reply = ({ offset, connection }) =>
      offset === 0
        ? { records: server.log[0], highWatermark: 16 }
        : connection > 2
          ? 'never'
          : 'serve';
    const driver = lease({ limits: SMALL });
    await until(() => driver.said('full').length > 0 && server.asked.length === 2, 'it is stuck');
    server.dropConnections();
    await until(() => driver.troubles.length > 0, 'the break is noticed');
    await driver.drainTo(16);
    const total = Object.values(driver.drained.sums).reduce((sum, { count }) => sum + count, 0);
    expect(total).toBe(16);
    expect(driver.drained.snapshot?.counted).toBe(16);
  });
});
