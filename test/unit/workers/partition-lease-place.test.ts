/** How a lease sees that the log it reads is the one that was counted, record after record. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KAFKA_ERROR } from '../../../src/kafka/protocol/error-codes.ts';
import { EXIT } from '../../../src/lib/errors.ts';
import { NO_TOPIC_ID } from '../../../src/lib/topic-id.ts';
import { FetchServer } from '../../parts/fetch-server.ts';
import { LeaseDriver, type LeaseOptions, until } from '../../parts/lease-driver.ts';
import { LIMITS, saleJson } from '../../parts/lease-regions.ts';
import { DEFAULT_TIMESTAMP_MS, recordBatch, sealed } from '../../parts/record-batch-builder.ts';

const T = DEFAULT_TIMESTAMP_MS;
const KEY = `${T / 60_000}|Casa`;

const leases: LeaseDriver[] = [];
let server: FetchServer;

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

/** The leader epoch of each batch is 7. */
function sales(baseOffset: number, count: number, centavos = 1): Buffer {
  const records = Array.from({ length: count }, () => ({ value: saleJson('Casa', centavos, T) }));
  return recordBatch({ baseOffset, records });
}

const moved = (batch: Buffer, offset: number) => {
  const copy = Buffer.from(batch);
  copy.writeBigInt64BE(BigInt(offset));
  return copy;
};
const crcOf = (batch: Buffer) => batch.readUInt32BE(17);

/** Everything up to `offset` was counted once. */
async function expectAll(driver: LeaseDriver, offset: number): Promise<void> {
  await driver.reached(offset);
  expect((await driver.checkpoint()).counted).toBe(offset);
  expect(driver.drained.sums[KEY].count).toBe(offset);
}

describe('the epoch of what was read last', () => {
  it('is told to the broker on each new connection, and kept with the position', async () => {
    server.append(sales(0, 3));
    server.reply = ({ offset, connection }) =>
      offset === 3 && connection === 0 ? 'close' : 'serve';
    const driver = lease();
    await until(() => server.asked.some(({ connection }) => connection === 1), 'it is back');
    server.append(sales(3, 2));
    await expectAll(driver, 5);
    const first = server.asked.filter(({ connection }) => connection === 0);
    expect(first.map(({ offset, lastEpoch }) => [offset, lastEpoch])).toEqual([
      [0, -1],
      [3, -1],
    ]);
    expect(server.asked.find(({ connection }) => connection === 1)).toMatchObject({
      offset: 3,
      lastEpoch: 7,
    });
    expect(driver.drained.snapshot!.lastBatch).toEqual({ epoch: 7, crc: crcOf(sales(3, 2)) });
  });

  it('is not known any more when it falls, which only a changed byte can make of it', async () => {
    const batch = sales(3, 2);
    batch.writeInt32BE(2, 12);
    server.append(sales(0, 3), batch);
    const driver = lease();
    await expectAll(driver, 5);
    expect(driver.drained.snapshot!.lastBatch.epoch).toBe(-1);
  });

  it('ends the lease when the log was cut back below it and went on otherwise', async () => {
    server.reply = () => ({ divergence: { epoch: 6, endOffset: 30 }, highWatermark: 90 });
    const driver = lease({ start: { nextOffset: 40, lastBatch: { epoch: 7, crc: 1 } } });
    expect(await driver.result).toMatchObject({
      outcome: 'failed',
      code: 'E_LOG_REWOUND',
      message: expect.stringContaining('cut back to offset 30'),
      options: { exitCode: EXIT.dataLossGuard, retryable: false },
    });
    expect(driver.drain()).toMatchObject({ nextOffset: 40, counted: 0 });
  });
});

describe('where a cluster has no topic ids', () => {
  const byName = (crc: number, nextOffset = 3): LeaseOptions => ({
    topicId: NO_TOPIC_ID,
    start: { nextOffset, lastBatch: { epoch: 7, crc } },
  });

  it('the batch before the position is read once more, and counted no second time', async () => {
    server.append(sales(0, 3), sales(3, 2));
    const driver = lease(byName(crcOf(sales(0, 3))));
    await driver.reached(5);
    expect((await driver.checkpoint()).counted).toBe(2);
    expect(server.asked[0]).toMatchObject({ offset: 2, topic: 'vendas' });
  });

  it('an idle partition is probed no further', async () => {
    server.append(sales(0, 3));
    const driver = lease(byName(crcOf(sales(0, 3))));
    await until(() => driver.live('atEnd') === 1, 'it is at the end');
    expect(server.asked.filter(({ offset }) => offset === 2)).toHaveLength(1);
    server.append(sales(3, 2));
    await driver.reached(5);
    expect((await driver.checkpoint()).counted).toBe(2);
  });

  it('another batch at its place ends the lease: the topic was made anew', async () => {
    server.append(sales(0, 3, 77), sales(3, 2));
    const driver = lease(byName(crcOf(sales(0, 3))));
    expect(await driver.result).toMatchObject({
      outcome: 'failed',
      code: 'E_TOPIC_RECREATED',
      options: { exitCode: EXIT.dataLossGuard },
    });
    expect(driver.drain()).toMatchObject({ nextOffset: 3, counted: 0 });
  });

  it('a topic made anew while its connection was lost is seen, however far the new one goes', async () => {
    server.append(sales(0, 3), sales(3, 2));
    const driver = lease({ topicId: NO_TOPIC_ID });
    await driver.reached(5);
    await until(() => driver.live('atEnd') === 1, 'it is at the end');
    server.log.splice(0, 2, sales(0, 3, 77), sales(3, 2, 77), sales(5, 9, 77));
    server.dropConnections();
    expect(await driver.result).toMatchObject({ outcome: 'failed', code: 'E_TOPIC_RECREATED' });
    expect(driver.drain()).toMatchObject({ nextOffset: 5, counted: 5 });
  });

  it('the same topic on a new connection is counted on', async () => {
    server.append(sales(0, 3));
    const driver = lease({ topicId: NO_TOPIC_ID });
    await driver.reached(3);
    server.dropConnections();
    await until(() => server.asked.some(({ connection }) => connection === 1), 'it is back');
    server.append(sales(3, 2));
    await expectAll(driver, 5);
  });

  it('a batch that compaction made smaller is no other one', async () => {
    const value = saleJson('Casa', 1, T);
    const compacted = recordBatch({
      baseOffset: 0,
      records: [{ value, offset: 1 }],
      lastOffset: 2,
    });
    server.append(compacted, sales(3, 2));
    const driver = lease(byName(crcOf(sales(0, 3))));
    await driver.reached(5);
    expect((await driver.checkpoint()).counted).toBe(2);
  });

  it('the position may lie within the batch', async () => {
    server.append(sales(0, 5));
    const driver = lease(byName(crcOf(sales(0, 5))));
    await driver.reached(5);
    expect((await driver.checkpoint()).counted).toBe(2);
  });

  it('the record before may have been deleted since', async () => {
    server.append(sales(3, 2));
    server.reply = ({ offset }) => (offset < 3 ? { error: KAFKA_ERROR.offsetOutOfRange } : 'serve');
    const driver = lease(byName(crcOf(sales(0, 3))));
    await driver.reached(5);
    expect((await driver.checkpoint()).counted).toBe(2);
    expect(driver.troubles).toEqual([]);
  });
});

describe('a batch at a wrong place', () => {
  /** Answers the first fetch with these, and every other one from the log. */
  function onceInstead(...batches: Buffer[]): void {
    server.append(sales(0, 3), sales(3, 3, 2), sales(6, 3));
    const records = Buffer.concat(batches);
    server.reply = (asked) =>
      asked.correlationId === 2 && asked.connection === 0 ? { records, highWatermark: 9 } : 'serve';
  }

  it.each([
    ['ahead, over records that follow it', [moved(sales(0, 3), 2), sales(3, 3, 2)], []],
    ['ahead, past the end of the log', [moved(sales(0, 3), 2 ** 40)], ['E_CORRUPT_BATCH']],
    ['ahead, past any number', [moved(sales(0, 3), 2 ** 62)], ['E_CORRUPT_BATCH']],
    ['back, within what was read', [sales(0, 3), moved(sales(3, 3, 2), 1)], ['E_CORRUPT_BATCH']],
    ['back, before what was read', [sales(0, 3), moved(sales(3, 3, 2), 0)], ['E_CORRUPT_BATCH']],
    ['below zero', [moved(sales(0, 3), -2)], []],
    ['below zero as a whole', [moved(sales(0, 3), -9)], ['E_CORRUPT_BATCH']],
    ['ahead, between two', [sales(0, 3), moved(sales(3, 3, 2), 4)], []],
  ])('%s, is fetched again and counted once', async (_, batches, troubles) => {
    onceInstead(...batches);
    const driver = lease();
    await expectAll(driver, 9);
    expect(driver.troubles).toEqual(troubles);
  });

  it('with an offset of its own twice is corrupt', async () => {
    const value = saleJson('Casa', 1, T);
    const twice = recordBatch({
      baseOffset: 0,
      records: [{ value }, { value }, { value, offset: 1 }],
      lastOffset: 2,
    });
    server.reply = () => ({ records: twice, highWatermark: 3 });
    expect(await lease().result).toMatchObject({
      code: 'E_CORRUPT_BATCH',
      message: expect.stringContaining('offset 1 comes again'),
    });
  });

  it('with an offset from before it is corrupt, not read already', async () => {
    const value = saleJson('Casa', 1, T);
    const before = recordBatch({
      baseOffset: 3,
      records: [
        { value, offset: 2 },
        { value, offset: 4 },
        { value, offset: 5 },
      ],
      lastOffset: 5,
    });
    server.reply = () => ({ records: before, highWatermark: 6 });
    expect(await lease({ start: { nextOffset: 3 } }).result).toMatchObject({
      code: 'E_CORRUPT_BATCH',
      message: expect.stringContaining('offset 2 comes again'),
    });
  });

  it('that a broker sends again and again ends the lease instead of turning for ever', async () => {
    server.reply = () => ({ records: sales(0, 3), highWatermark: 9 });
    const driver = lease({ start: { nextOffset: 6 } });
    expect(await driver.result).toMatchObject({ code: 'E_CORRUPT_BATCH', corrupt: null });
  });
});

describe('a gap', () => {
  it('is believed when it is seen a second time, and then so are all others', async () => {
    server.append(sales(0, 3), sales(10, 3), sales(20, 3), sales(30, 3));
    const driver = lease();
    await driver.reached(33);
    expect((await driver.checkpoint()).counted).toBe(12);
    expect(driver.troubles).toEqual([]);
    expect(server.connections).toBe(2);
  });
});

describe('a position within a batch', () => {
  it('goes on in that batch after a full table and a lost connection', async () => {
    const records = Array.from({ length: 12 }, (_, i) => ({ value: saleJson(`C${i % 6}`, 1, T) }));
    server.append(recordBatch({ baseOffset: 0, records }));
    const driver = lease({ limits: { ...LIMITS, tableSlots: 4 } });
    await until(() => driver.said('full').length > 0, 'the table is full');
    const { nextOffset, lastBatch } = await driver.checkpoint();
    expect(nextOffset).toBe(3);
    expect(lastBatch.crc).toBe(crcOf(recordBatch({ baseOffset: 0, records })));
    await driver.stop();
    const next = lease({ start: { nextOffset, lastBatch } });
    await next.reached(12);
    expect((await next.checkpoint()).counted).toBe(9);
  });

  it('keeps the batch before it when nothing of the next one was judged', async () => {
    const categories = Array.from({ length: 3 }, (_, i) => ({ value: saleJson(`C${i}`, 1, T) }));
    const full = recordBatch({ baseOffset: 0, records: categories });
    const other = recordBatch({ baseOffset: 3, records: [{ value: saleJson('Livros', 1, T) }] });
    server.append(full, other);
    const driver = lease({ limits: { ...LIMITS, tableSlots: 4 } });
    await until(() => driver.said('full').length > 0, 'the table is full');
    const snapshot = await driver.checkpoint();
    expect(snapshot).toMatchObject({ nextOffset: 3, lastBatch: { crc: crcOf(full) } });
    await driver.reached(4);
  });
});

describe('a length that is wrong', () => {
  it.each([
    ['more than any batch can have', 2 ** 31 - 1],
    ['more than there is', 5000],
  ])('of %s is corrupt, not asked for again and again', async (_, length) => {
    const batch = sealed(sales(0, 3));
    batch.writeInt32BE(length, 8);
    server.reply = () => ({ records: batch, highWatermark: 3 });
    const driver = lease();
    expect(await driver.result).toMatchObject({ code: 'E_CORRUPT_BATCH', corrupt: null });
    expect(driver.troubles).toHaveLength(5);
  });
});
