/**
 * docs/SECURITY.md, done as it is written, on a real broker and a database that ask for all of it:
 * a Java key store is made into PEM, users and rights are given by the programs that the page
 * names, and the engine of the page signs in and counts. Names of hosts and folders are put in
 * place, and keytool and openssl get the passwords that they would ask for.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { MongoClient } from 'mongodb';
import { expect, type TestContext, test, vi } from 'vitest';
import { ROOT } from '../../scripts/build.ts';
import { OPTIONS } from '../../src/config/options.ts';
import { runToEnd } from '../../src/mongo/child-processes.ts';
import { writePrograms } from '../parts/docs/others-programs.ts';
import { blocksOf, readPage } from '../parts/docs/page.ts';
import { logicalLines } from '../parts/docs/recorded-shell.ts';
import { Terminal } from '../parts/docs/terminal.ts';
import { plainSale } from '../parts/sales.ts';
import { type SecureBroker, startSecureBroker } from '../parts/secure-broker.ts';
import { startSecureDatabase } from '../parts/secure-scene.ts';
import { createTopic, produceRecords } from '../parts/topic.ts';

const LIMIT_MS = 120_000;
const [STORE_PASSWORD, ADMIN_PASSWORD, PASSWORD] = ['deposito', 'dona-da-loja', 'segredo:1'];
/** As it stands in the page's URL. */
const MONGO_PASSWORD = 'password';
const TOPIC = OPTIONS.topic.defaultText;
const SALES = 20;

const PAGE = blocksOf(readPage('docs/SECURITY.md'));
const block = (language: string, text: string): string =>
  PAGE.find((one) => one.language === language && one.text.includes(text))!.text;

/** A folder with the programs of the page on its terminal's PATH. */
async function workplace(t: TestContext, mongoUrl: string) {
  const folder = await mkdtemp(join(tmpdir(), 'vendaval-page-'));
  t.onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const program = (name: string, line: string) =>
    writeFile(join(folder, name), `#!/bin/sh\nexec ${line}\n`, { mode: 0o755 });
  await writePrograms(folder, mongoUrl);
  await program('vendaval', `node "${join(ROOT, 'dist/main.js')}" "$@"`);
  const path = [folder, process.env.PATH].join(delimiter);
  const real = `env PATH="${process.env.PATH}"`;
  const stores = `-srcstorepass ${STORE_PASSWORD} -deststorepass ${STORE_PASSWORD}`;
  await program('keytool', `${real} keytool "$@" ${stores}`);
  await program('openssl', `${real} openssl "$@" -passin pass:${STORE_PASSWORD}`);
  return { folder, path };
}

/** What a shop with Java clients has: a key store that trusts the authority. */
async function makeKeyStore(folder: string, { ca }: SecureBroker): Promise<void> {
  const store = ['-keystore', join(folder, 'kafka.jks'), '-storetype', 'JKS'];
  const more = ['-storepass', STORE_PASSWORD, '-noprompt', '-alias', 'ca', '-file', ca.certFile];
  const args = ['-importcert', ...store, ...more];
  expect(await runToEnd('keytool', args, { timeLimitMs: LIMIT_MS })).toMatchObject({ code: 0 });
}

test('the page leads from a Java key store to an engine that counts, with the rights given there', async (t) => {
  const properties = { 'super.users': 'User:ANONYMOUS;User:admin' };
  const kafka = await startSecureBroker(t, { properties });
  const mongoUrl = await startSecureDatabase(t, kafka.ca);
  const { folder, path } = await workplace(t, mongoUrl);
  await makeKeyStore(folder, kafka);
  const here = (text: string) =>
    text
      .replace(/kafka-1\.loja:9094(,kafka-2\.loja:9094)?/g, kafka.secure)
      .replaceAll('/etc/vendaval/', `${folder}/`)
      .replaceAll('/run/secrets/', `${folder}/`);
  const terminal = await Terminal.open(t, folder, { PATH: path, HTTP_ADDRESS: 'off' });
  const type = async (text: string) => {
    for (const line of logicalLines(text)) {
      terminal.type(line);
      const status = await terminal.status(LIMIT_MS);
      if (status !== 0) throw new Error(terminal.failure(`ended with ${status}: ${line}`));
    }
  };

  await type(block('sh', 'keytool'));

  const login = block('properties', 'sasl.jaas.config').replace('…', ADMIN_PASSWORD);
  await writeFile(join(folder, 'admin.properties'), here(login));
  const users = block('sh', 'kafka-configs.sh');
  // The first one is not made by itself.
  const first = users
    .replace(' --command-config admin.properties', '')
    .replace('vendaval', 'admin');
  await type(first.replace('kafka-1.loja:9094', kafka.broker.brokers).replace('…', ADMIN_PASSWORD));
  await type(here(users).replace('…', PASSWORD));
  await writeFile(join(folder, 'kafka-password'), `${PASSWORD}\n`);

  for (const topic of [TOPIC, `${TOPIC}.dlq`]) await createTopic(kafka.broker.brokers, topic);
  await type(here(block('sh', 'kafka-acls.sh')));

  await writeFile(join(folder, 'user.js'), block('text', 'createUser'));
  const asked = terminal.mark;
  // Nothing is typed ahead: the shell would take it for the password's.
  terminal.type(`mongosh '${mongoUrl}' --quiet --norc user.js; printf 'ended with %s.' "$?"`);
  const shows = (text: RegExp) => () => text.test(terminal.since(asked));
  await terminal.until(shows(/Enter password/), 'a password is asked for', LIMIT_MS);
  terminal.type(MONGO_PASSWORD);
  await terminal.until(shows(/ended with \d+\./), 'the user is made', LIMIT_MS);
  expect(terminal.since(asked)).toContain('ended with 0.');
  const url = here(block('text', 'mongodb://'))
    .replace('db-1.loja,db-2.loja', new URL(mongoUrl).host)
    .replace('replicaSet=rs0', 'directConnection=true');
  await writeFile(join(folder, 'mongo-url'), url);
  terminal.type(`export MONGO_URL_FILE=${join(folder, 'mongo-url')}`);

  const mark = terminal.mark;
  for (const line of logicalLines(here(block('sh', 'vendaval doctor')))) terminal.type(line);
  const sales = Array.from({ length: SALES }, (_, i) => ({
    value: plainSale(Date.UTC(2024, 10, 29, 12) + i, '10.50', 'Casa'),
  }));
  await produceRecords(kafka.broker.brokers, TOPIC, sales);
  const client = await MongoClient.connect(mongoUrl);
  t.onTestFinished(() => client.close());
  const totals = client.db(OPTIONS.database.defaultText).collection(OPTIONS.collection.defaultText);
  const counted = async () => Number((await totals.findOne())?.volume_vendas ?? 0);
  await vi
    .waitUntil(async () => (await counted()) === SALES, { timeout: LIMIT_MS, interval: 200 })
    .catch(() => {
      throw new Error(terminal.failure('not every sale is counted'));
    });
  terminal.press('C');
  const status = await terminal.status(LIMIT_MS);
  expect({ status, shown: terminal.since(mark) }).toMatchObject({ status: 0 });
  expect(await totals.findOne()).toMatchObject({ faturamento_total: 210, categoria: 'Casa' });
}, 300_000);
