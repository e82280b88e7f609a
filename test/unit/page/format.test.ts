import { describe, expect, it } from 'vitest';
import { Format, languageOf, meanCentavos } from '../../../src/page/format.ts';
import { stackBuckets, stepFor } from '../../../src/page/history-data.ts';
import { EN } from '../../../src/page/texts-en.ts';
import { PT } from '../../../src/page/texts-pt.ts';
import { REASONS } from '../../../src/sale/reasons.ts';

const pt = new Format('pt', 'America/Sao_Paulo');
const en = new Format('en', 'America/Sao_Paulo');
const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, ' ');

describe('money', () => {
  it.each([
    [0, 'R$ 0,00', 'R$0.00'],
    [7, 'R$ 0,07', 'R$0.07'],
    [123456789, 'R$ 1.234.567,89', 'R$1,234,567.89'],
    // A double knows no such number of centavos.
    ['9007199254740993', 'R$ 90.071.992.547.409,93', 'R$90,071,992,547,409.93'],
    [-5, '-R$ 0,05', '-R$0.05'],
  ])('of %s centavos is %s, in English %s', (centavos, portuguese, english) => {
    expect(plain(pt.money(centavos))).toBe(portuguese);
    expect(plain(en.money(centavos))).toBe(english);
  });

  it('has a mean to the nearest centavo, half up', () => {
    expect(meanCentavos(10, 3)).toBe(3n);
    expect(meanCentavos(5, 2)).toBe(3n);
    expect(meanCentavos(0, 0)).toBe(0n);
  });
});

describe('durations', () => {
  it.each([
    [0, '0 ms'],
    [999, '999 ms'],
    [1000, '1,0 s'],
    [59_940, '59,9 s'],
    [120_000, '2 min'],
    [185_000, '3 min 05 s'],
    [7_800_000, '2 h 10 min'],
    [200_000_000, '2 d 07 h'],
  ])('%i ms are %s', (ms, text) => {
    expect(pt.duration(ms)).toBe(text);
  });
});

describe('times', () => {
  it('have seconds only where windows are shorter than a minute', () => {
    const ms = Date.UTC(2024, 10, 29, 3, 5, 20);
    expect(pt.windowTime(ms, 60_000)).toBe('00:05');
    expect(pt.windowTime(ms, 10_000)).toBe('00:05:20');
    expect(en.windowTime(ms, 60_000)).toBe('00:05');
  });
});

describe('the words', () => {
  it('name every reason for a rejection in both languages', () => {
    for (const reason of REASONS.slice(1)) {
      expect(PT.reasons[reason], reason).toBeDefined();
      expect(EN.reasons[reason], reason).toBeDefined();
    }
  });

  it('are in the language that the browser prefers, in English where it wants neither', () => {
    expect(languageOf(['pt-PT', 'en'])).toBe('pt');
    expect(languageOf(['fr', 'pt-BR'])).toBe('pt');
    expect(languageOf(['en-GB', 'pt'])).toBe('en');
    expect(languageOf(['ja'])).toBe('en');
  });
});

describe('the history', () => {
  it.each([
    [3_600_000, 60_000, 60_000],
    [86_400_000, 60_000, 10 * 60_000],
    [7 * 86_400_000, 60_000, 3_600_000],
    [600_000, 10_000, 10_000],
    // No usual step is a multiple of seven seconds.
    [3_600_000, 7000, 21_000],
  ])('of %i ms in windows of %i ms has bars of %i ms', (rangeMs, windowMs, expected) => {
    expect(stepFor(0, rangeMs, windowMs)).toBe(expected);
  });

  it('stacks categories by name, keeps gaps, and sums what does not fit', () => {
    const start = Date.UTC(2024, 10, 29);
    const bucket = (minute: number, categoria: string, centavos: number | string) => ({
      inicio: new Date(start + minute * 60_000).toISOString(),
      fim: '',
      categoria,
      faturamento_centavos: centavos,
      volume_vendas: 1,
      ...{ janelas: 1, abertas: 0 },
    });
    const names = ['H', 'G', 'F', 'E', 'D', 'C', 'B', 'A'];
    const stacked = stackBuckets({
      ...{ from: new Date(start).toISOString(), to: '', categoria: null, stepMs: 60_000 },
      buckets: [
        ...names.map((name, i) => bucket(0, name, 100 - i)),
        bucket(2, 'H', '9007199254740993'),
      ],
    });
    expect(stacked.names).toEqual(['C', 'D', 'E', 'F', 'G', 'H', null]);
    expect(stacked.startsMs).toEqual([0, 1, 2].map((minute) => start + minute * 60_000));
    expect(stacked.centavos[5]).toEqual(['100', '0', '9007199254740993']);
    expect(stacked.centavos[6]).toEqual([String(94 + 93), '0', '0']);
    expect(stacked.sales).toBe(9);
  });
});
