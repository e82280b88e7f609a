import { MongoClient } from 'mongodb';
import { expect, inject, type TestContext, test } from 'vitest';
import { type TotalsDocument, TotalsStore } from '../../src/mongo/totals-store.ts';
import { uniqueName } from '../parts/topic.ts';

const WINDOW_START_MS = Date.UTC(2024, 10, 29);
const WINDOW_END_MS = WINDOW_START_MS + 60_000;

/** A collection with one document, as it is written. */
function oneDocument(t: TestContext) {
  const client = new MongoClient(inject('mongoUrl'), { useBigInt64: true });
  t.onTestFinished(() => client.close());
  const db = client.db(uniqueName('db'));
  const totals = new TotalsStore(db, 'totals');
  const write = (ate: number, count: number) =>
    totals.write([
      {
        windowStartMs: WINDOW_START_MS,
        windowEndMs: WINDOW_END_MS,
        categoria: 'Casa',
        registers: [
          {
            partition: 0,
            register: { count, centavos: BigInt(1000 * count), menor: 1000, maior: 1000, ate },
          },
        ],
      },
    ]);
  const document = () => db.collection<TotalsDocument>('totals').findOne();
  return { totals, write, document };
}

test('a closed total is corrected by a further sale, and by no register that says the same again', async (t) => {
  const { totals, write, document } = oneDocument(t);
  await write(10, 2);
  const writtenAtMs = (await document())!.atualizado_em.getTime();
  expect(await totals.close(WINDOW_END_MS, writtenAtMs)).toBe(1);
  // Two owners for a while, the second further on: the same sales, up to a later offset.
  await write(20, 2);
  const same = await document();
  expect(same?.partes[0].ate).toBe(20n);
  expect(same?.corrigida_em).toBeUndefined();

  await write(30, 3);
  const corrected = await document();
  expect(corrected).toMatchObject({ fechada: true, volume_vendas: 3n, faturamento_total: 30 });
  expect(corrected?.corrigida_em).toBeInstanceOf(Date);
  // It stays to be seen.
  await write(40, 3);
  expect((await document())?.corrigida_em).toEqual(corrected?.corrigida_em);
});

test('what was written after the progress that a watermark is of stays open, and that is told', async (t) => {
  const { totals, write, document } = oneDocument(t);
  await write(10, 2);
  // As one of a count that was begun anew while the closing process slept.
  const before = (await document())!.atualizado_em.getTime() - 1;
  expect(await totals.close(WINDOW_END_MS, before)).toBe(0);
  expect(await document()).toMatchObject({ fechada: false });
  expect(await totals.isLeftOpen(WINDOW_END_MS, before)).toBe(true);
  expect(await totals.isLeftOpen(WINDOW_END_MS - 1, before)).toBe(false);
  expect(await totals.close(WINDOW_END_MS, before + 1)).toBe(1);
  expect(await totals.isLeftOpen(WINDOW_END_MS, before)).toBe(false);
});
