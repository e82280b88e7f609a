/** `vendaval verify` on a real broker and database: it finds what is wrong, and only that. */
import { type Db, Double, Long, MongoClient } from 'mongodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeSales, plainSale, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import { SteadyProducer } from '../parts/steady-producer.ts';
import { kafkaClient, produceRecords, readTopic, uniqueName } from '../parts/topic.ts';
import { runVerify } from '../parts/verify-run.ts';

const MINUTE_MS = 60_000;
const TIME_MS = Date.UTC(2024, 10, 29, 12);
const RAW = { promoteValues: false, promoteLongs: false, useBigInt64: false } as const;
const TOTALS = 'faturamento_tempo_real';

type Stored = { _id: string; [field: string]: unknown };

const rules = { maxCategories: WORKLOAD_CATEGORIES_MAX };

describe('totals that are right', () => {
  test('are found equal: rejected, late and rolled-back records, repeated letters, three partitions', async (t) => {
    const scene = await Scene.make(t, { rules });
    const sales = makeSales({ seed: 31, count: 6000 });
    await scene.produce(sales.slice(0, 3000));
    const producer = kafkaClient(scene.brokers).producer({
      transactionalId: uniqueName('tx'),
      maxInFlightRequests: 1,
      idempotent: true,
    });
    await producer.connect();
    t.onTestFinished(() => producer.disconnect());
    for (const end of ['abort', 'commit', 'abort'] as const) {
      const transaction = await producer.transaction();
      const messages = [0, 1, 2].map((partition) => ({
        value: plainSale(TIME_MS - 30 * MINUTE_MS, '5000.00'),
        partition,
      }));
      await transaction.send({ topic: scene.topic, acks: -1, messages });
      await transaction[end]();
    }
    await scene.produce(sales.slice(3000));
    await scene.drain();
    const { rejected } = await sums(scene);
    // A crash between a checkpoint's letters and its totals sends them again.
    const [letter] = await readTopic(scene.brokers, `${scene.topic}.dlq`);
    await produceRecords(scene.brokers, `${scene.topic}.dlq`, [
      { ...letter, headers: letter.headers.map(([name, value]) => [name, String(value)]) },
    ]);

    const { exit, verdict, differences, notes, stderr } = await runVerify(t, scene);
    expect(differences).toEqual([]);
    expect({ exit, stderr, notes: [...notes] }).toEqual({ exit: 0, stderr: '', notes: [] });
    expect(verdict).toMatchObject({ equal: true, differences: 0, partitions: 3, records: 6003 });
    expect(verdict?.letters).toMatchObject({ letters: rejected + 1, repeats: 1, unjudged: 0 });
    expect(rejected).toBeGreaterThan(100);
  });

  test('are found equal again and again beside an engine that keeps counting', async (t) => {
    const scene = await Scene.make(t, { rules, flags: { 'flush-interval': '20ms' } });
    const producer = new SteadyProducer(t, scene, makeSales({ seed: 32, count: 60_000 }), 200);
    producer.start();
    const engine = scene.engine();
    await engine.until(async () => (await scene.judged()) > 0, 'it counts');
    const judged: number[] = [];
    for (let round = 0; round < 4; round++) {
      const { differences, exit, verdict } = await runVerify(t, scene);
      expect(differences).toEqual([]);
      expect(exit).toBe(0);
      judged.push(Number(verdict?.records));
    }
    expect(new Set(judged).size, 'it counted on meanwhile').toBeGreaterThan(1);
    await producer.stop();
    await scene.untilDrained(engine);
    engine.signal('SIGTERM');
    await engine.endsWell();
    expect((await runVerify(t, scene)).exit).toBe(0);
  });

  test('are found equal after a crash left registers and letters ahead of the progress', async (t) => {
    const scene = await Scene.make(t, { rules });
    await scene.produce(makeSales({ seed: 33, count: 2000 }));
    await scene.drain();
    // What the documents say is true up to their own offsets, whatever the progress says.
    const progress = scene.db.collection<{ _id: string }>('progresso_particoes');
    const before = await progress.find({}, RAW).toArray();
    await scene.produce(makeSales({ seed: 34, count: 500 }));
    await scene.drain();
    for (const document of before) await progress.replaceOne({ _id: document._id }, document);
    const { differences, exit, verdict } = await runVerify(t, scene);
    expect(differences).toEqual([]);
    expect(exit).toBe(0);
    expect(Number(verdict?.records)).toBeGreaterThan(2000);
  });
});

async function sums(scene: Scene): Promise<{ counted: number; rejected: number }> {
  const progress = await scene.progress();
  return {
    counted: progress.reduce((sum, { counted }) => sum + counted, 0),
    rejected: progress.reduce((sum, { rejected }) => sum + rejected, 0),
  };
}

interface Damaged {
  readonly db: Db;
  /** A closed document with registers of all partitions, as it was. */
  readonly victim: Stored & { partes: Record<string, unknown> };
  readonly scene: Scene;
}

/** Each does harm to a copy of right totals; what must be found, of which kinds and where. */
const DAMAGES: [
  name: string,
  kinds: Readonly<Record<string, number>>,
  says: RegExp,
  harm: (damaged: Damaged) => Promise<unknown>,
][] = [
  [
    'a changed total',
    { 'changed value': 1 },
    /faturamento_total R\$ 0,01 R\$ [\d.]+,\d\d/,
    ({ db, victim }) => set(db, victim, { faturamento_total: new Double(0.01) }),
  ],
  [
    'a total that is off by less than a centavo',
    { 'changed value': 1 },
    /faturamento_total \d+\.\d{3,} R\$/,
    ({ db, victim }) =>
      set(db, victim, { faturamento_total: new Double(Number(victim.faturamento_total) + 0.001) }),
  ],
  [
    'a changed count',
    { 'changed value': 1 },
    /volume_vendas 7777 /,
    ({ db, victim }) => set(db, victim, { volume_vendas: new Long(7777) }),
  ],
  [
    'changed mean, least and greatest',
    { 'changed value': 3 },
    /ticket_medio R\$ 0,01 .*menor_valor R\$ 0,02 .*maior_valor R\$ 0,03 /s,
    ({ db, victim }) =>
      set(db, victim, {
        ticket_medio: new Double(0.01),
        menor_valor: new Double(0.02),
        maior_valor: new Double(0.03),
      }),
  ],
  [
    'a changed register under a right total',
    { 'changed value': 1 },
    /partes\.1\.centavos R\$ 1,23 R\$/,
    ({ db, victim }) => set(db, victim, { 'partes.1.centavos': new Long(123) }),
  ],
  [
    'a register that is gone',
    { 'changed value': 1 },
    /partes\.2 no register \d+ sales, R\$/,
    ({ db, victim }) => db.collection(TOTALS).updateOne(id(victim), { $unset: { 'partes.2': 1 } }),
  ],
  [
    'a register of a partition that does not exist',
    { 'changed value': 1 },
    /partes\.9 .*no such partition/,
    ({ db, victim }) => set(db, victim, { 'partes.9': victim.partes['0'] }),
  ],
  [
    'a register that claims too little',
    { 'changed value': 1 },
    /partes\.0\.ate 1 above \d+, its last sale/,
    ({ db, victim }) => set(db, victim, { 'partes.0.ate': new Long(1) }),
  ],
  [
    'a register that claims more than the log has, and would refuse what comes',
    { 'changed value': 1 },
    /partes\.0\.ate 999999999 at most \d+, the end of the log/,
    ({ db, victim }) => set(db, victim, { 'partes.0.ate': new Long(999_999_999) }),
  ],
  [
    'a missing document',
    { 'missing document': 1 },
    /no document \d+ sales, R\$ [\d.]+,\d\d/,
    ({ db, victim }) => db.collection(TOTALS).deleteOne(id(victim)),
  ],
  [
    'a duplicate under another _id',
    { 'duplicate document': 1 },
    /only 2024-11-25T.*\|/,
    ({ db, victim }) => db.collection<Stored>(TOTALS).insertOne({ ...victim, _id: 'copy' }),
  ],
  [
    'a stray document of a category without a sale',
    { 'stray document': 1 },
    /\|Fantasma {2}\d+ sales, R\$ .* no sale in the log/,
    ({ db, victim }) =>
      db.collection<Stored>(TOTALS).insertOne({
        ...victim,
        _id: victim._id.replace(/\|.*/, '|Fantasma'),
        categoria: 'Fantasma',
      }),
  ],
  [
    'a document whose category was changed',
    { 'changed value': 1 },
    /janela_inicio, categoria 2024-11-25T.*\|Outra 2024-11-25T/,
    ({ db, victim }) => set(db, victim, { categoria: 'Outra' }),
  ],
  [
    'an end of the window that is not its end',
    { 'malformed document': 1 },
    /janela_fim 2024-11-25T23:59:00.000Z 2024-11-25T10/,
    ({ db, victim }) => set(db, victim, { janela_fim: new Date('2024-11-25T23:59:00Z') }),
  ],
  [
    'a count of the wrong type',
    { 'malformed document': 1 },
    /volume_vendas double \d+ long/,
    ({ db, victim }) =>
      set(db, victim, { volume_vendas: new Double(Number(victim.volume_vendas)) }),
  ],
  [
    'a field that is not known, and one that is missing',
    { 'malformed document': 2 },
    /atualizado_em missing date.*extra boolean true no such field/s,
    ({ db, victim }) =>
      db
        .collection(TOTALS)
        .updateOne(id(victim), { $set: { extra: true }, $unset: { atualizado_em: 1 } }),
  ],
  [
    'a window closed before its time',
    { 'closed too early': 1 },
    /fechada true open: no watermark has passed/,
    // The last one: the watermarks of partitions differ by a window or two.
    ({ db }) =>
      db
        .collection(TOTALS)
        .findOneAndUpdate({}, { $set: { fechada: true } }, { sort: { janela_fim: -1 } }),
  ],
  [
    'a changed counter, reason, time and category in a progress document',
    { progress: 4 },
    /contadas 1 \d+.*rejeitadas\.late 0 \d+.*maior_evento 2024-01-01T.*categorias\.0 "Nada" /s,
    ({ db, scene }) =>
      db.collection<{ _id: string }>('progresso_particoes').updateOne(
        { _id: `${scene.topic}/1` },
        {
          $set: {
            contadas: new Long(1),
            maior_evento: new Date('2024-01-01'),
            'categorias.0': 'Nada',
          },
          $unset: { 'rejeitadas.late': 1 },
        },
      ),
  ],
  [
    'a progress document that is gone',
    { progress: 1 },
    /no document one, since \d+ documents have a register of it/,
    ({ db, scene }) =>
      db.collection<{ _id: string }>('progresso_particoes').deleteOne({ _id: `${scene.topic}/0` }),
  ],
];

const id = ({ _id }: { _id: string }): object => ({ _id });

function set(db: Db, victim: { _id: string }, fields: object): Promise<unknown> {
  return db.collection(TOTALS).updateOne(id(victim), { $set: fields });
}

describe('totals that were damaged', () => {
  const endings: (() => Promise<void> | void)[] = [];
  let scene: Scene;

  beforeAll(async () => {
    const ending = { onTestFinished: (end: () => Promise<void> | void) => void endings.push(end) };
    scene = await Scene.make(ending, { rules });
    await scene.produce(makeSales({ seed: 35, count: 3000 }));
    await scene.drain();
  });
  afterAll(async () => {
    for (const end of endings.reverse()) await end();
  });

  test.for(DAMAGES)('are found: %s', async ([, kinds, says, harm], t) => {
    const client = new MongoClient(scene.mongoUrl);
    t.onTestFinished(() => client.close());
    const db = client.db(uniqueName('db'));
    for (const { name } of await scene.db.listCollections().toArray()) {
      await db
        .collection(name)
        .insertMany(await scene.db.collection(name, RAW).find({}, RAW).toArray());
    }
    const copy = { brokers: scene.brokers, mongoUrl: scene.mongoUrl, db };
    const victim = await db.collection(TOTALS, RAW).findOne(
      {
        'partes.0': { $exists: true },
        'partes.1': { $exists: true },
        'partes.2': { $exists: true },
      },
      RAW,
    );
    await harm({ db, victim: victim as never, scene });
    const { exit, differences, verdict } = await runVerify(t, copy);
    expect(verdict?.byKind).toEqual(kinds);
    const said = differences.map((d) => [d.where, d.field, d.found, d.expected].join(' '));
    expect(said.join('\n')).toMatch(says);
    expect(exit).toBe(4);
    expect(verdict).toMatchObject({ equal: false, differences: differences.length });
  });

  test('are counted beyond what is shown', async (t) => {
    const client = new MongoClient(scene.mongoUrl);
    t.onTestFinished(() => client.close());
    const db = client.db(uniqueName('db'));
    for (const name of ['progresso_particoes', 'configuracao_vendaval']) {
      await db
        .collection(name)
        .insertMany(await scene.db.collection(name, RAW).find({}, RAW).toArray());
    }
    const documents = await scene.db.collection(TOTALS).countDocuments();
    const copy = { brokers: scene.brokers, mongoUrl: scene.mongoUrl, db };
    const { exit, differences, verdict } = await runVerify(t, copy, { differences: '3' });
    expect(differences).toHaveLength(3);
    expect(verdict).toMatchObject({
      differences: documents,
      byKind: { 'missing document': documents },
    });
    expect(exit).toBe(4);
  });
});
