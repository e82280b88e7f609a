import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { PartitionOutcome } from '../../../src/load/load-protocol.ts';
import {
  checkOraclePath,
  oracleOf,
  readOracle,
  writeOracle,
} from '../../../src/load/oracle-file.ts';
import { REASON, REASONS } from '../../../src/sale/reasons.ts';

const folder = mkdtempSync(join(tmpdir(), 'vendaval-oracle-'));
afterAll(() => rmSync(folder, { recursive: true }));

const RULES = {
  windowMs: 60_000,
  watermarkDelayMs: 120_000,
  futureToleranceMs: 300_000,
  timeZone: 'UTC',
  maxCategories: 10_000,
  late: 'reject',
} as const;
const WINDOW = Date.UTC(2024, 10, 29) / 60_000;

function outcome(partition: number, changes: Partial<PartitionOutcome> = {}): PartitionOutcome {
  const rejected: number[] = REASONS.map(() => 0);
  rejected[REASON.late] = 2;
  return {
    partition,
    firstOffset: 0,
    nextOffset: 12,
    foreignOffsets: 0,
    acknowledged: 12,
    unknownSales: 0,
    rejected,
    sums: [
      { window: WINDOW + 1, category: 2, count: 4, centavos: 4000, menor: 900, maior: 1100 },
      { window: WINDOW, category: 0, count: 6, centavos: 2 ** 53 - 1, menor: 5, maior: 90 },
    ],
    ...changes,
  };
}

describe('an oracle', () => {
  it('adds up partitions, exactly, in order of window and category', () => {
    const oracle = oracleOf('vendas', RULES, [outcome(1), outcome(0)], 2);
    expect(oracle).toMatchObject({ acknowledged: 24, unknown: 0, contadas: 20, holds: true });
    expect(oracle.rejeitadas).toEqual({ late: 4 });
    expect(oracle.particoes.map(({ particao }) => particao)).toEqual([0, 1]);
    expect(oracle.totais).toEqual([
      {
        janela_inicio: '2024-11-29T00:00:00.000Z',
        categoria: 'Eletronicos',
        volume_vendas: 12,
        centavos: '18014398509481982',
        menor: 5,
        maior: 90,
      },
      {
        janela_inicio: '2024-11-29T00:01:00.000Z',
        categoria: 'Casa',
        volume_vendas: 8,
        centavos: '8000',
        menor: 900,
        maior: 1100,
      },
    ]);
  });

  it.each<[string, PartitionOutcome[], string]>([
    ['there was something before', [outcome(0, { firstOffset: 3 })], 'held 3 records before'],
    ['others write too', [outcome(0, { foreignOffsets: 4 })], '4 records that are not of this'],
    ['the end is unknown', [outcome(0, { unknownSales: 5 })], '5 sales that it did not ack'],
    ['a thread has died', [], 'nothing is known of 1 partitions'],
  ])('does not hold when %s, and says so', (_, outcomes, reason) => {
    const oracle = oracleOf('vendas', RULES, outcomes, 1);
    expect(oracle.holds).toBe(false);
    expect(oracle.not_because).toEqual([expect.stringContaining(reason)]);
  });

  it('says of a partition without sales that it has none', () => {
    const empty = outcome(0, { firstOffset: -1, nextOffset: -1, sums: [], acknowledged: 0 });
    expect(oracleOf('vendas', RULES, [empty], 1).particoes[0]).toMatchObject({
      primeiro_offset: null,
      proximo_offset: 0,
      contadas: 0,
    });
  });
});

describe('an oracle file', () => {
  it('gives back what was written, and leaves nothing else behind', () => {
    const path = join(folder, 'sub', 'oracle.json');
    const oracle = oracleOf('vendas', RULES, [outcome(0)], 1);
    checkOraclePath(path);
    writeOracle(path, oracle);
    expect(readOracle(path)).toEqual(oracle);
    expect(readdirSync(join(folder, 'sub'))).toEqual(['oracle.json']);
  });

  it('is refused where it cannot be written, before the load', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(() => checkOraclePath(join(folder, 'file', 'oracle.json'))).toThrow(
      expect.objectContaining({ code: 'E_ORACLE_FILE', exitCode: 2 }),
    );
  });

  it('is refused when it is none', () => {
    const path = join(folder, 'other.json');
    for (const text of ['{"vendaval_oracle": 2}', 'null', '[', '']) {
      writeFileSync(path, text);
      expect(() => readOracle(path)).toThrow(expect.objectContaining({ code: 'E_ORACLE_FILE' }));
    }
    expect(() => readOracle(join(folder, 'absent.json'))).toThrow(
      expect.objectContaining({ code: 'E_ORACLE_FILE', message: expect.stringContaining('read') }),
    );
  });
});
