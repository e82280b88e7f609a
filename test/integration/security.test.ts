/**
 * TLS and sign-ins on the whole way, with a real broker and a database of their own: each kind of
 * listener, on both Kafka clients; what must be refused; the rights that docs/SECURITY.md lists.
 */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Kafka from 'node-rdkafka';
import {
  afterAll,
  beforeAll,
  describe,
  expect,
  onTestFinished,
  type TestContext,
  test,
} from 'vitest';
import type { KafkaAccess, KafkaSecurity } from '../../src/kafka/access.ts';
import { clientConfig } from '../../src/kafka/client-config.ts';
import { endClient, supplyToken } from '../../src/kafka/client-end.ts';
import { topicMetadata } from '../../src/kafka/metadata.ts';
import { CertificateAuthority, type ServerCertificate } from '../parts/certificates.ts';
import { allow } from '../parts/documented-rights.ts';
import { EngineProcess } from '../parts/engine-process.ts';
import { makeSales } from '../parts/sales.ts';
import { Scene, type SceneOptions } from '../parts/scene.ts';
import {
  grant,
  SECURE_PASSWORD,
  SECURE_USER,
  type SecureBroker,
  startSecureBroker,
  TOKEN_SUBJECT,
  unsignedToken,
  withdrawGroup,
} from '../parts/secure-broker.ts';
import { startSecureDatabase } from '../parts/secure-scene.ts';
import { startTlsFront } from '../parts/tls-front.ts';
import { committedOffsets, uniqueName } from '../parts/topic.ts';

/**
 * How long a sign-in by SCRAM-SHA-256 holds at this file's broker. librdkafka makes it anew when a
 * tenth of that is left, for which a slow machine must have time.
 */
const SESSION_MS = 8000;
const ENDINGS: (() => Promise<void> | void)[] = [];
let kafka: SecureBroker;
let folder: string;
let passwordFile: string;

beforeAll(async () => {
  const ending = { onTestFinished: (end: (typeof ENDINGS)[0]) => void ENDINGS.unshift(end) };
  folder = mkdtempSync(join(tmpdir(), 'vendaval-secrets-'));
  ENDINGS.push(() => rmSync(folder, { recursive: true, force: true }));
  passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, `${SECURE_PASSWORD}\n`);
  kafka = await startSecureBroker(ending, { sessionMs: SESSION_MS });
});

afterAll(async () => {
  for (const end of ENDINGS) await end();
});

/** `load` has a flag of its own by this name. */
const NOT_OF_LOAD = { late: null };

type Env = Readonly<Record<string, string>>;

const tlsEnv = (): Env => ({ KAFKA_TLS: 'true', KAFKA_CA: kafka.ca.certFile });
const passwordEnv = (mechanism: string): Env => ({
  KAFKA_SASL_MECHANISM: mechanism,
  KAFKA_USER: SECURE_USER,
  KAFKA_PASSWORD_FILE: passwordFile,
});

function tokenEnv(subject = TOKEN_SUBJECT): Env & { KAFKA_TOKEN_FILE: string } {
  const file = join(folder, uniqueName('token'));
  writeFileSync(file, unsignedToken(Date.now() + 3_600_000, subject));
  return { KAFKA_SASL_MECHANISM: 'OAUTHBEARER', KAFKA_TOKEN_FILE: file };
}

/** A command with its arguments, to its end. */
async function vendaval(t: TestContext, args: readonly string[], env: Env = {}) {
  const run = new EngineProcess(t, args, { env });
  const { code } = await run.end();
  return { code, run, all: run.stdout + run.stderr };
}

/** Engines of it ask `brokers`; the test itself the broker's plain listener. */
function sceneOf(t: TestContext, brokers: string, options: Partial<SceneOptions> = {}) {
  return Scene.make(t, { brokers: kafka.broker.brokers, flags: { brokers }, ...options });
}

/** What librdkafka says when it connects, once it is that; on a slow machine a try may say less. */
const librdkafkaSays = (access: KafkaAccess) => expect.poll(() => librdkafkaRefusal(access));

/** Its error, or null. */
async function librdkafkaRefusal(access: KafkaAccess): Promise<string | null> {
  const producer = new Kafka.Producer({ ...clientConfig(access), event_cb: true }, {});
  supplyToken(producer, access);
  const errors: string[] = [];
  producer.on('event.error', ({ message }) => errors.push(message));
  producer.on('event.log', ({ message }) => errors.push(message));
  const failure = await new Promise<{ message: string } | null>((resolve) =>
    producer.connect({ allTopics: true, timeout: 5000 }, (error) => resolve(error ?? null)),
  );
  await endClient(producer, 5000);
  return failure ? `${failure.message}: ${errors.join(' ')}` : null;
}

const security = (sasl: KafkaSecurity['sasl'] = null, ca = kafka.ca.certFile): KafkaSecurity => ({
  tls: { ca, cert: '', key: '', keyPassword: '' },
  sasl,
});

test('every command goes by SCRAM over TLS, with the database by TLS and SCRAM too', async (t) => {
  const mongoUrl = await startSecureDatabase(t, kafka.ca);
  const env = { ...tlsEnv(), ...passwordEnv('SCRAM-SHA-512') };
  // Not there yet: it is made through TLS, too.
  const scene = await sceneOf(t, kafka.secure, { topic: uniqueName(), mongoUrl });
  const commands = ['engine', 'verify', 'produce', 'topic create', 'topic describe', 'doctor'];
  await allow(kafka, SECURE_USER, scene, ...commands);
  const runs = async (command: string, ...more: string[]) => {
    const run = await vendaval(t, [...command.split(' '), ...more, ...scene.flags()], env);
    expect({ command, code: run.code, all: run.all }).toMatchObject({ command, code: 0 });
    return run;
  };
  await runs('topic create');
  await runs('produce', '--count', '400', '--rate', '2000');
  await scene.produce([{ value: 'no sale' }]);
  const engine = await scene.engine({}, { env, untilEnd: true }).endsWell();
  expect(engine.stderr).toBe('');
  await scene.expectExact();
  const verified = await runs('verify');
  expect(verified.run.lines.at(-1)).toMatchObject({ code: 'verdict', differences: 0 });
  const doctor = await runs('doctor', '--timeout', '60s');
  expect(doctor.run.lines.filter(({ verdict }) => verdict === 'fail')).toEqual([]);
  expect(doctor.run.lines.find(({ check }) => check === 'kafka.security')).toMatchObject({
    verdict: 'ok',
    found: 'TLSv1.3, certificates hold until 2099-12-31, signed in as User:loja by SCRAM-SHA-512',
  });
  const described = await runs('topic describe');
  expect(described.all).toContain(kafka.secure);
});

test('a load is written and counted through SCRAM over TLS, and checked', async (t) => {
  const env = { ...tlsEnv(), ...passwordEnv('SCRAM-SHA-512') };
  const scene = await sceneOf(t, kafka.secure);
  await allow(kafka, SECURE_USER, scene, 'engine', 'load', 'topic create');
  const engine = scene.engine({}, { env });
  const size = ['--rate', '5000', '--duration', '3s', '--oracle', 'off', '--check'];
  const run = await vendaval(t, ['load', ...size, ...scene.flags(NOT_OF_LOAD)], env);
  expect({ code: run.code, all: run.all }).toMatchObject({ code: 0 });
  engine.signal('SIGTERM');
  await engine.endsWell();
  await scene.expectExact();
});

describe('a listener with', () => {
  const own = async () => {
    const { certFile, keyFile } = await kafka.ca.issue('DNS:motor');
    return { ...tlsEnv(), KAFKA_CERT: certFile, KAFKA_KEY: keyFile };
  };
  const listeners: [string, () => string, () => Env | Promise<Env>, RegExp][] = [
    ['PLAIN over TLS', () => kafka.secure, () => ({ ...tlsEnv(), ...passwordEnv('plain') }), /^$/],
    ['OAUTHBEARER over TLS', () => kafka.secure, () => ({ ...tlsEnv(), ...tokenEnv() }), /^$/],
    ['certificates on both sides', () => kafka.mutual, own, /^$/],
    ['SCRAM and no TLS', () => kafka.bare, () => passwordEnv('SCRAM-SHA-256'), /^$/],
  ];
  test.each(listeners)('%s is read and written', async (_, brokers, env, stderr) => {
    const t = { onTestFinished } as TestContext;
    const scene = await sceneOf(t, brokers(), { partitions: 1 });
    for (const principal of [SECURE_USER, TOKEN_SUBJECT]) {
      await allow(kafka, principal, scene, 'engine', 'produce', 'topic create');
    }
    // Certificates are numbered as they are issued.
    const certificates = Array.from({ length: 20 }, (_, i) => `CN=server-${i}`);
    for (const name of brokers() === kafka.mutual ? certificates : []) {
      await allow(kafka, name, scene, 'engine', 'produce', 'topic create');
    }
    const variables = await env();
    const sent = await vendaval(
      t,
      ['produce', '--count', '20', '--rate', '1000', ...scene.flags()],
      variables,
    );
    expect({ code: sent.code, all: sent.all }).toMatchObject({ code: 0 });
    await scene.produce([{ value: 'no sale' }]);
    const engine = await scene.engine({}, { env: variables, untilEnd: true }).endsWell();
    expect(engine.stderr).toMatch(stderr);
    await scene.expectExact();
  });
});

describe('what must be refused', () => {
  test('certificates of another authority, host or time, by both Kafka clients', async (t) => {
    const other = await CertificateAuthority.make(t, 'other');
    const here = 'IP:127.0.0.1';
    const bad: [ServerCertificate, string, string][] = [
      [await other.issue(here), 'unable to verify', 'KAFKA_CA'],
      [await kafka.ca.issue(here, true), 'certificate has expired', 'renewed'],
      [await kafka.ca.issue('DNS:loja.example'), 'does not match', 'advertised.listeners'],
    ];
    const scene = await sceneOf(t, 'set below:1');
    for (const [certificate, reason, hint] of bad) {
      const port = await startTlsFront(t, kafka.broker.port, certificate);
      const brokers = `127.0.0.1:${port}`;
      const { code, all } = await vendaval(t, ['engine', ...scene.flags({ brokers })], tlsEnv());
      expect({ code, all }).toMatchObject({ code: 1 });
      for (const text of ['E_KAFKA_TLS', reason, hint]) expect(all).toContain(text);
      const access = { brokers, security: security() };
      await librdkafkaSays(access).toMatch(/certificate verify failed/);
      const doctor = await vendaval(t, ['doctor', ...scene.flags({ brokers })], tlsEnv());
      const check = doctor.run.lines.find((line) => line.check === 'kafka.brokers');
      expect(check).toMatchObject({ verdict: 'fail', problem: { code: 'E_KAFKA_TLS' } });
      expect(JSON.stringify(check)).toContain(reason);
    }
    // Not through a front: its broker would send librdkafka on to a listener without TLS.
    const login = { mechanism: 'PLAIN', user: SECURE_USER, password: SECURE_PASSWORD } as const;
    const access = { brokers: kafka.secure, security: security(login) };
    await allow(kafka, SECURE_USER, scene, 'engine');
    expect(await topicMetadata(access, scene.topic)).toMatchObject({ error: 0 });
    await librdkafkaSays(access).toBeNull();
    const usual = { ...access, security: security(login, '') };
    await expect(topicMetadata(usual, scene.topic)).rejects.toMatchObject({ code: 'E_KAFKA_TLS' });
    await librdkafkaSays(usual).toMatch(/certificate verify failed/);
  });

  test.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)(
    'a wrong password or user by %s, by both Kafka clients',
    async (mechanism) => {
      const t = { onTestFinished } as TestContext;
      const scene = await sceneOf(t, kafka.secure);
      const right = { mechanism, user: SECURE_USER, password: SECURE_PASSWORD };
      for (const sasl of [
        { ...right, password: 'errada' },
        { ...right, user: 'ninguem' },
      ]) {
        const login = { KAFKA_USER: sasl.user, KAFKA_PASSWORD: sasl.password };
        const env = { ...tlsEnv(), ...login, KAFKA_SASL_MECHANISM: mechanism };
        const { code, all } = await vendaval(t, ['engine', ...scene.flags()], env);
        expect({ code, all }).toMatchObject({ code: 1 });
        expect(all).toContain('E_KAFKA_AUTH');
        expect(all).toContain(mechanism);
        const access = { brokers: kafka.secure, security: security(sasl) };
        await librdkafkaSays(access).toMatch(/[Aa]uthentication/);
      }
      const access = { brokers: kafka.secure, security: security(right) };
      await librdkafkaSays(access).toBeNull();
    },
  );

  test('a token that has expired, and one that the broker does not take', async (t) => {
    const scene = await sceneOf(t, kafka.secure);
    const tokenFile = join(folder, 'expired');
    writeFileSync(tokenFile, unsignedToken(Date.now() - 3_600_000));
    const sasl = { mechanism: 'OAUTHBEARER', tokenFile } as const;
    const access = { brokers: kafka.secure, security: security(sasl) };
    await expect(topicMetadata(access, scene.topic)).rejects.toMatchObject({
      code: 'E_KAFKA_TOKEN',
      message: expect.stringMatching(/expired .+ ago/),
    });
    writeFileSync(tokenFile, 'kein.jwt');
    await expect(topicMetadata(access, scene.topic)).rejects.toMatchObject({
      code: 'E_KAFKA_AUTH',
      message: expect.stringContaining('refuses the token (OAUTHBEARER)'),
    });
    await librdkafkaSays(access).toMatch(/[Aa]uthentication/);
  });

  test('a user who may read the topic and not its group, in place of waiting for ever', async (t) => {
    const scene = await sceneOf(t, kafka.secure);
    const principal = 'sem-grupo';
    await grant(kafka, `User:${principal}`, [
      { resource: 'topic', name: scene.topic, operation: 'READ' },
      { resource: 'topic', name: `${scene.topic}.dlq`, operation: 'ALL' },
    ]);
    const env = { ...tlsEnv(), ...tokenEnv(principal) };
    const { code, all } = await vendaval(t, ['engine', ...scene.flags()], env);
    expect({ code, all }).toMatchObject({ code: 1 });
    expect(all).toContain(`may not read the group "${scene.group}"`);
    expect(all).toContain('E_KAFKA_AUTHORIZATION');
  });

  test('what one side speaks and the other does not, named with what to set', async (t) => {
    const login = passwordEnv('SCRAM-SHA-512');
    const cases: [string, string, Env, string, string][] = [
      ['TLS with none', kafka.secure, {}, 'E_KAFKA_TLS', 'KAFKA_TLS=true'],
      ['a sign-in to TLS', kafka.secure, login, 'E_KAFKA_TLS', 'KAFKA_TLS=true'],
      ['none with TLS', kafka.broker.brokers, tlsEnv(), 'E_KAFKA_TLS', 'speaks no TLS'],
      ['none with a sign-in', kafka.broker.brokers, login, 'E_KAFKA_SASL', 'takes no sign-in'],
      ['a sign-in with none', kafka.secure, tlsEnv(), 'E_KAFKA_SASL', 'SCRAM-SHA-512'],
      ['the same without TLS', kafka.bare, {}, 'E_KAFKA_SASL', 'SCRAM-SHA-512'],
      ['a certificate with none', kafka.mutual, tlsEnv(), 'E_KAFKA_TLS', 'KAFKA_CERT'],
    ];
    const scene = await sceneOf(t, 'set below:1');
    for (const [name, brokers, env, code, says] of cases) {
      const engine = await vendaval(t, ['engine', ...scene.flags({ brokers })], env);
      expect({ name, code: engine.code, all: engine.all }).toMatchObject({ name, code: 1 });
      expect({ name, all: engine.all }).toMatchObject({ all: expect.stringContaining(code) });
      expect({ name, all: engine.all }).toMatchObject({ all: expect.stringContaining(says) });
      const doctor = await vendaval(t, ['doctor', ...scene.flags({ brokers })], env);
      const check = doctor.run.lines.find((line) => line.check === 'kafka.brokers') as never as {
        verdict: string;
        problem: { code: string; cause: string; run: string[] };
      };
      expect({ name, check }).toMatchObject({ check: { verdict: 'fail', problem: { code } } });
      expect({ name, run: check.problem.run }).toMatchObject({ run: [expect.any(String)] });
    }
  });
});

describe('a sign-in that ends', () => {
  test('is made anew in time: nothing is lost, and nobody is told of trouble', async (t) => {
    const env = { ...tlsEnv(), ...passwordEnv('SCRAM-SHA-256') };
    const scene = await sceneOf(t, kafka.secure, { rules: { windowMs: 1000, delayMs: 1000 } });
    await allow(kafka, SECURE_USER, scene, 'engine', 'load', 'topic create');
    const engine = scene.engine({}, { env });
    const size = ['--rate', '2000', '--duration', '20s', '--profile', 'constant'];
    const more = ['--oracle', 'off', '--check'];
    const run = await vendaval(t, ['load', ...size, ...more, ...scene.flags(NOT_OF_LOAD)], env);
    expect({ code: run.code, all: run.all }).toMatchObject({ code: 0 });
    expect(run.run.lines.filter(({ level }) => level === 'warn')).toEqual([]);
    engine.signal('SIGTERM');
    await engine.endsWell();
    expect(engine.lines.filter(({ code }) => code.startsWith('E_'))).toEqual([]);
    await scene.expectExact();
  });

  test('with its token goes on with the next one from the file', async (t) => {
    const env = { ...tlsEnv(), ...tokenEnv() };
    const renew = (ms: number) => {
      // Whole, as a file that is read at any moment is put in place.
      writeFileSync(`${env.KAFKA_TOKEN_FILE}.next`, unsignedToken(Date.now() + ms));
      renameSync(`${env.KAFKA_TOKEN_FILE}.next`, env.KAFKA_TOKEN_FILE);
    };
    renew(8000);
    const scene = await sceneOf(t, kafka.secure);
    await allow(kafka, TOKEN_SUBJECT, scene, 'engine', 'topic create');
    const engine = scene.engine({}, { env });
    const renewing = setInterval(() => renew(8000), 2000);
    t.onTestFinished(() => clearInterval(renewing));
    const startMs = performance.now();
    const [sales] = [makeSales({ seed: 11, count: 400 })];
    for (let i = 0; performance.now() - startMs < 20_000; i = (i + 20) % 400) {
      await scene.produce(sales.slice(i, i + 20));
      await scene.untilDrained(engine);
    }
    engine.signal('SIGTERM');
    await engine.endsWell();
    expect(engine.lines.filter(({ code }) => /AUTH|TOKEN/.test(code))).toEqual([]);
    await scene.expectExact();
  });
});

test('an engine that was put out of its group goes on counting, and joins again when it may', async (t) => {
  const env = { ...tlsEnv(), ...passwordEnv('PLAIN') };
  const scene = await sceneOf(t, kafka.secure);
  await allow(kafka, SECURE_USER, scene, 'engine', 'topic create');
  const engine = scene.engine({}, { env });
  const sales = makeSales({ seed: 21, count: 300 });
  const counts = async (from: number) => {
    await scene.produce(sales.slice(from, from + 100));
    await scene.untilDrained(engine);
  };
  await counts(0);
  await withdrawGroup(kafka, scene.group);
  const isRefused = () => engine.lines.some(({ code }) => code === 'E_KAFKA_CLIENT');
  await engine.until(isRefused, 'the group refuses it');
  await counts(100);
  await allow(kafka, SECURE_USER, scene, 'engine', 'topic create');
  await counts(200);
  const { brokers } = kafka.broker;
  const areCommitted = async () => {
    const offsets = await committedOffsets(brokers, scene.group, scene.topic);
    const progress = await scene.progress();
    return progress.every(({ partition, nextOffset }) =>
      offsets.some((o) => o.partition === partition && o.offset === nextOffset),
    );
  };
  await engine.until(areCommitted, 'the group has its offsets again');
  engine.signal('SIGTERM');
  await engine.endsWell();
  await scene.expectExact();
});

test('each command does with the rights that the documents give it, and no others', async (t) => {
  const scene = await sceneOf(t, kafka.secure, { topic: uniqueName() });
  const commands: [string, string[]][] = [
    ['topic create', []],
    ['topic describe', []],
    ['produce', ['--count', '10', '--rate', '1000']],
    ['engine', ['--until-end']],
    ['verify', []],
    ['load', ['--rate', '1000', '--duration', '1s', '--oracle', 'off']],
    ['dlq list', []],
    ['dlq show', []],
    ['dlq replay', ['--all', '--yes']],
    ['doctor', ['--timeout', '60s']],
    ['reset', ['--yes']],
  ];
  for (const [command, more] of commands) {
    // So that there is a letter.
    if (command === 'engine') await scene.produce([{ value: 'no sale' }]);
    const principal = `direito-${command.replace(' ', '-')}`;
    await allow(kafka, principal, scene, command);
    const env = { ...tlsEnv(), ...tokenEnv(principal) };
    const flags = scene.flags(command === 'load' ? NOT_OF_LOAD : {});
    const args = [...command.split(' '), ...more, ...flags];
    const { code, all } = await vendaval(t, args, env);
    expect({ command, code, all }).toEqual({ command, code: 0, all });
    expect({ command, all }).not.toMatchObject({ all: expect.stringContaining('AUTHORIZATION') });
  }
});
