import { describe, expect, it } from 'vitest';
import { REASON } from '../../../src/sale/reasons.ts';
import { SaleScanner } from '../../../src/sale/scanner.ts';
import { REJECTED, rules, SALE, saleText, UnlimitedCategories, VALID } from './sales.ts';

/** Scans with room behind the sale (room > 0) or with the buffer ending where it ends. */
function scan(scanner: SaleScanner, text: string | Buffer, room: number): number {
  const value = Buffer.from(text as string);
  const bytes = Buffer.alloc(value.length + 3 + room, '}');
  value.copy(bytes, 3);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return scanner.scan(bytes, view, 3, 3 + value.length);
}

describe.each([
  ['with room behind it', 500],
  ['at the end of the buffer', 0],
])('SaleScanner, a sale %s', (_name, room) => {
  const categories = new UnlimitedCategories();
  const scanner = new SaleScanner(rules, categories);

  it.each(VALID)('accepts: %s', (_name, text, expected) => {
    // Twice: the first time may teach it the category.
    for (let i = 0; i < 2; i++) {
      expect(scan(scanner, text, room)).toBe(REASON.valid);
      expect({
        categoria: categories.names[scanner.categoryId],
        valorCentavos: scanner.valorCentavos,
        eventMs: scanner.eventMs,
      }).toEqual({ ...SALE, ...expected });
    }
  });

  it.each(REJECTED)('refuses as %s: %s', (reason, _name, text) => {
    expect(scan(scanner, text, room)).toBe(REASON[reason as keyof typeof REASON]);
    expect(scanner.detail).not.toBe('');
  });
});

describe('SaleScanner', () => {
  it('asks for a category once, and then knows it by its bytes', () => {
    let asked = 0;
    const scanner = new SaleScanner(rules, { intern: () => asked++ });
    const names = [
      'Casa',
      'Eletrônicos',
      'Eletrodomésticos',
      'Eletrodoméstica',
      'Eletrodo',
      'TV',
      'A',
      'x'.repeat(128),
      '日本語',
    ];
    for (let round = 0; round < 3; round++) {
      names.forEach((name, id) => {
        expect(scan(scanner, saleText({ categoria: JSON.stringify(name) }), 300)).toBe(0);
        expect(scanner.categoryId).toBe(id);
      });
    }
    expect(asked).toBe(names.length);
  });

  it('keeps asking for a category that was refused', () => {
    let room = false;
    const scanner = new SaleScanner(rules, { intern: () => (room ? 5 : -1) });
    expect(scan(scanner, saleText({}), 300)).toBe(REASON.category_limit);
    room = true;
    expect(scan(scanner, saleText({}), 300)).toBe(REASON.valid);
    expect(scanner.categoryId).toBe(5);
  });

  it('stays right with more categories than it can remember', () => {
    const ids = new Map<string, number>();
    const scanner = new SaleScanner(rules, {
      intern: (name) => {
        if (!ids.has(name)) ids.set(name, ids.size);
        return ids.get(name) as number;
      },
    });
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 6000; i++) {
        scan(scanner, saleText({ categoria: `"Categoria ${i}"` }), 300);
        if (scanner.categoryId !== i) expect(scanner.categoryId).toBe(i);
      }
    }
    expect(ids.size).toBe(6000);
  });

  it('takes a sale of nearly a mebibyte', () => {
    const scanner = new SaleScanner(rules, new UnlimitedCategories());
    const text = saleText({ nota: `"${'á'.repeat(500_000)}"` });
    expect(scan(scanner, text, 0)).toBe(REASON.valid);
    expect(scan(scanner, text, 500)).toBe(REASON.valid);
  });

  it('does not take what stands behind a truncated sale', () => {
    const scanner = new SaleScanner(rules, new UnlimitedCategories());
    const bytes = Buffer.from(saleText({}) + ' '.repeat(400));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const length = saleText({}).length;
    expect(scanner.scan(bytes, view, 0, length)).toBe(REASON.valid);
    for (let end = 0; end < length; end++) {
      expect(scanner.scan(bytes, view, 0, end)).toBe(REASON.not_json);
    }
  });

  it('reads zoneless timestamps in the zone of the rules, from the cache as well', () => {
    const scanner = new SaleScanner({ timeZone: 'Africa/Monrovia' }, new UnlimitedCategories());
    const read = (timestamp: string) => {
      scan(scanner, saleText({ timestamp: `"${timestamp}"` }), 300);
      return new Date(scanner.eventMs).toISOString();
    };
    for (let i = 0; i < 2; i++) {
      expect(read('1972-01-07T00:44:29')).toBe('1972-01-07T01:28:59.000Z');
      expect(read('1972-01-07T00:44:30')).toBe('1972-01-07T00:44:30.000Z');
      expect(read('1972-01-07T00:44:29Z')).toBe('1972-01-07T00:44:29.000Z');
      expect(read('1971-01-07T00:44')).toBe('1971-01-07T01:28:30.000Z');
    }
  });
});
