/**
 * Letters sent back: what a dry run says comes true, each counts once whatever happens between, and
 * the totals are what a plain reading of the topic gives.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, type TestContext, test } from 'vitest';
import { runCommand } from '../parts/commands.ts';
import { EngineProcess } from '../parts/engine-process.ts';
import { BOTH_WAYS, FaultProxy } from '../parts/fault-proxy.ts';
import { plainSale } from '../parts/sales.ts';
import { Scene, type SceneOptions } from '../parts/scene.ts';
import {
  createTopic,
  deleteRecordsBefore,
  deleteTopic,
  offsetRanges,
  readTopic,
} from '../parts/topic.ts';
import { runVerify } from '../parts/verify-run.ts';

const MINUTE_MS = 60_000;
const START_MS = Date.UTC(2024, 10, 29, 12);
const NEWEST_MS = START_MS + 60 * MINUTE_MS;
const REPLAY_OF = 'vendaval-replay-of';
const DELAY_MS = 60;

const sale = (partition: number, value: string, more = {}) => ({
  ...{ partition, value, timestamp: NEWEST_MS },
  ...more,
});

/** Two partitions that are at 13:00, and what else is given. */
async function counted(
  t: TestContext,
  records: readonly ReturnType<typeof sale>[],
  options: SceneOptions = {},
): Promise<Scene> {
  const scene = await Scene.make(t, { partitions: 2, ...options });
  const newest = [0, 1].map((partition) => sale(partition, plainSale(NEWEST_MS, '1.00')));
  await scene.produce([...newest, ...records]);
  await scene.drain();
  return scene;
}

/** Names of letters by how often their records are in the log of sales. */
async function sentBack(scene: Scene): Promise<Map<string, number>> {
  const times = new Map<string, number>();
  for (const { headers } of await readTopic(scene.brokers, scene.topic)) {
    for (const [name, value] of headers) {
      if (name !== REPLAY_OF) continue;
      times.set(String(value), (times.get(String(value)) ?? 0) + 1);
    }
  }
  return times;
}

async function expectRight(t: TestContext, scene: Scene): Promise<void> {
  await scene.expectExact({ mayRepeat: true, corrected: (d) => 'corrigida_em' in d });
  const { exit, differences } = await runVerify(t, scene);
  expect(differences).toEqual([]);
  expect(exit).toBe(0);
}

const BROKEN = plainSale(NEWEST_MS, '7.70').replace('7.70', '7.705');

test('a dry run says what would become of each, sends nothing, and comes true', async (t) => {
  const scene = await counted(t, [
    sale(0, plainSale(START_MS, '1.10')),
    sale(1, plainSale(START_MS, '2.20')),
    sale(1, BROKEN),
    // Once ahead of its time, and no longer.
    sale(0, plainSale(NEWEST_MS + 10 * MINUTE_MS, '4.40')),
  ]);
  const before = await offsetRanges(scene.brokers, scene.topic);
  const dry = await runCommand(t, scene, ['dlq', 'replay', '--all']);
  expect(dry.code).toBe(0);
  const said = {
    letters: 2,
    passedOver: { 'would be late again': 2 },
    counted: 1,
    corrections: 0,
    rejected: { valor_decimals: 1 },
  };
  expect(dry.of('replay')).toMatchObject([{ dryRun: true, ...said }]);
  expect(await offsetRanges(scene.brokers, scene.topic)).toEqual(before);

  const sent = await runCommand(t, scene, ['dlq', 'replay', '--all', '--yes']);
  expect(sent.code).toBe(0);
  expect(sent.of('replay')).toMatchObject([{ dryRun: false, ...said }]);
  await scene.drain();
  const oracle = await scene.oracle();
  const rejected = [...oracle.partitions.values()].flatMap((one) => [...one.rejected.keys()]);
  expect(rejected.sort()).toEqual(['future_timestamp', 'late', 'late', 'valor_decimals']);
  const reasons = [...oracle.deadLetters.values()].map(({ reason }) => reason);
  expect(reasons.filter((reason) => reason === 'late')).toHaveLength(2);
  await expectRight(t, scene);
});

test('letters of a topic that was made anew are not taken for those of the one before it', async (t) => {
  const early = (valor: string) =>
    sale(1, plainSale(NEWEST_MS + 10 * MINUTE_MS, valor), { key: valor });
  const scene = await counted(t, [early('4.40')]);
  const { brokers, topic } = scene;
  const all = ['dlq', 'replay', '--all'];
  const first = await runCommand(t, scene, [...all, '--yes']);
  expect(first.of('replay')).toMatchObject([{ letters: 1, passedOver: {} }]);
  await scene.drain();

  await deleteTopic(brokers, topic);
  await createTopic(brokers, topic, { partitions: 2 });
  const newest = [0, 1].map((partition) => sale(partition, plainSale(NEWEST_MS, '1.00')));
  await scene.produce([...newest, early('5.50')]);
  // Nothing is sent into it on the word of what was counted of the other.
  const refused = await runCommand(t, scene, [...all, '--yes']);
  expect(refused.code).toBe(3);
  expect(refused.stderr).toContain('E_TOPIC_RECREATED');

  expect((await runCommand(t, scene, ['reset', '--yes', '--accept-loss'])).code).toBe(0);
  await scene.drain();
  const list = await runCommand(t, scene, ['dlq', 'list']);
  expect(list.of('letters')).toMatchObject([{ letters: 1, replayed: 0 }]);
  const again = await runCommand(t, scene, [...all, '--yes']);
  expect(again.of('replay')).toMatchObject([{ letters: 1, passedOver: {} }]);
  const sent = (await readTopic(brokers, topic)).filter(({ headers }) =>
    headers.some(([name]) => name === REPLAY_OF),
  );
  expect(sent.map(({ key }) => String(key))).toEqual(['5.50']);
  await scene.drain();
  const { exit, differences } = await runVerify(t, scene);
  expect(differences).toEqual([]);
  expect(exit).toBe(0);
});

test('a letter that was sent back is passed over, and its record says whose letter it was', async (t) => {
  const scene = await counted(t, [
    sale(1, plainSale(NEWEST_MS + 10 * MINUTE_MS, '4.40'), {
      key: 'pedido-7',
      headers: [['loja', 'Olinda']],
    }),
  ]);
  const name = `${scene.topic}/1/1`;
  for (const [letters, passedOver] of [
    [1, {}],
    [0, { 'already sent': 1 }],
  ] as const) {
    const run = await runCommand(t, scene, ['dlq', 'replay', name, '--yes']);
    expect(run.of('replay')).toMatchObject([{ letters, passedOver }]);
  }
  const records = await readTopic(scene.brokers, scene.topic);
  const [again] = records.filter(({ headers }) => headers.some(([n]) => n === REPLAY_OF));
  expect(again).toMatchObject({ partition: 1 });
  expect(String(again.key)).toBe('pedido-7');
  expect(String(again.value)).toBe(plainSale(NEWEST_MS + 10 * MINUTE_MS, '4.40'));
  expect(again.headers.map(([n, value]) => [n, String(value)])).toEqual([
    ['loja', 'Olinda'],
    [REPLAY_OF, name],
  ]);
  const list = await runCommand(t, scene, ['dlq', 'list']);
  expect(list.of('letters')).toMatchObject([{ letters: 1, replayed: 1, others: 0 }]);
  await scene.drain();
  await expectRight(t, scene);
});

test('repaired in a file, a letter counts; what is wrong with the file is told with its line', async (t) => {
  const scene = await counted(t, [sale(0, BROKEN), sale(1, 'lixo')]);
  const shown = await runCommand(t, scene, ['dlq', 'show', '--reason', 'valor_decimals']);
  const folder = await mkdtemp(join(tmpdir(), 'vendaval-replay-'));
  t.onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'corrigidas.jsonl');
  await writeFile(file, shown.stdout.replaceAll('7.705', '7.70'));

  const dry = await runCommand(t, scene, ['dlq', 'replay', '--from', file]);
  expect(dry.of('replay')).toMatchObject([{ dryRun: true, letters: 1, counted: 1, rejected: {} }]);
  await runCommand(t, scene, ['dlq', 'replay', '--from', file, '--yes']);
  await runCommand(t, scene, ['dlq', 'replay', '--from', file, '--yes']);
  await scene.drain();
  expect(await sentBack(scene)).toEqual(new Map([[`${scene.topic}/0/1`, 1]]));
  const totals = await scene.db.collection('faturamento_tempo_real').find().toArray();
  expect(totals.map(({ faturamento_total }) => faturamento_total)).toEqual([9.7]);
  await expectRight(t, scene);

  for (const [text, wrong] of [
    ['\n{"letter": 7}', 'line 2: "letter" is no name'],
    ['{', 'line 1: no JSON'],
    [`{"letter": "${scene.topic}/0/1", "value": 7}`, 'line 1: "value" must be'],
  ]) {
    await writeFile(file, text);
    const { code, stderr } = await runCommand(t, scene, ['dlq', 'replay', '--from', file]);
    expect(code).toBe(2);
    expect(stderr).toContain('E_LETTER_FILE');
    expect(stderr).toContain(wrong);
  }
  await writeFile(file, `{"letter": "${scene.topic}/0/0", "value": "x"}`);
  const absent = await runCommand(t, scene, ['dlq', 'replay', '--from', file]);
  expect(absent.stderr).toContain('E_LETTER_MISSING');
});

test('late sales, corrected twice and sent back twice with kills between, count once each', async (t) => {
  const count = 4500;
  const late = Array.from({ length: count }, (_, i) => {
    return sale(i % 2, plainSale(START_MS + (i % 50) * 30_000, `${1 + (i % 7)}.10`));
  });
  const rules = { late: 'count' } as const;
  const scene = await counted(t, late.slice(0, 500), { rules });
  await scene.produce(late.slice(500).map((one) => ({ ...one, value: `${one.value}x` })));
  await scene.drain();

  // Each is repaired; the first tries are killed when some of it is sent.
  const shown = await runCommand(t, scene, ['dlq', 'show', '--limit', '5000']);
  const folder = await mkdtemp(join(tmpdir(), 'vendaval-replay-'));
  t.onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'corrigidas.jsonl');
  await writeFile(file, shown.stdout.replaceAll('}x"', '}"'));
  const engine = scene.engine();
  // Over a slow network, so that there is something left to send when the kill comes.
  const { advertisedPort: port, listensOn } = inject('kafkaProxied');
  const proxy = await FaultProxy.start(t, listensOn, { port });
  proxy.delay(DELAY_MS, ...BOTH_WAYS);
  const brokers = `127.0.0.1:${port}`;
  for (let kill = 0; kill < 2; kill++) {
    const words = ['dlq', 'replay', '--from', file, '--yes'];
    const replay = new EngineProcess(t, [...words, ...scene.flags({ brokers })]);
    await replay.says('progress');
    await replay.kill('SIGKILL');
  }
  const partly = await sentBack(scene);
  expect(partly.size).toBeGreaterThan(0);
  expect(partly.size).toBeLessThan(count - 500);
  await engine.kill('SIGKILL');
  for (let again = 0; again < 2; again++) {
    const run = await runCommand(t, scene, ['dlq', 'replay', '--from', file, '--yes']);
    expect(run.code).toBe(0);
  }
  await scene.drain();
  const times = await sentBack(scene);
  expect(times.size).toBe(count - 500);
  expect(new Set(times.values())).toEqual(new Set([1]));
  const oracle = await scene.oracle();
  const counted500 = [...oracle.partitions.values()].map(({ lateCounted }) => lateCounted);
  expect(counted500.reduce((a, b) => a + b)).toBe(count);
  await expectRight(t, scene);
});

test('where marks may be deleted, the log of sales tells what was sent back', async (t) => {
  const scene = await counted(t, [sale(0, BROKEN)]);
  await runCommand(t, scene, ['dlq', 'replay', '--all', '--yes']);
  await scene.drain();
  // The letters and the mark go, as by retention; counted anew, the letters come again.
  for (const { partition, high } of await offsetRanges(scene.brokers, `${scene.topic}.dlq`)) {
    if (high > 0)
      await deleteRecordsBefore(scene.brokers, `${scene.topic}.dlq`, { partition, offset: -1 });
  }
  await runCommand(t, scene, ['reset', '--yes']);
  await scene.drain();
  const run = await runCommand(t, scene, ['dlq', 'replay', '--all', '--yes']);
  expect(run.of('replay')).toMatchObject([{ letters: 1, passedOver: { 'already sent': 1 } }]);
  // The one of the record that was sent back and was broken still, and was not sent back itself.
  expect([...(await sentBack(scene)).values()]).toEqual([1, 1]);
});

test('a late letter of other totals is not sent where its sale is counted', async (t) => {
  const scene = await counted(t, [sale(0, plainSale(START_MS, '1.10'))]);
  const database = `${scene.db.databaseName}-2`;
  const engine = scene.engine({ database, late: 'count' }, { untilEnd: true });
  await engine.endsWell();
  const flags = { database, late: null };
  const run = await runCommand(t, scene, ['dlq', 'replay', '--all', '--yes'], flags);
  expect(run.of('replay')).toMatchObject([{ letters: 0, passedOver: { 'counted here': 1 } }]);
});

test('a late sale that would be late again stays where it is, so that other rules count it once', async (t) => {
  const scene = await counted(t, [
    sale(0, plainSale(START_MS, '1.10')),
    sale(1, plainSale(START_MS, '2.20')),
    sale(1, BROKEN),
  ]);
  const shown = await runCommand(t, scene, ['dlq', 'show', '--reason', 'late']);
  const folder = await mkdtemp(join(tmpdir(), 'vendaval-replay-'));
  t.onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'corrigidas.jsonl');
  // One as it is; the other's time is mended.
  const inTime = plainSale(NEWEST_MS, '2.20').replaceAll('"', '\\"');
  const late = plainSale(START_MS, '2.20').replaceAll('"', '\\"');
  expect(shown.stdout).toContain(late);
  await writeFile(file, shown.stdout.replace(late, inTime));
  for (const words of [['--all'], ['--reason', 'late'], [`${scene.topic}/0/1`]]) {
    const dry = await runCommand(t, scene, ['dlq', 'replay', ...words]);
    const late = words[0].startsWith('--') ? 2 : 1;
    const rejected = words[0] === '--all' ? { valor_decimals: 1 } : {};
    expect(dry.of('replay')).toMatchObject([{ passedOver: { 'would be late again': late } }]);
    expect(dry.of('replay')[0].rejected).toEqual(rejected);
  }
  const said = { letters: 1, counted: 1, passedOver: { 'would be late again': 1 }, rejected: {} };
  const dry = await runCommand(t, scene, ['dlq', 'replay', '--from', file]);
  expect(dry.of('replay')).toMatchObject([{ dryRun: true, ...said }]);
  const sent = await runCommand(t, scene, ['dlq', 'replay', '--from', file, '--yes']);
  expect(sent.of('replay')).toMatchObject([{ dryRun: false, ...said }]);
  expect([...(await sentBack(scene)).keys()]).toEqual([`${scene.topic}/1/1`]);
  await scene.drain();
  await expectRight(t, scene);

  // What was sent back lies in the log: who counts anew is told.
  for (const words of [['reset'], ['reset', '--yes']]) {
    const reset = await runCommand(t, scene, words);
    expect(reset.of('reset')).toMatchObject([{ sentBack: 1 }]);
  }
});

test('it must be said which letters', async (t) => {
  const scene = await counted(t, []);
  for (const words of [[], ['--all', '--reason', 'late'], ['--from', '/nowhere.jsonl']]) {
    const { code, stderr } = await runCommand(t, scene, ['dlq', 'replay', ...words]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/E_USAGE|E_LETTER_FILE/);
  }
  const nowhere = await runCommand(t, scene, ['dlq', 'replay', '--all'], { database: 'nada' });
  expect(nowhere.code).toBe(1);
  expect(nowhere.stderr).toContain('E_NOTHING_COUNTED');
});
