/**
 * Every query of the documents, as it stands there, asked of totals that a real engine has made.
 * A query that finds nothing would show nothing, so there is something to find for each.
 */
import { type Document, Long } from 'mongodb';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { mongoExpress, mongosh } from '../parts/docs/mongosh.ts';
import { type Block, blocksOf, readPage } from '../parts/docs/page.ts';
import { recordedCommands } from '../parts/docs/recorded-shell.ts';
import { Scene } from '../parts/scene.ts';

const PAGES = ['README.md', 'docs/guides/start.md', 'docs/guides/queries.md', 'docs/OPERATIONS.md'];
const CATEGORIES = ['Eletronicos', 'Livros', 'Casa', 'Gamer'];

/** The text behind --eval of each mongosh in a block. */
const evaluated = ({ text }: Block) =>
  recordedCommands(text)
    .filter((command) => command.includes('mongosh') && command.includes('--eval'))
    .map((command) => command[command.indexOf('--eval') + 1]);

/** Queries in code blocks, in commands for a shell, and in the text between. */
function queriesOf(path: string): string[] {
  const page = readPage(path);
  const blocks = blocksOf(page);
  const own = blocks.filter(({ language }) => language === 'js').map(({ text }) => text);
  const inCommands = blocks.filter(({ language }) => language === 'sh').flatMap(evaluated);
  const inText = [...page.source.matchAll(/`(db\.[^`]+)`/g)].map(([, text]) => text);
  return [...own, ...inCommands, ...inText];
}

const sale = (at: string, categoria: string, valor: number) => ({
  value: JSON.stringify({ id_pedido: 'x', categoria, valor, timestamp: at }),
});

/** Two hours in three partitions; the last sale of partition 2 comes when its window is closed. */
function sales() {
  const records = [];
  for (let minute = 0; minute < 120; minute++) {
    const at = new Date(Date.UTC(2024, 10, 29, 9, minute, 7)).toISOString();
    for (const [i, categoria] of CATEGORIES.entries()) {
      const valor = (1001 + 100 * minute + i) / 100;
      records.push({ partition: i % 2, ...sale(at, categoria, valor) });
    }
  }
  return records;
}

let scene: Scene;
const after: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  scene = await Scene.make({ onTestFinished: (action) => void after.push(action) });
  await scene.produce(sales());
  await scene.drain();
  await scene.produce([{ partition: 2, ...sale('2024-11-29T10:00:30Z', 'Livros', 19.9) }]);
  await scene.drain();
  return async () => {
    for (const action of after.reverse()) await action();
  };
});
describe('the queries of the documents', () => {
  const all = [...new Set(PAGES.flatMap(queriesOf))];
  const own = all.filter((query) => query.startsWith('db.'));
  const answers = new Map<string, Document[]>();

  beforeAll(async () => {
    const given = await mongosh(scene, ...own);
    for (const [i, query] of own.entries()) answers.set(query, given[i]);
  });

  test.for(own)('%s', (query) => {
    expect(answers.get(query)).not.toEqual([]);
  });

  test('are all that there are, and include those of Mongo Express', () => {
    const others = all.filter((query) => !query.startsWith('db.'));
    expect(own.length).toBeGreaterThan(12);
    expect(others.length).toBe(4);
  });

  test('in Mongo Express find something, with and without their projection', async () => {
    const page = blocksOf(readPage('docs/guides/queries.md'));
    const blocks = page.filter(({ language, text }) => language === 'js' && /^[{[]/.test(text));
    const collection = scene.db.collection('faturamento_tempo_real');
    const projection = blocks.find(({ marks }) => marks.includes('projection'))!;
    const shown = JSON.parse(projection.text.replace('partes', '"partes"'));
    for (const { text, marks } of blocks) {
      if (marks.includes('projection')) continue;
      const documents = await mongoExpress(collection, text, shown);
      expect(documents.length, text).toBeGreaterThan(0);
      expect(documents.filter((document) => 'partes' in document)).toEqual([]);
    }
  });

  test('add up to what the sales are, to the centavo', () => {
    const centavos = [
      ...sales().map(({ value }) => Math.round(JSON.parse(value).valor * 100)),
      1990,
    ];
    const expected = centavos.reduce((sum, one) => sum + one, 0);
    const sums = own.filter((query) => query.includes('centavos: { $sum'));
    expect(sums).toHaveLength(2);
    for (const query of sums) {
      const rows = answers.get(query)!;
      expect(
        rows.reduce((sum, row) => sum + Number(row.centavos), 0),
        query,
      ).toBe(expected);
    }
    const mean = own.find((query) => query.includes('ticket_medio: { $round'))!;
    expect(answers.get(mean)).toEqual([
      { ticket_medio: Math.round(expected / centavos.length) / 100 },
    ]);
  });
});

describe('the move from the Spark pipeline', () => {
  const queries = queriesOf('docs/guides/move-from-spark.md');

  test('renames the old collection, and takes the last of several documents', async (t) => {
    const old = await Scene.make(t);
    onTestFinished(() => old.db.dropDatabase().then(() => {}));
    const janela_inicio = new Date('2025-12-01T10:10:00Z');
    const row = (categoria: string, faturamento_total: number, vendas: number) => ({
      ...{ janela_inicio, janela_fim: new Date('2025-12-01T10:11:00Z'), categoria },
      ...{ faturamento_total, volume_vendas: Long.fromNumber(vendas) },
    });
    // As the old pipeline left them: one document for each batch that touched the window.
    await old.db
      .collection('faturamento_tempo_real')
      .insertMany([
        row('Casa', 6418.5599999999995, 2),
        row('Livros', 9423.85, 4),
        row('Casa', 80089.67, 30),
      ]);
    const [compare, rename] = queries;
    const [, rows] = await mongosh(old, rename, compare);
    expect(
      rows.map(({ _id, faturamento, vendas }) => [_id.categoria, faturamento, Number(vendas)]),
    ).toEqual([
      ['Casa', 80089.67, 30],
      ['Livros', 9423.85, 4],
    ]);
  });
});
