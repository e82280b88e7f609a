/**
 * The documents, done as they are written: every page below is gone through in real terminals,
 * against a real Kafka and database, or those that the page starts itself.
 */
import { readdirSync } from 'node:fs';
import { MongoClient } from 'mongodb';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { OPTIONS } from '../../src/config/options.ts';
import { findFreePort } from '../../src/mongo/child-processes.ts';
import { COUNTED, FROM_NOTHING, LESSONS } from '../parts/docs/pages-run.ts';
import { runPage } from '../parts/docs/run-page.ts';
import { type Ending, EngineProcess } from '../parts/engine-process.ts';
import { deleteTopic, withAdmin } from '../parts/topic.ts';

/** Those that ask a running engine. */
const WATCHING = new Set(['docs/guides/run-in-production.md', 'docs/HTTP-API.md']);
const LONG = { timeout: 900_000 };
const servers = { brokers: inject('kafkaBrokers'), mongoUrl: inject('mongoUrl') };

describe.concurrent('the lessons work as they are written', () => {
  test.for(readdirSync(LESSONS).sort())('%s', LONG, async (name, t) => {
    const { lines, seen } = await runPage(t, `${LESSONS}/${name}`);
    expect(lines).toBeGreaterThan(3);
    expect(seen).toBeGreaterThan(3);
  });
});

/** The pages say the default names, so one at a time has them to itself. */
async function withDefaultNames(): Promise<void> {
  const topics = [OPTIONS.topic.defaultText, `${OPTIONS.topic.defaultText}.dlq`];
  const there = new Set(await withAdmin(servers.brokers, (admin) => admin.listTopics()));
  for (const topic of topics) if (there.has(topic)) await deleteTopic(servers.brokers, topic);
  const mongo = new MongoClient(servers.mongoUrl);
  try {
    await mongo.db(OPTIONS.database.defaultText).dropDatabase();
  } finally {
    await mongo.close();
  }
}

function vendaval(t: Ending, httpAddress: string, ...args: string[]): EngineProcess {
  return new EngineProcess(t, args, {
    env: {
      ...{ KAFKA_BROKERS: servers.brokers, MONGO_URL: servers.mongoUrl },
      HTTP_ADDRESS: httpAddress,
    },
  });
}

/** The user of the compose file; the servers of the tests ask nobody. */
beforeAll(async () => {
  const client = await MongoClient.connect(servers.mongoUrl);
  const root = { createUser: 'root', pwd: 'root', roles: ['root'] };
  await client.db('admin').command(root);
  await client.close();
});

describe('the pages that begin with nothing', () => {
  test.for(FROM_NOTHING)('%s', LONG, async (path, t) => {
    await withDefaultNames();
    const { lines } = await runPage(t, path, { servers });
    expect(lines).toBeGreaterThan(2);
  });
});

describe('the pages for a topic with sales that were counted', () => {
  beforeAll(async () => {
    await withDefaultNames();
    const ends: (() => Promise<void> | void)[] = [];
    const scope: Ending = { onTestFinished: (end) => void ends.push(end) };
    const run = (...args: string[]) => vendaval(scope, 'off', ...args).endsWell();
    await run('topic', 'create');
    // Record 17 of partition 0 is the one that the pages name: a sale that comes too late.
    await run('produce', '--partition', '0', '--count', '17', '--rate', '1000');
    await run('produce', '--partition', '0', '--count', '1', '--ago', '1h');
    await run(
      'produce',
      '--value',
      '{"id_pedido":"1","categoria":"Casa","valor":1.234,"timestamp":"2024-11-29"}',
    );
    await run('produce', '--count', '40', '--rate', '1000');
    await run('engine', '--until-end');
    return async () => {
      for (const end of ends) await end();
    };
  }, LONG.timeout);

  test.for(COUNTED)('%s', LONG, async (path, t) => {
    const httpAddress = `127.0.0.1:${await findFreePort()}`;
    const engine = WATCHING.has(path) ? vendaval(t, httpAddress, 'engine') : null;
    await engine?.says('engine-started');
    const { lines } = await runPage(t, path, { servers, httpAddress });
    expect(lines).toBeGreaterThan(0);
    if (engine) expect(await engine.kill('SIGTERM')).toMatchObject({ code: 0 });
  });
});
