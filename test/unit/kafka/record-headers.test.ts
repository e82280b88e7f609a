import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  LETTER_HEADER_BYTES_MAX,
  LETTER_HEADERS_MAX,
  letterHeaders,
} from '../../../src/kafka/record-headers.ts';
import { rawHeaders, varint } from '../../parts/record-batch-builder.ts';

describe('record headers', () => {
  it('come back as they were written, in their order, doubles and nulls included', () => {
    const bytes = fc.uint8Array({ maxLength: 200 }).map((list) => Buffer.from(list));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ unit: 'grapheme' }), fc.option(bytes))), (list) => {
        const headers = list.map(([name, value]) => ({ name, value }));
        expect(letterHeaders(rawHeaders(list))).toEqual({ headers, omitted: '' });
      }),
    );
  });

  it('are none where the record kept none', () => {
    expect(letterHeaders(Buffer.alloc(0))).toEqual({ headers: [], omitted: '' });
    expect(letterHeaders(Buffer.of(0))).toEqual({ headers: [], omitted: '' });
  });

  it('are left out, and said to be, when they end too early, wherever that is', () => {
    const raw = rawHeaders([
      ['name', 'value'],
      ['other', null],
    ]);
    for (let length = 1; length < raw.length; length++) {
      const omitted = `unreadable, ${length} bytes`;
      expect(letterHeaders(raw.subarray(0, length))).toEqual({ headers: [], omitted });
    }
  });

  it('are left out when a name is null, a length is no varint, or there are more by far than bytes', () => {
    const unreadable = [
      Buffer.concat([varint(1), varint(-1), varint(0)]),
      Buffer.concat([varint(1), Buffer.alloc(6, 255)]),
      Buffer.concat([varint(2 ** 31 - 1), Buffer.alloc(8)]),
      Buffer.concat([varint(1), varint(0), varint(2 ** 31 - 1)]),
    ];
    for (const raw of unreadable) expect(letterHeaders(raw).omitted).toContain('unreadable');
  });

  it('are never thrown at, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (list) => {
        const { headers, omitted } = letterHeaders(Buffer.from(list));
        expect(headers.length === 0 || omitted === '').toBe(true);
      }),
    );
  });

  it('are carried up to the most that a letter has, and none of one more', () => {
    const most = new Array(LETTER_HEADERS_MAX).fill(['ab', 'c']);
    expect(letterHeaders(rawHeaders(most)).headers).toHaveLength(LETTER_HEADERS_MAX);
    const omitted = `${LETTER_HEADERS_MAX + 1} headers, ${3 * LETTER_HEADERS_MAX + 3} bytes`;
    expect(letterHeaders(rawHeaders([...most, ['ab', 'c']]))).toEqual({ headers: [], omitted });
  });

  it('are carried up to the most bytes that a letter has, and none of one more', () => {
    const value = Buffer.alloc(LETTER_HEADER_BYTES_MAX - 4, 'x');
    expect(letterHeaders(rawHeaders([['name', value]])).headers).toHaveLength(1);
    const omitted = `1 headers, ${LETTER_HEADER_BYTES_MAX + 1} bytes`;
    expect(letterHeaders(rawHeaders([['names', value]]))).toEqual({ headers: [], omitted });
  });

  it('are measured without a thing made of each, so that two million are nothing', () => {
    const raw = Buffer.concat([varint(2_000_000), Buffer.alloc(4_000_000)]);
    const before = process.memoryUsage().heapUsed;
    expect(letterHeaders(raw).omitted).toBe('2000000 headers, 0 bytes');
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(20_000_000);
  });
});
