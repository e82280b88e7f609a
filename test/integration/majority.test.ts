import { expect, inject, onTestFinished, test } from 'vitest';
import { connectMongo } from '../../src/mongo/connection.ts';
import { uniqueName } from '../parts/topic.ts';

test('a URL that asks for less than the majority does not get less', async () => {
  const url = new URL(inject('mongoUrl'));
  url.searchParams.set('readConcernLevel', 'local');
  url.searchParams.set('journal', 'false');
  url.searchParams.set('w', '1');
  url.searchParams.set('readPreference', 'secondary');
  const { db, close } = await connectMongo(url.href, uniqueName());
  onTestFinished(close);
  const collection = db.collection('totais');
  expect(collection.readConcern?.level).toBe('majority');
  expect(collection.writeConcern).toMatchObject({ w: 'majority', journal: true });
  expect(collection.readPreference?.mode).toBe('primary');
});
