/**
 * What must be refused is, and nothing leaks. TLS and a login are the database's here; those of
 * Kafka are in a file of their own.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BSON } from 'mongodb';
import { expect, inject } from 'vitest';
import { startEmbeddedDatabase } from '../../../src/mongo/embedded-database.ts';
import { CertificateAuthority, type ServerCertificate } from '../../parts/certificates.ts';
import { EngineProcess } from '../../parts/engine-process.ts';
import { plainSale } from '../../parts/sales.ts';
import type { Scene } from '../../parts/scene.ts';
import { startTlsFront } from '../../parts/tls-front.ts';
import { readTopic } from '../../parts/topic.ts';
import { Leaks } from '../leaks.ts';
import { pageOf } from '../live-status.ts';
import { type Chaos, scenario } from '../scenario.ts';

const START_MS = Date.UTC(2024, 10, 29, 12);
const USER = 'loja';
const PASSWORD = 'g:1/s@2?d$3%&ã';
const WRONG = 'errada?4$#';

const rejected = { value: 'no sale', timestamp: START_MS };
const sale = (i: number, categoria = 'Casa') => ({
  value: plainSale(START_MS + i, '1.01', categoria),
  timestamp: START_MS,
});

scenario(
  {
    row: 25,
    title: 'certificates of another authority, host or time',
    invariant: 'refused, with the reason; a good one works',
  },
  async (chaos) => {
    const target = Number(new URL(inject('mongoUrl')).port);
    const known = await CertificateAuthority.make(chaos, 'known');
    const other = await CertificateAuthority.make(chaos, 'other');
    const here = 'IP:127.0.0.1';
    const scene = await chaos.scene();
    await scene.produce([sale(1), rejected]);
    const run = async (certificate: ServerCertificate) => {
      const port = await startTlsFront(chaos, target, certificate);
      const query = new URLSearchParams({ directConnection: 'true', tls: 'true' });
      query.set('tlsCAFile', known.certFile);
      const engine = scene.engine(
        { mongo: `mongodb://127.0.0.1:${port}/?${query}` },
        { untilEnd: true },
      );
      const { code } = await engine.end();
      return { code, stderr: engine.stderr };
    };
    const bad: [string, ServerCertificate, string][] = [
      ['of another authority', await other.issue(here), 'unable to verify'],
      ['that has expired', await known.issue(here, true), 'certificate has expired'],
      ['of another host', await known.issue('DNS:loja.example'), 'does not match'],
    ];
    for (const [name, certificate, reason] of bad) {
      const { code, stderr } = await run(certificate);
      expect({ name, code }).toEqual({ name, code: 1 });
      expect(stderr).toContain('E_MONGO_TLS');
      expect(stderr).toContain(reason);
      expect(await scene.db.listCollections().toArray()).toEqual([]);
      chaos.figure(`certificate ${name}`, 'refused');
    }
    expect(await run(await known.issue(here))).toEqual({ code: 0, stderr: '' });
    await scene.expectExact();
    chaos.figure('a good one', 'taken');
  },
);

/** Everything that the program says when all is well, and when it is not. */
async function lookEverywhere(chaos: Chaos, scene: Scene, url: string, leaks: Leaks) {
  const main = { main: chaos.engineMain };
  const ends = async (where: string, code: number, args: string[], env = {}) => {
    const process = new EngineProcess(chaos, args, { ...main, env });
    const exit = await process.end(90_000);
    expect({ where, code: exit.code }).toEqual({ where, code });
    leaks.look(where, process.stdout + process.stderr);
    return process;
  };
  const folder = await mkdtemp(join(tmpdir(), 'vendaval-leaks-'));
  chaos.onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'config.json');
  await writeFile(file, JSON.stringify({ mongo: url }));
  await ends('config print, by flag', 0, ['config', 'print', '--mongo', url]);
  await ends('config print, by variable', 0, ['config', 'print'], { MONGO_URL: url });
  await ends('config print, by file', 0, ['config', 'print', '--config', file]);
  await writeFile(file, `{ "mongo": "${url}", }`);
  await ends('a config file that is no JSON', 2, ['config', 'print', '--config', file]);
  const flags = (mongo: string) => ['engine', ...scene.flags({ mongo })];
  await ends('a port that is none', 2, flags(url.replace(/:\d+\//, ':99999/')));
  await ends('a URL without its host', 2, flags(url.replace(/@.*/, '')));
  await ends('a login that is not encoded', 2, flags(`mongodb://${USER}:${PASSWORD}@127.0.0.1/`));
  const wrong = url.replace(encodeURIComponent(PASSWORD), encodeURIComponent(WRONG));
  const refused = await ends('a wrong password', 1, flags(wrong));
  expect(refused.stderr).toContain('E_MONGO_AUTH');
  const nobody = await ends('a wrong user', 1, flags(url.replace(USER, 'ninguem')));
  expect(nobody.stderr).toContain('E_MONGO_AUTH');
  const away = url.replace(/@127.0.0.1:\d+/, '@127.0.0.1:1');
  if (!chaos.isShort) await ends('a database that is away', 1, flags(away));
  await ends('topic describe', 0, ['topic', 'describe', ...scene.flags({ http: null })]);
}

scenario(
  {
    row: 25,
    title: 'passwords, looked for in every output',
    invariant: 'a wrong one is refused, none leaks',
  },
  async (chaos) => {
    const database = await startEmbeddedDatabase({ auth: { username: USER, password: PASSWORD } });
    chaos.onTestFinished(() => database.stop());
    const { url } = database;
    const scene = await chaos.scene({ mongoUrl: url, flags: { http: '127.0.0.1:0' } });
    await scene.produce([sale(1), sale(2), rejected]);
    const leaks = new Leaks([PASSWORD, WRONG]);
    const engine = scene.engine();
    await scene.untilDrained(engine);
    for (const path of ['/', '/livez', '/readyz', '/metrics', '/api/live', '/api/partitions']) {
      leaks.look(path, await (await fetch(pageOf(engine) + path)).text());
    }
    const windows = `${pageOf(engine)}/api/windows`;
    leaks.look(windows, await (await fetch(windows)).text());
    await lookEverywhere(chaos, scene, url, leaks);
    for (const collection of await scene.db.collections()) {
      leaks.look(
        collection.collectionName,
        BSON.EJSON.stringify(await collection.find().toArray()),
      );
    }
    // What it says when the database goes away under it.
    await database.kill('SIGKILL');
    await scene.produce([sale(3)]);
    await engine.says('E_MONGO_UNREACHABLE', 'checkpoint attempt');
    leaks.look(
      '/api/live without a database',
      await (await fetch(`${pageOf(engine)}/api/live`)).text(),
    );
    await engine.kill('SIGKILL');
    leaks.look('the engine', engine.stdout + engine.stderr);
    for (const topic of [scene.topic, `${scene.topic}.dlq`]) {
      leaks.look(topic, JSON.stringify(await readTopic(scene.brokers, topic)));
    }
    expect(leaks.found).toEqual([]);
    chaos.figure('outputs looked through', leaks.looks);
    chaos.figure('leaks', leaks.found.length);
  },
);

/** Names that mean something to the database, to JavaScript or to a browser. */
const CATEGORIES = [
  ...['$valor', '$$ROOT', '$where', '$literal', '$$NOW', '$$REMOVE', '$', '$$', '$partes.0.n'],
  ...['a.b', '.', '..', '.a', 'a.', 'partes.0.n', 'partes', '_id', '0', '-1', 'null', 'true', '{}'],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'a\0b', '\0', '|', '2024|Casa'],
  ...[
    '<script>alert(1)</script>',
    "'; drop",
    '"',
    '\\',
    '%00',
    '%s',
    '=1+1',
    '\u202easaC',
    '😀',
    'İ',
  ],
  ...['é', 'e\u0301', ' Casa', 'Casa ', 'casa', 'CASA', '\u{10ffff}', 'x'.repeat(64)],
];

scenario(
  {
    row: 25,
    title: 'categories with $, dots and more',
    invariant: 'each is its own category, exact',
  },
  async (chaos) => {
    const times = chaos.times(50, 3);
    const scene = await chaos.scene();
    const records = Array.from({ length: times }, (_, i) =>
      CATEGORIES.map((categoria, j) => ({ ...sale(i, categoria), partition: (i + j) % 3 })),
    );
    await scene.produce(records.flat());
    await scene.drain();
    const oracle = await scene.expectExact();
    chaos.figure('names', CATEGORIES.length);
    chaos.figure('documents', oracle.documents.size);
    chaos.figure('sales rejected', oracle.deadLetters.size);
  },
);

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** Unlike fetch, it sends a path and headers as they are given. */
function ask(page: string, path: string, method: string, headers: Record<string, string>) {
  const { port } = new URL(page);
  return new Promise<Answer>((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, method, headers }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (chunk) => {
        body += chunk;
      });
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body }));
    });
    asked.once('error', reject);
    asked.end();
  });
}

scenario(
  {
    row: 25,
    title: 'the page, asked from another origin or by another name',
    invariant: 'refused, and no answer may be read by another site',
  },
  async (chaos) => {
    const scene = await chaos.scene({ flags: { http: '127.0.0.1:0' } });
    await scene.produce([sale(1)]);
    const engine = scene.engine();
    await scene.untilDrained(engine);
    const page = pageOf(engine);
    const paths = ['/', '/metrics', '/api/live', '/api/partitions', '/api/windows', '/api/stream'];
    const foreign: [string, string, Record<string, string>, number][] = [
      ['another origin', 'GET', { origin: 'https://evil.example' }, 403],
      ['no origin that can be told', 'GET', { origin: 'null' }, 403],
      ['another port of this host', 'GET', { origin: 'http://127.0.0.1:1' }, 403],
      ['a picture of another site', 'GET', { 'sec-fetch-site': 'cross-site' }, 403],
      ['another name for this address', 'GET', { host: 'evil.example' }, 421],
      ['a name that begins well', 'GET', { host: 'localhost.evil.example' }, 421],
      ['a write', 'POST', {}, 405],
      ['a preflight', 'OPTIONS', { origin: 'https://evil.example' }, 405],
      ['a removal', 'DELETE', {}, 405],
    ];
    let refused = 0;
    for (const path of paths) {
      for (const [name, method, headers, status] of foreign) {
        const answer = await ask(page, path, method, headers);
        expect({ path, name, status: answer.status }).toEqual({ path, name, status });
        expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
        expect(answer.body).not.toContain(scene.topic);
        refused++;
      }
    }
    for (const path of [
      '/../../package.json',
      '/%2e%2e/package.json',
      '//etc/passwd',
      '/dashboard.js',
    ]) {
      const { status, body } = await ask(page, path, 'GET', {});
      expect({ path, status }).toEqual({ path, status: 404 });
      expect(body).not.toContain('vendaval"');
      refused++;
    }
    const own = await ask(page, '/api/live', 'GET', {});
    expect(own.status).toBe(200);
    expect(own.body).toContain(scene.topic);
    expect(own.headers).not.toHaveProperty('access-control-allow-origin');
    expect(own.headers).toMatchObject({ 'x-frame-options': 'DENY' });
    engine.signal('SIGTERM');
    await engine.endsWell();
    chaos.figure('requests refused', refused);
    chaos.figure('leaks', 0);
  },
);
