/**
 * `vendaval doctor` against set-ups that are broken on purpose, with real parts: it names what is
 * wrong, and what it says to run mends it.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { MongoClient } from 'mongodb';
import { describe, expect, inject, type TestContext, test } from 'vitest';
import { findFreePort } from '../../src/mongo/child-processes.ts';
import { startEmbeddedDatabase } from '../../src/mongo/embedded-database.ts';
import { mongosh } from '../parts/docs/mongosh.ts';
import { EngineProcess } from '../parts/engine-process.ts';
import { startKafkaBroker } from '../parts/kafka-broker.ts';
import { makeSales, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import { createTopic, deleteTopic, offsetRanges, uniqueName } from '../parts/topic.ts';

const shell = promisify(execFile);
/** A port that no program is given: a free one may be another test's by the time that it is asked. */
const NOWHERE = '127.0.0.1:1';

interface CheckLine {
  readonly check: string;
  readonly verdict: string;
  readonly found: string;
  readonly lines?: readonly string[];
  readonly data?: Readonly<Record<string, unknown>>;
  readonly problem?: { code: string; cause: string; run: string[]; read: string };
}

class Examined {
  readonly code: number | null;
  readonly all: string;
  readonly checks: ReadonlyMap<string, CheckLine>;

  constructor(code: number | null, out: string, err: string) {
    this.code = code;
    this.all = out + err;
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    this.checks = new Map(
      lines.filter(({ code: kind }) => kind === 'check').map((line) => [line.check, line]),
    );
  }

  check(id: string): CheckLine {
    const found = this.checks.get(id);
    if (!found) throw new Error(`no check ${id} in ${this.all}`);
    return found;
  }

  /** What failed, by check, with its code. */
  get failures(): Record<string, string | undefined> {
    const failed = [...this.checks.values()].filter(({ verdict }) => verdict === 'fail');
    return Object.fromEntries(failed.map(({ check, problem }) => [check, problem?.code]));
  }
}

async function examine(t: TestContext, flags: readonly string[]): Promise<Examined> {
  const doctor = new EngineProcess(t, ['doctor', '--timeout', '60s', ...flags]);
  const { code } = await doctor.end();
  return new Examined(code, doctor.stdout, doctor.stderr);
}

const doctorOf = (t: TestContext, scene: Scene, extra: Record<string, string | null> = {}) =>
  examine(t, scene.flags(extra));

describe.concurrent('the doctor', () => {
  test('finds nothing wrong with what is well, and says what there is', async (t) => {
    const scene = await Scene.make(t);
    await scene.produce(makeSales({ seed: 5, count: 90 }));
    const examined = await doctorOf(t, scene);
    expect(examined.failures).toEqual({});
    expect(examined.code).toBe(0);
    expect(examined.check('kafka.brokers').found).toContain('Kafka 4.1 or newer');
    expect(examined.check('kafka.topics').data!.topics).toContain(scene.topic);
    expect(examined.check('kafka.topic').lines).toEqual(
      [0, 1, 2].map((p) => `partition ${p}  leader 1  replicas 1  ISR 1`),
    );
    const records = (await offsetRanges(scene.brokers, scene.topic)).map(({ high }) => high);
    expect(records.reduce((a, b) => a + b)).toBe(90);
    expect(examined.check('kafka.logs').data).toMatchObject({
      ends: records.map((end, partition) => ({ partition, start: 0, end })),
    });
    expect(examined.check('kafka.group').found).toContain('no engine');
    expect(examined.check('kafka.probe').found).toContain('fetched back');
    expect(examined.check('mongodb.version').found).toMatch(/^\d+\.\d+/);
    expect(examined.check('mongodb.topology').data).toMatchObject({ topology: 'replica set' });
    expect(examined.check('mongodb.write-concern').found).toContain('w: majority, j: true');
    for (const clock of ['kafka.clock', 'mongodb.clock']) {
      expect(examined.check(clock).verdict, clock).toBe('ok');
    }
  });

  test('leaves no sale, no dead letter and no document behind', async (t) => {
    const scene = await Scene.make(t);
    await scene.produce(makeSales({ seed: 6, count: 30 }));
    const before = await offsetRanges(scene.brokers, scene.topic);
    expect((await doctorOf(t, scene)).check('kafka.probe').verdict).toBe('ok');
    expect(await offsetRanges(scene.brokers, scene.topic)).toEqual(before);
    for (const { name } of await scene.db.listCollections().toArray()) {
      expect(await scene.db.collection(name).countDocuments(), name).toBe(0);
    }
    await scene.drain();
    await scene.expectExact();
    expect((await doctorOf(t, scene)).failures).toEqual({});
    await scene.expectExact();
  });

  test('sends nothing with --no-probe', async (t) => {
    const scene = await Scene.make(t);
    const examined = await examine(t, [...scene.flags(), '--no-probe']);
    expect(examined.code).toBe(0);
    for (const id of ['kafka.probe', 'mongodb.write-concern']) {
      expect(examined.check(id)).toMatchObject({ verdict: 'skip', found: /left out/ });
    }
  });

  test('shows who counts, and how far', async (t) => {
    const scene = await Scene.make(t, { rules: { maxCategories: WORKLOAD_CATEGORIES_MAX } });
    await scene.produce(makeSales({ seed: 7, count: 300 }));
    const engine = scene.engine();
    await scene.untilDrained(engine);
    const examined = await doctorOf(t, scene);
    expect(examined.failures).toEqual({});
    expect(examined.check('kafka.group').found).toMatch(/stable: 1 engine counts/);
    expect(examined.check('mongodb.settings').found).toBe('as pinned');
    expect(examined.check('mongodb.indexes').data).toMatchObject({ missing: [] });
    const place = examined.check('engine.place');
    expect(place.data).toMatchObject({ lag: 0, places: [{ partition: 0 }, {}, {}] });
  });
});

describe.concurrent('the doctor names', () => {
  test('a broker that is not there, and looks at the database all the same', async (t) => {
    const scene = await Scene.make(t);
    const examined = await doctorOf(t, scene, { brokers: NOWHERE });
    expect(examined.code).toBe(1);
    expect(examined.failures).toEqual({ 'kafka.brokers': 'E_BROKER_UNREACHABLE' });
    expect(examined.check('kafka.brokers').problem!.run.join()).toContain('docker run');
    expect(examined.check('kafka.topic').verdict).toBe('skip');
    expect(examined.check('mongodb.write-concern').verdict).toBe('ok');
  });

  test('a name of --brokers that is not known', async (t) => {
    const scene = await Scene.make(t);
    const examined = await doctorOf(t, scene, { brokers: 'kafka-da-loja.invalid:9092' });
    expect(examined.failures).toEqual({ 'kafka.brokers': 'E_BROKER_HOST' });
    expect(examined.check('kafka.brokers').problem!.cause).toContain('which --brokers gives');
  });

  test('a program that is no Kafka', async (t) => {
    const scene = await Scene.make(t);
    const server = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const examined = await doctorOf(t, scene, { brokers: `127.0.0.1:${port}` });
    expect(Object.keys(examined.failures)).toEqual(['kafka.brokers']);
    expect(examined.check('kafka.brokers').problem!.cause).toContain('does not answer as Kafka');
  });

  test('a broker that tells its clients a host that is not known, with the line to add', async (t) => {
    const host = 'kafka-da-loja.invalid';
    const broker = await startKafkaBroker({ advertisedHost: host, heapMb: 256 });
    t.onTestFinished(() => broker.stop());
    const topic = await createTopic(broker.brokers, uniqueName());
    const port = broker.proxied!.listensOn;
    const scene = await Scene.make(t);
    const examined = await doctorOf(t, scene, { brokers: `127.0.0.1:${port}`, topic });
    expect(examined.code).toBe(1);
    expect(examined.failures).toEqual({ 'kafka.brokers': 'E_BROKER_HOST' });
    const { problem } = examined.check('kafka.brokers');
    expect(problem!.cause).toContain(`broker 1 calls itself ${host}:${port}`);
    expect(problem!.run[0]).toBe(`printf '127.0.0.1 ${host}\\n' | sudo tee -a /etc/hosts`);
    expect(problem!.run[1]).toContain(`advertised.listeners=PLAINTEXT://127.0.0.1:${port}`);
    // What the broker tells of the topic is told, though no partition could be read.
    expect(examined.check('kafka.topic').verdict).toBe('ok');
    expect(examined.check('kafka.logs').verdict).toBe('skip');
    expect((await doctorOf(t, scene, { brokers: broker.brokers, topic })).failures).toEqual({});
  }, 300_000);

  test('a broker that tells its clients an address where nothing is', async (t) => {
    // The shared broker's second listener advertises a proxy that is not started here.
    const scene = await Scene.make(t);
    const { listensOn, advertisedPort } = inject('kafkaProxied');
    const examined = await doctorOf(t, scene, { brokers: `127.0.0.1:${listensOn}` });
    expect(examined.failures).toEqual({ 'kafka.brokers': 'E_BROKER_ADVERTISED' });
    const { problem } = examined.check('kafka.brokers');
    expect(problem!.cause).toContain(`127.0.0.1:${advertisedPort}`);
    expect(problem!.run[0]).toContain(`advertised.listeners=PLAINTEXT://127.0.0.1:${listensOn}`);
  });

  test('a topic that does not exist, and its command makes it', async (t) => {
    const scene = await Scene.make(t);
    const topic = uniqueName('vendas');
    const examined = await doctorOf(t, scene, { topic });
    expect(examined.code).toBe(1);
    expect(examined.failures).toEqual({ 'kafka.topic': 'E_TOPIC_MISSING' });
    expect(examined.check('kafka.probe').verdict).toBe('ok');
    const [command] = examined.check('kafka.topic').problem!.run;
    await shell('sh', ['-c', command]);
    expect((await doctorOf(t, scene, { topic })).failures).toEqual({});
  });

  test('a topic that is spelled otherwise', async (t) => {
    const scene = await Scene.make(t);
    const examined = await doctorOf(t, scene, { topic: scene.topic.toUpperCase() });
    const { problem } = examined.check('kafka.topic');
    expect(problem!.run[0]).toContain(`doctor --topic ${scene.topic}`);
  });

  test('a wrong password without showing it, and what can be seen without signing in', async (t) => {
    const auth = { username: 'loja', password: 'certo' };
    const database = await startEmbeddedDatabase({ auth });
    t.onTestFinished(() => database.stop());
    const scene = await Scene.make(t, { mongoUrl: database.url });
    const wrong = database.url.replace('certo', 'erradissimo');
    const examined = await doctorOf(t, scene, { mongo: wrong });
    expect(examined.code).toBe(1);
    expect(examined.failures).toEqual({ 'mongodb.login': 'E_MONGO_AUTH' });
    expect(examined.check('mongodb.topology').verdict).toBe('ok');
    expect(examined.check('mongodb.clock').verdict).toBe('ok');
    expect(examined.check('mongodb.rights').verdict).toBe('skip');
    expect(examined.check('kafka.probe').verdict).toBe('ok');
    expect(examined.all).not.toContain('erradissimo');
    // The command is the right URL but for the password, which only the user knows.
    const [, url] = /MONGO_URL='(.*)'/.exec(examined.check('mongodb.login').problem!.run[0])!;
    const mongo = `${url.replace('PASSWORD', 'certo')}&directConnection=true`;
    expect((await doctorOf(t, scene, { mongo })).failures).toEqual({});
  });

  test('a database of one server without replicas, and the engine counts there', async (t) => {
    const database = await startEmbeddedDatabase({ standalone: true });
    t.onTestFinished(() => database.stop());
    const scene = await Scene.make(t, { mongoUrl: database.url });
    const examined = await doctorOf(t, scene);
    expect(examined.code).toBe(0);
    expect(examined.check('mongodb.topology')).toMatchObject({
      verdict: 'warn',
      data: { topology: 'standalone' },
      problem: { code: 'E_MONGO_STANDALONE' },
    });
    expect(examined.check('mongodb.topology').problem!.run.join()).toContain('rs.initiate');
    await scene.produce(makeSales({ seed: 8, count: 60 }));
    await scene.drain();
    await scene.expectExact();
  });

  test('a user who may only read, and the role that its command grants is enough', async (t) => {
    const database = await startEmbeddedDatabase({ auth: { username: 'dono', password: 'x' } });
    t.onTestFinished(() => database.stop());
    const client = await new MongoClient(database.url).connect();
    t.onTestFinished(() => client.close());
    const scene = await Scene.make(t, { mongoUrl: database.url });
    const roles = [{ role: 'read', db: scene.db.databaseName }];
    await client.db('admin').command({ createUser: 'leitor', pwd: 'y', roles });
    const mongo = database.url.replace('dono:x', 'leitor:y');
    const examined = await doctorOf(t, scene, { mongo });
    expect(examined.code).toBe(1);
    expect(examined.failures).toEqual({ 'mongodb.rights': 'E_MONGO_RIGHTS' });
    const { found, problem } = examined.check('mongodb.rights');
    expect(found).toContain('update in faturamento_tempo_real');
    expect(found).not.toContain('find');
    const [, text] = /--eval '(.+)'$/.exec(problem!.run[0])!;
    expect(text).toContain('grantRolesToUser("leitor"');
    await mongosh(scene, text);
    expect((await doctorOf(t, scene, { mongo })).failures).toEqual({});
    await scene.produce(makeSales({ seed: 8, count: 60 }));
    await scene.drain({ mongo });
  });

  test('settings other than the pinned, with the flags that are right, and exit 3', async (t) => {
    const scene = await Scene.make(t);
    await scene.drain();
    const examined = await doctorOf(t, scene, { window: '30s' });
    expect(examined.code).toBe(3);
    expect(examined.failures).toEqual({ 'mongodb.settings': 'E_SETTINGS_CHANGED' });
    expect(examined.check('mongodb.settings').problem!.run[0]).toMatch(/--window 1m/);
  });

  test('a topic that was made anew since it was counted, as the engine does', async (t) => {
    const scene = await Scene.make(t);
    await scene.produce(makeSales({ seed: 9, count: 60 }));
    await scene.drain();
    await deleteTopic(scene.brokers, scene.topic);
    await createTopic(scene.brokers, scene.topic);
    const examined = await doctorOf(t, scene);
    expect(examined.code).toBe(3);
    expect(examined.failures).toEqual({ 'engine.place': 'E_TOPIC_RECREATED' });
  });

  test('a port of the live page that another program has', async (t) => {
    const scene = await Scene.make(t);
    const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const examined = await doctorOf(t, scene, { http: `127.0.0.1:${port}` });
    expect(examined.code).toBe(0);
    expect(examined.check('machine.port')).toMatchObject({
      verdict: 'warn',
      problem: { code: 'E_HTTP_ADDRESS' },
    });
    const address = `127.0.0.1:${await findFreePort()}`;
    await scene.engine({ http: address }).says('live-page');
    const beside = await doctorOf(t, scene, { http: address });
    expect(beside.check('machine.port')).toMatchObject({ verdict: 'ok' });
  });

  test('everything that is wrong at once', async (t) => {
    const examined = await examine(t, [
      ...['--brokers', NOWHERE],
      ...['--mongo', `mongodb://${NOWHERE}/`],
    ]);
    expect(examined.code).toBe(1);
    expect(examined.failures).toEqual({
      'kafka.brokers': 'E_BROKER_UNREACHABLE',
      'mongodb.server': 'E_MONGO_UNREACHABLE',
    });
  });
});
