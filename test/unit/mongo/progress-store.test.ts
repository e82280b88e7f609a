/**
 * What the store makes of one document, over a stand-in for its collection that keeps what is set
 * and judges no filter; a real database is in the integration tests.
 */
import type { Db, Document } from 'mongodb';
import { expect, test } from 'vitest';
import { type Progress, ProgressStore } from '../../../src/mongo/progress-store.ts';
import { NO_MARK } from '../../../src/state/batch-mark.ts';
import { NO_EVENT_MS, NO_WATERMARK_MS } from '../../../src/window/watermark.ts';

const PROGRESS: Progress = {
  partition: 0,
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
