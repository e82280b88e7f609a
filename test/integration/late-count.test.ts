import { describe, expect, test } from 'vitest';
import type { LiveSnapshot } from '../../src/dashboard/api.ts';
import { EngineProcess } from '../parts/engine-process.ts';
import { PageScene } from '../parts/page-scene.ts';
import { makeSales, plainSale, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import { runVerify } from '../parts/verify-run.ts';

const MINUTE_MS = 60_000;
const START_MS = Date.UTC(2024, 10, 29, 12);

const sale = (partition: number, eventMs: number, valor: string, categoria = 'Casa') => ({
  partition,
  timestamp: START_MS + 60 * MINUTE_MS,
  value: plainSale(eventMs, valor, categoria),
});

describe('with --late count', () => {
  test('a late sale is added to its closed window, which says that it was corrected', async (t) => {
    const scene = await Scene.make(t, { partitions: 2, rules: { late: 'count' } });
    await scene.produce([
      ...[0, 1].flatMap((partition) => [
        sale(partition, START_MS, '1.10'),
        sale(partition, START_MS + MINUTE_MS, '2.20'),
        sale(partition, START_MS + 30 * MINUTE_MS, '4.40'),
      ]),
    ]);
    await scene.drain();
    const totals = scene.db.collection<{ _id: string }>('faturamento_tempo_real');
    const ids = (await totals.find({ fechada: true }).sort({ _id: 1 }).toArray()).map((d) => d._id);
    expect(ids).toHaveLength(2);

    // Into a closed window, into one that never was, and once more into the first.
    await scene.produce([
      sale(0, START_MS + 1000, '8.80'),
      sale(0, START_MS - 600 * MINUTE_MS, '0.05', 'Livros'),
      sale(1, START_MS + 2000, '16.00'),
    ]);
    await scene.drain();
    await scene.produce([sale(0, START_MS + 3000, '0.01')]);
    await scene.drain();

    const oracle = await scene.expectExact({ corrected: ({ _id }) => _id === ids[0] });
    expect(oracle.deadLetters.size).toBe(0);
    expect(oracle.partitions.get(0)?.lateCounted).toBe(3);
    expect(await totals.findOne({ _id: ids[0] })).toMatchObject({
      faturamento_total: 27.01,
      volume_vendas: 5n,
      menor_valor: 0.01,
      maior_valor: 16,
    });
    const verdict = await runVerify(t, scene);
    expect(verdict.differences).toEqual([]);
    expect(verdict.exit).toBe(0);
  });

  test('a bad day comes out exact, and verify agrees', async (t) => {
    const rules = { late: 'count', maxCategories: WORKLOAD_CATEGORIES_MAX } as const;
    const scene = await Scene.make(t, { rules, flags: { 'flush-interval': '10ms' } });
    const sales = makeSales({ seed: 12, count: 12_000 });
    for (let i = 0; i < sales.length; i += 4000) {
      await scene.produce(sales.slice(i, i + 4000));
      await scene.drain();
    }
    const oracle = await scene.expectExact({
      mayRepeat: true,
      corrected: (document) => 'corrigida_em' in document,
    });
    const late = [...oracle.partitions.values()].map(({ lateCounted }) => lateCounted);
    expect(Math.min(...late)).toBeGreaterThan(30);
    const { exit, differences } = await runVerify(t, scene);
    expect(differences).toEqual([]);
    expect(exit).toBe(0);
  });

  test('verify finds a late sale that is missing, and a counter that is wrong', async (t) => {
    const scene = await Scene.make(t, { partitions: 1, rules: { late: 'count' } });
    await scene.produce([
      sale(0, START_MS, '1.10'),
      sale(0, START_MS + 30 * MINUTE_MS, '2.20'),
      sale(0, START_MS, '4.40'),
    ]);
    await scene.drain();
    expect((await runVerify(t, scene)).exit).toBe(0);
    await scene.db.collection('progresso_particoes').updateOne({}, { $set: { atrasadas: 2n } });
    const counter = await runVerify(t, scene);
    expect(counter.differences).toMatchObject([
      { kind: 'progress', field: 'atrasadas', found: '2', expected: '1' },
    ]);
    // As if the policy were the other one.
    await scene.db
      .collection('configuracao_vendaval')
      .updateOne({}, { $set: { atrasadas: 'reject' } });
    const { differences } = await runVerify(t, scene);
    const kinds = new Set(differences.map(({ kind, field }) => `${kind} ${field}`));
    expect(kinds).toContain('missing dead letter ');
    expect(kinds).toContain('changed value faturamento_total');
  });

  test('the policy is pinned: an engine with the other one is refused', async (t) => {
    const scene = await Scene.make(t, { rules: { late: 'count' } });
    await scene.drain();
    const refused = scene.engine({ late: 'reject' });
    expect((await refused.end()).code).toBe(3);
    expect(refused.stderr).toContain('E_SETTINGS_CHANGED');
    expect(refused.stderr).toContain('--late is reject, pinned is count');
    expect(refused.stderr).toContain('vendaval reset');
  });

  test('a database from before there was a choice goes on as it was', async (t) => {
    const scene = await Scene.make(t);
    await scene.drain();
    await scene.db.collection('configuracao_vendaval').updateOne({}, { $unset: { atrasadas: '' } });
    await scene.drain();
    const refused = scene.engine({ late: 'count' });
    expect((await refused.end()).code).toBe(3);
    expect((await runVerify(t, scene)).exit).toBe(0);
  });

  test('metrics and the API tell how many were late and are counted', async (t) => {
    const made = await PageScene.make(t, { partitions: 1, rules: { late: 'count' } });
    const { scene, url } = made;
    await scene.produce([
      sale(0, START_MS + 30 * MINUTE_MS, '2.20'),
      sale(0, START_MS, '4.40'),
      sale(0, START_MS, '4.40'),
    ]);
    const engine = await made.engine();
    await scene.untilDrained(engine);
    const metric = `vendaval_records_late_counted_total{topic="${scene.topic}",partition="0"} 2`;
    const isTold = async () =>
      (await (await fetch(`${url}/metrics`)).text()).split('\n').includes(metric);
    await engine.until(isTold, 'the metric is 2');
    const live = (await (await fetch(`${url}/api/live`)).json()) as LiveSnapshot;
    expect(live.engine.late).toBe('count');
    expect(live.stream.lateCounted).toBe(2);
    expect(live.partitions[0].lateCounted).toBe(2);
  });
});

test('LATE is the variable of it, also for load, whose --late is a share of what it sends', async (t) => {
  const scene = await Scene.make(t, { rules: { late: 'count' } });
  const env = { LATE: 'count' };
  const engine = scene.engine({ late: null }, { env });
  await engine.says('engine-started');
  const words = ['--late', '0.2', '--count', '3000', '--rate', '100000', '--oracle', 'off'];
  const flags = scene.flags({ late: null, http: null });
  const load = new EngineProcess(t, ['load', ...words, '--check', ...flags], { env });
  await load.endsWell(120_000);
  const oracle = await scene.oracle();
  const late = [...oracle.partitions.values()].reduce((sum, one) => sum + one.lateCounted, 0);
  expect(late).toBeGreaterThan(100);
});
