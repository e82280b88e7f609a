import { expect, type TestContext, test } from 'vitest';
import { runCommand } from '../parts/commands.ts';
import { makeSales, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import { committedOffsets, deleteRecordsBefore, offsetRanges } from '../parts/topic.ts';
import { runVerify } from '../parts/verify-run.ts';

const OURS = ['faturamento_tempo_real', 'progresso_particoes', 'configuracao_vendaval'];

async function counted(t: TestContext): Promise<Scene> {
  const scene = await Scene.make(t, { rules: { maxCategories: WORKLOAD_CATEGORIES_MAX } });
  await scene.produce(makeSales({ seed: 8, count: 3000 }));
  await scene.drain();
  return scene;
}

const contentOf = async ({ db }: Scene) =>
  Promise.all(OURS.map((name) => db.collection(name).find().sort({ _id: 1 }).toArray()));

test('a dry run says what would be removed, and removes nothing', async (t) => {
  const scene = await counted(t);
  const before = await contentOf(scene);
  const dry = await runCommand(t, scene, ['reset']);
  expect(dry.code).toBe(0);
  expect(dry.of('reset')).toMatchObject([
    {
      dryRun: true,
      documents: before[0].length,
      others: 0,
      partitions: 3,
      settings: true,
      losses: [],
      sentBack: 0,
      engineAlive: null,
    },
  ]);
  expect(dry.of('removed')).toEqual([]);
  expect(await contentOf(scene)).toEqual(before);
});

test('it removes totals, progress and settings, and leaves what it says', async (t) => {
  const scene = await counted(t);
  const { db, brokers, topic, group } = scene;
  await db.collection('anotacoes').insertOne({ nota: 'fica' });
  const around = async () => ({
    log: await offsetRanges(brokers, topic),
    committed: await committedOffsets(brokers, group, topic),
    indexes: await db.collection('faturamento_tempo_real').indexes(),
    other: await db.collection('anotacoes').find().toArray(),
  });
  const before = await around();
  const done = await runCommand(t, scene, ['reset', '--yes']);
  expect(done.stderr).toBe('');
  expect(done.code).toBe(0);
  expect(await contentOf(scene)).toEqual([[], [], []]);
  expect(await around()).toEqual(before);

  // By other rules now; letters of the old ones are no longer anybody's.
  const again = await runCommand(t, scene, ['reset', '--yes']);
  expect(again.code).toBe(0);
  await scene.drain({ window: '5m', 'watermark-delay': '10m' });
  const verdict = await runVerify(t, scene);
  expect(verdict.differences).toEqual([]);
  expect(verdict.exit).toBe(0);
});

test('counted anew by the same rules, everything is as it was', async (t) => {
  const scene = await counted(t);
  await runCommand(t, scene, ['reset', '--yes']);
  await scene.drain();
  await scene.expectExact({ mayRepeat: true });
  const list = await runCommand(t, scene, ['dlq', 'list']);
  const { deadLetters } = await scene.oracle();
  expect(list.of('letters')[0].letters).toBe(deadLetters.size);
});

test('it is refused while an engine is at work, whatever its group is called', async (t) => {
  const scene = await counted(t);
  const engine = scene.engine();
  const isOwned = async () => (await scene.progress()).every(({ owner }) => owner !== '');
  await engine.until(isOwned, 'every partition has its owner');
  const before = await scene.db.collection('faturamento_tempo_real').countDocuments();
  for (const flags of [{}, { group: 'outro-grupo' }]) {
    const refused = await runCommand(t, scene, ['reset', '--yes'], flags);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('E_ENGINE_ALIVE');
  }
  expect((await runCommand(t, scene, ['reset'])).of('reset')[0].engineAlive).toMatch(/./);
  engine.signal('SIGTERM');
  await engine.endsWell();
  expect(await scene.db.collection('faturamento_tempo_real').countDocuments()).toBe(before);
  expect((await runCommand(t, scene, ['reset', '--yes'])).code).toBe(0);
});

test('an engine that slept through it takes no part in a count by other rules', async (t) => {
  const scene = await Scene.make(t, {
    rules: { maxCategories: WORKLOAD_CATEGORIES_MAX },
    partitions: 1,
  });
  await scene.produce(makeSales({ seed: 8, count: 3000 }).map((s) => ({ ...s, partition: 0 })));
  const engines = [scene.engine(), scene.engine()];
  const [first, second] = engines;
  await first.until(() => engines.some((one) => one.has('lease-started')), 'one has the partition');
  const owner = first.has('lease-started') ? first : second;
  const idle = owner === first ? second : first;
  await scene.untilDrained(owner);
  // What it sees of the reset is nothing, and no signal reaches it.
  idle.signal('SIGSTOP');
  owner.signal('SIGTERM');
  await owner.endsWell();
  const isAlone = async () =>
    (await runCommand(t, scene, ['reset'])).of('reset')[0].engineAlive === null;
  await expect.poll(isAlone, { timeout: 60_000, interval: 500 }).toBe(true);
  expect((await runCommand(t, scene, ['reset', '--yes'])).code).toBe(0);
  const rules = { window: '5m', 'watermark-delay': '10m' };
  await scene.drain(rules);

  idle.signal('SIGCONT');
  expect(await idle.end()).toEqual({ code: 3, signal: null });
  expect(idle.stderr).toContain('E_SETTINGS_CHANGED');
  expect(idle.stderr).toMatch(/--window \(ms\) is 60000, pinned is 300000; --watermark-delay/);
  const verdict = await runVerify(t, scene);
  expect(verdict.differences).toEqual([]);
});

test('it is refused where the log no longer holds what was counted, unless that is accepted', async (t) => {
  const scene = await counted(t);
  await deleteRecordsBefore(scene.brokers, scene.topic, { partition: 1, offset: 100 });
  const before = await contentOf(scene);
  const dry = await runCommand(t, scene, ['reset']);
  expect(dry.of('reset')[0].losses).toEqual([
    { partition: 1, countedFrom: 0, logStart: 100, records: 100 },
  ]);
  const refused = await runCommand(t, scene, ['reset', '--yes']);
  expect(refused.code).toBe(3);
  expect(refused.stderr).toContain('E_RESET_LOSES');
  expect(await contentOf(scene)).toEqual(before);
  const accepted = await runCommand(t, scene, ['reset', '--yes', '--accept-loss']);
  expect(accepted.code).toBe(0);
  expect(await contentOf(scene)).toEqual([[], [], []]);
});

test('it tells when the database holds totals of another topic than asked for', async (t) => {
  const scene = await counted(t);
  const { code, stderr } = await runCommand(t, scene, ['reset'], { topic: 'outro' });
  expect(code).toBe(2);
  expect(stderr).toContain('E_OTHER_TOTALS');
});

test('what no engine has written stays, also under the name of our totals', async (t) => {
  const scene = await Scene.make(t, {});
  const { db } = scene;
  const totals = db.collection<{ _id: string }>('faturamento_tempo_real');
  const spark = { _id: 'eletronicos', total: 12.5 };
  await totals.insertOne(spark);
  // Nothing is pinned: another program's collection.
  for (const words of [['reset'], ['reset', '--yes']]) {
    const refused = await runCommand(t, scene, words);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('E_NOTHING_COUNTED');
    expect(await totals.find().toArray()).toEqual([spark]);
  }
  // An engine counts beside it.
  await scene.produce(makeSales({ seed: 8, count: 300 }));
  await scene.drain();
  const dry = await runCommand(t, scene, ['reset']);
  const documents = (await totals.countDocuments()) - 1;
  expect(documents).toBeGreaterThan(0);
  expect(dry.of('reset')).toMatchObject([{ documents, others: 1 }]);
  expect((await runCommand(t, scene, ['reset', '--yes'])).code).toBe(0);
  expect(await contentOf(scene)).toEqual([[spark], [], []]);
});
