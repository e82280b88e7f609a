import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { type LoadOracle, readOracle } from '../../src/load/oracle-file.ts';
import { type Ending, EngineProcess } from '../parts/engine-process.ts';
import { startKafkaBroker } from '../parts/kafka-broker.ts';
import { DEFAULT_RULES, judgeAll, type OracleRules } from '../parts/oracle.ts';
import { Scene } from '../parts/scene.ts';
import {
  createTopic,
  offsetRanges,
  produceRecords,
  type RecordRead,
  readTopic,
  uniqueName,
} from '../parts/topic.ts';

const TROUBLE = ['--disorder', '0.2', '--late', '0.02', '--malformed', '0.01', '--poison', '0.01'];

interface Load {
  readonly process: EngineProcess;
  readonly oraclePath: string;
}

function load(t: Ending, brokers: string, topic: string, args: readonly string[]): Load {
  const folder = mkdtempSync(join(tmpdir(), 'vendaval-load-'));
  t.onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const oraclePath = join(folder, 'oracle.json');
  const flags = ['--brokers', brokers, '--topic', topic, '--oracle', oraclePath];
  return { process: new EngineProcess(t, ['load', ...flags, ...args]), oraclePath };
}

/** The oracle file says what the oracle of the tests makes of the topic as others read it. */
function expectSame(
  oracle: LoadOracle,
  records: readonly RecordRead[],
  rules: OracleRules = DEFAULT_RULES,
): void {
  const expected = judgeAll(records, oracle.topic, rules);
  const partitions = [...expected.partitions].map(([particao, { counted, rejected, records }]) => ({
    particao,
    primeiro_offset: 0,
    proximo_offset: records,
    contadas: counted,
    rejeitadas: Object.fromEntries(rejected),
  }));
  expect(oracle.particoes).toEqual(partitions);
  const totals = [...expected.documents.values()].map(({ windowStartMs, categoria, parts }) => {
    const list = [...parts.values()];
    const sum = (of: (part: (typeof list)[0]) => bigint) =>
      list.reduce((total, part) => total + of(part), 0n);
    return {
      janela_inicio: new Date(windowStartMs).toISOString(),
      categoria,
      volume_vendas: Number(sum(({ n }) => n)),
      centavos: String(sum(({ centavos }) => centavos)),
      menor: Math.min(...list.map(({ menor }) => Number(menor))),
      maior: Math.max(...list.map(({ maior }) => Number(maior))),
    };
  });
  const key = (total: { janela_inicio: string; categoria: string }) =>
    `${total.janela_inicio}|${total.categoria}`;
  totals.sort((a, b) => (key(a) < key(b) ? -1 : 1));
  expect(oracle.totais).toEqual(totals);
}

test('the oracle of a black Friday is what others make of its topic', async (t) => {
  const scene = await Scene.make(t);
  const args = ['--rate', '20000', '--duration', '5s', '--seed', '11', ...TROUBLE];
  const { process, oraclePath } = load(t, scene.brokers, scene.topic, args);
  await process.endsWell();
  const oracle = readOracle(oraclePath);
  const records = await readTopic(scene.brokers, scene.topic);
  expect(oracle).toMatchObject({ holds: true, unknown: 0, acknowledged: records.length });
  expect(process.done).toMatchObject({ acknowledged: records.length, total: records.length });
  expect(Object.keys(oracle.rejeitadas)).toEqual(
    expect.arrayContaining(['not_json', 'late', 'future_timestamp', 'valor_decimals']),
  );
  expectSame(oracle, records, scene.rules);
  expect(records.every(({ key, headers }) => key === null && headers.length === 0)).toBe(true);

  await scene.drain();
  await scene.expectExact();
});

test('rules other than the default ones are those of the oracle too', async (t) => {
  const rules = {
    windowMs: 2000,
    delayMs: 1000,
    futureToleranceMs: 0,
    timeZone: 'America/Sao_Paulo',
    maxCategories: 3,
  };
  const scene = await Scene.make(t, { rules, partitions: 2 });
  const args = ['--profile', 'ramp', '--rate', '4000', '--duration', '4s', ...TROUBLE];
  const own = ['window', 'watermark-delay', 'future-tolerance', 'time-zone', 'max-categories'];
  const flags = scene.flags();
  const ruleFlags = own.flatMap((name) => [`--${name}`, flags[flags.indexOf(`--${name}`) + 1]]);
  const { process, oraclePath } = load(t, scene.brokers, scene.topic, [...args, ...ruleFlags]);
  await process.endsWell();
  const oracle = readOracle(oraclePath);
  expect(oracle.rejeitadas.category_limit).toBeGreaterThan(0);
  expectSame(oracle, await readTopic(scene.brokers, scene.topic), scene.rules);
});

test('a stop amid the load leaves the oracle of what was acknowledged', async (t) => {
  const brokers = inject('kafkaBrokers');
  const topic = await createTopic(brokers, uniqueName());
  const args = ['--profile', 'constant', '--rate', '20000', '--duration', '10m'];
  const { process, oraclePath } = load(t, brokers, topic, args);
  await process.until(
    () => process.lines.some(({ acknowledged }) => Number(acknowledged) > 1000),
    'sales are acknowledged',
  );
  process.signal('SIGINT');
  await process.endsWell();
  const oracle = readOracle(oraclePath);
  expect(oracle).toMatchObject({ holds: true, unknown: 0 });
  expect(process.done).toMatchObject({ held: false });
  expectSame(oracle, await readTopic(brokers, topic));
});

test.each(['SIGKILL', 'SIGTERM'] as const)(
  'a broker that ends by %s amid the load and comes back has every sale once',
  async (signal) => {
    const broker = await startKafkaBroker();
    onTestFinished(() => broker.stop());
    const topic = await createTopic(broker.brokers, uniqueName());
    const args = ['--profile', 'constant', '--rate', '50000', '--duration', '6s', ...TROUBLE];
    const { process, oraclePath } = load({ onTestFinished }, broker.brokers, topic, args);
    await process.until(
      () => process.lines.some((line) => Number(line.acknowledged) > 100_000),
      'a third of the sales is acknowledged',
    );
    await broker.kill(signal);
    await broker.restart();
    await process.endsWell(120_000);
    const oracle = readOracle(oraclePath);
    expect(oracle).toMatchObject({ holds: true, unknown: 0, acknowledged: 300_000 });
    const ends = await offsetRanges(broker.brokers, topic);
    expect(ends.reduce((sum, { high }) => sum + high, 0)).toBe(300_000);
    expect(process.done).toMatchObject({ held: false });
    expect(Number(process.done!.troubles)).toBeGreaterThan(0);
    expectSame(oracle, await readTopic(broker.brokers, topic));
  },
);

test('sales of others in the topic, and earlier ones, are told: the oracle does not hold', async (t) => {
  const brokers = inject('kafkaBrokers');
  const topic = await createTopic(brokers, uniqueName(), { partitions: 1 });
  await produceRecords(brokers, topic, [{ value: 'before' }]);
  const args = ['--profile', 'constant', '--rate', '5000', '--duration', '10m'];
  const { process, oraclePath } = load(t, brokers, topic, args);
  const acknowledged = () => Number(process.lines.at(-1)?.acknowledged ?? 0);
  await process.until(() => acknowledged() > 0, 'sales are acknowledged');
  await produceRecords(brokers, topic, [{ value: 'amid' }]);
  const before = acknowledged();
  await process.until(() => acknowledged() > before, 'more sales are acknowledged');
  process.signal('SIGINT');
  await process.endsWell();
  const oracle = readOracle(oraclePath);
  expect(oracle.holds).toBe(false);
  expect(oracle.not_because).toEqual([
    'partition 0 held 1 records before this load',
    'partition 0 got 1 records that are not of this load',
  ]);
});

test('a topic that is missing, and batches that it does not take, end the load with what to do', async (t) => {
  const brokers = inject('kafkaBrokers');
  const missing = load(t, brokers, uniqueName('missing'), []);
  expect((await missing.process.end()).code).toBe(1);
  expect(missing.process.stderr).toContain('vendaval topic create');

  const configs = { 'max.message.bytes': '20000' };
  const topic = await createTopic(brokers, uniqueName(), { configs });
  const args = ['--profile', 'constant', '--rate', '200000', '--duration', '10s'];
  const refused = load(t, brokers, topic, args);
  expect((await refused.process.end()).code).toBe(1);
  expect(refused.process.stderr).toMatch(/E_MESSAGE_TOO_LARGE/);
  expect(refused.process.stderr).toContain('--batch-bytes');
  const oracle = readOracle(refused.oraclePath);
  const ends = await offsetRanges(brokers, topic);
  expect(ends.reduce((sum, { high }) => sum + high, 0)).toBeGreaterThanOrEqual(oracle.acknowledged);
  expect(oracle.unknown).toBeGreaterThan(0);
});

test('wrong flags are refused before anything is sent', async (t) => {
  const brokers = inject('kafkaBrokers');
  for (const [args, text] of [
    [['--profile', 'diwali'], 'Known: constant, ramp, black-friday'],
    [['--late', '1.5'], 'from 0 to 1'],
    [['--late', '0.6', '--poison', '0.6'], 'more than 1'],
    [['--duration', 'soon'], 'a duration such as'],
  ] as const) {
    const { process } = load(t, brokers, 'any', args);
    expect((await process.end()).code).toBe(2);
    expect(process.stderr).toContain(text);
  }
});

test('a checked load is exact beside a live engine, and says how soon its sales were visible', async (t) => {
  const scene = await Scene.make(t);
  const engine = scene.engine();
  await engine.says('engine-started');
  const args = ['--rate', '5000', '--duration', '4s', '--check', ...TROUBLE];
  const database = ['--mongo', scene.mongoUrl, '--database', scene.db.databaseName];
  const { process } = load(t, scene.brokers, scene.topic, [...args, ...database]);
  await process.endsWell();
  const sales = Number(process.done!.acknowledged);
  const checked = process.lines.find(({ code }) => code === 'checked')!;
  expect(checked).toMatchObject({ exact: true, differences: 0, visible: { sales, notVisible: 0 } });
  const { sinceSentMs, sinceDueMs } = checked.visible as Record<string, { p50: number }>;
  expect(sinceSentMs.p50).toBeGreaterThan(0);
  expect(sinceDueMs.p50).toBeGreaterThanOrEqual(sinceSentMs.p50);
});

test('a checked load ends with 4 when the engine judges by other rules', async (t) => {
  const scene = await Scene.make(t);
  const engine = scene.engine();
  await engine.says('engine-started');
  const args = ['--profile', 'constant', '--rate', '5000', '--duration', '2s', '--check'];
  const late = ['--late', '0.2', '--watermark-delay', '1s'];
  const database = ['--mongo', scene.mongoUrl, '--database', scene.db.databaseName];
  const { process } = load(t, scene.brokers, scene.topic, [...args, ...late, ...database]);
  expect((await process.end()).code).toBe(4);
  const checked = process.lines.find(({ code }) => code === 'checked')!;
  expect(checked.exact).toBe(false);
  expect(checked.shown).toEqual(expect.arrayContaining([expect.stringMatching(/rejeitadas/)]));
});
