import { describe, expect, it } from 'vitest';
import {
  differences,
  type FoundProgress,
  type FoundTotal,
} from '../../../src/load/oracle-compare.ts';
import type { LoadOracle } from '../../../src/load/oracle-file.ts';

const START = '2024-11-29T00:00:00.000Z';
const ORACLE: LoadOracle = {
  vendaval_oracle: 1,
  topic: 'vendas',
  holds: true,
  not_because: [],
  acknowledged: 15,
  unknown: 0,
  contadas: 12,
  rejeitadas: { late: 3 },
  rules: {
    janela_ms: 60_000,
    atraso_ms: 120_000,
    tolerancia_futuro_ms: 300_000,
    fuso_horario: 'UTC',
    limite_categorias: 10_000,
    atrasadas: 'reject',
  },
  particoes: [
    {
      particao: 0,
      primeiro_offset: 0,
      proximo_offset: 15,
      contadas: 12,
      rejeitadas: { late: 3 },
    },
  ],
  totais: [
    {
      janela_inicio: START,
      categoria: 'Casa',
      volume_vendas: 12,
      centavos: '641856',
      menor: 1290,
      maior: 489_005,
    },
  ],
};
const TOTAL: FoundTotal = {
  janela_inicio: new Date(START),
  categoria: 'Casa',
  faturamento_total: 6418.56,
  volume_vendas: 12,
  centavos: 641_856n,
  menor_valor: 12.9,
  maior_valor: 4890.05,
};
const PROGRESS: FoundProgress = {
  partition: 0,
  nextOffset: 15,
  counted: 12,
  rejected: { late: 3, not_json: 0 },
};

describe('a database against an oracle', () => {
  it('differs in nothing when all is as it must be', () => {
    expect(differences(ORACLE, [TOTAL], [PROGRESS])).toEqual([]);
  });

  it.each<[string, FoundTotal[], FoundProgress[], string]>([
    ['a total is missing', [], [PROGRESS], `${START}|Casa: missing, with 12 sales`],
    [
      'a total is a centavo off',
      [{ ...TOTAL, centavos: 641_857n }],
      [PROGRESS],
      `${START}|Casa: centavos 641857, not 641856`,
    ],
    [
      'a total is not the nearest double',
      [{ ...TOTAL, faturamento_total: 6418.5599999999995 }],
      [PROGRESS],
      `${START}|Casa: faturamento_total 6418.5599999999995, not 6418.56`,
    ],
    [
      'a sale is counted twice',
      [{ ...TOTAL, volume_vendas: 13 }],
      [PROGRESS],
      `${START}|Casa: volume_vendas 13, not 12`,
    ],
    [
      'the least is another',
      [{ ...TOTAL, menor_valor: 12.91 }],
      [PROGRESS],
      `${START}|Casa: menor_valor 12.91, not 12.9`,
    ],
    [
      'there is a document too many',
      [TOTAL, { ...TOTAL, categoria: 'Livros', volume_vendas: 1 }],
      [PROGRESS],
      `${START}|Livros: a stray document with 1 sales`,
    ],
    ['nothing counts', [TOTAL], [], 'partition 0: proximo_offset null, not 15'],
    [
      'somebody wrote after the load',
      [TOTAL],
      [{ ...PROGRESS, nextOffset: 16 }],
      'partition 0: proximo_offset 16, not 15',
    ],
    [
      'a reason is another',
      [TOTAL],
      [{ ...PROGRESS, rejected: { late: 2, not_json: 1 } }],
      'partition 0: rejeitadas [["late",2],["not_json",1]], not [["late",3]]',
    ],
  ])('differs when %s', (_, totals, progress, text) => {
    expect(differences(ORACLE, totals, progress)).toContain(text);
  });

  it('differs when the oracle itself does not hold', () => {
    const doubtful = { ...ORACLE, not_because: ['partition 0 held 3 records before this load'] };
    expect(differences(doubtful, [TOTAL], [PROGRESS])).toEqual([
      'the oracle does not hold: partition 0 held 3 records before this load',
    ]);
  });
});
