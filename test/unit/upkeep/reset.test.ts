import type { Db } from 'mongodb';
import { expect, test } from 'vitest';
import { reset } from '../../../src/upkeep/reset.ts';

const [TOTALS, PROGRESS, SETTINGS] = ['totais', 'progresso_particoes', 'configuracao_vendaval'];

/** Collections of which all that is in them is an engine's. */
function counted() {
  const content = new Map([
    [TOTALS, ['a', 'b']],
    [PROGRESS, ['vendas/0']],
    [SETTINGS, ['configuracao']],
  ]);
  const collection = (name: string) => {
    const ids = () => content.get(name) ?? [];
    const found = { toArray: async () => ids().map((_id) => ({ _id })) };
    return {
      find: () => ({ limit: () => found }),
      countDocuments: async () => ids().length,
      deleteMany: async () => {
        const deletedCount = ids().length;
        content.set(name, []);
        return { deletedCount };
      },
    };
  };
  return { content, db: { databaseName: 'loja', collection } as unknown as Db };
}

test('everything of an engine goes, the settings last', async () => {
  const { content, db } = counted();
  const order: string[] = [];
  await reset(db, TOTALS, null, { removed: (what) => order.push(what) });
  expect([...content.values()]).toEqual([[], [], []]);
  expect(order).toEqual([PROGRESS, TOTALS, SETTINGS]);
});

test('an engine that wakes amid it goes on by the settings that it knows', async () => {
  const { content, db } = counted();
  const begin = (what: string) => {
    if (what === TOTALS) content.set(PROGRESS, ['vendas/1']);
  };
  const ended = reset(db, TOTALS, null, { removed: begin });
  await expect(ended).rejects.toMatchObject({ code: 'E_ENGINE_ALIVE' });
  expect(content.get(SETTINGS)).toEqual(['configuracao']);
  await reset(db, TOTALS, null, { removed: () => {} });
  expect([...content.values()]).toEqual([[], [], []]);
});
