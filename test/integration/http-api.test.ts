import { spawnSync } from 'node:child_process';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { PageScene } from '../parts/page-scene.ts';
import {
  makeSales,
  plainSale,
  WORKLOAD_CATEGORIES_MAX,
  WORKLOAD_START_MS,
} from '../parts/sales.ts';
import type { Scene } from '../parts/scene.ts';

const SEED = 41;
const COUNT = 6000;
const FORMULA = '=HYPERLINK("http://evil";"a,b")';

interface Row {
  readonly janela_inicio: string;
  readonly categoria: string;
  readonly faturamento_centavos: number;
  readonly faturamento_total: number;
  readonly volume_vendas: number;
  readonly fechada: boolean;
}

interface Document {
  readonly _id: string;
  readonly janela_inicio: Date;
  readonly categoria: string;
  readonly volume_vendas: bigint;
  readonly faturamento_total: number;
  readonly fechada: boolean;
  readonly partes: Record<string, { centavos: bigint }>;
}

const centavosOf = ({ partes }: Document) =>
  Object.values(partes).reduce((sum, { centavos }) => sum + centavos, 0n);

const documentsOf = ({ db }: Scene) =>
  db.collection<Document>('faturamento_tempo_real').find().sort({ _id: 1 }).toArray();

const asRow = (one: Document) => ({
  janela_inicio: one.janela_inicio.toISOString(),
  categoria: one.categoria,
  faturamento_centavos: Number(centavosOf(one)),
  faturamento_total: one.faturamento_total,
  volume_vendas: Number(one.volume_vendas),
});

async function json<T>(url: string): Promise<T> {
  const answer = await fetch(url);
  if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as T;
}

test('answers equal the collection and the progress documents, page by page, added up, as CSV and as metrics', async (t) => {
  const made = await PageScene.make(t, {
    rules: { maxCategories: WORKLOAD_CATEGORIES_MAX, windowMs: 60_000, delayMs: 120_000 },
  });
  const { scene, url } = made;
  const engine = await made.engine();
  await scene.produce([
    {
      value: plainSale(WORKLOAD_START_MS, '10.05', FORMULA),
      partition: 0,
      timestamp: WORKLOAD_START_MS,
    },
    ...makeSales({ seed: SEED, count: COUNT }),
  ]);
  await scene.untilDrained(engine);
  // A checkpoint is durable a moment before the engine knows it.
  const whole = `vendaval_end_to_end_latency_seconds_count ${COUNT + 1}`;
  const isKnown = async () =>
    (await (await fetch(`${url}/metrics`)).text()).split('\n').includes(whole);
  await engine.until(isKnown, 'it knows that all is durable');
  const documents = await documentsOf(scene);
  expect(documents.length).toBeGreaterThan(60);

  // Every page, by `next`; and no row twice or left out.
  const rows: Row[] = [];
  let next: string | null = '/api/windows?from=2024-11-25&to=2024-11-26&limit=17';
  while (next !== null) {
    const page: { windows: Row[]; next: string | null } = await json(`${url}${next}`);
    rows.push(...page.windows);
    next = page.next;
  }
  expect(rows).toMatchObject(documents.map(asRow));
  // Windows close while we read: what was closed before is.
  const open = rows.filter(({ fechada }, i) => documents[i].fechada && !fechada);
  expect(open).toEqual([]);

  // By category, and added up over five minutes.
  const casa = documents.filter(({ categoria }) => categoria === 'Casa');
  const five = await json<{ buckets: { inicio: string; faturamento_centavos: number }[] }>(
    `${url}/api/windows?from=2024-11-25T10:00:00Z&to=2024-11-25T11:00:00Z&categoria=Casa&step=5m`,
  );
  const expected = new Map<string, bigint>();
  for (const one of casa) {
    const startMs = one.janela_inicio.getTime();
    const inicio = new Date(startMs - (startMs % 300_000)).toISOString();
    expected.set(inicio, (expected.get(inicio) ?? 0n) + centavosOf(one));
  }
  const found = five.buckets.map(({ inicio, faturamento_centavos }) => [
    inicio,
    faturamento_centavos,
  ]);
  expect(new Map(found as [string, number][])).toEqual(
    new Map([...expected].map(([inicio, centavos]) => [inicio, Number(centavos)])),
  );

  // As CSV, for a spreadsheet and for a program: the same centavos.
  const csv = async (more: string) => {
    const answer = await fetch(
      `${url}/api/windows?format=csv&from=2024-11-25&to=2024-11-26${more}`,
    );
    expect(answer.headers.get('content-type')).toContain('text/csv');
    return Buffer.from(await answer.arrayBuffer()).toString('utf8');
  };
  const total = documents.reduce((sum, one) => sum + centavosOf(one), 0n);
  for (const [more, separator, point] of [
    ['', ';', ','],
    ['&sep=%2C', ',', '.'],
  ]) {
    const lines = (await csv(more)).trimEnd().split('\r\n');
    expect(lines[0].startsWith('\ufeff')).toBe(separator === ';');
    expect(lines).toHaveLength(1 + documents.length);
    const money = lines
      .slice(1)
      .map(
        (line) =>
          /^[^;,]+[;,][^;,]+[;,](?:"(?:[^"]|"")*"|[^;,]*)[;,]"?(\d+[.,]\d\d)"?[;,]/.exec(line)![1],
      );
    expect(money.every((text) => text.includes(point))).toBe(true);
    expect(money.reduce((sum, text) => sum + BigInt(text.replace(/[.,]/, '')), 0n)).toBe(total);
  }
  // What a spreadsheet would run is text.
  expect(await csv('')).toContain(`"'=HYPERLINK(""http://evil"";""a,b"")"`);

  // Partitions and metrics, by the progress documents.
  const progress = await scene.progress();
  const { partitions } = await json<{ partitions: Record<string, number>[] }>(
    `${url}/api/partitions`,
  );
  expect(partitions.map(({ counted, rejected }) => ({ counted, rejected }))).toEqual(
    progress.map(({ counted, rejected }) => ({ counted, rejected })),
  );
  const text = await (await fetch(`${url}/metrics`)).text();
  await expectMetrics(text, scene);
});

async function expectMetrics(text: string, scene: Scene): Promise<void> {
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line.startsWith('#') || line === '') continue;
    const space = line.lastIndexOf(' ');
    samples.set(line.slice(0, space), Number(line.slice(space + 1)));
  }
  const { topic, group } = scene;
  const documents = await scene.db
    .collection<{ _id: string; contadas: bigint; rejeitadas: Record<string, bigint> }>(
      'progresso_particoes',
    )
    .find()
    .toArray();
  let records = 0;
  for (const { _id, contadas, rejeitadas } of documents) {
    const partition = _id.split('/')[1];
    const own = `topic="${topic}",partition="${partition}"`;
    expect(samples.get(`vendaval_records_counted_total{${own}}`)).toBe(Number(contadas));
    records += Number(contadas);
    for (const [reason, count] of Object.entries(rejeitadas)) {
      const name = `vendaval_records_rejected_total{${own},reason="${reason}"}`;
      expect(samples.get(name), name).toBe(Number(count));
      records += Number(count);
    }
    const lag = `kafka_consumergroup_group_lag{group="${group}",${own}}`;
    expect(samples.get(lag), lag).toBe(0);
    expect(samples.get(lag.replace('_lag{', '_lag_seconds{'))).toBe(0);
  }
  // Every record that is durable has had its latency counted, once.
  expect(samples.get('vendaval_end_to_end_latency_seconds_count')).toBe(records);
  expect(samples.get('vendaval_end_to_end_latency_seconds_bucket{le="+Inf"}')).toBe(records);
  const check = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  // Names of Node's own metrics are prom-client's.
  if (!check.error) {
    const complaints = check.stderr
      .split('\n')
      .filter((line) => line && !line.startsWith('nodejs_'));
    expect(complaints).toEqual([]);
  }
}

describe('the schema', () => {
  test('every answer has the shape that /api/openapi.json gives it, and nothing more', async (t) => {
    const made = await PageScene.make(t);
    const { scene, url } = made;
    const validator = new Ajv2020({ strict: false, validateFormats: false });
    const expectShape = async (path: string, schema: string, status = 200) => {
      const answer = await fetch(`${url}${path}`);
      expect(answer.status, path).toBe(status);
      const validate = validator.getSchema(`api#/components/schemas/${schema}`)!;
      const isValid = validate(await answer.json());
      expect(validate.errors ?? [], path).toEqual([]);
      expect(isValid).toBe(true);
    };
    const engine = await made.engine();
    validator.addSchema(await json<object>(`${url}/api/openapi.json`), 'api');
    // Before anything was counted, and afterwards.
    await expectShape('/api/live', 'Live');
    await scene.produce([
      ...Array.from({ length: 40 }, (_, i) => ({
        value: plainSale(Date.now() - i * 1000, `${i}.5`, `C${i % 20}`),
        partition: i % 3,
      })),
      { value: 'no sale', partition: 0 },
      { value: null, partition: 1 },
    ]);
    await scene.untilDrained(engine);
    await expectShape('/api/live', 'Live');
    await expectShape('/api/partitions', 'Partitions');
    await expectShape('/api/windows', 'Windows');
    await expectShape('/api/windows?step=10m', 'Buckets');
    await expectShape('/api/windows?step=0', 'Error', 400);
    await expectShape('/nothing', 'Error', 404);
    await expectShape('/livez', 'State');
    await expectShape('/readyz', 'Ready');
  });
});
