/**
 * The reader of plain sales and the scanner behind it, together as the accumulator uses them,
 * against the reference; and that what is plain is read without the scanner's help.
 */
import { describe, expect, it } from 'vitest';
import { BatchHead } from '../../src/kafka/record-batch.ts';
import { encodeSale } from '../../src/sale/flatbuffers/encode.ts';
import { KnownCategories } from '../../src/sale/known-categories.ts';
import { SaleScanner } from '../../src/sale/scanner.ts';
import { BatchReader } from '../../src/sale/simd/batch-reader.ts';
import { type RecordSpec, recordBatch, varint } from '../parts/record-batch-builder.ts';
import { Categories } from './categories.ts';
import { agreesWithTheReference, type Sequence, scanned, valid } from './sale-sequences.ts';

/** @param onScanned told of each sale that the scanner was asked for */
function readAll(
  { sales, timeZone, gaps }: Sequence,
  categories: Categories,
  onScanned = (_index: number) => {},
): unknown[] {
  const records = sales.map((value, i): RecordSpec => {
    const gap = gaps[i % gaps.length];
    return { value, key: gap.length > 9 ? gap : null, headers: gap.length % 2 ? [['h', gap]] : [] };
  });
  const bytes = recordBatch({ baseOffset: 70, records });
  const head = new BatchHead();
  head.read(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length);
  const starts = recordStarts(bytes, head);
  const reader = BatchReader.make()!;
  const known = new KnownCategories(reader.categories);
  const scanner = new SaleScanner({ timeZone }, categories, known, reader.minutes);
  const verdicts: unknown[] = [];
  while (verdicts.length < sales.length) {
    const done = verdicts.length;
    const rows = reader.read(bytes, starts[done], head.end, sales.length - done, done - 1);
    for (let row = 0; row < rows; row++) {
      expect(reader.recordAt[row] + reader.shift).toBe(starts[done + row]);
      expect(reader.offsetDelta[row]).toBe(done + row);
      verdicts.push(valid(reader.categoryId[row], reader.centavos[row], reader.eventMs[row]));
    }
    expect(reader.position).toBe(starts[done + rows] ?? head.end);
    if (!reader.isDeclined) continue;
    onScanned(done + rows);
    const sale = Buffer.from(sales[done + rows]);
    const view = new DataView(sale.buffer, sale.byteOffset, sale.length);
    verdicts.push(scanned(scanner, scanner.scan(sale, view, 0, sale.length)));
  }
  return verdicts;
}

function recordStarts(bytes: Buffer, { recordsStart, end }: BatchHead): number[] {
  const starts: number[] = [];
  for (let at = recordsStart; at < end; ) {
    starts.push(at);
    let [length, scale, p] = [0, 1, at];
    do {
      length += (bytes[p] & 127) * scale;
      scale *= 128;
    } while (bytes[p++] >= 128);
    expect(varint(length / 2)).toEqual(bytes.subarray(at, p));
    at = p + length / 2;
  }
  return starts;
}

agreesWithTheReference('the reader', (sequence, categories) => readAll(sequence, categories));

// A sale's verdict is the same when it comes again.
agreesWithTheReference('the reader that has seen them all', (sequence, categories) => {
  const twice = { ...sequence, sales: [...sequence.sales, ...sequence.sales] };
  return readAll(twice, categories).slice(sequence.sales.length);
});

describe('the reader of plain sales', () => {
  const id = '"id_pedido": "8c5b4a5e-0f6e-4f0e-9a55-0e9d3a3c7f11"';
  const sale = (valor: string, time: string, categoria = 'Eletrônicos') =>
    `{${id}, "categoria": "${categoria}", "valor": ${valor}, "timestamp": "2024-11-29T00:00${time}"}`;
  const layouts: [string, string][] = [
    ['as Python writes them', sale('1234.5', ':07.123456')],
    ['as JavaScript writes them', sale('1234.56', ':07.123Z').replaceAll(/([:,]) /g, '$1')],
    ['with an offset', sale('0.99', ':07-03:00')],
    ['without seconds', sale('5000000', '')],
    [
      'with fields of others',
      sale('29.9', ':59').replace('{', '{"loja": "SP-01", "itens": -1.5e3,'),
    ],
    [
      'in another order',
      `{"valor": 7, "timestamp": "2024-11-29T00:00:00", "categoria": "TVs", ${id}}`,
    ],
    ['with more space', sale('12.50', ':00').replaceAll(/([:,]) /g, '$1 \t\r\n  ')],
    ['with a category of 31 bytes', sale('1', ':00', 'x'.repeat(31))],
  ];

  // The first sale makes the category known, the second the minute.
  it.each(layouts)('reads them %s, once it knows category and minute', (_, text) => {
    const sales = Array.from({ length: 2500 }, () => Buffer.from(text));
    const asked: number[] = [];
    const sequence = { sales, timeZone: 'UTC', limit: 9, gaps: [Buffer.alloc(0)] };
    const verdicts = readAll(sequence, new Categories(9), (index) => asked.push(index));
    expect(asked.filter((index) => index > 1)).toEqual([]);
    expect(new Set(verdicts.map((verdict) => JSON.stringify(verdict)))).toHaveLength(1);
  });

  const places = ['{', '"categoria"', '"valor"', '"timestamp"', '}'];
  it.each(places)('compares all that a sale has before or behind %s', (place) => {
    const more = `"loja": "${'a'.repeat(40)}"`;
    const inPlace =
      place === '{' ? `{${more}, ` : place === '}' ? `, ${more}}` : `${more}, ${place}`;
    const first = Buffer.from(sale('1', ':00').replace(place, inPlace));
    const spoilt = Buffer.from(String(first).replace('"aaa', '"a"a'));
    const sales = [first, first, first, first, spoilt, first];
    const asked: number[] = [];
    const sequence = { sales, timeZone: 'UTC', limit: 9, gaps: [Buffer.alloc(0)] };
    readAll(sequence, new Categories(9), (index) => asked.push(index));
    expect(asked.filter((index) => index > 1)).toEqual([4]);
  });

  it('reads FlatBuffers of categories that it knows', () => {
    const reader = BatchReader.make()!;
    const known = new KnownCategories(reader.categories);
    const names = ['TVs', 'Casa', 'Eletrônicos', 'x'.repeat(31)];
    for (const [id, name] of names.entries()) known.learn(name, id);
    const records = Array.from({ length: 500 }, (_, i): RecordSpec => {
      const categoria = names[i % names.length];
      const sale = { idPedido: `${i}`, categoria, valorCentavos: i, timestampMs: 1e12 + i };
      return { value: encodeSale(sale) };
    });
    const bytes = recordBatch({ baseOffset: 0, records });
    expect(reader.read(bytes, 61, bytes.length, records.length, -1)).toBe(500);
    const rows = Array.from({ length: 500 }, (_, i) => i);
    expect([...reader.categoryId.subarray(0, 500)]).toEqual(rows.map((i) => i % names.length));
    expect([...reader.centavos.subarray(0, 500)]).toEqual(rows);
    expect([...reader.eventMs.subarray(0, 500)]).toEqual(rows.map((i) => 1e12 + i));
  });

  it('leaves a record that fits no piece to others, and goes on behind it', () => {
    const plain = Buffer.from(sale('1.5', ':00'));
    const long = Buffer.from(sale('1.5', ':00').replace('}', `${' '.repeat(70_000)}}`));
    const sales = [plain, plain, long, plain, long, plain];
    const asked: number[] = [];
    const sequence = { sales, timeZone: 'UTC', limit: 9, gaps: [Buffer.alloc(0)] };
    readAll(sequence, new Categories(9), (index) => asked.push(index));
    expect(asked).toEqual([0, 1, 2, 4]);
  });

  it('forgets its categories when they are forgotten', () => {
    const reader = BatchReader.make()!;
    const known = new KnownCategories(reader.categories);
    const names = Array.from({ length: 5000 }, (_, i) => `categoria ${i}`);
    const categories = new Categories(names.length);
    const scanner = new SaleScanner({ timeZone: 'UTC' }, categories, known, reader.minutes);
    const batch = (name: string) => {
      const value = Buffer.from(sale('1.5', ':00', name));
      const bytes = recordBatch({ baseOffset: 0, records: [{ value }] });
      reader.forget();
      const rows = reader.read(bytes, 61, bytes.length, 1, -1);
      if (rows === 0) {
        scanner.scan(
          value,
          new DataView(value.buffer, value.byteOffset, value.length),
          0,
          value.length,
        );
      }
      return rows === 1 ? categories.names[reader.categoryId[0]] : null;
    };
    for (const name of names) expect(batch(name)).toBeNull();
    // The table of 4096 was begun anew once: what came before is unknown again. The first of these
    // makes the minute known.
    const again = [names[4999], names[0], names[4095], names[4096], names[4999]];
    expect(again.map(batch)).toEqual([null, null, null, names[4096], names[4999]]);
  });
});
