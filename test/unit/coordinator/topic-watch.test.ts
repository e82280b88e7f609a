import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TopicWatch } from '../../../src/coordinator/topic-watch.ts';
import { existingTopic } from '../../../src/kafka/metadata.ts';
import { KAFKA_ERROR } from '../../../src/kafka/protocol/error-codes.ts';
import { EXIT, type VendavalError } from '../../../src/lib/errors.ts';
import { NO_TOPIC_ID } from '../../../src/lib/topic-id.ts';
import { until } from '../../parts/lease-driver.ts';
import { MetadataServer } from '../../parts/metadata-server.ts';
import { plainAccess } from '../../parts/plain-access.ts';

let server: MetadataServer;
let watch: TopicWatch | null;
let changes: number;
let troubles: VendavalError[];
let fatals: VendavalError[];

beforeEach(async () => {
  server = await MetadataServer.start();
  watch = null;
  changes = 0;
  troubles = [];
  fatals = [];
});

afterEach(async () => {
  watch?.stop();
  await server.close();
});

async function start(): Promise<TopicWatch> {
  watch = await TopicWatch.start(plainAccess(`127.0.0.1:${server.port}`), 'vendas', {
    changed: () => changes++,
    trouble: (error) => troubles.push(error),
    fatal: (error) => fatals.push(error),
  });
  return watch;
}

/** Has the cluster asked now, and waits for the answer to be taken. */
async function heard(topic: TopicWatch, condition: () => boolean): Promise<void> {
  await until(() => {
    topic.refreshSoon();
    return condition();
  }, 'the change is noticed');
}

describe('TopicWatch', () => {
  it('knows id, partitions and leaders from its start', async () => {
    const topic = await start();
    expect(topic).toMatchObject({ topicId: '11'.repeat(16), partitionCount: 2 });
    const leader = { host: 'host-2', port: 9002, epoch: 41, inSync: [1, 2] };
    expect(topic.leaderOf(1)).toEqual(leader);
  });

  it('does not start without the topic, and says how to make it', async () => {
    server.topic.error = KAFKA_ERROR.unknownTopicOrPartition;
    await expect(start()).rejects.toMatchObject({
      code: 'E_TOPIC_MISSING',
      hint: expect.stringContaining('topic create'),
    });
  });

  it('follows new partitions and moved leaders', async () => {
    const topic = await start();
    server.topic.leaders = [2, 2, 1];
    await heard(topic, () => topic.partitionCount === 3);
    expect(topic.leaderOf(0)).toMatchObject({ host: 'host-2' });
    expect(changes).toBeGreaterThan(0);
    expect(fatals).toEqual([]);
  });

  it('names some broker for a partition without a leader: it will say so itself', async () => {
    server.topic.leaders = [-1];
    expect((await start()).leaderOf(0)).toMatchObject({ host: 'host-1', epoch: 40 });
  });

  it('keeps what it knew when a broker answers with fewer partitions', async () => {
    const topic = await start();
    server.topic.leaders = [2];
    const { answers } = server;
    await heard(topic, () => server.answers >= answers + 2);
    expect(topic.partitionCount).toBe(2);
    expect(topic.leaderOf(0)).toMatchObject({ host: 'host-1' });
  });

  it('keeps what it knew when a broker that stops or starts names no brokers', async () => {
    const topic = await start();
    server.topic = { ...server.topic, brokers: [], leaders: [-1, -1], epoch: 50 };
    const { answers } = server;
    await heard(topic, () => server.answers >= answers + 2);
    expect(topic.leaderOf(0)).toMatchObject({ host: 'host-1', port: 9001, epoch: 40 });
    expect(topic.cluster).toMatchObject({
      brokers: [{ id: 1 }, { id: 2 }],
      problem: { code: 'E_BROKER_UNREACHABLE' },
    });
    expect(troubles[0]).toMatchObject({ retryable: true });
    server.topic = { ...server.topic, brokers: [1, 2], leaders: [2, 2] };
    await heard(topic, () => topic.leaderOf(0).host === 'host-2');
    expect(fatals).toEqual([]);
  });

  it('asks the next broker when one names no brokers', async () => {
    const starting = await MetadataServer.start();
    starting.topic = { ...starting.topic, brokers: [], leaders: [-1] };
    try {
      const brokers = `127.0.0.1:${starting.port},127.0.0.1:${server.port}`;
      expect(await existingTopic(plainAccess(brokers), 'vendas')).toMatchObject({
        partitions: { length: 2 },
      });
      expect(starting.answers).toBe(1);
    } finally {
      await starting.close();
    }
  });

  it('stops the engine when the topic was made anew', async () => {
    const topic = await start();
    server.topic.topicId = '22'.repeat(16);
    await heard(topic, () => fatals.length > 0);
    expect(fatals[0]).toMatchObject({ code: 'E_TOPIC_RECREATED', exitCode: EXIT.dataLossGuard });
    expect(topic.topicId).toBe('11'.repeat(16));
  });

  it('names a replica that is in sync, and none that is not or that nobody knows', async () => {
    server.topic.inSync = [2];
    const topic = await start();
    expect(topic.replicaOf(0, 2)).toEqual({ host: 'host-2', port: 9002 });
    expect(topic.replicaOf(0, 1)).toBeNull();
    expect(topic.replicaOf(0, 3)).toBeNull();
  });

  it('does not go back to a leader of an earlier epoch, which a slow broker names', async () => {
    const topic = await start();
    server.topic.leaders = [2, 2];
    server.topic.epoch = 50;
    await heard(topic, () => topic.leaderOf(0).epoch === 50);
    server.topic.leaders = [1, 2];
    server.topic.epoch = 49;
    const before = changes;
    await heard(topic, () => changes > before + 1);
    expect(topic.leaderOf(0)).toMatchObject({ host: 'host-2', epoch: 50 });
    server.topic.epoch = 51;
    await heard(topic, () => topic.leaderOf(0).host === 'host-1');
  });

  it('asks those that the cluster has named when those to start from are gone', async () => {
    const other = await MetadataServer.start();
    const port = server.port;
    try {
      server.topic.hosts = new Map([[2, { host: '127.0.0.1', port: other.port }]]);
      other.topic.leaders = [2, 2, 2];
      const topic = await start();
      await server.close();
      await heard(topic, () => topic.partitionCount === 3);
      expect(troubles).toEqual([]);
    } finally {
      await other.close();
      server = await MetadataServer.start(port);
    }
  });

  it.each([
    ['by a broker that has no ids yet', NO_TOPIC_ID],
    ['by one that has', '11'.repeat(16)],
  ])('is not alarmed while a cluster is upgraded, when it is answered %s', async (_, next) => {
    server.topic.topicId = next === NO_TOPIC_ID ? '11'.repeat(16) : NO_TOPIC_ID;
    const topic = await start();
    server.topic.topicId = next;
    const before = changes;
    await heard(topic, () => changes > before + 1);
    expect(fatals).toEqual([]);
    expect(topic.topicId).toBe('11'.repeat(16));
    server.topic.topicId = '22'.repeat(16);
    await heard(topic, () => fatals.length > 0);
  });

  it('reports brokers that do not answer, and goes on when they do', async () => {
    const topic = await start();
    const { port } = server;
    await server.close();
    await heard(topic, () => troubles.length > 0);
    expect(troubles[0].code).toBe('E_BROKER_UNREACHABLE');
    server = await MetadataServer.start(port);
    server.topic.leaders = [1, 1, 1];
    await heard(topic, () => topic.partitionCount === 3);
  });

  it('is not alarmed by one answer without the topic: a cluster may be restarting', async () => {
    const topic = await start();
    server.topic.error = KAFKA_ERROR.unknownTopicOrPartition;
    await heard(topic, () => troubles.length > 0);
    server.topic.error = 0;
    const before = changes;
    await heard(topic, () => changes > before);
    expect(troubles[0].code).toBe('E_TOPIC_MISSING');
    expect(fatals).toEqual([]);
  });
});
