/**
 * What the store makes of one document, over a stand-in for its collection that keeps what is set
 * and judges no filter, and of two engines' documents over the simulation's, which does; a real
 * database is in the integration tests.
 */
import type { Db, Document } from 'mongodb';
import { expect, test } from 'vitest';
import type { Progress } from '../../../src/mongo/progress-document.ts';
import { ProgressStore } from '../../../src/mongo/progress-store.ts';
import { NO_MARK } from '../../../src/state/batch-mark.ts';
import { NO_EVENT_MS, NO_WATERMARK_MS } from '../../../src/window/watermark.ts';
import { changesBy, matches, type Document as Stored } from '../../simulation/documents.ts';

const PROGRESS: Progress = {
  partition: 0,
  countId: null,
  topicId: '11'.repeat(16),
  startOffset: 0,
  nextOffset: 3,
  lastBatch: { epoch: 7, crc: 99 },
  maxEventMs: NO_EVENT_MS,
  closingWatermarkMs: NO_WATERMARK_MS,
  atEnd: false,
  counted: 3,
  lateCounted: 0,
  rejected: [],
  categories: [],
  skips: [],
};

function storeOverOneDocument(): ProgressStore {
  const document: Document = { inicio: 0n };
  const update = ({ $set }: Document) => {
    for (const [path, value] of Object.entries($set as Document)) {
      const [name, part] = path.split('.');
      document[name] = part ? { ...document[name], [part]: value } : value;
    }
    return { matchedCount: 1 };
  };
  const collection = {
    findOne: async () => document,
    updateOne: async (_: unknown, changes: Document) => update(changes),
    bulkWrite: async ([{ updateOne }]: { updateOne: { update: Document } }[]) =>
      update(updateOne.update),
  };
  const db = { collection: () => collection } as unknown as Db;
  return new ProgressStore(db, 'vendas', 'loja/1');
}

test('of the batch before a position it keeps what is told', async () => {
  const store = storeOverOneDocument();
  await store.advance([PROGRESS], new Set([0]));
  expect((await store.read(0))?.lastBatch).toEqual({ epoch: 7, crc: 99 });
});

test('a checksum that is not known takes the place of one of a batch before', async () => {
  const store = storeOverOneDocument();
  await store.advance([PROGRESS], new Set([0]));
  const lastBatch = { epoch: 8, crc: NO_MARK.crc };
  await store.advance([{ ...PROGRESS, nextOffset: 5, lastBatch }], new Set());
  expect((await store.read(0))?.lastBatch).toEqual(lastBatch);
});

test('behind offsets that were passed over neither epoch nor checksum is known', async () => {
  const store = storeOverOneDocument();
  await store.advance([PROGRESS], new Set([0]));
  const skip = { from: 3, to: 6, code: 'E_CORRUPT_BATCH', why: 'spoiled', isReported: false };
  expect(await store.skip(PROGRESS, skip)).toBe(true);
  const after = await store.read(0);
  expect(after).toMatchObject({ nextOffset: 6, skips: [skip] });
  expect(after?.lastBatch).toEqual(NO_MARK);
});

const SESSION = null as never;

/** Two engines over one collection, which somebody may empty. */
function twoEngines() {
  const documents = new Map<string, Stored>();
  const write = (filter: Stored, update: Stored, isUpsert = false) => {
    const operation = { filter, update, isUpsert, isMany: false };
    const { matched, changed, inserted } = changesBy(operation, documents, new Date(0));
    for (const document of inserted ? [inserted] : changed) {
      documents.set(document._id as string, document);
    }
    return { matchedCount: matched };
  };
  const find = (filter: Stored) => [...documents.values()].filter((one) => matches(one, filter));
  const collection = {
    findOne: async (filter: Stored) => find(filter)[0] ?? null,
    find: (filter: Stored) => ({ project: () => ({ toArray: async () => find(filter) }) }),
    updateOne: async (filter: Stored, update: Stored, options: { upsert?: boolean } = {}) =>
      write(filter, update, options.upsert),
    bulkWrite: async ([{ updateOne }]: { updateOne: { filter: Stored; update: Stored } }[]) =>
      write(updateOne.filter, updateOne.update),
  };
  const db = { collection: () => collection } as unknown as Db;
  const [sleeper, other] = ['loja/1', 'loja/2'].map((o) => new ProgressStore(db, 'vendas', o));
  /** What a recovery finds. */
  const begin = async (store: ProgressStore) => {
    await store.createIfMissing(0, 'id', 0, SESSION);
    return (await store.read(0)) as Progress;
  };
  return { documents, sleeper, other, begin };
}

const skipOf = (from: number) => ({
  ...{ from, to: from + 3, code: 'E_CORRUPT_BATCH', why: 'spoiled', isReported: false },
});

const DELETED = { code: 'E_PROGRESS_DELETED' };

test('an engine that slept through a reset does not take the new count forward', async () => {
  const { documents, sleeper, other, begin } = twoEngines();
  const slept = await begin(sleeper);
  documents.clear();
  const counted = { ...(await begin(other)), nextOffset: 500 };
  await other.advance([counted], new Set());
  const late = { ...slept, nextOffset: 1100 };
  await expect(sleeper.advance([late], new Set())).rejects.toMatchObject(DELETED);
  expect(await sleeper.skip(slept, skipOf(500))).toBe(false);
  const announced = sleeper.announce(0, 'id', SESSION, slept);
  await expect(announced).rejects.toMatchObject(DELETED);
  expect(await other.read(0)).toEqual(counted);
});

test('what an older version has begun goes on', async () => {
  const { documents, sleeper, begin } = twoEngines();
  await begin(sleeper);
  const { contagem: _, ...older } = documents.get('vendas/0') as Stored;
  documents.set('vendas/0', older);
  const begun = await begin(sleeper);
  await sleeper.announce(0, 'id', SESSION, begun);
  await sleeper.advance([{ ...begun, nextOffset: 7 }], new Set());
  expect(await sleeper.read(0)).toMatchObject({ countId: null, nextOffset: 7 });
});
