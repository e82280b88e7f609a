import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeRecordHeaders } from '../../../src/kafka/record-headers.ts';
import { rawHeaders } from '../../parts/record-batch-builder.ts';

describe('record headers', () => {
  it('come back as they were written, in their order, doubles and nulls included', () => {
    const bytes = fc.uint8Array({ maxLength: 200 }).map((list) => Buffer.from(list));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ unit: 'grapheme' }), fc.option(bytes))), (list) => {
        const expected = list.map(([name, value]) => ({ name, value }));
        expect(decodeRecordHeaders(rawHeaders(list))).toEqual(expected);
      }),
    );
  });

  it('are none where the record kept none', () => {
    expect(decodeRecordHeaders(Buffer.alloc(0))).toEqual([]);
    expect(decodeRecordHeaders(Buffer.of(0))).toEqual([]);
  });

  it('are refused when they end too early, wherever that is', () => {
    const raw = rawHeaders([
      ['name', 'value'],
      ['other', null],
    ]);
    for (let length = 1; length < raw.length; length++) {
      expect(() => decodeRecordHeaders(raw.subarray(0, length))).toThrow('end too early');
    }
  });
});
