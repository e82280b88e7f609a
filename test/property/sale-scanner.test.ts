/**
 * The scanner against the reference: whatever the bytes, wherever they lie in memory, and
 * whatever the scanner has seen before. Cases that once failed are kept in test/corpus/sale.
 */
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REASON } from '../../src/sale/reasons.ts';
import { judgeSale } from '../../src/sale/reference.ts';
import type { SaleRules } from '../../src/sale/rules.ts';
import { SaleScanner } from '../../src/sale/scanner.ts';
import { Categories } from './categories.ts';
import { saleBytes, saleText } from './sale-generators.ts';

interface Sequence {
  readonly sales: readonly Buffer[];
  readonly timeZone: string;
  readonly limit: number;
  /** Bytes between the sales, before the first and after the last. */
  readonly gaps: readonly Buffer[];
}

/** Judges a sequence both ways, with one scanner and one shared buffer. */
function bothWays({ sales, timeZone, limit, gaps }: Sequence) {
  const rules: SaleRules = { timeZone };
  const bytes = Buffer.concat(
    sales.flatMap((sale, i) => [gaps[i % gaps.length], sale]).concat(gaps[0]),
  );
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const scanned = new Categories(limit);
  const judged = new Categories(limit);
  const scanner = new SaleScanner(rules, scanned);
  const actual: unknown[] = [];
  const expected: unknown[] = [];
  let start = 0;
  sales.forEach((sale, i) => {
    start += gaps[i % gaps.length].length;
    const reason = scanner.scan(bytes, view, start, start + sale.length);
    start += sale.length;
    const { categoryId, valorCentavos, eventMs, detail } = scanner;
    actual.push(
      reason === REASON.valid ? { categoryId, valorCentavos, eventMs } : { reason, detail },
    );

    const verdict = judgeSale(sale, rules, judged);
    if (verdict.verdict === 'valid') {
      const { categoryId, valorCentavos, eventMs } = verdict;
      expected.push({ categoryId, valorCentavos, eventMs });
    } else {
      expected.push({ reason: REASON[verdict.reason], detail: verdict.detail });
    }
  });
  return {
    actual: { verdicts: actual, names: scanned.names },
    expected: { verdicts: expected, names: judged.names },
  };
}

const gap = fc.oneof(
  fc.constant(Buffer.alloc(0)),
  fc.constant(Buffer.from('}')),
  fc.constant(Buffer.from('0",}')),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  fc.constant(Buffer.alloc(300, ' ')),
);

const sequence = (maxLength: number): fc.Arbitrary<Sequence> =>
  fc.record({
    // The same few sales come back, so that what was remembered is used.
    sales: fc
      .tuple(fc.array(saleBytes, { minLength: 1, maxLength }), fc.array(fc.nat(), { maxLength }))
      .map(([sales, again]) => [...sales, ...again.map((i) => sales[i % sales.length])]),
    timeZone: fc.constantFrom('UTC', 'America/Sao_Paulo', 'Africa/Monrovia', 'Pacific/Apia'),
    limit: fc.constantFrom(1, 3, 1000),
    gaps: fc.array(gap, { minLength: 1, maxLength: 5 }),
  });

/** A sequence as a corpus file holds it: bytes in Latin-1, so that it can be read. */
interface CorpusCase {
  readonly why: string;
  readonly timeZone: string;
  readonly limit: number;
  readonly sales: readonly string[];
  readonly gaps: readonly string[];
}

const latin1 = (texts: readonly string[]) => texts.map((text) => Buffer.from(text, 'latin1'));

function report(failing: Sequence): string {
  const corpusCase = {
    why: '',
    ...failing,
    sales: failing.sales.map((sale) => sale.toString('latin1')),
    gaps: failing.gaps.map((bytes) => bytes.toString('latin1')),
  };
  return `to keep it, write to test/corpus/sale/<name>.json:\n${JSON.stringify(corpusCase)}`;
}

/** Only against hanging: the machine may be busy. */
const TIMEOUT_MS = 120_000;

const corpusDir = new URL('../corpus/sale/', import.meta.url);

describe('the scanner agrees with the reference', { timeout: TIMEOUT_MS }, () => {
  it.each(readdirSync(corpusDir).filter((name) => name.endsWith('.json')))(
    'on the kept case %s',
    (name) => {
      const kept: CorpusCase = JSON.parse(readFileSync(new URL(name, corpusDir), 'utf8'));
      const { actual, expected } = bothWays({
        ...kept,
        sales: latin1(kept.sales),
        gaps: latin1(kept.gaps),
      });
      expect(actual).toEqual(expected);
    },
  );

  it('on short sequences of generated and mutated sales', () => {
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
      fc.property(sequence(300), (generated) => {
        const { actual, expected } = bothWays(generated);
        expect(actual, report(generated)).toEqual(expected);
      }),
      { numRuns: 30 },
    );
  });

  it('on every truncation of a sale and every value of each of its bytes', () => {
    const [sale] = fc.sample(saleText, { numRuns: 1, seed: 7 });
    const bytes = Buffer.from(
      '{"id_pedido": "8c5b4a5e", "categoria": "TV", "valor": 12.5, "timestamp": "2024-11-25T10:30:00.5Z"}',
    );
    const sales: Buffer[] = [bytes, Buffer.from(sale)];
    for (let i = 0; i < bytes.length; i++) {
      sales.push(bytes.subarray(0, i));
      for (let value = 0; value < 256; value++) {
        const copy = Buffer.from(bytes);
        copy[i] = value;
        sales.push(copy);
      }
    }
    const { actual, expected } = bothWays({
      sales,
      timeZone: 'America/Sao_Paulo',
      limit: 1000,
      gaps: [Buffer.from('}'), Buffer.from('5Z"}')],
    });
    expect(actual).toEqual(expected);
  });
});
