import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, inject, type TestContext, test } from 'vitest';
import { EngineProcess, type RunOptions } from '../parts/engine-process.ts';
import { offsetRanges, uniqueName } from '../parts/topic.ts';

const SECRET = 'muito-secreto';

async function run(t: TestContext, args: readonly string[], options: RunOptions = {}) {
  const command = new EngineProcess(t, args, options);
  const { code } = await command.end();
  return { code, out: command.stdout, err: command.stderr, all: command.stdout + command.stderr };
}

const rowsOf = (out: string) =>
  new Map(
    out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .map((row) => [row.option, row]),
  );

describe.concurrent('config print', () => {
  test('shows each value with where it came from, and a flag wins over the rest', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'vendaval-cli-'));
    t.onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'vendaval.json');
    await writeFile(
      file,
      JSON.stringify({ topic: 'do-arquivo', window: '5m', group: 'do-arquivo' }),
    );
    const env = { KAFKA_TOPIC: 'da-variavel', WINDOW: '2m', MONGO_DATABASE: '' };
    const { code, out } = await run(t, ['config', 'print', '--config', file, '--window', '30s'], {
      env,
    });
    expect(code).toBe(0);
    const rows = rowsOf(out);
    expect(rows.get('window')).toMatchObject({ value: '30s', origin: 'flag', variable: 'WINDOW' });
    expect(rows.get('topic')).toMatchObject({ value: 'da-variavel', origin: 'variable' });
    expect(rows.get('group')).toMatchObject({ value: 'do-arquivo', origin: 'file' });
    expect(rows.get('watermark-delay')).toMatchObject({ value: '2m', origin: 'default' });
    // An empty variable counts as unset.
    expect(rows.get('database')).toMatchObject({ value: 'black_friday', origin: 'default' });
    expect(rows.get('dlq-topic')).toMatchObject({ value: 'da-variavel.dlq', origin: 'default' });
  });

  test.for([
    ['a plain URL', `mongodb://loja:${SECRET}@db.loja:27017/?authSource=admin`],
    ['an @ and a / in the password', `mongodb://loja:a@b/${SECRET}@db.loja:27017/`],
    ['a token among the parameters', `mongodb://db.loja/?authMechanismProperties=T:${SECRET}`],
    ['a TLS key password', `mongodb://db.loja/?tlsCertificateKeyFilePassword=${SECRET}`],
  ])('masks the secret in %s', async ([, url], t) => {
    for (const args of [
      ['--mongo', url],
      ['--mongo', url, '--json'],
    ]) {
      const { code, all } = await run(t, ['config', 'print', ...args]);
      expect(code).toBe(0);
      expect(all).toContain('db.loja');
      expect(all).not.toContain(SECRET);
    }
  });

  test('does not repeat a MongoDB URL that it cannot read', async (t) => {
    const { code, all } = await run(t, ['config', 'print', '--mongo', `loja:${SECRET}@db`]);
    expect(code).toBe(2);
    expect(all).toContain('expected mongodb://');
    expect(all).not.toContain(SECRET);
  });
});

describe.concurrent('a mistake on the command line ends with 2', () => {
  test.for([
    [
      'an unknown flag, with the one that was meant',
      ['engine', '--tpoic', 'x'],
      /Did you mean --topic/,
    ],
    ['an unknown command, with the one that was meant', ['prodcue'], /Did you mean produce/],
    ['a window that is no duration', ['engine', '--window', 'soon'], /--window "soon".*1m/],
    ['a window of half a second', ['engine', '--window', '500ms'], /from 1s to 1d/],
    [
      'a window of one and a half seconds',
      ['engine', '--window', '1.5s'],
      /whole number of seconds/,
    ],
    [
      'a broker without a port',
      ['engine', '--brokers', 'localhost'],
      /expected host:port.*"localhost"/,
    ],
    [
      'a time zone that does not exist',
      ['engine', '--time-zone', 'Mars/Olympus'],
      /America\/Sao_Paulo/,
    ],
    [
      'a topic name with a space',
      ['engine', '--topic', 'black friday'],
      /expected letters, digits/,
    ],
    [
      'the dead-letter topic as the topic',
      ['engine', '--dlq-topic', 'a', '--topic', 'a'],
      /of their own/,
    ],
    ['no partitions', ['topic', 'create', '--partitions', '0'], /whole number from 1/],
    ['a format that is not known', ['produce', '--format', 'xml'], /Known: json/],
    [
      'a config file that is not there',
      ['engine', '--config', '/nonexistent.json'],
      /cannot be used/,
    ],
  ] as [string, string[], RegExp][])('%s', async ([, args, message], t) => {
    const { code, out, err } = await run(t, args);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toMatch(message);
    expect(err).not.toMatch(/\n\s+at /);
  });

  test('names the variable that a bad value came from', async (t) => {
    const { code, err } = await run(t, ['engine'], { env: { FLUSH_INTERVAL: '1 parsec' } });
    expect(code).toBe(2);
    expect(err).toMatch(/FLUSH_INTERVAL "1 parsec".*250ms/);
  });
});

describe.concurrent('the command line', () => {
  test.for([['--help'], ['engine', '--help'], ['topic', 'create', '--help'], ['--version']])(
    'answers %s and ends with 0',
    async (args, t) => {
      const { code, out, err } = await run(t, args as unknown as string[]);
      expect(code).toBe(0);
      expect(out.length).toBeGreaterThan(3);
      expect(err).toBe('');
    },
  );

  test('runs through a link without an extension, as npm installs it', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'vendaval-cli-'));
    t.onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const main = join(folder, 'vendaval');
    await symlink(join(import.meta.dirname, '../../dist/main.js'), main);
    const { code, out } = await run(t, ['--version'], { main });
    expect({ code, out: out.trim() }).toEqual({ code: 0, out: expect.stringMatching(/^\d+\./) });
  });

  test('takes it well when nobody reads its help to the end', async () => {
    const main = join(import.meta.dirname, '../../dist/main.js');
    const shown = spawnSync('bash', ['-c', `node ${main} demo --help | head -1`]);
    expect(String(shown.stdout)).toMatch(/^Usage: vendaval demo/);
    expect(String(shown.stderr)).toBe('');
  });

  test('makes and describes the topic and its dead-letter topic', async (t) => {
    const topic = uniqueName();
    const flags = ['--brokers', inject('kafkaBrokers'), '--topic', topic];
    const made = await run(t, ['topic', 'create', ...flags, '--partitions', '5']);
    expect(made.code).toBe(0);
    expect(
      made.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { topic, result: 'created', partitions: 5 },
      { topic: `${topic}.dlq`, result: 'created', partitions: 5 },
    ]);
    expect(await offsetRanges(inject('kafkaBrokers'), topic)).toHaveLength(5);

    const again = await run(t, ['topic', 'create', ...flags]);
    expect(again.code).toBe(0);
    expect(again.out).toContain('"result":"exists","partitions":5');

    const described = JSON.parse((await run(t, ['topic', 'describe', ...flags])).out);
    expect(described.topicId).toMatch(/^[0-9a-f]{32}$/);
    expect(described.partitions).toHaveLength(5);
    expect(described.partitions[4]).toMatchObject({
      partition: 4,
      address: inject('kafkaBrokers'),
      isr: [described.partitions[4].leader],
    });
  });

  test('says which topic does not exist', async (t) => {
    const topic = uniqueName('nowhere');
    const flags = ['--brokers', inject('kafkaBrokers'), '--topic', topic];
    const { code, err } = await run(t, ['topic', 'describe', ...flags]);
    expect(code).toBe(1);
    expect(err).toContain('E_TOPIC_MISSING');
    expect(err).toContain(topic);
  });
});
