/**
 * The reader that reads FlatBuffers in place against the plain one: whatever the bytes, wherever
 * they lie in memory, and whatever was read before. And the one thing that both rest on: nothing
 * that is JSON is taken for a FlatBuffer.
 */
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flatKind } from '../../src/sale/flatbuffers/format.ts';
import { FlatReader, flatKindAt, KIND } from '../../src/sale/flatbuffers/reader.ts';
import { parseRecord, type SaleVerdict } from '../../src/sale/flatbuffers/reference.ts';
import { KnownCategories } from '../../src/sale/known-categories.ts';
import { REASON, REASONS } from '../../src/sale/reasons.ts';
import { flatBatch, flatSale } from '../parts/flat-sales.ts';
import { REJECTED, VALID } from '../unit/sale/flatbuffers/values.ts';
import { Categories } from './categories.ts';
import { flatBytes } from './flat-generators.ts';
import { saleBytes, saleText } from './sale-generators.ts';

interface Sequence {
  readonly values: readonly Buffer[];
  readonly limit: number;
  /** Bytes between the values, before the first and after the last. */
  readonly gaps: readonly Buffer[];
  /**
   * Each value in memory that starts and ends with it: what is read outside of it throws, and places
   * are the same again with other bytes, as in a response buffer that is used again.
   */
  readonly alone?: boolean;
}

const RULES = { timeZone: 'UTC' };

type Seen =
  | { categoria: string; valorCentavos: number; eventMs: number }
  | { reason: string; detail: string };

/** What the plain reader says of one value, and what it comes to with the limit on categories. */
function expectedOf(value: Buffer, categories: Categories) {
  const seen = (verdict: SaleVerdict): Seen => {
    if (verdict.verdict === 'rejected') return { reason: verdict.reason, detail: verdict.detail };
    const { categoria, valorCentavos, eventMs } = verdict;
    if (categories.intern(categoria) < 0) {
      return { reason: 'category_limit', detail: expect.stringContaining('past the limit') };
    }
    return { categoria, valorCentavos, eventMs };
  };
  if (flatKind(value) === null) return 'JSON';
  const record = parseRecord(value, RULES);
  if (record.kind === 'one') return { whole: seen(record.verdict) };
  return { sales: record.sales.map(({ verdict, fields }) => ({ ...seen(verdict), fields })) };
}

function actualOf(
  reader: FlatReader,
  bytes: Buffer,
  start: number,
  end: number,
  names: readonly string[],
) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const kind = flatKindAt(view, start, end);
  if (kind === KIND.none) return 'JSON';
  const rejected = (code: number, detail: string): Seen => ({ reason: REASONS[code], detail });
  const row = (i: number): Seen => ({
    categoria: names[reader.category[i]],
    valorCentavos: reader.valorCentavos[i],
    eventMs: reader.eventMs[i],
  });
  if (kind === KIND.sale) {
    const reason = reader.readSale(bytes, view, start, end);
    return { whole: reason === REASON.valid ? row(0) : rejected(reason, reader.detail) };
  }
  const reason = reader.readBatch(bytes, view, start, end);
  if (reason !== REASON.valid) return { whole: rejected(reason, reader.detail) };
  const details = new Map(reader.rejected.map(({ index, detail }) => [index, detail]));
  const sales = Array.from({ length: reader.count }, (_, i) => ({
    ...(reader.category[i] < 0 ? rejected(-reader.category[i], details.get(i) ?? 'none') : row(i)),
    fields: reader.fieldsOf(bytes, view, i),
  }));
  const times = sales.flatMap((sale) => ('eventMs' in sale ? [sale.eventMs] : []));
  expect([reader.eventMsMin, reader.eventMsMax]).toEqual([Math.min(...times), Math.max(...times)]);
  expect(details.size).toBe(sales.length - times.length);
  return { sales };
}

/** Reads a sequence both ways, with one reader and one shared buffer. */
function bothWays({ values, limit, gaps, alone = false }: Sequence) {
  const bytes = Buffer.concat(
    values.flatMap((value, i) => [gaps[i % gaps.length], value]).concat(gaps[0]),
  );
  const read = new Categories(limit);
  const judged = new Categories(limit);
  const reader = new FlatReader(read, new KnownCategories());
  const actual: unknown[] = [];
  const expected: unknown[] = [];
  let start = 0;
  values.forEach((value, i) => {
    start += gaps[i % gaps.length].length;
    // A copy's memory is no longer than the copy.
    const own = Buffer.from(new Uint8Array(value).buffer);
    const [from, where] = alone ? [0, own] : [start, bytes];
    actual.push(actualOf(reader, where, from, from + value.length, read.names));
    expected.push(expectedOf(value, judged));
    start += value.length;
  });
  return {
    actual: { verdicts: actual, names: read.names },
    expected: { verdicts: expected, names: judged.names },
  };
}

const gap = fc.oneof(
  fc.constant(Buffer.alloc(0)),
  fc.constant(Buffer.alloc(64, 4)),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
);

const sequence = (maxLength: number): fc.Arbitrary<Sequence> =>
  fc.record({
    // The same few values come back, so that what was remembered is used.
    values: fc
      .tuple(fc.array(flatBytes, { minLength: 1, maxLength }), fc.array(fc.nat(), { maxLength }))
      .map(([values, again]) => [...values, ...again.map((i) => values[i % values.length])]),
    limit: fc.constantFrom(1, 3, 1000),
    gaps: fc.array(gap, { minLength: 1, maxLength: 5 }),
    alone: fc.boolean(),
  });

/** A sequence as a corpus file holds it. */
interface CorpusCase {
  readonly why: string;
  readonly limit: number;
  readonly values: readonly string[];
  readonly gaps: readonly string[];
  readonly alone?: boolean;
}

function report({ values, limit, gaps, alone = false }: Sequence): string {
  const hex = (list: readonly Buffer[]) => list.map((bytes) => bytes.toString('hex'));
  const kept: CorpusCase = { why: '', limit, values: hex(values), gaps: hex(gaps), alone };
  return `to keep it, write to test/corpus/flatbuffers/<name>.json:\n${JSON.stringify(kept)}`;
}

const corpusDir = new URL('../corpus/flatbuffers/', import.meta.url);

/** Only against hanging: the machine may be busy. */
const TIMEOUT_MS = 120_000;

describe('the reader in place agrees with the plain one', { timeout: TIMEOUT_MS }, () => {
  it.each(readdirSync(corpusDir).filter((name) => name.endsWith('.json')))(
    'on the kept case %s',
    (name) => {
      const kept: CorpusCase = JSON.parse(readFileSync(new URL(name, corpusDir), 'utf8'));
      const raw = (list: readonly string[]) => list.map((text) => Buffer.from(text, 'hex'));
      const { actual, expected } = bothWays({
        limit: kept.limit,
        values: raw(kept.values),
        gaps: raw(kept.gaps),
        alone: kept.alone ?? false,
      });
      expect(actual).toEqual(expected);
    },
  );

  it.each([true, false])('on the table of values, each one alone in memory: %s', (alone) => {
    const table = [...VALID.map(([, value]) => value), ...REJECTED.map(([, , value]) => value)];
    // Twice, so that the second time everything is known that can be.
    for (const value of table) {
      const values = [value, flatBatch([{}, {}, {}]), value];
      const { actual, expected } = bothWays({
        values,
        limit: 9,
        gaps: [Buffer.alloc(9, 4)],
        alone,
      });
      expect(actual).toEqual(expected);
    }
  });

  it('on batches of one layout with other texts in the same memory', () => {
    const batch = (categoria: string) => flatBatch([{ categoria }, { categoria }, { categoria }]);
    // Known first, so that what is remembered of a place is a category and not that there is none.
    const known = ['Casa', 'Mesa'].map((categoria) => flatSale({ categoria }));
    const values = [...known, batch('Casa'), batch('Mesa'), batch('Casa')];
    const { actual, expected } = bothWays({
      values,
      limit: 9,
      gaps: [Buffer.alloc(0)],
      alone: true,
    });
    expect(actual).toEqual(expected);
  });

  it('on short sequences of whole, changed and hostile values', () => {
    fc.assert(
      fc.property(sequence(6), (generated) => {
        const { actual, expected } = bothWays(generated);
        expect(actual, report(generated)).toEqual(expected);
      }),
      { numRuns: 3000 },
    );
  });

  it('on long sequences, whatever it remembers', () => {
    fc.assert(
      fc.property(sequence(200), (generated) => {
        const { actual, expected } = bothWays(generated);
        expect(actual, report(generated)).toEqual(expected);
      }),
      { numRuns: 30 },
    );
  });
});

describe('a FlatBuffer and JSON', { timeout: TIMEOUT_MS }, () => {
  const taken = (value: Buffer) => {
    const view = new DataView(value.buffer, value.byteOffset, value.length);
    const kind = flatKindAt(view, 0, value.length);
    expect(kind).toBe(
      { none: KIND.none, sale: KIND.sale, batch: KIND.batch }[flatKind(value) ?? 'none'],
    );
    return kind !== KIND.none;
  };
  const isJson = (value: Buffer) => {
    try {
      JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(value));
      return true;
    } catch {
      return false;
    }
  };

  it('are never taken for each other, though the JSON has the identifier where it counts', () => {
    // White space, braces and the start of a key, so that the key has the identifier at byte 4.
    const head = fc.array(
      fc.constantFrom('{', '"', ' ', '\t', '\n', '[', 'a', '\\', 'é', '\0', '1'),
      {
        minLength: 1,
        maxLength: 4,
      },
    );
    const withIdentifier = fc
      .tuple(head, fc.constantFrom('VDVS', 'VDVB'), saleText)
      .map(([start, identifier, sale]) => {
        const prefix = Buffer.concat([Buffer.from(start.join('')), Buffer.alloc(4)]).subarray(0, 4);
        return Buffer.concat([
          prefix,
          Buffer.from(`${identifier}":1,`),
          Buffer.from(sale.trim()).subarray(1),
        ]);
      });
    let json = 0;
    fc.assert(
      fc.property(fc.oneof(withIdentifier, saleBytes), (value) => {
        if (!isJson(value)) return;
        if (value.subarray(4, 6).toString() === 'VD') json++;
        expect(taken(value), value.toString('hex')).toBe(false);
      }),
      { numRuns: 20_000, examples: [[Buffer.from('{"  VDVS":1}')], [Buffer.from('   "VDVB"')]] },
    );
    expect(json).toBeGreaterThan(5);
  });

  it('are told by the highest byte of the root offset: 0x20 is the least that JSON can have there', () => {
    const value = Buffer.from('\t\t{"VDVS": 1}');
    expect(taken(Buffer.from('{"\u007f VDVS":1}'))).toBe(false);
    for (let byte = 0; byte < 256; byte++) {
      value[3] = byte;
      const whole = Buffer.concat([Buffer.from('{"a'), Buffer.of(byte), Buffer.from('VDVS":1}')]);
      expect(taken(whole)).toBe(byte < 0x20);
      if (byte < 0x20) expect(isJson(whole)).toBe(false);
    }
  });
});
