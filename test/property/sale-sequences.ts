/**
 * Sequences of sales that every reader of JSON must judge as the reference does: whatever the bytes,
 * wherever they lie in memory, and whatever the reader has seen before. Cases that once failed are
 * kept in test/corpus/sale.
 */
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REASON } from '../../src/sale/reasons.ts';
import { judgeSale } from '../../src/sale/reference.ts';
import type { SaleScanner } from '../../src/sale/scanner.ts';
import { Categories } from './categories.ts';
import { saleBytes, saleText } from './sale-generators.ts';

export interface Sequence {
  readonly sales: readonly Buffer[];
  readonly timeZone: string;
  readonly limit: number;
  /** Bytes between the sales, before the first and after the last. */
  readonly gaps: readonly Buffer[];
}

/** Judges a sequence's sales; each verdict as `scanned` or `valid` makes it. */
type Reader = (sequence: Sequence, categories: Categories) => unknown[];

export const valid = (categoryId: number, valorCentavos: number, eventMs: number) => ({
  categoryId,
  valorCentavos,
  eventMs,
});

export function scanned(scanner: SaleScanner, reason: number): unknown {
  const { categoryId, valorCentavos, eventMs, detail } = scanner;
  return reason === REASON.valid ? valid(categoryId, valorCentavos, eventMs) : { reason, detail };
}

function byReference({ sales, timeZone }: Sequence, categories: Categories): unknown[] {
  return sales.map((sale) => {
    const judged = judgeSale(sale, { timeZone }, categories);
    return judged.verdict === 'valid'
      ? valid(judged.categoryId, judged.valorCentavos, judged.eventMs)
      : { reason: REASON[judged.reason], detail: judged.detail };
  });
}

function bothWays(read: Reader, sequence: Sequence) {
  const [own, reference] = [new Categories(sequence.limit), new Categories(sequence.limit)];
  return {
    actual: { verdicts: read(sequence, own), names: own.names },
    expected: { verdicts: byReference(sequence, reference), names: reference.names },
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

export function agreesWithTheReference(reader: string, read: Reader): void {
  describe(`${reader} agrees with the reference`, { timeout: TIMEOUT_MS }, () => {
    it.each(readdirSync(corpusDir).filter((name) => name.endsWith('.json')))(
      'on the kept case %s',
      (name) => {
        const kept: CorpusCase = JSON.parse(readFileSync(new URL(name, corpusDir), 'utf8'));
        const { actual, expected } = bothWays(read, {
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
          const { actual, expected } = bothWays(read, generated);
          expect(actual, report(generated)).toEqual(expected);
        }),
        { numRuns: 3000 },
      );
    });

    it('on long sequences, whatever it remembers', () => {
      fc.assert(
        fc.property(sequence(300), (generated) => {
          const { actual, expected } = bothWays(read, generated);
          expect(actual, report(generated)).toEqual(expected);
        }),
        { numRuns: 30 },
      );
    });

    it('on every truncation of a sale and every value of each of its bytes', () => {
      const [sale] = fc.sample(saleText, { numRuns: 1, seed: 7 });
      const whole = [
        '{"id_pedido": "8c5b4a5e", "categoria": "TV", "valor": 12.5, "timestamp": "2024-11-25T10:30:00.5Z"}',
        '{"loja":"a,b}","itens":10.5e1,"id_pedido":"c, d","categoria":"Casa","valor":1.05,"timestamp":"2024-11-25T10:30:07-03:00"}',
      ].map((text) => Buffer.from(text));
      // The whole ones twice, so that their categories and minutes are known.
      const sales: Buffer[] = [...whole, ...whole, Buffer.from(sale)];
      for (const bytes of whole) {
        for (let i = 0; i < bytes.length; i++) {
          sales.push(bytes.subarray(0, i));
          for (let value = 0; value < 256; value++) {
            const copy = Buffer.from(bytes);
            copy[i] = value;
            sales.push(copy);
          }
        }
      }
      const { actual, expected } = bothWays(read, {
        sales,
        timeZone: 'America/Sao_Paulo',
        limit: 1000,
        gaps: [Buffer.from('}'), Buffer.from('5Z"}')],
      });
      expect(actual).toEqual(expected);
    });
  });
}
