import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  OPTION_KEYS,
  resolveSettings,
  settingsWarnings,
  showSetting,
} from '../../../src/config/settings.ts';
import { kafkaAccess } from '../../../src/kafka/access.ts';
import { EXIT } from '../../../src/lib/errors.ts';

type Env = Record<string, string>;

const PASSWORD = 's3nha,#"ã';
const LOGIN = { KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512', KAFKA_USER: 'loja' };
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vendaval-config-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const resolve = (env: Env) => resolveSettings({ flags: {}, env });
const refusal = (message: string) =>
  expect.objectContaining({
    code: 'E_CONFIG',
    exitCode: EXIT.usage,
    message: expect.stringContaining(message),
  });

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe('how the brokers are reached', () => {
  const accessOf = (env: Env) => kafkaAccess(resolve(env).settings);

  it('is by plain TCP without a word about it', () => {
    expect(accessOf({})).toEqual({ brokers: 'localhost:9092', security: null });
  });

  it('is by TLS, by a sign-in, or by both', () => {
    const files = { ca: '', cert: '', key: '', keyPassword: '' };
    expect(accessOf({ KAFKA_TLS: 'true' }).security).toEqual({ tls: files, sasl: null });
    const sasl = { mechanism: 'SCRAM-SHA-512', user: 'loja', password: PASSWORD };
    const login = { ...LOGIN, KAFKA_PASSWORD: PASSWORD };
    expect(accessOf(login).security).toEqual({ tls: null, sasl });
    expect(accessOf({ ...login, KAFKA_TLS: 'yes', KAFKA_CA: 'ca.pem' }).security).toEqual({
      tls: { ...files, ca: 'ca.pem' },
      sasl,
    });
  });

  it('takes a mechanism in any case, and a token only by its file', () => {
    const token = { KAFKA_SASL_MECHANISM: 'oauthbearer', KAFKA_TOKEN_FILE: '/run/token' };
    expect(accessOf(token).security!.sasl).toEqual({
      mechanism: 'OAUTHBEARER',
      tokenFile: '/run/token',
    });
    expect(() => resolve({ KAFKA_SASL_MECHANISM: 'GSSAPI' })).toThrow(refusal('one of PLAIN'));
  });
});

describe('settings of Kafka that do not go together', () => {
  const token = { KAFKA_SASL_MECHANISM: 'OAUTHBEARER' };
  it.each<[Env, string]>([
    [{ KAFKA_CA: 'ca.pem' }, 'KAFKA_CA is set, but KAFKA_TLS is not'],
    [{ KAFKA_CERT: 'a.pem', KAFKA_KEY: 'a.key' }, 'KAFKA_CERT is set, but KAFKA_TLS is not'],
    [{ KAFKA_TLS: '1', KAFKA_CERT: 'a.pem' }, 'KAFKA_CERT is set without KAFKA_KEY'],
    [{ KAFKA_TLS: '1', KAFKA_KEY: 'a.key' }, 'KAFKA_KEY is set without KAFKA_CERT'],
    [{ KAFKA_KEY_PASSWORD: 'x' }, 'KAFKA_KEY_PASSWORD is set without KAFKA_KEY'],
    [LOGIN, 'SCRAM-SHA-512 is asked for without KAFKA_PASSWORD'],
    [{ ...LOGIN, KAFKA_USER: '', KAFKA_PASSWORD: 'x' }, 'asked for without KAFKA_USER'],
    [{ KAFKA_USER: 'loja' }, 'is set without KAFKA_SASL_MECHANISM'],
    [{ KAFKA_PASSWORD: 'x' }, 'is set without KAFKA_SASL_MECHANISM'],
    [token, 'OAUTHBEARER is asked for without KAFKA_TOKEN_FILE'],
    [{ KAFKA_TOKEN_FILE: 't' }, 'KAFKA_TOKEN_FILE is set without KAFKA_SASL_MECHANISM'],
    [{ ...token, KAFKA_TOKEN_FILE: 't', KAFKA_PASSWORD: 'x' }, 'OAUTHBEARER takes a token'],
  ])('are refused: %j', (env, message) => {
    expect(() => resolve(env)).toThrow(refusal(message));
  });

  it('are warned of where a password or token goes to another machine without TLS', () => {
    const warnings = (env: Env) => settingsWarnings(resolve(env).settings);
    const login = { ...LOGIN, KAFKA_PASSWORD: PASSWORD };
    const away = { KAFKA_BROKERS: 'localhost:9092,kafka.loja:9092,10.0.0.7:9092' };
    const said = warnings({ ...login, ...away, KAFKA_SASL_MECHANISM: 'PLAIN' });
    expect(said).toEqual([
      expect.stringMatching(/^the password goes to kafka.loja:9092, 10.0.0.7/),
    ]);
    expect(said.join()).not.toContain(PASSWORD);
    expect(warnings({ ...token, ...away, KAFKA_TOKEN_FILE: 't' })[0]).toContain('the token goes');
    expect(warnings({ ...login, ...away })[0]).toContain('the sales go');
    expect(warnings({ ...login, ...away, KAFKA_TLS: 'true' })).toEqual([]);
    for (const here of ['localhost:1', '127.0.0.1:1', '127.1.2.3:1', '[::1]:1']) {
      expect(warnings({ ...login, KAFKA_BROKERS: here })).toEqual([]);
    }
    expect(warnings(away)).toEqual([]);
  });
});

describe('a secret', () => {
  it.each(['\n', '\r\n', ''])('comes from the file that _FILE names, without the end %j', (end) => {
    const path = file('password', PASSWORD + end);
    const { settings, origins } = resolve({ ...LOGIN, KAFKA_PASSWORD_FILE: path });
    expect(settings.kafkaPassword).toBe(PASSWORD);
    expect(origins.kafkaPassword).toBe('secret file');
    expect(
      resolve({ ...LOGIN, KAFKA_PASSWORD: 'x', KAFKA_PASSWORD_FILE: '' }).settings,
    ).toMatchObject({
      kafkaPassword: 'x',
    });
  });

  it('keeps what else is at its end: that may belong to it', () => {
    const path = file('spaces', ` ${PASSWORD} \n\n`);
    const { settings } = resolve({ ...LOGIN, KAFKA_PASSWORD_FILE: path });
    expect(settings.kafkaPassword).toBe(` ${PASSWORD} \n`);
  });

  it('of MongoDB can be in a file, too, and a flag wins over it', () => {
    const path = file('url', 'mongodb://u:p@db:1/\n');
    expect(resolve({ MONGO_URL_FILE: path }).settings.mongo).toBe('mongodb://u:p@db:1/');
    const flags = { mongo: 'mongodb://other:1/' };
    const { settings } = resolveSettings({ flags, env: { MONGO_URL_FILE: path } });
    expect(settings.mongo).toBe('mongodb://other:1/');
  });

  it('is refused from a file that is not there, is empty, or is one of two sources', () => {
    const gone = { ...LOGIN, KAFKA_PASSWORD_FILE: join(folder, 'gone') };
    expect(() => resolve(gone)).toThrow(refusal('the file of KAFKA_PASSWORD_FILE cannot be read'));
    const empty = { ...LOGIN, KAFKA_PASSWORD_FILE: file('empty', '\n') };
    expect(() => resolve(empty)).toThrow(refusal('is empty'));
    const both = { ...LOGIN, KAFKA_PASSWORD: PASSWORD, KAFKA_PASSWORD_FILE: file('p', 'x') };
    expect(() => resolve(both)).toThrow(refusal('KAFKA_PASSWORD and KAFKA_PASSWORD_FILE are both'));
    expect(() => resolve(both)).not.toThrow(PASSWORD);
    const wrong = { MONGO_URL_FILE: file('wrong', `postgres://u:${PASSWORD}@h/`) };
    expect(() => resolve(wrong)).toThrow(refusal('the file of MONGO_URL_FILE: expected mongodb'));
    expect(() => resolve(wrong)).not.toThrow(PASSWORD);
  });

  it('is no file for an option that holds none', () => {
    expect(resolve({ KAFKA_TOPIC_FILE: file('topic', 'outro') }).settings.topic).toBe(
      'black-friday-sales',
    );
  });

  it('is never shown', () => {
    const secrets = { KAFKA_PASSWORD: PASSWORD, KAFKA_KEY_PASSWORD: PASSWORD };
    const tls = { KAFKA_TLS: '1', KAFKA_CERT: 'a.pem', KAFKA_KEY: 'a.key' };
    const { settings } = resolve({ ...LOGIN, ...tls, ...secrets });
    const shown = OPTION_KEYS.map((key) => showSetting(key, settings)).join('\n');
    expect(shown).not.toContain(PASSWORD);
    expect(showSetting('kafkaPassword', settings)).toBe('***');
    expect(showSetting('kafkaPassword', resolve({}).settings)).toBe('');
  });
});
