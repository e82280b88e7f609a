/**
 * What docker/compose.yaml starts, without Docker: Kafka with the file's own settings, a database
 * with its user and password, and every command and health check of ours with the environment that
 * it gets there. Only the hosts' names and ports are others. Prometheus runs, where it is
 * installed, with the file's configuration, and answers the dashboard's queries. Not here for want
 * of their images: mongod's and mongo-express' own start, Grafana. About 30 s.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { afterAll, beforeAll, expect, type TestContext, test, vi } from 'vitest';
import { parse } from 'yaml';
import { findFreePort, type ServerProcess } from '../../src/mongo/child-processes.ts';
import { type EmbeddedDatabase, startEmbeddedDatabase } from '../../src/mongo/embedded-database.ts';
import { mongoshProgram } from '../parts/docs/mongosh.ts';
import { EngineProcess } from '../parts/engine-process.ts';
import {
  answersMetadata,
  formatStorage,
  newClusterId,
  propertiesText,
  startJava,
} from '../parts/kafka-broker.ts';
import { kafkaClassPath } from '../parts/kafka-jars.ts';
import { kafkaClient } from '../parts/topic.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

interface Service {
  readonly command: string[];
  readonly environment: Record<string, string>;
  readonly healthcheck?: { readonly test: string[] };
}
const compose = read('docker/compose.yaml');
const { services }: { services: Record<string, Service> } = parse(compose, { merge: true });

const DOCKER_HEALTHCHECK = /HEALTHCHECK[^[]*(\[.*\])/;
const START_MS = 120_000;
const WAIT = { timeout: START_MS, interval: 200 };

let ports: Record<'host' | 'containers' | 'controller' | 'mongo', number>;
let folder: string;
let kafka: ServerProcess;
let database: EmbeddedDatabase;

/** The file's text with the hosts and ports that its parts have here. */
function here(text: string): string {
  return text
    .replace(/\bkafka:29092\b/g, `127.0.0.1:${ports.containers}`)
    .replace(/\bkafka:9093\b/g, `127.0.0.1:${ports.controller}`)
    .replace(/\blocalhost([:/])9092\b/g, `localhost$1${ports.host}`)
    .replace(/\b(mongo|localhost):27017\b/g, `127.0.0.1:${ports.mongo}`)
    .replace('HOST://:9092', `HOST://127.0.0.1:${ports.host}`)
    .replace('CONTAINERS://:29092', `CONTAINERS://127.0.0.1:${ports.containers}`)
    .replace('CONTROLLER://:9093', `CONTROLLER://127.0.0.1:${ports.controller}`);
}

/** As the image of Kafka does it: KAFKA_NODE_ID is node.id. */
function kafkaProperties({ environment }: Service): Record<string, string> {
  const set = Object.entries(environment).filter(([name]) => name !== 'KAFKA_HEAP_OPTS');
  return Object.fromEntries(
    set.map(([name, value]) => [
      name
        .replace(/^KAFKA_/, '')
        .toLowerCase()
        .replaceAll('_', '.'),
      name === 'KAFKA_LOG_DIRS' ? join(folder, 'data') : here(value),
    ]),
  );
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vendaval-compose-'));
  database = await startEmbeddedDatabase({ auth: { username: 'root', password: 'root' } });
  ports = {
    host: await findFreePort(),
    containers: await findFreePort(),
    controller: await findFreePort(),
    mongo: Number(new URL(database.url).port),
  };
  const config = join(folder, 'server.properties');
  writeFileSync(config, propertiesText(kafkaProperties(services.kafka)));
  const classPath = await kafkaClassPath();
  await formatStorage(classPath, config, newClusterId());
  kafka = await startJava({ folder, classPath, heapMb: 512 }, 'kafka.Kafka', config);
  expect(await answersMetadata(kafka, ports.host), kafka.tail.text(30)).toBe(true);
}, 300_000);

afterAll(async () => {
  await kafka?.end('SIGKILL');
  await database?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A service of ours, by the command and the environment that the file gives it. */
function run(t: TestContext, name: string, httpPort?: number): EngineProcess {
  const { command, environment } = services[name];
  const [node, main, ...args] = command;
  expect([node, main]).toEqual(['node', 'dist/main.js']);
  const env = Object.fromEntries(
    Object.entries(environment).map(([key, value]) => [key, here(value)]),
  );
  if (httpPort !== undefined) {
    expect(env.HTTP_ADDRESS).toBe('0.0.0.0:4040');
    // Only to this machine: the file opens the container's port to no other either.
    env.HTTP_ADDRESS = `127.0.0.1:${httpPort}`;
  }
  return new EngineProcess(t, args, { env });
}

/** What a scrape from another container gets, which asks by the service's name. */
function metricsStatus(port: number, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const options = { port, path: '/metrics', headers: { host: `${host}:4040` } };
    get({ host: '127.0.0.1', ...options }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    }).on('error', reject);
  });
}

const healthcheck = (test: readonly string[]) => spawnSync(test[0], test.slice(1)).status;

test('the topics, three engines and the producer of the compose file run with Kafka as it is set there', async (t) => {
  const [cmd, ...kafkaCheck] = services.kafka.healthcheck!.test.map(here);
  expect(cmd).toBe('CMD');
  expect(healthcheck(kafkaCheck)).toBe(0);

  const [mongoCmd, mongosh, ...mongoCheck] = services.mongo.healthcheck!.test.map(here);
  expect([mongoCmd, mongosh]).toEqual(['CMD', 'mongosh']);
  expect(healthcheck([await mongoshProgram(), ...mongoCheck])).toBe(0);

  await run(t, 'topics').endsWell(START_MS);
  const admin = kafkaClient(`localhost:${ports.host}`).admin();
  await admin.connect();
  t.onTestFinished(() => admin.disconnect());
  const { topics } = await admin.fetchTopicMetadata({ topics: ['black-friday-sales'] });
  expect(topics[0].partitions).toHaveLength(3);

  const engines = ['engine', 'engine-2', 'engine-3'];
  const httpPorts = await Promise.all(engines.map(() => findFreePort()));
  for (const [i, name] of engines.entries()) run(t, name, httpPorts[i]);
  const dockerfile = read('docker/Dockerfile');
  const engineCheck: string[] = JSON.parse(DOCKER_HEALTHCHECK.exec(dockerfile)![1]);
  for (const [i, port] of httpPorts.entries()) {
    const check = engineCheck.slice().map((word) => word.replace(':4040', `:${port}`));
    check[0] = process.execPath;
    await vi.waitUntil(() => healthcheck(check) === 0, WAIT);
    expect(await metricsStatus(port, engines[i])).toBe(200);
    expect(await metricsStatus(port, 'elsewhere')).toBe(421);
  }

  run(t, 'produce');
  const client = await MongoClient.connect(here(services.engine.environment.MONGO_URL));
  t.onTestFinished(() => client.close());
  const sales = client.db('black_friday').collection('faturamento_tempo_real');
  await vi.waitUntil(async () => (await sales.countDocuments()) > 0, WAIT);
}, 300_000);

/** With the engine chosen as a reader who has chosen none has it. */
function dashboardQueries(): string[] {
  const { panels } = JSON.parse(read('docker/observability/grafana-dashboard.json'));
  return panels
    .flatMap((panel: { targets: { expr: string }[] }) => panel.targets.map(({ expr }) => expr))
    .map((expr: string) => expr.replaceAll('$instance', '.*'));
}

const hasPrometheus = spawnSync('prometheus', ['--version']).error === undefined;

test.skipIf(!hasPrometheus)(
  'Prometheus finds the engine by the configuration of the compose file',
  async (t) => {
    const port = await findFreePort();
    run(t, 'engine', port);
    // There is no resolver here that knows the services' names: the one thing that is another.
    const config = parse(read('docker/observability/prometheus-compose.yml'));
    expect(config.scrape_configs[0].dns_sd_configs[0]).toMatchObject({ port: 4040 });
    delete config.scrape_configs[0].dns_sd_configs;
    config.scrape_configs[0].static_configs = [{ targets: [`127.0.0.1:${port}`] }];
    config.global.scrape_interval = '1s';
    writeFileSync(join(folder, 'alerts.yml'), read('docker/observability/alerts.yml'));
    writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config));
    const webPort = await findFreePort();
    const prometheus = spawn(
      'prometheus',
      [
        ...[`--config.file=${join(folder, 'prometheus.yml')}`, '--log.level=error'],
        ...[
          `--storage.tsdb.path=${join(folder, 'tsdb')}`,
          `--web.listen-address=127.0.0.1:${webPort}`,
        ],
      ],
      { stdio: 'ignore' },
    );
    t.onTestFinished(async () => {
      if (prometheus.exitCode !== null || prometheus.signalCode !== null) return;
      prometheus.kill('SIGKILL');
      await once(prometheus, 'exit');
    });
    const query = async (text: string) => {
      const url = `http://127.0.0.1:${webPort}/api/v1/query?query=${encodeURIComponent(text)}`;
      const response = await fetch(url).catch(() => null);
      if (!response?.ok) return [];
      const { data } = (await response.json()) as {
        data: { result: { value: [number, string] }[] };
      };
      return data.result.map(({ value }) => value[1]);
    };
    await vi.waitUntil(async () => (await query('up{job="vendaval"}'))[0] === '1', WAIT);
    const lags = async () => (await query('kafka_consumergroup_group_lag')).length;
    await vi.waitUntil(async () => (await lags()) === 3, WAIT);
    // What the dashboard shows of an engine at work; of one that rejects nothing these are empty.
    run(t, 'produce');
    for (const expr of dashboardQueries().filter((text) => !/_rejected_|_events_/.test(text))) {
      await vi
        .waitUntil(async () => (await query(expr)).length > 0, WAIT)
        .catch(() => {
          throw new Error(`the dashboard has nothing to show for ${expr}`);
        });
    }
  },
  300_000,
);
