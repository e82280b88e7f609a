import type { Db } from 'mongodb';
import { expect, test } from 'vitest';
import { judgeAgain } from '../../../src/commands/compact.ts';
import type { PinnedSettings } from '../../../src/mongo/settings-store.ts';
import { planCompact } from '../../../src/upkeep/compact.ts';

const PINNED: PinnedSettings = {
  ...{ versao_regras: 1, topico: 'vendas', colecao: 'totais', janela_ms: 60_000, atraso_ms: 0 },
  ...{ tolerancia_futuro_ms: 0, fuso_horario: 'UTC', limite_categorias: 10, atrasadas: 'reject' },
};

/** What the database says now, which a reset and another count may change. */
function database() {
  const now = { pinned: PINNED as PinnedSettings | null, seenMs: 1000 };
  const progress = () => [{ _id: 'vendas/0', maior_evento: new Date(now.seenMs) }];
  const collection = () => ({
    find: () => ({ toArray: async () => progress() }),
    findOne: async () => now.pinned,
  });
  const db = { databaseName: 'loja', collection } as unknown as Db;
  return { now, db };
}

test('what was final may be compacted while engines go on', async () => {
  const { now, db } = database();
  const plan = await planCompact(db, 'vendas', 0, 0);
  now.seenMs = 2000;
  await judgeAgain(db, PINNED, 0, plan);
});

test('nothing more is compacted by rules that are others meanwhile', async () => {
  const { now, db } = database();
  const plan = await planCompact(db, 'vendas', 0, 0);
  const stopped = { code: 'E_COMPACT_STOPPED', message: expect.stringContaining('rules') };
  now.pinned = { ...PINNED, versao_regras: 2, atrasadas: 'count' };
  await expect(judgeAgain(db, PINNED, 0, plan)).rejects.toMatchObject(stopped);
  now.pinned = { ...PINNED, janela_ms: 1000 };
  await expect(judgeAgain(db, PINNED, 0, plan)).rejects.toMatchObject(stopped);
  now.pinned = null;
  await expect(judgeAgain(db, PINNED, 0, plan)).rejects.toMatchObject(stopped);
});

test('nor where progress went back', async () => {
  const { now, db } = database();
  const plan = await planCompact(db, 'vendas', 0, 0);
  now.seenMs = 999;
  const stopped = { code: 'E_COMPACT_STOPPED', message: expect.stringContaining('went back') };
  await expect(judgeAgain(db, PINNED, 0, plan)).rejects.toMatchObject(stopped);
});
