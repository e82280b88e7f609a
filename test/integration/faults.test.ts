import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, inject, type TestContext, test } from 'vitest';
import { findFreePort } from '../../src/mongo/child-processes.ts';
import {
  type EmbeddedDatabaseOptions,
  startEmbeddedDatabase,
} from '../../src/mongo/embedded-database.ts';
import type { EngineProcess } from '../parts/engine-process.ts';
import { startKafkaBroker } from '../parts/kafka-broker.ts';
import { makeSales, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import { SteadyProducer } from '../parts/steady-producer.ts';
import { createTopic } from '../parts/topic.ts';

const rules = { maxCategories: WORKLOAD_CATEGORIES_MAX };

/** A folder for a database that is killed and started again on the same data. */
async function storageFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vendaval-faults-'));
  t.onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function database(t: TestContext, options: EmbeddedDatabaseOptions) {
  const server = await startEmbeddedDatabase(options);
  t.onTestFinished(() => server.kill('SIGKILL'));
  return server;
}

async function stops(scene: Scene, engine: EngineProcess): Promise<void> {
  await scene.untilDrained(engine);
  engine.signal('SIGTERM');
  await engine.endsWell();
}

const status = (engine: EngineProcess, state: string) => () =>
  engine.lines.some((line) => line.code === 'status' && line.state === state);

describe.concurrent('the database', () => {
  test('down at the start is waited for, and the engine works once it is up', async (t) => {
    const port = await findFreePort();
    const mongoUrl = `mongodb://127.0.0.1:${port}/?directConnection=true`;
    const scene = await Scene.make(t, { rules, mongoUrl });
    await scene.produce(makeSales({ seed: 1, count: 500 }));
    const engine = scene.engine({}, { untilEnd: true });
    await engine.says('E_MONGO_UNREACHABLE', 'waiting for MongoDB');
    await database(t, { port });
    await engine.endsWell();
    expect(engine.stderr).toBe('');
    await scene.expectExact();
  });

  test('that never comes up ends the engine with 1 after the wait', async (t) => {
    const scene = await Scene.make(t);
    const engine = scene.engine({ mongo: 'mongodb://loja:segredo@127.0.0.1:1/' });
    expect(await engine.end(90_000)).toEqual({ code: 1, signal: null });
    expect(engine.has('E_MONGO_UNREACHABLE', 's left')).toBe(true);
    expect(engine.stderr).toMatch(
      /error:.*127\.0\.0\.1:1.*\nhint:.*mongod runs.*\ncode:.*E_MONGO_UNREACHABLE/,
    );
    expect(engine.stdout + engine.stderr).not.toContain('segredo');
  });

  test('killed while running: the state says retrying, and nothing is lost', async (t) => {
    const storagePath = await storageFolder(t);
    const first = await database(t, { storagePath, syncOnCommit: true });
    const scene = await Scene.make(t, { rules, mongoUrl: first.url });
    const producer = new SteadyProducer(t, scene, makeSales({ seed: 2, count: 15_000 }), 250);
    const engine = scene.engine();
    producer.start();
    await engine.until(async () => (await scene.judged()) > 0, 'it gets going');
    await first.kill('SIGKILL');
    await engine.says('E_MONGO_UNREACHABLE', 'checkpoint attempt');
    await engine.until(status(engine, 'retrying'), 'its state is retrying');

    await database(t, { storagePath, syncOnCommit: true, port: first.port });
    await engine.says('recovered');
    await producer.finish();
    await stops(scene, engine);
    await scene.expectExact({ mayRepeat: true });
  });

  test('that stays away at a stop ends it with 1, and the next start goes on', async (t) => {
    const storagePath = await storageFolder(t);
    const first = await database(t, { storagePath, syncOnCommit: true });
    const scene = await Scene.make(t, { rules, mongoUrl: first.url });
    await scene.produce(makeSales({ seed: 3, count: 2000 }));
    await scene.drain();
    const engine = scene.engine();
    await engine.reads(0, 1, 2);
    await first.kill('SIGKILL');
    await scene.produce(makeSales({ seed: 4, count: 2000 }));
    await engine.says('E_MONGO_UNREACHABLE', 'checkpoint attempt');
    engine.signal('SIGTERM');
    expect((await engine.end(60_000)).code).toBe(1);
    expect(engine.stderr).toMatch(
      /error: stopped before the last checkpoint held.*\nhint:.*Nothing is lost/,
    );

    await database(t, { storagePath, syncOnCommit: true, port: first.port });
    await scene.drain();
    await scene.expectExact({ mayRepeat: true });
  });
});

describe.concurrent('the broker', () => {
  test('killed and started again: the engine goes on by itself, exact', async (t) => {
    const broker = await startKafkaBroker();
    t.onTestFinished(() => broker.stop());
    const scene = await Scene.make(t, { rules, brokers: broker.brokers });
    const sales = makeSales({ seed: 5, count: 6000 });
    const engine = scene.engine();
    await scene.produce(sales.slice(0, 3000));
    await engine.until(async () => (await scene.judged()) > 0, 'it gets going');
    await broker.kill('SIGKILL');
    await engine.says('E_BROKER_UNREACHABLE', 'partition');
    await broker.restart();
    await scene.produce(sales.slice(3000));
    await stops(scene, engine);
    await scene.expectExact({ mayRepeat: true });
  });

  test('that does not answer is waited for and then named', async (t) => {
    const scene = await Scene.make(t);
    const engine = scene.engine({ brokers: '127.0.0.1:1' });
    expect(await engine.end(90_000)).toEqual({ code: 1, signal: null });
    expect(engine.has('E_BROKER_UNREACHABLE', 'waiting for Kafka')).toBe(true);
    expect(engine.stderr).toMatch(
      /error:.*127\.0\.0\.1:1.*\nhint:.*Kafka runs.*\ncode:.*E_BROKER_UNREACHABLE/,
    );
  });

  test('without the topic is told at once how to make it, and the topic then counts', async (t) => {
    const scene = await Scene.make(t);
    const missing = `${scene.topic}-missing`;
    const engine = scene.engine({ topic: missing });
    expect((await engine.end()).code).toBe(1);
    expect(engine.stderr).toContain('E_TOPIC_MISSING');
    expect(engine.stderr).toContain(`hint:  Create it: vendaval topic create --topic ${missing}`);
    await createTopic(inject('kafkaBrokers'), missing);
    await scene.drain({ topic: missing });
  });
});
