/** The same of Kafka: its passwords and tokens in no output, and a sign-in that is refused meanwhile. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BSON } from 'mongodb';
import { expect } from 'vitest';
import { EngineProcess } from '../../parts/engine-process.ts';
import { plainSale } from '../../parts/sales.ts';
import type { Scene } from '../../parts/scene.ts';
import {
  grantAll,
  SECURE_PASSWORD,
  SECURE_USER,
  type SecureBroker,
  startSecureBroker,
  TOKEN_SUBJECT,
  unsignedToken,
} from '../../parts/secure-broker.ts';
import { readTopic } from '../../parts/topic.ts';
import { Leaks } from '../leaks.ts';
import { pageOf } from '../live-status.ts';
import { type Chaos, scenario } from '../scenario.ts';

const START_MS = Date.UTC(2024, 10, 29, 12);
const WRONG = 'errada?4$#';
/** How long a sign-in holds where a test wants it to end. */
const SESSION_MS = 3000;
const sale = (i: number) => ({
  value: plainSale(START_MS + i, '1.01', 'Casa'),
  timestamp: START_MS,
});

type Env = Readonly<Record<string, string>>;

interface Surroundings {
  readonly kafka: SecureBroker;
  readonly scene: Scene;
  readonly folder: string;
  readonly token: string;
  /** Signs in by password, and by token. */
  readonly byPassword: Env;
  readonly byToken: Env & { readonly KAFKA_TOKEN_FILE: string };
}

async function surroundings(
  chaos: Chaos,
  properties: Readonly<Record<string, string>> = {},
): Promise<Surroundings> {
  const kafka = await startSecureBroker(chaos, { properties });
  for (const name of [SECURE_USER, TOKEN_SUBJECT]) await grantAll(kafka, `User:${name}`);
  const folder = await mkdtemp(join(tmpdir(), 'vendaval-kafka-secrets-'));
  chaos.onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const scene = await chaos.scene({
    brokers: kafka.broker.brokers,
    flags: { brokers: kafka.secure, http: '127.0.0.1:0' },
  });
  const tls = { KAFKA_TLS: 'true', KAFKA_CA: kafka.ca.certFile };
  const token = unsignedToken(Date.now() + 3_600_000);
  const KAFKA_TOKEN_FILE = join(folder, 'token');
  await writeFile(KAFKA_TOKEN_FILE, token);
  const login = { KAFKA_USER: SECURE_USER, KAFKA_PASSWORD: SECURE_PASSWORD };
  return {
    ...{ kafka, scene, folder, token },
    byPassword: { ...tls, ...login, KAFKA_SASL_MECHANISM: 'SCRAM-SHA-256' },
    byToken: { ...tls, KAFKA_SASL_MECHANISM: 'OAUTHBEARER', KAFKA_TOKEN_FILE },
  };
}

/** Everything that the program says when all is well, and when it is not. */
async function lookEverywhere(chaos: Chaos, around: Surroundings, leaks: Leaks): Promise<void> {
  const { scene, folder, byPassword, byToken } = around;
  const ends = async (where: string, code: number, args: string[], env: Env) => {
    const run = new EngineProcess(chaos, args, { main: chaos.engineMain, env });
    const exit = await run.end(90_000);
    expect({ where, code: exit.code, err: run.stderr }).toMatchObject({ where, code });
    leaks.look(where, run.stdout + run.stderr);
    return run;
  };
  const flags = scene.flags();
  const file = join(folder, 'config.json');
  await writeFile(file, JSON.stringify({ 'kafka-password': SECURE_PASSWORD }));
  const { KAFKA_PASSWORD: _, ...withoutPassword } = byPassword;
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, SECURE_PASSWORD);
  const fromFile = { ...withoutPassword, KAFKA_PASSWORD_FILE: passwordFile };
  await ends('config print, by variable', 0, ['config', 'print'], byPassword);
  await ends('config print, by secret file', 0, ['config', 'print'], fromFile);
  await ends('config print, by file', 0, ['config', 'print', '--config', file], withoutPassword);
  await ends('config print, by token', 0, ['config', 'print'], byToken);
  await ends('both variable and file', 2, ['config', 'print'], {
    ...byPassword,
    KAFKA_PASSWORD_FILE: passwordFile,
  });
  await ends('a flag that is none', 2, ['topic', `--kafka-password=${SECURE_PASSWORD}`], {});
  await ends('the same of an engine', 2, [`--kafka-password=${SECURE_PASSWORD}`], {});
  await ends('a password without a mechanism', 2, ['engine', ...flags], {
    KAFKA_PASSWORD: SECURE_PASSWORD,
  });
  for (const [name, env] of Object.entries({ byPassword, byToken })) {
    await ends(`topic describe ${name}`, 0, ['topic', 'describe', ...flags], env);
    await ends(`doctor ${name}`, 0, ['doctor', '--timeout', '60s', ...flags], env);
    await ends(`produce ${name}`, 0, ['produce', '--count', '1', ...flags], env);
    await ends(`verify ${name}`, 0, ['verify', ...flags], env);
  }
  for (const command of ['engine', 'doctor', 'produce', 'verify', 'load']) {
    const wrong = { ...byPassword, KAFKA_PASSWORD: WRONG };
    // `load` writes a file, and has a flag of its own by the name of one of the engine's.
    const args =
      command === 'load'
        ? [command, '--oracle', 'off', ...scene.flags({ late: null })]
        : [command, ...flags];
    const refused = await ends(`${command}, a wrong password`, 1, args, wrong);
    expect(refused.stdout + refused.stderr).toContain('E_KAFKA_AUTH');
  }
  const away = scene.flags({ brokers: '127.0.0.1:1' });
  await ends('doctor, brokers that are away', 1, ['doctor', ...away], byPassword);
}

scenario(
  {
    row: 25,
    title: "Kafka's passwords and tokens, looked for in every output",
    invariant: 'a wrong one is refused, none leaks',
  },
  async (chaos) => {
    const around = await surroundings(chaos);
    const { kafka, scene, token, byPassword } = around;
    await scene.produce([sale(1), sale(2), { value: 'no sale', timestamp: START_MS }]);
    const leaks = new Leaks([SECURE_PASSWORD, WRONG, token]);
    const engine = scene.engine({}, { env: byPassword });
    await scene.untilDrained(engine);
    const paths = ['/', '/livez', '/readyz', '/metrics', '/api/live', '/api/partitions'];
    for (const path of [...paths, '/api/windows']) {
      leaks.look(path, await (await fetch(pageOf(engine) + path)).text());
    }
    await lookEverywhere(chaos, around, leaks);
    for (const collection of await scene.db.collections()) {
      const documents = BSON.EJSON.stringify(await collection.find().toArray());
      leaks.look(collection.collectionName, documents);
    }
    for (const topic of [scene.topic, `${scene.topic}.dlq`]) {
      leaks.look(topic, JSON.stringify(await readTopic(scene.brokers, topic)));
    }
    // What it says when the brokers go away under it.
    await kafka.broker.kill('SIGKILL');
    await engine.says('E_BROKER_UNREACHABLE');
    leaks.look('/api/live without Kafka', await (await fetch(`${pageOf(engine)}/api/live`)).text());
    await engine.kill('SIGKILL');
    leaks.look('the engine', engine.stdout + engine.stderr);
    expect(leaks.found).toEqual([]);
    chaos.figure('outputs looked through', leaks.looks);
    chaos.figure('leaks', leaks.found.length);
  },
);

scenario(
  {
    row: 25,
    title: 'a token that the brokers no longer take, while the engine runs',
    invariant: 'it is told, nothing is lost, and counting goes on with the next one',
  },
  async (chaos) => {
    const { scene, byToken } = await surroundings(chaos, {
      'listener.name.secure.oauthbearer.connections.max.reauth.ms': String(SESSION_MS),
    });
    const renew = (ms: number) =>
      writeFile(byToken.KAFKA_TOKEN_FILE, unsignedToken(Date.now() + ms));
    const engine = scene.engine({}, { env: byToken });
    await scene.produce([sale(1), sale(2)]);
    await scene.untilDrained(engine);
    // The next sign-in, at the end of the session, finds it.
    await renew(-1000);
    await engine.says('E_KAFKA_TOKEN');
    await scene.produce([sale(3), sale(4)]);
    await renew(3_600_000);
    const startMs = performance.now();
    await scene.untilDrained(engine);
    chaos.figure('counted on after a new token, within', performance.now() - startMs, 'ms');
    engine.signal('SIGTERM');
    await engine.endsWell();
    await scene.expectExact();
  },
);
