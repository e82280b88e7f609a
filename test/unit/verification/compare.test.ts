/** Comparing by itself: what is a difference, what is a note, and what is neither. */
import { describe, expect, it } from 'vitest';
import { compareClosing, judgeLeftOpen } from '../../../src/verification/compare-closing.ts';
import { compareLetters, type LettersScope } from '../../../src/verification/compare-letters.ts';
import { compareTotals } from '../../../src/verification/compare-totals.ts';
import { Differences } from '../../../src/verification/differences.ts';
import {
  type LetterRows,
  LetterRowsBuilder,
  mergeRows,
} from '../../../src/verification/letter-rows.ts';
import { Notes } from '../../../src/verification/notes.ts';
import {
  documentId,
  type PartitionFindings,
  type Sum,
} from '../../../src/verification/partition-judge.ts';
import type { StoredDocument } from '../../../src/verification/stored-document.ts';
import type { StoredProgress } from '../../../src/verification/stored-progress.ts';

const T = Date.UTC(2024, 10, 29, 12);
const ID = documentId(T, 'Casa');

const sum = (fields: Partial<Sum> = {}): Sum => ({
  ...{ n: 2n, centavos: 300n, menor: 100n, maior: 200n, lastOffset: 9 },
  ...fields,
});

function findings(sums: Record<string, Sum>, partition = 0, judgedFromMs = -Infinity) {
  const rows = new LetterRowsBuilder().rows();
  return {
    ...{ partition, judgedFromMs, atProgress: null, rejects: rows, settledOffset: 0, records: 0 },
    sums: new Map([[T, new Map(Object.entries(sums))]]),
  } satisfies PartitionFindings;
}

const document = (fields: Partial<StoredDocument> = {}): StoredDocument => ({
  ...{ id: ID, windowStartMs: T, categoria: 'Casa', volume: 2n, total: 3, mean: 1.5 },
  ...{ least: 1, greatest: 2, isClosed: false, compacted: null },
  registers: [{ partition: 0, n: 2n, centavos: 300n, menor: 100n, maior: 200n, ate: 10 }],
  ...fields,
});

function compare(stored: StoredDocument[], found: PartitionFindings[], unreadable: string[] = []) {
  const differences = new Differences(100);
  const byId = new Map(stored.map((one) => [one.id, one]));
  const totals = { byId, unreadable: new Set(unreadable), odd: [], count: stored.length };
  const compared = compareTotals(
    totals,
    found,
    new Map([
      [0, 50],
      [1, 50],
    ]),
    differences,
  );
  return {
    said: differences.kept.map(({ kind, field, found: is, expected }) =>
      [kind, field, is, expected].join(' | '),
    ),
    compared,
  };
}

describe('compareTotals', () => {
  it('finds nothing where all agree', () => {
    const { said, compared } = compare([document()], [findings({ Casa: sum() })]);
    expect(said).toEqual([]);
    expect(compared).toEqual({ documents: 1, unjudged: 0, unjudgedUpToMs: null });
  });

  it('adds what several partitions say', () => {
    const registers = [0, 1].map((partition) => ({ partition, ...sum(), ate: 10 }));
    const whole = document({ registers, volume: 4n, total: 6 });
    const both = [findings({ Casa: sum() }), findings({ Casa: sum() }, 1)];
    expect(compare([whole], both).said).toEqual([]);
    expect(compare([{ ...whole, registers: [registers[0]] }], both).said).toEqual([
      'changed value | partes.1 | no register | 2 sales, R$ 3,00',
    ]);
  });

  it.each<[string, Partial<StoredDocument>, string]>([
    ['total', { total: 3.01 }, 'faturamento_total | R$ 3,01 | R$ 3,00'],
    [
      'fraction of a centavo',
      { total: 3.0000000000000004 },
      'faturamento_total | 3.0000000000000004 | R$ 3,00',
    ],
    ['total that is none', { total: Number.NaN }, 'faturamento_total | NaN | R$ 3,00'],
    ['count', { volume: 3n }, 'volume_vendas | 3 | 2'],
    ['mean', { mean: 1.51 }, 'ticket_medio | R$ 1,51 | R$ 1,50'],
    ['least', { least: 0 }, 'menor_valor | R$ 0,00 | R$ 1,00'],
    ['greatest', { greatest: 1234.56 }, 'maior_valor | R$ 1.234,56 | R$ 2,00'],
  ])('finds a changed %s', (_, fields, expected) => {
    expect(compare([document(fields)], [findings({ Casa: sum() })]).said).toEqual([
      `changed value | ${expected}`,
    ]);
  });

  it('adds up what was compacted, and misses none of its registers', () => {
    const of = (centavos: bigint, partition: number) =>
      findings({ Casa: sum({ n: 1n, centavos, menor: centavos, maior: centavos }) }, partition);
    const places = (stored: StoredDocument[], all: PartitionFindings[]) =>
      compare(stored, all).said.map((text) => text.split(' | ', 2).join(' | '));
    const found = [of(100n, 0), of(200n, 1)];
    const compacted = { partitions: [0, 1], n: 2n, centavos: 300n, menor: 100n, maior: 200n };
    const fields = { registers: [], isClosed: true };
    expect(places([document({ ...fields, compacted })], found)).toEqual([]);
    const less = { ...compacted, centavos: 299n };
    expect(places([document({ ...fields, compacted: less })], found)).toEqual([
      'changed value | partes.compactadas.centavos',
    ]);
    const without = { ...compacted, partitions: [0], n: 1n, centavos: 100n, maior: 100n };
    expect(places([document({ ...fields, compacted: without })], found)).toEqual([
      'changed value | partes.1',
    ]);
    // A register that came in all the same.
    expect(places([document({ isClosed: true, compacted })], found)).toEqual([
      'changed value | partes.0',
    ]);
  });

  it('rounds the mean half up to the centavo', () => {
    const one = sum({ n: 8n, centavos: 100n, menor: 1n, maior: 50n });
    const registers = [{ partition: 0, ...one, ate: 10 }];
    const stored = document({
      registers,
      volume: 8n,
      total: 1,
      mean: 0.13,
      least: 0.01,
      greatest: 0.5,
    });
    expect(compare([stored], [findings({ Casa: one })]).said).toEqual([]);
  });

  it('takes a register that claims no more than its sales for one that claims too little', () => {
    const found = [findings({ Casa: sum({ lastOffset: 10 }) })];
    expect(compare([document()], found).said).toEqual([
      'changed value | partes.0.ate | 10 | above 10, its last sale',
    ]);
  });

  it('misses a document, and not one that was found unreadable', () => {
    const found = [findings({ Casa: sum() })];
    expect(compare([], found).said).toEqual([
      'missing document |  | no document | 2 sales, R$ 3,00',
    ]);
    expect(compare([], found, [ID]).said).toEqual([]);
  });

  it('judges of a cut log only what it holds, and what follows from the document itself', () => {
    const cut = [findings({ Casa: sum({ n: 1n }) }, 0, T + 60_000)];
    const right = compare([document()], cut);
    expect(right.said).toEqual([]);
    expect(right.compared).toEqual({ documents: 1, unjudged: 1, unjudgedUpToMs: T });
    expect(compare([document({ total: 4 })], cut).said).toHaveLength(1);
    expect(compare([], cut).said).toEqual([]);
    expect(compare([document()], [findings({}, 0, T + 60_000)]).said).toEqual([]);
  });
});

describe('compareLetters', () => {
  const rows = (
    ...entries: [offset: number, reason: string, print?: bigint, item?: number][]
  ): LetterRows => {
    const builder = new LetterRowsBuilder();
    for (const [offset, reason, print = 7n, item = -1] of entries)
      builder.push(offset, item, reason, print);
    return builder.rows();
  };

  function run(rejects: LetterRows, letters: LetterRows, scope: Partial<LettersScope> = {}) {
    const differences = new Differences(100);
    const counts = compareLetters(
      rejects,
      letters,
      {
        ...{ topic: 'sales', partition: 2, from: 10, to: 100, end: 200, progressOffset: 90 },
        ...{ settledOffset: 0, areLettersDeleted: false, notYetSent: new Set<number>() },
        ...scope,
      },
      differences,
    );
    const said = differences.kept.map((d) => [d.kind, d.where, d.found, d.expected].join(' | '));
    return { said, counts };
  }

  it('finds nothing where every record has its letter, in any order and more than once', () => {
    const { said, counts } = run(
      rows([20, 'late'], [30, 'not_json', 8n], [30, 'late', 9n, 3]),
      mergeRows([
        rows([30, 'not_json', 8n], [20, 'late']),
        rows([30, 'late', 9n, 3], [20, 'late']),
      ]),
    );
    expect(said).toEqual([]);
    expect(counts).toEqual({ letters: 4, repeats: 1, omitted: 0, unjudged: 0, unknown: 0 });
  });

  it('tells apart the sales of one record', () => {
    expect(run(rows([20, 'late', 7n, 1]), rows([20, 'late', 7n, 2])).said).toEqual([
      'missing dead letter | sales/2/20/1 | no letter | late',
      'dead letter without cause | sales/2/20/2 | late | a record that is counted, or none',
    ]);
  });

  it('wants no letter for what lies past the progress, was deleted, or is still to be sent', () => {
    expect(run(rows([95, 'late']), rows()).said).toEqual([]);
    const deleted = run(rows([20, 'late']), rows(), { areLettersDeleted: true });
    expect(deleted).toMatchObject({ said: [], counts: { unknown: 1 } });
    expect(run(rows([20, 'late']), rows(), { notYetSent: new Set([20]) }).said).toEqual([]);
    expect(run(rows([20, 'late']), rows()).said).toHaveLength(1);
  });

  it('leaves letters alone whose records were not judged, unless there are no such records', () => {
    const { said, counts } = run(rows(), rows([5, 'late'], [150, 'late'], [200, 'late']));
    expect(said).toEqual(['dead letter without cause | sales/2/200 | late | no such record']);
    expect(counts.unjudged).toBe(2);
    const unsettled = run(rows(), rows([20, 'late'], [21, 'not_json']), { settledOffset: 50 });
    expect(unsettled.said).toHaveLength(1);
    expect(unsettled.counts.unjudged).toBe(1);
  });

  it('finds another reason and another content, and accepts a value that was left out', () => {
    const { said, counts } = run(
      rows([20, 'late'], [21, 'late'], [22, 'late']),
      rows([20, 'not_json'], [21, 'late', 6n], [22, 'late', 0n]),
    );
    expect(said).toEqual([
      'wrong dead letter | sales/2/20 | not_json | late',
      "wrong dead letter | sales/2/21 | differ | the rejected record's",
    ]);
    expect(counts.omitted).toBe(1);
  });
});

describe('closing', () => {
  const closed = document({ isClosed: true });

  it.each<[string, number | null, number]>([
    ['the watermark is at its end', T + 60_000, 0],
    ['the watermark is a millisecond before its end', T + 59_999, 1],
    ['there is no watermark', null, 1],
  ])('of a window when %s', (_, watermarkMs, count) => {
    const differences = new Differences(10);
    compareClosing([closed, document()], 60_000, watermarkMs, differences);
    expect(differences.total).toBe(count);
  });

  it.each<[string, number, number, number]>([
    ['an engine that is down is waited for', 0, 0, 1],
    ['an engine that was seen at work a moment ago is waited for', 9_999, 0, 1],
    ['one that has gone on for long has forgotten it', 10_000, 1, 0],
  ])('%s', (_, laterMs, differenceCount, noteCount) => {
    const at = (updatedMs: number) => new Map([[0, { updatedMs } as StoredProgress]]);
    const differences = new Differences(10);
    const notes = new Notes();
    judgeLeftOpen([ID], T, at(T), at(T + laterMs), differences, notes);
    expect([differences.total, notes.list.length]).toEqual([differenceCount, noteCount]);
  });
});
