import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { OPTIONS } from '../../src/config/options.ts';
import { startEmbeddedDatabase } from '../../src/mongo/embedded-database.ts';
import { startKafkaBroker } from '../parts/kafka-broker.ts';
import {
  addPartitions,
  createTopic,
  deleteRecordsBefore,
  offsetRanges,
  produceRecords,
  readTopic,
  uniqueName,
} from '../parts/topic.ts';

const brokers = inject('kafkaBrokers');
const NOON = Date.UTC(2024, 10, 25, 12);

async function connected(url: string, limitMs = 30_000): Promise<MongoClient> {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: limitMs });
  onTestFinished(() => client.close());
  return client.connect();
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('the developer’s environment', () => {
  test('does not reach the tests or what they start', () => {
    const names = Object.values(OPTIONS).map((option) => option.env);
    expect(names.filter((name) => process.env[name] !== undefined)).toEqual([]);
    const child = execFileSync(process.execPath, ['-p', 'process.env.KAFKA_BROKERS']);
    expect(child.toString().trim()).toBe('undefined');
  });
});

describe('the broker', () => {
  test('gives back 100 records as they were produced', async () => {
    const topic = await createTopic(brokers, uniqueName(), { partitions: 3 });
    const records = Array.from({ length: 100 }, (_, index) => ({
      value: `sale ${index}`,
      key: index % 2 === 0 ? `key ${index}` : null,
      headers: [
        ['trace', `t${index}`],
        ['trace', Buffer.from([0, 255])],
      ] as const,
      timestamp: NOON + index,
      partition: index % 3,
    }));
    const positions = await produceRecords(brokers, topic, records);

    const read = await readTopic(brokers, topic);
    expect(read).toHaveLength(100);
    const at = new Map(read.map((record) => [`${record.partition}/${record.offset}`, record]));
    records.forEach((record, index) => {
      const { partition, offset } = positions[index];
      expect(partition).toBe(record.partition);
      expect(at.get(`${partition}/${offset}`)).toEqual({
        partition,
        offset,
        value: Buffer.from(record.value),
        key: record.key === null ? null : Buffer.from(record.key),
        timestamp: record.timestamp,
        headers: [
          ['trace', Buffer.from(`t${index}`)],
          ['trace', Buffer.from([0, 255])],
        ],
      });
    });
  });

  test('forgets records that are deleted and takes more partitions', async () => {
    const topic = await createTopic(brokers, uniqueName(), { partitions: 1 });
    await produceRecords(
      brokers,
      topic,
      ['a', 'b', 'c'].map((value) => ({ value })),
    );
    await deleteRecordsBefore(brokers, topic, { partition: 0, offset: 2 });
    await addPartitions(brokers, topic, 2);
    expect(await offsetRanges(brokers, topic)).toEqual([
      { partition: 0, low: 2, high: 3 },
      { partition: 1, low: 0, high: 0 },
    ]);
    expect((await readTopic(brokers, topic)).map(({ value }) => String(value))).toEqual(['c']);
  });

  test('keeps its records through a kill and a restart, and leaves nothing behind', async () => {
    const broker = await startKafkaBroker();
    onTestFinished(() => broker.stop());
    const topic = await createTopic(broker.brokers, uniqueName(), { partitions: 1 });
    await produceRecords(broker.brokers, topic, [{ value: 'kept', timestamp: NOON }]);

    const killed = broker.pid;
    await broker.kill('SIGKILL');
    expect(isRunning(killed)).toBe(false);
    await broker.restart();
    expect((await readTopic(broker.brokers, topic)).map(({ value }) => String(value))).toEqual([
      'kept',
    ]);

    const { pid } = broker;
    broker.pause(); // stop() must end it all the same
    await broker.stop();
    expect(isRunning(pid)).toBe(false);
  });
});

describe('the database', () => {
  test('decides inside a pipeline update', async () => {
    const client = await connected(inject('mongoUrl'));
    const totals = client.db(uniqueName('db')).collection<{ _id: string; upTo: number }>('totals');
    const raiseTo = (offset: number) =>
      totals.updateOne(
        { _id: 'x' },
        [
          {
            $set: {
              upTo: { $cond: [{ $gt: [offset, { $ifNull: ['$upTo', -1] }] }, offset, '$upTo'] },
            },
          },
        ],
        { upsert: true, writeConcern: { w: 'majority', j: true } },
      );
    await raiseTo(5);
    await raiseTo(3);
    expect(await totals.findOne()).toEqual({ _id: 'x', upTo: 5 });
    await raiseTo(8);
    expect(await totals.findOne()).toEqual({ _id: 'x', upTo: 8 });
  });

  test('keeps every acknowledged write through a kill on the same storage', async () => {
    const storagePath = await mkdtemp(join(tmpdir(), 'vendaval-parts-'));
    onTestFinished(() => rm(storagePath, { recursive: true, force: true }));
    const first = await startEmbeddedDatabase({ storagePath, syncOnCommit: true });
    onTestFinished(() => first.stop());
    // It looks for the dead one for so long.
    const writer = await connected(first.url, 5000);
    const acknowledged: number[] = [];
    const writes = (async () => {
      for (let n = 0; ; n++) {
        await writer.db('d').collection<{ _id: number }>('c').insertOne({ _id: n });
        acknowledged.push(n);
        // In the middle of the next write, not after it.
        if (n === 50) setImmediate(() => void first.kill('SIGKILL'));
      }
    })();
    await expect(writes).rejects.toThrow();
    await first.kill('SIGKILL');
    expect(isRunning(first.pid)).toBe(false);

    const second = await startEmbeddedDatabase({ storagePath, port: first.port });
    onTestFinished(() => second.stop());
    expect(second.port).toBe(first.port);
    const reader = await connected(second.url);
    const kept = await reader.db('d').collection<{ _id: number }>('c').find().toArray();
    expect(acknowledged.length).toBeGreaterThan(50);
    expect(kept.map(({ _id }) => _id)).toEqual(expect.arrayContaining(acknowledged));
  });

  test('asks for the password when it was started with a user', async () => {
    const auth = { username: 'loja@1', password: 'a:b/c' };
    const database = await startEmbeddedDatabase({ auth });
    onTestFinished(() => database.stop());
    const insert = async (url: string) =>
      (await connected(url)).db('d').collection('c').insertOne({ ok: true });
    await expect(insert(database.url)).resolves.toMatchObject({ acknowledged: true });
    await expect(insert(database.url.replace('a%3Ab', 'wrong'))).rejects.toMatchObject({
      code: 18,
    });
    await expect(insert(database.url.replace(/\/\/.*@/, '//'))).rejects.toMatchObject({ code: 13 });
  });

  test('says why it did not start: another server has its folder', async () => {
    const storagePath = await mkdtemp(join(tmpdir(), 'vendaval-parts-'));
    onTestFinished(() => rm(storagePath, { recursive: true, force: true }));
    const first = await startEmbeddedDatabase({ storagePath });
    onTestFinished(() => first.kill('SIGKILL'));
    await expect(startEmbeddedDatabase({ storagePath })).rejects.toMatchObject({
      code: 'E_DATABASE_START',
      message: expect.stringMatching(/exit code 1.*it last said:\n.*lock|busy|WiredTiger/is),
    });
  });

  test('ends with a parent that was killed, and its temporary folder with it', async () => {
    const module = join(import.meta.dirname, '../../src/mongo/embedded-database.ts');
    const script = `
      const { startEmbeddedDatabase } = await import(${JSON.stringify(module)});
      const database = await startEmbeddedDatabase();
      console.log(database.pid);
      process.kill(process.pid, 'SIGKILL');`;
    const folder = await mkdtemp(join(tmpdir(), 'vendaval-parts-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    let printed = '';
    try {
      execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
        env: { ...process.env, TMPDIR: folder },
      });
    } catch (error) {
      printed = String((error as { stdout: Buffer }).stdout);
    }
    const pid = Number(printed.trim());
    expect(pid).toBeGreaterThan(1);
    await expect.poll(() => isRunning(pid)).toBe(false);
    const left = async () => (await readdir(folder)).filter((name) => name.startsWith('vendaval'));
    await expect.poll(left).toEqual([]);
  });

  test('names what to install when there is no Python', async () => {
    await expect(startEmbeddedDatabase({ env: { PATH: tmpdir() } })).rejects.toMatchObject({
      code: 'E_PYTHON_MISSING',
      hint: expect.stringContaining('apt install python3'),
    });
  });
});
