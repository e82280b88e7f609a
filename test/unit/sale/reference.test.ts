import { describe, expect, it } from 'vitest';
import { DETAIL_LENGTH_MAX, judgeSale, parseSale } from '../../../src/sale/reference.ts';
import { REJECTED, rules, SALE, saleText, UnlimitedCategories, VALID } from './sales.ts';

const parse = (text: string | Buffer) => parseSale(Buffer.from(text as string), rules);

describe('parseSale', () => {
  it.each(VALID)('accepts: %s', (_name, text, expected) => {
    expect(parse(text)).toEqual({ verdict: 'valid', ...SALE, ...expected });
  });

  it.each(REJECTED)('refuses as %s: %s', (reason, _name, text) => {
    const sale = parse(text);
    expect(sale).toMatchObject({ verdict: 'rejected', reason });
    const detail = (sale as { detail: string }).detail;
    expect(detail.length).toBeGreaterThan(5);
    expect(detail.length).toBeLessThanOrEqual(DETAIL_LENGTH_MAX);
    expect(detail).not.toMatch(/[\p{Cc}\p{Surrogate}]/u);
  });

  it('leaves the stack traces of others alone', () => {
    const limit = Error.stackTraceLimit;
    parse('no JSON');
    parse(saleText({}));
    expect(Error.stackTraceLimit).toBe(limit);
    expect(limit).toBeGreaterThan(0);
  });

  it('takes a tombstone as no JSON', () => {
    expect(parseSale(null, rules)).toMatchObject({ reason: 'not_json' });
  });

  it('says which field is wrong and shows its value shortened', () => {
    expect(parse(saleText({ timestamp: '"25/11/2024"' }))).toMatchObject({
      detail: 'timestamp "25/11/2024" is not a date and time between 1970 and 2106',
    });
    expect(parse(saleText({ valor: '"12"' }))).toMatchObject({
      detail: 'valor is a string, not a number',
    });
    expect(parse(saleText({ valor: '-5' }))).toMatchObject({
      detail: 'valor -5 is negative or too large',
    });
    const long = parse(saleText({ timestamp: JSON.stringify('😀'.repeat(1000)) }));
    expect((long as { detail: string }).detail).toContain('😀…"');
  });

  it('reads a timestamp without a zone in the zone of the rules', () => {
    const sale = parseSale(Buffer.from(saleText({})), { timeZone: 'America/Sao_Paulo' });
    expect(sale).toMatchObject({ eventMs: Date.UTC(2024, 10, 25, 13, 30) });
  });

  it('takes a million nested brackets without exhausting the stack', () => {
    expect(parse('['.repeat(1_000_000))).toMatchObject({ reason: 'not_json' });
    const nested = '['.repeat(100_000) + ']'.repeat(100_000);
    expect(parse(saleText({ extra: nested }))).toMatchObject({ verdict: 'valid' });
  });
});

describe('judgeSale', () => {
  it('interns the category of a valid sale only', () => {
    const categories = new UnlimitedCategories();
    judgeSale(Buffer.from(saleText({ timestamp: '"never"' })), rules, categories);
    expect(categories.names).toEqual([]);
    const sale = judgeSale(Buffer.from(saleText({})), rules, categories);
    expect(sale).toEqual({ verdict: 'valid', ...SALE, categoryId: 0 });
    expect(categories.names).toEqual(['Casa']);
  });

  it('refuses a category past the limit, and only after every other check', () => {
    const full = { intern: () => -1 };
    expect(judgeSale(Buffer.from(saleText({})), rules, full)).toMatchObject({
      reason: 'category_limit',
    });
    expect(judgeSale(Buffer.from(saleText({ timestamp: '"?"' })), rules, full)).toMatchObject({
      reason: 'bad_timestamp',
    });
  });
});
