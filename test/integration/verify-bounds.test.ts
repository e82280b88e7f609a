/** What `vendaval verify` says of dead letters, of ranges, of a log that was cut, and where it can't. */
import { type Db, Double } from 'mongodb';
import { describe, expect, type TestContext, test } from 'vitest';
import { EngineProcess } from '../parts/engine-process.ts';
import { makeSales, plainSale, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import {
  createTopic,
  deleteRecordsBefore,
  deleteTopic,
  produceRecords,
  type RecordRead,
  type RecordToProduce,
  readTopic,
  uniqueName,
} from '../parts/topic.ts';
import { runVerify } from '../parts/verify-run.ts';

const MINUTE_MS = 60_000;
const TIME_MS = Date.UTC(2024, 10, 29, 12);
const TOTALS = 'faturamento_tempo_real';

const iso = (minute: number) => new Date(TIME_MS + minute * MINUTE_MS).toISOString();

/** A letter as it was read, to be sent again. */
function again(letter: RecordRead): RecordToProduce {
  const headers = letter.headers.map(([name, value]) => [name, String(value)] as const);
  return { key: letter.key, value: letter.value, headers };
}

function withHeader(letter: RecordToProduce, name: string, value: string | null): RecordToProduce {
  const headers = (letter.headers ?? []).flatMap((header) => {
    if (header[0] !== name) return [header];
    return value === null ? [] : [[name, value] as const];
  });
  return { ...letter, headers };
}

describe('dead letters', () => {
  test('are compared with the records that were rejected, each in its own way', async (t) => {
    const scene = await Scene.make(t, { rules: { maxCategories: WORKLOAD_CATEGORIES_MAX } });
    await scene.produce(makeSales({ seed: 41, count: 1500 }));
    await scene.drain();
    const oracle = await scene.oracle();
    const letters = await readTopic(scene.brokers, `${scene.topic}.dlq`);
    const late = letters.filter((letter) => reasonOf(letter) === 'late');
    const counted = firstCounted(new Set(oracle.deadLetters.keys()), scene.topic);
    const copy = await createTopic(scene.brokers, uniqueName('letters'), { partitions: 2 });
    const kept = letters.filter((letter) => letter !== late[0]).map(again);
    const at = (where: string): RecordToProduce => ({ ...again(late[1]), key: where });
    await produceRecords(scene.brokers, copy, [
      ...kept,
      withHeader(again(late[2]), 'vendaval-reason', 'not_json'),
      { ...again(late[3]), value: '{}' },
      withHeader(again(late[4]), 'vendaval-timestamp', '1'),
      withHeader(again(late[5]), 'vendaval-detail', null),
      at(counted),
      at(`${scene.topic}/0/999999`),
      at(`${scene.topic}/77/0`),
      at('other-topic/0/3'),
      { key: 'loja', value: 'não é carta' },
    ]);

    const { exit, verdict, differences, notes } = await runVerify(t, scene, { 'dlq-topic': copy });
    const said = differences
      .map((d) => [d.kind, d.where, d.field, d.found, d.expected].join(' '))
      .sort();
    const content = "value, key or headers differ the rejected record's";
    expect(said).toEqual(
      [
        `missing dead letter ${late[0].key}  no letter late`,
        `wrong dead letter ${late[2].key} vendaval-reason not_json late`,
        `wrong dead letter ${late[3].key} ${content}`,
        `wrong dead letter ${late[4].key} ${content}`,
        `wrong dead letter ${late[5].key} ${content}`,
        `dead letter without cause ${counted} vendaval-reason late a record that is counted, or none`,
        `dead letter without cause ${scene.topic}/0/999999 vendaval-reason late no such record`,
        `dead letter without cause ${scene.topic}/77/0  a letter no such partition`,
        expect.stringMatching(
          /^dead letter without cause letters-.*\/\d+ key no origin topic\/partition\/offset$/,
        ),
      ].sort(),
    );
    expect([...notes.keys()]).toEqual(['letters-foreign']);
    expect(verdict?.letters).toMatchObject({ repeats: 4 });
    expect(exit).toBe(4);
    expect((await runVerify(t, scene)).exit).toBe(0);
  });

  test('are whole for records of every shape, and may be without a value that was too large', async (t) => {
    const scene = await Scene.make(t, { partitions: 1 });
    await createTopic(scene.brokers, `${scene.topic}.dlq`, { partitions: 1 });
    const binary = Buffer.from([0, 255, 128, 10]);
    const place = { partition: 0, timestamp: TIME_MS };
    await scene.produce(
      [
        { value: null, key: 'tombstone', ...place },
        { value: '', key: '', ...place },
        {
          value: 'x',
          key: 'chave',
          headers: [
            ['vendaval-reason', 'old'],
            ['a', ''],
            ['a', '2'],
          ],
          ...place,
        },
        { value: `[${'x'.repeat(1_048_300)}`, ...place },
      ],
      { 'message.max.bytes': 2 * 1024 * 1024 },
    );
    await scene.produce([
      {
        value: binary,
        key: binary,
        headers: [
          ['b', binary],
          ['', 'no name'],
        ],
        ...place,
      },
      { value: Buffer.alloc(0), key: Buffer.alloc(0), headers: [['e', Buffer.alloc(0)]], ...place },
    ]);
    await scene.drain();
    const { exit, differences, notes, verdict } = await runVerify(t, scene);
    expect(differences).toEqual([]);
    expect([...notes.keys()]).toEqual(['letters-omitted']);
    expect(verdict?.letters).toMatchObject({ letters: 6, omitted: 1 });
    expect(exit).toBe(0);
  });

  test('that were deleted are named, not missed', async (t) => {
    const scene = await Scene.make(t, { partitions: 1 });
    const bad = Array.from({ length: 20 }, (_, i) => ({ value: `${i}x`, partition: 0 }));
    await scene.produce(bad);
    await scene.drain();
    const [{ partition }] = await readTopic(scene.brokers, `${scene.topic}.dlq`);
    await deleteRecordsBefore(scene.brokers, `${scene.topic}.dlq`, { partition, offset: 5 });
    const { exit, notes } = await runVerify(t, scene);
    expect(notes.get('letters-deleted')).toMatch(/^5 rejected records/);
    expect(exit).toBe(0);
  });
});

const reasonOf = ({ headers }: RecordRead) =>
  String(headers.find(([name]) => name === 'vendaval-reason')?.[1]);

function firstCounted(rejected: ReadonlySet<string>, topic: string): string {
  for (let offset = 0; ; offset++) {
    if (!rejected.has(`${topic}/0/${offset}`)) return `${topic}/0/${offset}`;
  }
}

/** Sixty minutes of sales, every minute as many, in both partitions; each a category of its own. */
async function hourOfSales(t: TestContext, perMinute: number): Promise<Scene> {
  const scene = await Scene.make(t, { partitions: 2 });
  const sales: RecordToProduce[] = [];
  for (let minute = 0; minute < 60; minute++) {
    for (let i = 0; i < perMinute; i++) {
      const eventMs = TIME_MS + minute * MINUTE_MS + Math.floor((i * MINUTE_MS) / perMinute);
      sales.push({ value: plainSale(eventMs, '1.00'), timestamp: eventMs, partition: i % 2 });
    }
  }
  await scene.produce(sales);
  await scene.drain();
  return scene;
}

const damage = (db: Db, minute: number) =>
  db
    .collection<{ _id: string }>(TOTALS)
    .updateOne({ _id: `${iso(minute)}|Casa` }, { $set: { faturamento_total: new Double(9.99) } });

const damageRegister = (db: Db, minute: number, fields: Record<string, unknown>) =>
  db
    .collection<{ _id: string }>(TOTALS)
    .updateOne({ _id: `${iso(minute)}|Casa` }, { $set: fields });

test('a range of windows is judged by a part of the log, and damage is found inside it only', async (t) => {
  const scene = await hourOfSales(t, 100);
  const range = { from: iso(20).slice(0, 16), to: iso(30).slice(0, 16) };
  const before = await runVerify(t, scene, range);
  expect(before.differences).toEqual([]);
  expect(before.verdict).toMatchObject({ equal: true, documents: 10, from: iso(20), to: iso(30) });
  // From the tolerance before the range until the delay behind it.
  expect(Number(before.verdict?.records)).toBeLessThan(2000);
  expect(Number(before.verdict?.records)).toBeGreaterThan(1500);
  expect([...before.notes.keys()]).toContain('counters-unjudged');

  for (const minute of [19, 30]) await damage(scene.db, minute);
  expect((await runVerify(t, scene, range)).exit).toBe(0);
  for (const minute of [20, 29]) await damage(scene.db, minute);
  const after = await runVerify(t, scene, range);
  expect(after.differences.map(({ where }) => where)).toEqual([
    `${iso(20)}|Casa`,
    `${iso(29)}|Casa`,
  ]);
  expect(after.exit).toBe(4);

  const onlyTo = await runVerify(t, scene, { to: iso(20) });
  expect(onlyTo.differences.map(({ where }) => where)).toEqual([`${iso(19)}|Casa`]);
  const onlyFrom = await runVerify(t, scene, { from: iso(30) });
  expect(onlyFrom.differences.map(({ where }) => where)).toEqual([`${iso(30)}|Casa`]);
  expect((await runVerify(t, scene)).differences).toHaveLength(4);
});

test('what a cut log is too short to judge is named, and the rest is judged', async (t) => {
  const scene = await hourOfSales(t, 200);
  // Ten minutes of partition 0 are gone.
  const { brokers, topic, db } = scene;
  await deleteRecordsBefore(brokers, topic, { partition: 0, offset: 1000 });
  const cut = await runVerify(t, scene);
  expect(cut.differences).toEqual([]);
  expect(cut.exit).toBe(0);
  const said =
    /from offset 0, and its log now starts at 1000: too short to judge its windows before (\S+)$/;
  const [, from] = said.exec(cut.notes.get('log-cut') ?? '') ?? [];
  // A thousand records are asked for the time of those before them; then tolerance and delay.
  expect(from).toBe(iso(27));
  expect(cut.notes.get('documents-unjudged')).toMatch(/^27 documents, of windows up to .*12:26:00/);

  const wrong = { 'partes.0.centavos': 1n, faturamento_total: new Double(100.01) };
  await damageRegister(db, 5, { 'partes.0.centavos': 1n });
  await damageRegister(db, 6, { 'partes.1.n': 1n, volume_vendas: 101n });
  await damageRegister(db, 40, wrong);
  await db.collection<{ _id: string }>(TOTALS).deleteOne({ _id: `${iso(41)}|Casa` });
  const { differences, exit } = await runVerify(t, scene);
  expect(differences.map(({ where, field }) => [where.slice(11, 16), field])).toEqual([
    // Not what the log says, which nobody can know any more, but what its own registers say.
    ['12:05', 'faturamento_total'],
    ['12:05', 'ticket_medio'],
    ['12:06', 'partes.1.n'],
    ['12:06', 'ticket_medio'],
    ['12:40', 'partes.0.centavos'],
    ['12:40', 'faturamento_total'],
    ['12:41', ''],
  ]);
  expect(exit).toBe(4);

  await deleteRecordsBefore(brokers, topic, { partition: 0, offset: -1 });
  const gone = await runVerify(t, scene);
  expect(gone.notes.get('log-cut')).toMatch(/too short to judge any of its windows$/);
});

test('windows that wait for an engine to close them are no difference', async (t) => {
  const scene = await hourOfSales(t, 10);
  await scene.db.collection(TOTALS).updateMany({ fechada: true }, { $set: { fechada: false } });
  const { exit, notes } = await runVerify(t, scene);
  expect(notes.get('left-open')).toMatch(/^\d\d documents are open/);
  expect(exit).toBe(0);
});

describe('there is no verdict, and the reason is told,', () => {
  async function expectNone(
    t: TestContext,
    scene: Scene,
    flags: Record<string, string>,
    [exit, code, text]: [number, string, RegExp],
  ) {
    const run = await runVerify(t, scene, flags);
    expect(run.stderr).toMatch(/^error: .+\n(hint: {2}.+\n)?code: .+\n$/);
    expect(run.stderr).toContain(code);
    expect(run.stderr).toMatch(text);
    expect(run.exit).toBe(exit);
    expect(run.verdict).toBeUndefined();
  }

  test('of an empty database', async (t) => {
    const scene = await Scene.make(t, { partitions: 1 });
    await expectNone(t, scene, {}, [1, 'E_VERIFY_NOTHING', /no engine has counted.*--database/s]);
  });

  test('of another topic or collection, of a time that is none, of a range that is empty', async (t) => {
    const scene = await hourOfSales(t, 2);
    const { topic } = scene;
    const wrongTopic = /topic ".*", not "outro".*--topic/s;
    await expectNone(t, scene, { topic: 'outro' }, [2, 'E_VERIFY_SETTINGS', wrongTopic]);
    await expectNone(t, scene, { collection: 'x' }, [2, 'E_VERIFY_SETTINGS', /collection/]);
    await expectNone(t, scene, { from: 'ontem' }, [2, 'E_CONFIG', /--from "ontem".*2024-11-29/s]);
    await expectNone(t, scene, { from: iso(3), to: iso(3) }, [2, 'E_CONFIG', /no window starts/]);
    await expectNone(t, scene, { 'dlq-topic': 'x' }, [1, 'E_TOPIC_MISSING', /"x" does not exist/]);
    expect((await runVerify(t, scene, { topic, 'time-zone': 'Asia/Tokyo' })).exit).toBe(0);
  });

  test('of a topic that was made anew, and of one that is gone', async (t) => {
    const scene = await hourOfSales(t, 2);
    await deleteTopic(scene.brokers, scene.topic);
    await expectNone(t, scene, {}, [1, 'E_TOPIC_MISSING', /does not exist/]);
    await createTopic(scene.brokers, scene.topic, { partitions: 2 });
    await expectNone(t, scene, {}, [1, 'E_TOPIC_RECREATED', /made anew/]);
  });

  test('of a broker or database that is not there', async (t) => {
    const scene = await hourOfSales(t, 2);
    await expectNone(t, scene, { brokers: '127.0.0.1:1' }, [
      1,
      'E_BROKER_UNREACHABLE',
      /127\.0\.0\.1:1/,
    ]);
    const mongo = 'mongodb://127.0.0.1:1/';
    await expectNone(t, scene, { mongo }, [1, 'E_MONGO_UNREACHABLE', /127\.0\.0\.1:1/]);
  });

  test('when it is stopped before its end', async (t) => {
    const scene = await hourOfSales(t, 500);
    const { brokers, mongoUrl, db } = scene;
    const flags = ['--brokers', brokers, '--mongo', mongoUrl, '--database', db.databaseName];
    const run = new EngineProcess(t, ['verify', ...flags]);
    run.signal('SIGTERM');
    const { code, signal } = await run.end();
    expect(signal === 'SIGTERM' || code === 1, run.stderr).toBe(true);
    expect(run.lines.some((line) => line.code === 'verdict')).toBe(false);
  });
});
