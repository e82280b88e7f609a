import { describe, expect, it } from 'vitest';
import { csvHead, csvLine } from '../../../src/dashboard/csv.ts';
import { decimalReais, wireCentavos } from '../../../src/dashboard/wire.ts';
import type { WindowTotals } from '../../../src/mongo/totals-reader.ts';

const ROW: WindowTotals = {
  id: '',
  janela_inicio: new Date('2024-11-29T10:30:00Z'),
  janela_fim: new Date('2024-11-29T10:31:00Z'),
  categoria: 'Casa',
  faturamento_total: 6418.56,
  volume_vendas: 12,
  centavos: 641856n,
  fechada: true,
  ticket_medio: 534.88,
  menor_valor: 0.07,
  maior_valor: 1_000_000_000,
  atualizado_em: new Date(0),
  corrigida_em: null,
};

describe('a CSV', () => {
  it('has a decimal comma where the separator is a semicolon, and a point where it is a comma', () => {
    expect(csvLine(ROW, ';')).toBe(
      '2024-11-29T10:30:00.000Z;2024-11-29T10:31:00.000Z;Casa;6418,56;12;534,88;0,07;1000000000,00;true;\r\n',
    );
    expect(csvLine(ROW, ',')).toBe(
      '2024-11-29T10:30:00.000Z,2024-11-29T10:31:00.000Z,Casa,6418.56,12,534.88,0.07,1000000000.00,true,\r\n',
    );
    expect(csvHead(';').startsWith('\ufeffjanela_inicio;janela_fim;categoria;')).toBe(true);
    expect(csvHead(',').startsWith('janela_inicio,janela_fim,')).toBe(true);
  });

  it.each([
    ['a;b', '"a;b"'],
    ['a,b', 'a,b'],
    ['diz "oi"', '"diz ""oi"""'],
    ['duas\nlinhas', '"duas\nlinhas"'],
    ['=1+1', "'=1+1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['-2', "'-2"],
    ['Pet & Cia', 'Pet & Cia'],
  ])('writes the category %j as %j', (categoria, expected) => {
    expect(
      csvLine({ ...ROW, categoria }, ';')
        .split('Z;')[2]
        .startsWith(`${expected};`),
    ).toBe(true);
  });
});

describe('money on its way out', () => {
  it('is a whole number while every parser keeps it, and its digits beyond', () => {
    expect(wireCentavos(9_007_199_254_740_991n)).toBe(9_007_199_254_740_991);
    expect(wireCentavos(9_007_199_254_740_993n)).toBe('9007199254740993');
  });

  it.each([
    [0n, '0.00'],
    [5n, '0.05'],
    [-12345n, '-123.45'],
    [90_071_992_547_409_931n, '900719925474099.31'],
  ])('is %s centavos as %s', (centavos, expected) => {
    expect(decimalReais(centavos, '.')).toBe(expected);
  });
});
