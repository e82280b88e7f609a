import { describe, expect, it } from 'vitest';
import { composeRevenue, LiveTotals } from '../../../src/dashboard/live-totals.ts';
import type { TotalsReader, WindowTotals } from '../../../src/mongo/totals-reader.ts';

const MINUTE = 60_000;
const T = Date.UTC(2024, 10, 29);

function row(minute: number, categoria: string, centavos: bigint, more = {}): WindowTotals {
  return {
    id: `${new Date(T + minute * MINUTE).toISOString()}|${categoria}`,
    janela_inicio: new Date(T + minute * MINUTE),
    categoria,
    centavos,
    volume_vendas: 2,
    fechada: false,
    corrigida_em: null,
    ...more,
  } as WindowTotals;
}

/** A collection in memory that counts what it is asked. */
function readerOf(rows: WindowTotals[]) {
  const asked = { sums: 0, newest: 0 };
  const ordered = () => rows.toSorted((a, b) => (a.id < b.id ? 1 : -1));
  const reader = {
    async bounds() {
      const all = ordered();
      if (all.length === 0) return null;
      const at = (one: WindowTotals) => one.janela_inicio.getTime();
      return { firstMs: at(all[all.length - 1]), lastMs: at(all[0]) };
    },
    async startAfter(newer: number) {
      return ordered()[newer]?.janela_inicio.getTime() ?? null;
    },
    async sumsBefore(ms: number) {
      asked.sums++;
      const sums = new Map<string, { centavos: bigint; sales: number }>();
      for (const one of rows.filter(({ janela_inicio }) => janela_inicio.getTime() < ms)) {
        const known = sums.get(one.categoria) ?? { centavos: 0n, sales: 0 };
        sums.set(one.categoria, {
          centavos: known.centavos + one.centavos,
          sales: known.sales + one.volume_vendas,
        });
      }
      return [...sums].map(([categoria, sum]) => ({ categoria, ...sum }));
    },
    async newest(fromMs: number, limit: number) {
      asked.newest++;
      return ordered()
        .filter(({ janela_inicio }) => janela_inicio.getTime() >= fromMs)
        .slice(0, limit);
    },
  };
  return { reader: reader as unknown as TotalsReader, asked };
}

describe('the live totals', () => {
  it('are the whole collection, however old; of which only the newest windows are read anew', async () => {
    const rows = Array.from({ length: 500 }, (_, i) => row(i, 'Casa', 100n));
    const { reader, asked } = readerOf(rows);
    const totals = new LiveTotals(reader, MINUTE);
    const first = await totals.read(0);
    expect(first).toMatchObject({ centavos: 50_000, sales: 1000, firstWindowMs: T });
    expect(first.windows).toHaveLength(60);
    rows.push(row(500, 'Livros', 7n));
    rows[499] = row(499, 'Casa', 101n);
    expect(await totals.read(1000)).toMatchObject({ centavos: 50_008, sales: 1002 });
    expect(asked).toEqual({ sums: 1, newest: 2 });
  });

  it('sum old windows up again after a while, so that a late change to one shows', async () => {
    const rows = Array.from({ length: 200 }, (_, i) => row(i, 'Casa', 100n));
    const { reader, asked } = readerOf(rows);
    const totals = new LiveTotals(reader, MINUTE);
    await totals.read(0);
    rows[3] = row(3, 'Casa', 5000n);
    expect(await totals.read(14_000)).toMatchObject({ centavos: 20_000 });
    expect(await totals.read(15_000)).toMatchObject({ centavos: 24_900 });
    expect(asked.sums).toBe(2);
  });

  it('stay whole with more categories than are read at once', async () => {
    const many = (minute: number) =>
      Array.from({ length: 300 }, (_, i) => row(minute, `C${i}`, BigInt(i)));
    const rows = Array.from({ length: 10 }, (_, minute) => many(minute)).flat();
    const { reader } = readerOf(rows);
    const totals = new LiveTotals(reader, MINUTE);
    const whole = 10 * ((299 * 300) / 2);
    expect(await totals.read(0)).toMatchObject({ centavos: whole });
    rows.push(...many(10), ...many(11), ...many(12));
    const later = await totals.read(1000);
    expect(later.centavos).toBe((whole * 13) / 10);
    expect(later.categories).toHaveLength(12);
    expect(later.others.categories).toBe(288);
    // A window of which a part was not read is not shown.
    for (const { byCategory, centavos } of later.windows) {
      expect(byCategory.map(Number).reduce((a, b) => a + b, 0)).toBe(Number(centavos));
      expect(Number(centavos)).toBe((299 * 300) / 2);
    }
  });

  it('are nothing of an empty collection', async () => {
    const { reader } = readerOf([]);
    const empty = await new LiveTotals(reader, MINUTE).read(5);
    expect(empty).toMatchObject({ centavos: 0, sales: 0, firstWindowMs: null, windows: [] });
  });
});

describe('a composed view', () => {
  it('adds old sums and new windows exactly, beyond what a double holds', () => {
    const old = [{ categoria: 'Casa', centavos: 9_007_199_254_740_993n, sales: 3 }];
    const view = composeRevenue(old, [row(0, 'Casa', 2n)], T, 0);
    expect(view.centavos).toBe('9007199254740995');
  });

  it('calls a window closed when all of it is, and corrected when any of it is', () => {
    const rows = [
      row(1, 'Casa', 1n, { fechada: true }),
      row(1, 'Gamer', 1n),
      row(0, 'Casa', 1n, { fechada: true, corrigida_em: new Date() }),
      row(0, 'Gamer', 1n, { fechada: true }),
    ];
    const { windows } = composeRevenue([], rows, T, 0);
    expect(windows.map(({ closed, corrected }) => [closed, corrected])).toEqual([
      [false, false],
      [true, true],
    ]);
  });
});
