/** Where going on would lose or mix totals, the engine stops and says what can be done. */
import { CompressionTypes } from 'kafkajs';
import { describe, expect, test } from 'vitest';
import { UNPACKED_BYTES_MAX } from '../../src/kafka/compression/unpacked-records.ts';
import { startEmbeddedDatabase } from '../../src/mongo/embedded-database.ts';
import type { EngineProcess } from '../parts/engine-process.ts';
import { makeSales, plainSale, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import {
  committedOffsets,
  createTopic,
  deleteRecordsBefore,
  deleteTopic,
  kafkaClient,
} from '../parts/topic.ts';

const TIME_MS = Date.UTC(2024, 10, 29, 12);

/** Ended with this code, and told what and what to do. */
async function expectRefusal(engine: EngineProcess, exit: number, code: string, hint: RegExp) {
  expect(await engine.end()).toEqual({ code: exit, signal: null });
  expect(engine.stderr).toMatch(/^error: .+\nhint: {2}.+\ncode: .+\n$/);
  expect(engine.stderr).toContain(code);
  expect(engine.stderr).toMatch(hint);
  expect(engine.done).toBeUndefined();
}

/** Everything in the database, to see that a refusal touched nothing. */
async function contentOf({ db }: Scene): Promise<unknown> {
  const names = (await db.listCollections().toArray()).map(({ name }) => name).sort();
  const content = names.map(async (name) => [
    name,
    await db.collection(name).find().sort({ _id: 1 }).toArray(),
  ]);
  return Promise.all(content);
}

async function drainedScene(t: Parameters<typeof Scene.make>[0]): Promise<Scene> {
  const scene = await Scene.make(t, { rules: { maxCategories: WORKLOAD_CATEGORIES_MAX } });
  await scene.produce(makeSales({ seed: 9, count: 300 }));
  await scene.drain();
  return scene;
}

describe.concurrent('the engine refuses', () => {
  test('a wrong password, without showing it', async (t) => {
    const auth = { username: 'loja', password: 'certo' };
    const database = await startEmbeddedDatabase({ auth });
    t.onTestFinished(() => database.stop());
    const scene = await Scene.make(t, { mongoUrl: database.url });
    const engine = scene.engine({ mongo: database.url.replace('certo', 'erradissimo') });
    await expectRefusal(engine, 1, 'E_MONGO_AUTH', /hint:.*authSource/);
    expect(engine.stdout + engine.stderr).not.toContain('erradissimo');
    await scene.drain();
  });

  test('other settings than those the totals were made with', async (t) => {
    const scene = await drainedScene(t);
    const before = await contentOf(scene);
    const engine = scene.engine({ window: '30s', 'time-zone': 'America/Sao_Paulo' });
    await expectRefusal(engine, 3, 'E_SETTINGS_CHANGED', /hint:.*--database/);
    expect(engine.stderr).toMatch(/--window.*30000.*60000.*--time-zone/);
    expect(await contentOf(scene)).toEqual(before);
    await scene.drain();
    await scene.expectExact();
  });

  test('another topic in the same database', async (t) => {
    const scene = await drainedScene(t);
    const other = await Scene.make(t);
    const engine = scene.engine({ topic: other.topic });
    await expectRefusal(engine, 3, 'E_SETTINGS_CHANGED', /--topic/);
  });

  test('totals that were dropped under their progress', async (t) => {
    const scene = await drainedScene(t);
    await scene.db.dropCollection('faturamento_tempo_real');
    const progress = await scene.progress();
    await expectRefusal(scene.engine(), 3, 'E_TOTALS_MISSING', /hint:.*--database.*restore/);
    expect(await scene.progress()).toEqual(progress);
  });

  test('progress documents that are deleted while it runs, and counts right afterwards', async (t) => {
    const scene = await drainedScene(t);
    const engine = scene.engine();
    await engine.reads(0, 1, 2);
    await scene.db.collection('progresso_particoes').deleteMany({});
    await expectRefusal(engine, 3, 'E_PROGRESS_DELETED', /hint:.*not counted twice/);
    await scene.drain();
    await scene.expectExact({ mayRepeat: true });
  });

  test('progress documents made anew while it sleeps, which it would take forward', async (t) => {
    const scene = await drainedScene(t);
    const engine = scene.engine();
    await engine.reads(0, 1, 2);
    const documents = scene.db.collection('progresso_particoes');
    await documents.updateMany({}, { $set: { contagem: 'of another', proximo_offset: 0n } });
    await expectRefusal(engine, 3, 'E_PROGRESS_DELETED', /hint:.*not counted twice/);
    const kept = await documents.distinct('proximo_offset');
    expect(kept.map(Number)).toEqual([0]);
  });

  test('to go on when another engine has passed over what it has counted', async (t) => {
    const scene = await drainedScene(t);
    const engine = scene.engine();
    await engine.reads(0, 1, 2);
    const skip = { ate: 6n, codigo: 'E_CORRUPT_BATCH', motivo: 'its checksum', em: new Date() };
    await scene.db.collection<{ _id: string }>('progresso_particoes').updateOne(
      { _id: `${scene.topic}/0` },
      {
        $set: { 'saltos.3': { ...skip, informado: true }, 'rejeitadas.corrupt_batch': 3n },
      },
    );
    await scene.produce([{ value: plainSale(TIME_MS), timestamp: TIME_MS, partition: 0 }]);
    await expectRefusal(engine, 3, 'E_SKIP_CONFLICT', /hint:.*replicas.*--database.*--group/);
    expect(engine.stderr).toContain('offsets 3 to 5');
  });

  test('a log that was cut off before it was counted', async (t) => {
    const scene = await drainedScene(t);
    const [{ nextOffset }] = await scene.progress();
    const more = Array.from({ length: 10 }, (_, i) => ({
      value: plainSale(TIME_MS + i),
      timestamp: TIME_MS,
      partition: 0,
    }));
    await scene.produce(more);
    const { brokers, topic } = scene;
    await deleteRecordsBefore(brokers, topic, { partition: 0, offset: nextOffset + 4 });
    const before = await contentOf(scene);
    const engine = scene.engine({}, { untilEnd: true });
    await expectRefusal(engine, 3, 'E_LOG_TRUNCATED', /hint:.*--database/);
    expect(engine.stderr).toContain('deleted before it was counted');
    const documents = (content: unknown) => JSON.stringify(content, withoutTimes);
    expect(documents(await contentOf(scene))).toBe(documents(before));
  });

  test('a topic that was deleted and made anew', async (t) => {
    const scene = await drainedScene(t);
    const before = await contentOf(scene);
    await deleteTopic(scene.brokers, scene.topic);
    await createTopic(scene.brokers, scene.topic);
    await scene.produce(makeSales({ seed: 10, count: 1000 }));
    const engine = scene.engine({}, { untilEnd: true });
    await expectRefusal(engine, 3, 'E_TOPIC_RECREATED', /hint:.*--database/);
    expect(await contentOf(scene)).toEqual(before);
  });

  test('a topic that is deleted while it is read', async (t) => {
    const scene = await drainedScene(t);
    const engine = scene.engine();
    await engine.reads(0, 1, 2);
    await deleteTopic(scene.brokers, scene.topic);
    await expectRefusal(engine, 3, 'E_TOPIC_DELETED', /hint:.*durable/);
  });

  test('a batch that decompresses to too much, and counts nothing past it', async (t) => {
    const scene = await Scene.make(t, { partitions: 1 });
    const sale = (i: number) => ({ value: plainSale(TIME_MS + i, '1.00'), timestamp: TIME_MS });
    await scene.produce([sale(0), sale(1), sale(2)]);
    const producer = kafkaClient(scene.brokers).producer();
    await producer.connect();
    t.onTestFinished(() => producer.disconnect());
    const [{ baseOffset }] = await producer.send({
      topic: scene.topic,
      compression: CompressionTypes.GZIP,
      messages: [{ value: Buffer.alloc(UNPACKED_BYTES_MAX) }],
    });
    expect(baseOffset).toBe('3');
    await scene.produce([sale(4), sale(5)]);
    const engine = scene.engine({}, { untilEnd: true });
    await expectRefusal(engine, 1, 'E_BATCH_TOO_LARGE', /hint:.*nothing was counted/i);
    expect(engine.stderr).toContain('the gzip batch at offset 3 is too large');
    expect(await scene.progress()).toMatchObject([{ nextOffset: 3, counted: 3 }]);
    const [{ offset: committed }] = await committedOffsets(scene.brokers, scene.group, scene.topic);
    expect(committed).toBeLessThanOrEqual(3);
    const [document] = await scene.db.collection('faturamento_tempo_real').find().toArray();
    expect(document).toMatchObject({ faturamento_total: 3, volume_vendas: 3n });
  });
});

/** A partition that is read when another is refused may write its idle time. */
function withoutTimes(key: string, value: unknown): unknown {
  if (['atualizado_em', 'marca_dagua', 'no_fim', 'fechada', 'dono'].includes(key)) return undefined;
  return typeof value === 'bigint' ? Number(value) : value;
}
