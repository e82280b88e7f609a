import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OptionKey } from '../../../src/config/options.ts';
import {
  asConfigFile,
  maskUrl,
  OPTION_KEYS,
  resolveSettings,
  showSetting,
} from '../../../src/config/settings.ts';
import { EXIT } from '../../../src/lib/errors.ts';

const resolve = (
  flags: Partial<Record<OptionKey, string>> = {},
  env: Record<string, string> = {},
  content?: unknown,
) =>
  resolveSettings({
    flags,
    env,
    file: content === undefined ? undefined : { path: 'c.json', content },
  });

const refusal = (message: string) =>
  expect.objectContaining({
    code: 'E_CONFIG',
    exitCode: EXIT.usage,
    message: expect.stringContaining(message),
  });

describe('where a setting comes from', () => {
  it('is the flag, then the variable, then the file, then the default', () => {
    const file = { topic: 'from-file' };
    const env = { KAFKA_TOPIC: 'from-env' };
    const found = [
      resolve({ topic: 'from-flag' }, env, file),
      resolve({}, env, file),
      resolve({}, {}, file),
      resolve(),
    ].map(({ settings, origins }) => [settings.topic, origins.topic]);
    expect(found).toEqual([
      ['from-flag', 'flag'],
      ['from-env', 'variable'],
      ['from-file', 'file'],
      ['black-friday-sales', 'default'],
    ]);
  });

  it('is not a variable that is set to nothing', () => {
    expect(resolve({}, { WINDOW: '' }).settings.windowMs).toBe(60_000);
  });

  it('reads numbers and booleans of a file as they would be written', () => {
    const { settings } = resolve({}, {}, { threads: 3, json: true, window: '2m' });
    expect(settings).toMatchObject({ threads: 3, json: true, windowMs: 120_000 });
  });

  it.each([
    ['an unknown name', { topci: 'x' }, '"topci", which is no option'],
    ['a list', { topic: ['x'] }, 'other than a text, number or boolean'],
    ['no object', ['x'], 'does not hold a JSON object'],
    ['null', null, 'does not hold a JSON object'],
  ])('is refused when a file holds %s', (_, content, message) => {
    expect(() => resolve({}, {}, content)).toThrow(refusal(message));
  });
});

describe('a bad value', () => {
  it.each<[OptionKey, string, string]>([
    ['brokers', 'localhost', 'expected host:port'],
    ['brokers', 'a:1,b:0', 'got "b:0"'],
    ['brokers', 'a:65536', 'expected host:port'],
    ['brokers', '', 'expected host:port'],
    ['topic', 'com espaço', 'letters, digits'],
    ['topic', '..', 'letters, digits'],
    ['topic', 'x'.repeat(250), 'at most 249'],
    ['deadLetterTopic', 'a/b', 'letters, digits'],
    ['group', 'a b', 'without spaces'],
    ['database', 'a.b', 'a MongoDB database name'],
    ['collection', 'system.x', 'a MongoDB collection name'],
    ['collection', 'a$b', 'a MongoDB collection name'],
    ['windowMs', '1 minute', 'expected a duration such as'],
    ['windowMs', '500ms', 'from 1s to 1d'],
    ['windowMs', '2d', 'from 1s to 1d'],
    ['windowMs', '1500ms', 'whole number of seconds'],
    ['late', 'maybe', 'expected reject or count'],
    ['watermarkDelayMs', '-1s', 'expected a duration such as'],
    ['watermarkDelayMs', '31d', 'to 30d'],
    ['timeZone', 'Brasil/Norte', 'expected a time zone'],
    ['maxCategories', '0', 'a whole number from 1 to 50000'],
    ['maxCategories', '1.5', 'a whole number'],
    ['flushIntervalMs', '9ms', 'from 10ms to 1h'],
    ['http', '4040', 'expected host:port, or off'],
    ['http', 'localhost:70000', 'expected host:port, or off'],
    ['threads', '257', 'from 0 to 256'],
    ['json', 'perhaps', 'expected true or false'],
  ])('of %s is refused and named: %j', (key, value, message) => {
    expect(() => resolve({ [key]: value })).toThrow(refusal(message));
    expect(() => resolve({ [key]: value })).toThrow(refusal('--'));
  });

  it('is named after the variable or the place in the file that it came from', () => {
    expect(() => resolve({}, { KAFKA_TOPIC: '!' })).toThrow(refusal('KAFKA_TOPIC "!"'));
    expect(() => resolve({}, {}, { topic: '!' })).toThrow(refusal('"topic" in c.json "!"'));
  });

  it('of the database URL is refused without being shown', () => {
    for (const url of ['postgres://u:geheim@h/', 'mongodb://u:geheim @h/']) {
      expect(() => resolve({ mongo: url })).toThrow(refusal('--mongo: expected mongodb://'));
      expect(() => resolve({ mongo: url })).not.toThrow('geheim');
    }
  });
});

describe('settings that hang together', () => {
  it('send dead letters beside the topic unless told otherwise', () => {
    expect(resolve({ topic: 'vendas' }).settings.deadLetterTopic).toBe('vendas.dlq');
    expect(resolve({ deadLetterTopic: 'lixo' }).settings.deadLetterTopic).toBe('lixo');
  });

  it('never send dead letters back to the topic', () => {
    expect(() => resolve({ topic: 'a', deadLetterTopic: 'a' })).toThrow(refusal('same as --topic'));
  });

  it('take an address in brackets for what is inside', () => {
    expect(resolve({ http: '[::1]:80' }).settings.http).toEqual({ host: '::1', port: 80 });
    expect(resolve({ http: 'off' }).settings.http).toBeNull();
  });
});

describe('a masked URL', () => {
  it.each([
    [
      'mongodb://root:root@localhost:27017/?authSource=admin',
      'mongodb://root:***@localhost:27017/?authSource=admin',
    ],
    ['mongodb+srv://u:p@cluster.example/db', 'mongodb+srv://u:***@cluster.example/db'],
    ['mongodb://u:a@b:c/d?e@h1:1,h2:2/?w=1', 'mongodb://u:***@h1:1,h2:2/?w=1'],
    ['mongodb://u:@h', 'mongodb://u:***@h'],
    ['mongodb://user@h/', 'mongodb://user@h/'],
    ['mongodb://h1:1,h2:2/', 'mongodb://h1:1,h2:2/'],
    [
      'mongodb://h/?tlsCertificateKeyFilePassword=x&w=1',
      'mongodb://h/?tlsCertificateKeyFilePassword=***&w=1',
    ],
    [
      'mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:x',
      'mongodb://h/?authMechanismProperties=***',
    ],
    ['mongodb://joe@example.com:x@h/', 'mongodb://***@h/'],
  ])('of %s is %s', (url, masked) => {
    expect(maskUrl(url)).toBe(masked);
    expect(showSetting('mongo', resolve({ mongo: url }).settings)).toBe(masked);
  });

  it('never holds the password, whatever is in it and in the user', () => {
    const odd = fc.constantFrom(
      '@',
      ':',
      '/',
      '?',
      '#',
      '&',
      '=',
      '%40',
      '[',
      ']',
      '$',
      '.',
      '\\',
      'x',
    );
    const noise = fc.array(odd, { maxLength: 6 }).map((parts) => parts.join(''));
    const hosts = fc.constantFrom('h', 'h:27017', 'h1:1,h2:2', '[::1]:27017');
    const tails = fc.constantFrom('', '/', '/db', '/?w=1', '/db?authSource=admin&w=1', '?w=1');
    const schemes = fc.constantFrom('mongodb', 'mongodb+srv');
    fc.assert(
      fc.property(
        schemes,
        noise,
        noise,
        noise,
        hosts,
        tails,
        (scheme, user, before, after, host, tail) => {
          const url = `${scheme}://u${user}:${before}SECRET${after}@${host}${tail}`;
          const masked = maskUrl(url);
          expect(masked).not.toContain('SECRET');
          expect(masked.endsWith(`@${host}${tail}`)).toBe(true);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe('a config file made of settings', () => {
  it('gives every one of them back', () => {
    const flags: Partial<Record<OptionKey, string>> = {
      ...{ brokers: 'a:1,b:2', topic: 'vendas', windowMs: '10s', watermarkDelayMs: '90s' },
      ...{ mongo: 'mongodb://loja:senha@db:1/', http: 'off', rack: 'r1', httpHosts: 'painel' },
    };
    const { settings } = resolve(flags);
    expect(resolve({}, {}, asConfigFile(settings, OPTION_KEYS)).settings).toEqual(settings);
    const v6 = resolve({ http: '[::1]:4041' }).settings;
    expect(resolve({}, {}, asConfigFile(v6, OPTION_KEYS)).settings).toEqual(v6);
    expect(resolve({}, {}, asConfigFile(resolve().settings, OPTION_KEYS)).settings).toEqual(
      resolve().settings,
    );
  });
});
