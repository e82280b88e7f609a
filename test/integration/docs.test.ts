/**
 * The documents, done as they are written: every page below is gone through in real terminals,
 * against a real Kafka and database, or those that the page starts itself.
 */
import { readdirSync } from 'node:fs';
import { MongoClient } from 'mongodb';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { OPTIONS } from '../../src/config/options.ts';
import { findFreePort } from '../../src/mongo/child-processes.ts';
import { runPage } from '../parts/docs/run-page.ts';
import { type Ending, EngineProcess } from '../parts/engine-process.ts';
import { kafkaClient } from '../parts/topic.ts';

const LESSONS = 'docs/lessons/en';
const GUIDES = ['upgrade', 'move-from-spark', 'back-up-and-restore', 'run-in-production'];
const servers = { brokers: inject('kafkaBrokers'), mongoUrl: inject('mongoUrl') };

describe.concurrent('the lessons work as they are written', () => {
  test.for(readdirSync(LESSONS).sort())('%s', { timeout: 400_000 }, async (name, t) => {
    const { lines, seen } = await runPage(t, `${LESSONS}/${name}`);
    expect(lines).toBeGreaterThan(3);
    expect(seen).toBeGreaterThan(3);
  });
});

/** The pages say the default names, so one at a time has them to itself. */
async function withDefaultNames(): Promise<void> {
  const topics = [OPTIONS.topic.defaultText, `${OPTIONS.topic.defaultText}.dlq`];
  const admin = kafkaClient(servers.brokers).admin();
  const mongo = new MongoClient(servers.mongoUrl);
  onTestFinished(async () => {
    await admin.disconnect();
    await mongo.close();
  });
  await admin.connect();
  const there = new Set(await admin.listTopics());
  await admin.deleteTopics({ topics: topics.filter((topic) => there.has(topic)) });
  await mongo.db(OPTIONS.database.defaultText).dropDatabase();
}

function vendaval(t: Ending, httpAddress: string, ...args: string[]): EngineProcess {
  return new EngineProcess(t, args, {
    env: {
      ...{ KAFKA_BROKERS: servers.brokers, MONGO_URL: servers.mongoUrl },
      HTTP_ADDRESS: httpAddress,
    },
  });
}

describe('the pages for a Kafka and a MongoDB that are there', () => {
  test.for(['README.md', 'docs/guides/start.md'])('%s', { timeout: 400_000 }, async (path, t) => {
    await withDefaultNames();
    const { lines } = await runPage(t, path, { servers });
    expect(lines).toBeGreaterThan(2);
  });

  test.for(GUIDES)('docs/guides/%s.md', { timeout: 400_000 }, async (name, t) => {
    await withDefaultNames();
    const httpAddress = `127.0.0.1:${await findFreePort()}`;
    await vendaval(t, httpAddress, 'topic', 'create').endsWell();
    await vendaval(t, httpAddress, 'produce', '--count', '40', '--rate', '1000').endsWell();
    await vendaval(t, httpAddress, 'engine', '--until-end').endsWell();
    const isWatched = name === 'run-in-production';
    const engine = isWatched ? vendaval(t, httpAddress, 'engine') : null;
    await engine?.says('engine-started');
    const { lines } = await runPage(t, `docs/guides/${name}.md`, { servers, httpAddress });
    expect(lines).toBeGreaterThan(1);
    if (engine) expect(await engine.kill('SIGTERM')).toMatchObject({ code: 0 });
  });
});
