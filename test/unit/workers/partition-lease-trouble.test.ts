/** What a lease does when a broker misbehaves, moves or dies, and how it ends. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KAFKA_ERROR } from '../../../src/kafka/protocol/error-codes.ts';
import { EXIT } from '../../../src/lib/errors.ts';
import { LEASE_STATE } from '../../../src/state/layout.ts';
import { FetchServer, fetchResponse, TOPIC_ID } from '../../parts/fetch-server.ts';
import { LeaseDriver, type LeaseOptions, until } from '../../parts/lease-driver.ts';
import { LIMITS, saleJson } from '../../parts/lease-regions.ts';
import { DEFAULT_TIMESTAMP_MS, oldMessage, recordBatch } from '../../parts/record-batch-builder.ts';

const T = DEFAULT_TIMESTAMP_MS;
const KEY = `${T / 60_000}|Casa`;

const servers: FetchServer[] = [];
const leases: LeaseDriver[] = [];
let server: FetchServer;

async function startServer(mute = false): Promise<FetchServer> {
  const started = await FetchServer.start({ mute });
  servers.push(started);
  return started;
}

beforeEach(async () => {
  server = await startServer();
});

afterEach(async () => {
  for (const lease of leases.splice(0)) await lease.stop().catch(() => {});
  for (const started of servers.splice(0)) await started.close();
});

function lease(options: LeaseOptions = {}, port = server.port): LeaseDriver {
  const driver = new LeaseDriver({ port }, options);
  leases.push(driver);
  return driver;
}

function sales(baseOffset: number, count: number): Buffer {
  const value = saleJson('Casa', 1, T);
  return recordBatch({ baseOffset, records: Array.from({ length: count }, () => ({ value })) });
}

/** Everything up to `offset` was counted once. */
async function expectAll(driver: LeaseDriver, offset: number): Promise<void> {
  await driver.reached(offset);
  expect((await driver.checkpoint()).counted).toBe(offset);
  expect(driver.drained.sums[KEY].count).toBe(offset);
}

describe('a lease in trouble', () => {
  it.each([
    ['has moved', KAFKA_ERROR.notLeaderOrFollower, 'NOT_LEADER_OR_FOLLOWER'],
    ['is fenced by a newer one', KAFKA_ERROR.fencedLeaderEpoch, 'FENCED_LEADER_EPOCH'],
    ['is newer than it knows', KAFKA_ERROR.unknownLeaderEpoch, 'UNKNOWN_LEADER_EPOCH'],
  ])('asks for the leader when it %s, and follows it', async (_, error, name) => {
    const next = await startServer();
    next.append(sales(0, 3), sales(3, 3));
    server.append(sales(0, 3));
    server.reply = ({ offset }) => (offset < 3 ? 'serve' : { error });
    const driver = lease();
    await until(() => driver.said('leader-wanted').length > 0, 'the leader is asked for');
    expect(driver.said('leader-wanted')[0].reason).toContain(name);
    expect(driver.live('state')).toBe(LEASE_STATE.backingOff);
    driver.send({
      kind: 'leader',
      leader: { host: '127.0.0.1', port: next.port, epoch: 8, inSync: [] },
    });
    await expectAll(driver, 6);
    expect(next.asked[0]).toMatchObject({ offset: 3, leaderEpoch: 8 });
    expect(driver.live('reconnects')).toBeGreaterThan(0);
  });

  it.each([
    ['the partition', (error: number) => ({ error })],
    [
      'the whole request',
      (error: number) => {
        const raw = fetchResponse(13, TOPIC_ID, {});
        raw.writeInt16BE(error, 9);
        return { raw };
      },
    ],
  ])('tries again when the broker refuses %s for now', async (_, refusal) => {
    server.append(sales(0, 3));
    server.reply = (asked) => {
      if (asked.connection > 0) return 'serve';
      const reply = refusal(KAFKA_ERROR.kafkaStorageError);
      if ('raw' in reply) reply.raw.writeInt32BE(asked.correlationId, 0);
      return reply;
    };
    const driver = lease();
    await expectAll(driver, 3);
    expect(driver.troubles).toEqual(['E_FETCH']);
  });

  it('connects again after the broker has closed the connection, and counts nothing twice', async () => {
    server.append(sales(0, 5));
    server.reply = ({ connection }) => (connection < 2 ? 'close' : 'serve');
    const driver = lease();
    await expectAll(driver, 5);
    expect(driver.troubles).toEqual(['E_BROKER_UNREACHABLE', 'E_BROKER_UNREACHABLE']);
  });

  it('drops a response that breaks off in the middle', async () => {
    server.append(sales(0, 5));
    server.reply = (asked) => {
      if (asked.connection > 0) return 'serve';
      const whole = fetchResponse(13, TOPIC_ID, { ...asked, records: sales(0, 5), error: 0 });
      const frame = Buffer.concat([Buffer.alloc(4), whole]);
      frame.writeInt32BE(whole.length, 0);
      return { unframedThenClose: frame.subarray(0, frame.length - 1) };
    };
    const driver = lease();
    await expectAll(driver, 5);
    expect(driver.live('bytesRead')).toBe(sales(0, 5).length);
  });

  it('waits for a broker that is not there yet', async () => {
    const late = await startServer();
    const { port } = late;
    await late.close();
    servers.pop();
    const driver = lease({}, port);
    await until(() => driver.troubles.length > 0, 'the refused connection is noticed');
    expect(driver.troubles[0]).toBe('E_BROKER_UNREACHABLE');
    server.append(sales(0, 2));
    driver.send({
      kind: 'leader',
      leader: { host: '127.0.0.1', port: server.port, epoch: 7, inSync: [] },
    });
    await expectAll(driver, 2);
  });

  it('does not take the answer to another request for its own', async () => {
    server.append(sales(0, 5));
    server.reply = ({ connection, correlationId }) =>
      connection === 0
        ? { correlationId: correlationId + 1, records: sales(0, 3), highWatermark: 5 }
        : 'serve';
    const driver = lease();
    await expectAll(driver, 5);
    expect(driver.said('trouble')[0].message).toContain('another request');
  });

  it.each([
    [
      'an answer that ends too early',
      (id: Buffer) => ({ raw: Buffer.concat([id, Buffer.alloc(9)]) }),
    ],
    ['noise', (id: Buffer) => ({ raw: Buffer.concat([id, Buffer.alloc(400, 0xa7)]) })],
    [
      'the answer for two topics',
      (id: Buffer) => {
        const raw = fetchResponse(13, TOPIC_ID, {});
        id.copy(raw);
        raw[15] = 3;
        return { raw };
      },
    ],
  ])('survives %s', async (_, make) => {
    server.append(sales(0, 5));
    server.reply = ({ connection, correlationId }) => {
      if (connection > 0) return 'serve';
      const id = Buffer.alloc(4);
      id.writeInt32BE(correlationId);
      return make(id);
    };
    const driver = lease();
    await expectAll(driver, 5);
    expect(driver.troubles).toEqual(['E_PROTOCOL']);
  });

  it('survives a peer that speaks no Kafka at all', async () => {
    server.append(sales(0, 1));
    server.reply = ({ connection }) =>
      connection === 0
        ? { unframedThenClose: Buffer.from('HTTP/1.1 400 Bad Request\r\n') }
        : 'serve';
    const driver = lease();
    await expectAll(driver, 1);
    expect(driver.said('trouble')[0].message).toContain('bytes cannot be');
  });
});

describe('a batch that cannot be read', () => {
  it('is fetched again when its checksum does not match', async () => {
    const bad = sales(3, 2);
    bad[bad.length - 10] ^= 1;
    server.append(sales(0, 3), sales(3, 2));
    server.reply = ({ offset, connection }) =>
      connection === 0 && offset === 0
        ? { records: Buffer.concat([sales(0, 3), bad]), highWatermark: 5 }
        : connection === 0
          ? 'never'
          : 'serve';
    const driver = lease();
    await expectAll(driver, 5);
    expect(driver.troubles).toEqual(['E_CORRUPT_BATCH']);
    // Only what was not counted is asked for again.
    expect(server.asked.filter(({ connection }) => connection === 1)[0].offset).toBe(3);
  });

  it.each([
    [
      'checksum',
      (batch: Buffer) => {
        batch[20] ^= 1;
      },
    ],
    ['last offset', (batch: Buffer) => batch.writeInt32BE(-9, 23)],
    ['length', (batch: Buffer) => batch.writeInt32BE(12, 8)],
  ])('ends the lease when its %s stays wrong, with all before it frozen', async (_, spoil) => {
    const bad = sales(3, 2);
    spoil(bad);
    server.reply = ({ offset }) => ({
      records: offset === 0 ? Buffer.concat([sales(0, 3), bad]) : bad,
      highWatermark: 5,
    });
    const driver = lease();
    const result = await driver.result;
    expect(result).toMatchObject({ outcome: 'failed', code: 'E_CORRUPT_BATCH' });
    expect(driver.drain()).toMatchObject({ nextOffset: 3, counted: 3 });
    expect(driver.troubles).toEqual(Array(5).fill('E_CORRUPT_BATCH'));
  });

  it('ends the lease at once when its codec is unknown, with all before it frozen', async () => {
    server.append(
      sales(0, 3),
      recordBatch({ baseOffset: 3, records: [{ value: 'zipped' }], codec: 5 }),
    );
    const driver = lease();
    const result = await driver.result;
    expect(result).toMatchObject({ outcome: 'failed', code: 'E_UNKNOWN_CODEC' });
    expect(result).toMatchObject({
      message: expect.stringContaining('offset 3'),
      options: { retryable: false },
    });
    expect(result).toMatchObject({ message: expect.stringContaining('codec 5') });
    expect(driver.drain()).toMatchObject({ nextOffset: 3, counted: 3 });
  });

  it.each([
    ['before 1970', -5],
    ['today', T],
  ])(
    'ends the lease at once when it has an old message format: a short one of %s',
    async (_, at) => {
      server.reply = () => ({ records: oldMessage(0, '{}', at), highWatermark: 1 });
      const result = await lease().result;
      expect(result).toMatchObject({ outcome: 'failed', code: 'E_MESSAGE_FORMAT' });
    },
  );

  it('ends the lease at once when it has an old message format: a long one', async () => {
    const value = saleJson('Casa', 1, T);
    server.reply = () => ({ records: oldMessage(0, value, T), highWatermark: 1 });
    const result = await lease().result;
    expect(result).toMatchObject({ outcome: 'failed', code: 'E_MESSAGE_FORMAT' });
    expect(result).toMatchObject({ message: expect.stringContaining('v1') });
  });
});

describe('what of a corrupt batch is believed', () => {
  const spoiled = (batch: Buffer, at = batch.length - 10) => {
    const copy = Buffer.from(batch);
    copy[at] ^= 1;
    return copy;
  };
  const never = recordBatch({ baseOffset: 3, records: [{ value: 'x' }], countField: 2 });

  it.each([
    ['its end by the next right one', [sales(0, 3), spoiled(sales(3, 2)), sales(5, 2)], [3, 5]],
    [
      'several by the first right one after them',
      [sales(0, 3), spoiled(sales(3, 2)), spoiled(sales(5, 2)), sales(7, 2)],
      [3, 7],
    ],
    ['nothing of the last one', [sales(0, 3), spoiled(sales(3, 4))], null],
    ['not its own last offset', [sales(0, 3), spoiled(sales(3, 2), 26), sales(5, 2)], [3, 5]],
    ['not its length', [sales(0, 3), spoiled(sales(3, 2), 11), sales(5, 2)], null],
    ['its own last offset, when only its records are wrong', [sales(0, 3), never], [3, 4]],
    ['no later one that the log has not', [sales(0, 3), spoiled(sales(3, 2)), sales(90, 2)], null],
  ])('%s', async (_, batches, range) => {
    server.reply = ({ offset }) => ({
      records: Buffer.concat(batches.slice(offset === 0 ? 0 : 1)),
      highWatermark: 9,
    });
    const driver = lease();
    expect(await driver.result).toMatchObject({
      code: 'E_CORRUPT_BATCH',
      corrupt: range && { from: range[0], to: range[1] },
    });
    expect(driver.drain()).toMatchObject({ nextOffset: 3, counted: 3 });
  });

  it('all of its head, when its records are wrong in the middle', async () => {
    const value = saleJson('Casa', 1, T);
    const records = [{ value }, { value }, { value, lengthField: 1 }, { value }];
    server.reply = () => ({ records: recordBatch({ baseOffset: 0, records }), highWatermark: 9 });
    const driver = lease();
    expect(await driver.result).toMatchObject({ corrupt: { from: 2, to: 4 } });
    expect(driver.drain()).toMatchObject({ nextOffset: 2, counted: 2 });
  });
});

describe('a batch whose records are wrong in the middle, behind another one', () => {
  const value = saleJson('Casa', 1, T);
  const records = [{ value }, { value }, { value, lengthField: 1 }, { value }];
  const broken = recordBatch({ baseOffset: 3, records });

  it('is refused for the same reason each time, with its rest to pass over', async () => {
    server.reply = ({ offset }) => ({
      records: offset < 3 ? Buffer.concat([sales(0, 3), broken]) : broken,
      highWatermark: 7,
    });
    const driver = lease();
    expect(await driver.result).toMatchObject({
      code: 'E_CORRUPT_BATCH',
      message: expect.stringContaining('record length'),
      corrupt: { from: 5, to: 7 },
    });
    const reasons = new Set(driver.said('trouble').map(({ message }) => message));
    expect([...reasons]).toEqual([expect.stringContaining('record length')]);
    expect(driver.drain()).toMatchObject({
      nextOffset: 5,
      counted: 5,
      lastBatch: { epoch: 7, crc: -1 },
    });
  });

  it('is counted on from where it was left once it is repaired', async () => {
    server.append(sales(0, 3), sales(3, 4));
    server.reply = ({ offset, connection }) => {
      if (connection > 0) return 'serve';
      return offset < 3
        ? { records: Buffer.concat([sales(0, 3), broken]), highWatermark: 7 }
        : 'never';
    };
    const driver = lease();
    await expectAll(driver, 7);
    expect(driver.troubles).toEqual(['E_CORRUPT_BATCH']);
  });

  it('is refused so by the next lease too, and counted on by it once it is repaired', async () => {
    const start = { nextOffset: 5, counted: 5, lastBatch: { epoch: 7, crc: -1 } };
    server.reply = ({ connection }) =>
      connection < 3 ? { records: broken, highWatermark: 7 } : 'serve';
    server.append(sales(0, 3), sales(3, 4));
    const driver = lease({ start });
    await driver.reached(7);
    expect((await driver.checkpoint()).counted).toBe(7);
    expect(driver.drained.sums[KEY].count).toBe(2);
    expect(driver.said('trouble')[0].message).toContain('record length');
  });
});

describe('an offset that the log does not have', () => {
  it('ends the lease when the log starts after it: records were deleted before they were counted', async () => {
    server.reply = () => ({
      error: KAFKA_ERROR.offsetOutOfRange,
      logStartOffset: 50,
      highWatermark: 90,
    });
    const driver = lease({ start: { nextOffset: 40 } });
    expect(await driver.result).toMatchObject({
      outcome: 'failed',
      code: 'E_LOG_TRUNCATED',
      message: expect.stringContaining('10 records were deleted'),
      options: { exitCode: EXIT.dataLossGuard, retryable: false },
    });
    expect(driver.drain()).toMatchObject({ nextOffset: 40, counted: 0 });
  });

  it('ends the lease when the log ends before it: it was cut back', async () => {
    server.reply = () => ({
      error: KAFKA_ERROR.offsetOutOfRange,
      logStartOffset: 0,
      highWatermark: 30,
    });
    expect(await lease({ start: { nextOffset: 40 } }).result).toMatchObject({
      outcome: 'failed',
      code: 'E_LOG_REWOUND',
      message: expect.stringContaining('the log ends at 30'),
      options: { exitCode: EXIT.dataLossGuard },
    });
  });

  it('ends the lease without claiming which end it is at when the broker does not say', async () => {
    server.reply = () => ({ error: KAFKA_ERROR.offsetOutOfRange });
    expect(await lease({ start: { nextOffset: 40 } }).result).toMatchObject({
      outcome: 'failed',
      code: 'E_LOG_TRUNCATED',
      message: expect.not.stringContaining('-1'),
      options: { exitCode: EXIT.dataLossGuard },
    });
  });
});

describe('a refusal that will not pass', () => {
  it('ends the lease when the user may not read the topic', async () => {
    server.reply = () => ({ error: KAFKA_ERROR.topicAuthorizationFailed });
    expect(await lease().result).toMatchObject({
      outcome: 'failed',
      code: 'E_KAFKA_AUTHORIZATION',
      options: { hint: expect.stringContaining('--topic vendas') },
    });
  });

  it('ends the lease when the broker is too old', async () => {
    const old = await FetchServer.start({
      versions: [
        [1, 0, 11],
        [3, 0, 12],
      ],
    });
    servers.push(old);
    expect(await lease({}, old.port).result).toMatchObject({
      outcome: 'failed',
      code: 'E_BROKER_VERSION',
    });
  });
});

describe('a stop', () => {
  it('freezes what was counted and ends the task', async () => {
    server.append(sales(0, 5));
    const driver = lease();
    await driver.reached(5);
    expect(await driver.stop()).toEqual({ outcome: 'stopped' });
    expect(driver.drained.snapshot).toMatchObject({ nextOffset: 5, counted: 5 });
    expect(driver.live('state')).toBe(LEASE_STATE.stopped);
  });

  it('of a full lease ends it with what was counted, once the frozen delta is drained', async () => {
    const records = Array.from({ length: 20 }, (_, i) => ({ value: saleJson(`C${i % 8}`, 1, T) }));
    server.append(recordBatch({ baseOffset: 0, records }));
    const driver = lease({ limits: { ...LIMITS, tableSlots: 4 } });
    await until(() => driver.said('full').length > 0, 'the table is full');
    driver.send({ kind: 'freeze' });
    await until(() => driver.said('full').length > 1, 'the other table is full too');
    driver.send({ kind: 'stop' });
    driver.send({ kind: 'freeze' });
    await until(() => server.openConnections === 0, 'it has let go of the broker');
    expect(driver.live('nextOffset')).toBe(6);
    expect(driver.ended).toBeNull();
    expect(driver.drain()).toMatchObject({ nextOffset: 3, counted: 3 });
    expect(await driver.result).toEqual({ outcome: 'stopped' });
    expect(driver.drain()).toMatchObject({ nextOffset: 6, counted: 6 });
  });

  it('ends a lease that waits for a broker to answer', async () => {
    const mute = await startServer(true);
    const driver = lease({ start: { nextOffset: 9 } }, mute.port);
    await until(() => mute.versionsAsked > 0, 'it is connecting');
    expect(driver.live('state')).toBe(LEASE_STATE.connecting);
    expect(await driver.stop()).toEqual({ outcome: 'stopped' });
    expect(driver.drained.snapshot).toMatchObject({ nextOffset: 9 });
    // The answer comes all the same, and nothing more is asked for.
    mute.answerVersions();
    await until(() => mute.openConnections === 0, 'the connection is closed');
    expect(mute.asked).toEqual([]);
  });

  it('ends a lease that is backing off, and it never connects again', async () => {
    server.append(sales(0, 2));
    server.reply = ({ offset }) => (offset === 0 ? 'serve' : 'close');
    const driver = lease();
    await until(() => driver.live('state') === LEASE_STATE.backingOff, 'it is backing off');
    const { connections } = server;
    expect(await driver.stop()).toEqual({ outcome: 'stopped' });
    expect(driver.drained.snapshot).toMatchObject({ nextOffset: 2, counted: 2 });
    await until(() => driver.live('state') === LEASE_STATE.stopped, 'it is stopped');
    expect(server.connections).toBe(connections);
  });

  it('asked for twice is one stop', async () => {
    const driver = lease();
    driver.send({ kind: 'stop' });
    expect(await driver.stop()).toEqual({ outcome: 'stopped' });
    expect(driver.drained.snapshot).toMatchObject({ nextOffset: 0, counted: 0 });
    expect(driver.region.frozen).toBeNull();
  });
});
