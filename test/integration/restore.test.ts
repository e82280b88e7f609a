/**
 * What docs/guides/back-up-and-restore.md says of a backup, with the driver in place of mongodump
 * and mongorestore, which are in no package registry: a copy of every collection and index as of
 * one moment, put in place of what is there after the topic has gone on.
 */
import type { Document, IndexDescriptionInfo } from 'mongodb';
import { expect, type TestContext, test } from 'vitest';
import { runCommand } from '../parts/commands.ts';
import { makeSales, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import { deleteRecordsBefore } from '../parts/topic.ts';

const TOTALS = 'faturamento_tempo_real';
const PROGRESS = 'progresso_particoes';
/** Numbers keep their BSON types. */
const RAW = { promoteValues: false, promoteLongs: false, useBigInt64: false } as const;
const COUNT = 2000;
const SALES = makeSales({ seed: 46, count: COUNT });

interface Collection {
  readonly documents: Document[];
  readonly indexes: IndexDescriptionInfo[];
}
type Backup = ReadonlyMap<string, Collection>;

async function backUp({ db }: Scene): Promise<Backup> {
  const backup = new Map<string, Collection>();
  for (const { name } of await db.listCollections().toArray()) {
    const collection = db.collection(name, RAW);
    const documents = await collection.find({}, RAW).toArray();
    backup.set(name, { documents, indexes: await collection.indexes() });
  }
  return backup;
}

/** As `mongorestore --drop`, of all collections or only of these. */
async function restore({ db }: Scene, backup: Backup, only = [...backup.keys()]): Promise<void> {
  for (const name of only) {
    const { documents, indexes } = backup.get(name)!;
    await db.dropCollection(name);
    const collection = db.collection(name, RAW);
    await collection.insertMany(documents);
    for (const { key, name: index } of indexes.filter(({ name: own }) => own !== '_id_')) {
      await collection.createIndex(key, index === undefined ? {} : { name: index });
    }
  }
}

/** The first half is counted and backed up, then the second is counted. */
async function backedUp(t: TestContext): Promise<{ scene: Scene; backup: Backup }> {
  const scene = await Scene.make(t, { rules: { maxCategories: WORKLOAD_CATEGORIES_MAX } });
  await scene.produce(SALES.slice(0, COUNT / 2));
  await scene.drain();
  const backup = await backUp(scene);
  expect(backup.get(TOTALS)!.documents.length).toBeGreaterThan(20);
  await scene.produce(SALES.slice(COUNT / 2));
  await scene.drain();
  expect(await scene.judged()).toBe(COUNT);
  return { scene, backup };
}

async function verify(t: TestContext, scene: Scene) {
  const { code, of } = await runCommand(t, scene, ['verify']);
  const [{ byKind, records }] = of('verdict');
  return { code, byKind, records };
}

test('a backup of one moment fits the topic, and the engine goes on from it: nothing twice', async (t) => {
  const { scene, backup } = await backedUp(t);
  await restore(scene, backup);
  const doctor = await runCommand(t, scene, ['doctor', '--no-probe']);
  expect({ code: doctor.code, all: doctor.stdout }).toMatchObject({ code: 0 });
  expect(await verify(t, scene)).toEqual({ code: 0, byKind: {}, records: COUNT / 2 });

  const engine = await scene.drain();
  const { counted, rejected } = engine.done as unknown as Record<string, number>;
  expect(counted + rejected).toBe(COUNT / 2);
  expect(await scene.judged()).toBe(COUNT);
  // What was rejected after the backup is so again, and its letter is a repeated one.
  await scene.expectExact({ mayRepeat: true });
  expect(await verify(t, scene)).toEqual({ code: 0, byKind: {}, records: COUNT });
});

test('totals that are older than the progress lack sales for good, and verify finds them', async (t) => {
  const { scene, backup } = await backedUp(t);
  await restore(scene, backup, [TOTALS]);
  const found = await verify(t, scene);
  expect(found).toMatchObject({ code: 4, records: COUNT });
  const lacking = ['changed value', 'missing document'];
  expect(Object.keys(found.byKind as object)).toEqual(expect.arrayContaining(lacking));
  const engine = await scene.drain();
  expect(engine.done).toMatchObject({ counted: 0, rejected: 0 });
  expect(await verify(t, scene)).toMatchObject({ code: 4 });
});

test('totals that are newer than the progress stay as they are when it is counted again', async (t) => {
  const { scene, backup } = await backedUp(t);
  await restore(scene, backup, [PROGRESS]);
  await scene.drain();
  await scene.expectExact({ mayRepeat: true });
});

test('a backup from before what the topic still holds is refused: its sales are nowhere', async (t) => {
  const { scene, backup } = await backedUp(t);
  const [{ nextOffset }] = await scene.progress();
  const { brokers, topic } = scene;
  await deleteRecordsBefore(brokers, topic, { partition: 0, offset: nextOffset });
  await restore(scene, backup);
  const engine = scene.engine({}, { untilEnd: true });
  expect(await engine.end()).toMatchObject({ code: 3 });
  expect(engine.stderr).toContain('E_LOG_TRUNCATED');
});
