import { expect, type TestContext, test } from 'vitest';
import { runCompact } from '../../src/commands/compact.ts';
import type { Shell } from '../../src/commands/shell.ts';
import { resolveSettings } from '../../src/config/settings.ts';
import { NEW_DATABASE } from '../../src/lib/errors.ts';
import { type Register, TotalsStore } from '../../src/mongo/totals-store.ts';
import { runCommand } from '../parts/commands.ts';
import { endlessSales, makeSales, plainSale, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import { SteadyProducer } from '../parts/steady-producer.ts';
import { addPartitions } from '../parts/topic.ts';
import { runVerify } from '../parts/verify-run.ts';

const rules = { maxCategories: WORKLOAD_CATEGORIES_MAX };

const totalsOf = (scene: Scene) => scene.db.collection<{ _id: string }>('faturamento_tempo_real');
const COMPACTED = { 'partes.compactadas': { $exists: true } };

async function expectEqual(t: TestContext, scene: Scene): Promise<void> {
  const { exit, differences } = await runVerify(t, scene);
  expect(differences).toEqual([]);
  expect(exit).toBe(0);
}

test('old documents become small, say what they said, and take what may still come', async (t) => {
  const scene = await Scene.make(t, { rules });
  await scene.produce(makeSales({ seed: 21, count: 3000 }));
  await scene.drain();
  const said = () =>
    totalsOf(scene)
      .find({}, { projection: { partes: 0 } })
      .sort({ _id: 1 })
      .toArray();
  const before = await said();

  const flags = ['--older-than', '0s'];
  const dry = await runCommand(t, scene, ['compact', ...flags]);
  expect(dry.code).toBe(0);
  const [{ documents, registers, partitions }] = dry.of('compact');
  expect(documents).toBeGreaterThan(20);
  expect(registers).toBeGreaterThan(documents as number);
  expect(partitions).toEqual([0, 1, 2]);
  expect(await totalsOf(scene).countDocuments(COMPACTED)).toBe(0);

  const done = await runCommand(t, scene, ['compact', ...flags, '--yes']);
  expect(done.of('compact')).toMatchObject([{ dryRun: false, documents, registers }]);
  expect(await totalsOf(scene).countDocuments(COMPACTED)).toBe(documents);
  expect(await said()).toEqual(before);
  await expectEqual(t, scene);
  const again = await runCommand(t, scene, ['compact', ...flags, '--yes']);
  expect(again.of('compact')).toMatchObject([{ documents: 0, registers: 0 }]);

  // A partition that is new brings honest sales of a window that was compacted.
  await addPartitions(scene.brokers, scene.topic, 4);
  const id = (await totalsOf(scene).findOne(COMPACTED))!._id;
  const [start, categoria] = [Date.parse(id.split('|')[0]), id.split('|')[1]];
  const value = plainSale(start, '1.23', categoria);
  await scene.produce([{ partition: 3, timestamp: start, value }]);
  await scene.drain();
  const document = await totalsOf(scene).findOne({ _id: id });
  expect(Object.keys((document as unknown as { partes: object }).partes).sort()).toEqual([
    '3',
    'compactadas',
  ]);
  await expectEqual(t, scene);
});

test('a compacted document takes nothing more from a partition whose register was final', async (t) => {
  const scene = await Scene.make(t);
  const totals = new TotalsStore(scene.db, 'faturamento_tempo_real');
  const [windowStartMs, windowEndMs] = [0, 60_000];
  const register = (ate: number): Register => {
    return { count: 1, centavos: 100n, menor: 100, maior: 100, ate };
  };
  const write = (partition: number, ate: number) =>
    totals.write([
      {
        ...{ windowStartMs, windowEndMs, categoria: 'Casa' },
        registers: [{ partition, register: register(ate) }],
      },
    ]);
  await write(0, 5);
  await write(1, 5);
  const particoes = [0, 1];
  const sum = { particoes, n: 2n, centavos: 200n, menor: 100n, maior: 100n };
  await totalsOf(scene).updateOne({}, { $set: { partes: { compactadas: sum } } });
  // Late, from a process that slept; and from a replay of the whole log.
  await write(0, 4);
  await write(1, 9);
  expect(await totalsOf(scene).findOne()).toMatchObject({
    volume_vendas: 2n,
    partes: { compactadas: sum },
  });
  await write(2, 1);
  expect(await totalsOf(scene).findOne()).toMatchObject({
    volume_vendas: 3n,
    faturamento_total: 3,
    partes: { compactadas: sum, 2: { n: 1n } },
  });
});

test('it may run beside an engine, and a count from the beginning adds nothing twice', async (t) => {
  const scene = await Scene.make(t, { rules });
  const engine = scene.engine();
  const sales = endlessSales({ seed: 5, perMinute: 200 });
  const producer = new SteadyProducer(t, scene, sales, 200);
  producer.start(6000);
  for (let documents = 0; documents < 40; ) {
    await engine.until(
      async () => (await totalsOf(scene).countDocuments({ fechada: true })) > 40,
      'windows close',
    );
    const run = await runCommand(t, scene, ['compact', '--older-than', '0s', '--yes']);
    expect(run.stderr).toBe('');
    documents += Number(run.of('compact')[0].documents);
  }
  await producer.finish();
  await scene.untilDrained(engine);
  await engine.kill('SIGKILL');
  await expectEqual(t, scene);

  const fields = { volume_vendas: 1, faturamento_total: 1, menor_valor: 1, maior_valor: 1 };
  const said = () => totalsOf(scene).find().project(fields).sort({ _id: 1 }).toArray();
  const before = await said();
  await scene.db.collection('progresso_particoes').deleteMany({});
  await scene.drain();
  expect(await said()).toEqual(before);
});

test('one that is stopped says how far it came, and the next one does the rest', async (t) => {
  const scene = await Scene.make(t, { rules });
  await scene.produce(makeSales({ seed: 22, count: 300 }));
  await scene.drain();
  // More old windows than are taken at a time.
  const register = { n: 1n, centavos: 100n, menor: 100n, maior: 100n, ate: 1n };
  const old = Array.from({ length: 1200 }, (_, i) => {
    const start = new Date(Date.UTC(2020, 0, 1) + i * 60_000);
    const end = new Date(start.getTime() + 60_000);
    const times = { janela_inicio: start, janela_fim: end, fechada: true };
    // Every third one has nothing to be put together.
    const partes = i % 3 === 0 ? { 0: register } : { 0: register, 1: register };
    return { _id: `${start.toISOString()}|Casa`, categoria: 'Casa', ...times, partes };
  });
  await totalsOf(scene).insertMany(old);
  const lines: Record<string, unknown>[] = [];
  const stop = new AbortController();
  const write = (text: string) => {
    lines.push(JSON.parse(text));
    // As Ctrl+C, after the first piece.
    if (lines.length === 1) stop.abort();
  };
  const { db, mongoUrl } = scene;
  const flags = { mongo: mongoUrl, database: db.databaseName };
  const shell = { out: { write }, err: { write }, json: true, signal: stop.signal };
  const options = { olderThan: 0, yes: true };
  await runCompact(resolveSettings({ flags, env: {} }), options, shell as unknown as Shell);
  const [progress, stopped, done] = lines;
  const { of } = progress;
  expect(of).toBeGreaterThan(1200);
  expect(progress).toMatchObject({ code: 'progress', documents: 500 });
  expect(stopped).toMatchObject({ code: 'stopped', documents: 500, of });
  expect(done).toMatchObject({ code: 'compact', dryRun: false, documents: 333 });
  expect(await totalsOf(scene).countDocuments(COMPACTED)).toBe(333);

  const rest = await runCommand(t, scene, ['compact', '--older-than', '0s', '--yes']);
  expect(rest.code).toBe(0);
  expect(rest.of('stopped')).toEqual([]);
  expect(rest.of('progress').at(-1)).toMatchObject({ documents: of, of });
  const isLeft = { _id: { $lt: '2021' }, 'partes.1': { $exists: true } };
  expect(await totalsOf(scene).countDocuments(isLeft)).toBe(0);
});

test('it is refused where late sales are counted', async (t) => {
  const scene = await Scene.make(t, { rules: { late: 'count' } });
  await scene.drain();
  const { code, stderr } = await runCommand(t, scene, ['compact', '--yes']);
  expect(code).toBe(1);
  expect(stderr).toContain('E_COMPACT_LATE');
  expect(stderr).toContain(NEW_DATABASE);
});
