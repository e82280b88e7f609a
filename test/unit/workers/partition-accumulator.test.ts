import { describe, expect, it } from 'vitest';
import { REASON } from '../../../src/sale/reasons.ts';
import { accumulatorRig, addBytes } from '../../parts/accumulator-rig.ts';
import { LIMITS, saleJson } from '../../parts/lease-regions.ts';
import { DEFAULT_TIMESTAMP_MS, rawHeaders, recordBatch } from '../../parts/record-batch-builder.ts';

const T = DEFAULT_TIMESTAMP_MS;
const MINUTE = 60_000;
const WINDOW = T / MINUTE;

const sale = (eventMs: number, categoria = 'Casa', centavos = 100) => ({
  value: saleJson(categoria, centavos, eventMs),
});

describe('PartitionAccumulator', () => {
  it('sums sales per window and category', () => {
    const { add, freeze, drained } = accumulatorRig();
    add({
      baseOffset: 0,
      records: [
        sale(T, 'Casa', 129_999),
        sale(T + MINUTE - 1, 'Casa', 1),
        sale(T + MINUTE, 'Casa', 5),
        sale(T, 'Gamer', 7),
      ],
    });
    expect(freeze()).toMatchObject({ nextOffset: 4, counted: 4, maxEventMs: T + MINUTE });
    expect(drained.sums).toEqual({
      [`${WINDOW}|Casa`]: { count: 2, centavos: 130_000, menor: 1, maior: 129_999 },
      [`${WINDOW + 1}|Casa`]: { count: 1, centavos: 5, menor: 5, maior: 5 },
      [`${WINDOW}|Gamer`]: { count: 1, centavos: 7, menor: 7, maior: 7 },
    });
  });

  it('says between which Kafka timestamps the batches of each delta lie', () => {
    const { add, freeze } = accumulatorRig();
    const batch = (baseOffset: number, timestampMs: number) =>
      add({ baseOffset, records: [sale(T)], timestampMs });
    batch(0, T + 300);
    batch(1, T + 100);
    batch(2, T + 200);
    expect(freeze()).toMatchObject({ oldestRecordMs: T + 100, newestRecordMs: T + 300 });
    batch(3, T + 400);
    expect(freeze()).toMatchObject({ oldestRecordMs: T + 400, newestRecordMs: T + 400 });
    expect(freeze()).toMatchObject({ oldestRecordMs: -1, newestRecordMs: -1 });
  });

  it('gives a rejected record with its key, value, headers, place, time and reason', () => {
    const { add, freeze, drained } = accumulatorRig();
    const headers = [
      ['trace', 'abc'],
      ['vazio', ''],
      ['nulo', null],
    ] as const;
    add({
      baseOffset: 40,
      records: [
        { key: 'chave', value: 'lixo', headers, timestampMs: T + 17 },
        { key: '', value: '', timestampMs: T - 5 },
        { key: null, value: null },
      ],
    });
    freeze();
    const [first, second, third] = drained.rejects;
    expect(first).toMatchObject({
      offset: 40,
      timestampMs: T + 17,
      reason: REASON.not_json,
      key: Buffer.from('chave'),
      value: Buffer.from('lixo'),
      rawHeaders: rawHeaders(headers),
      valueOmitted: false,
    });
    expect(second).toMatchObject({ offset: 41, timestampMs: T - 5, key: Buffer.alloc(0) });
    expect(second.value).toEqual(Buffer.alloc(0));
    expect(third).toMatchObject({ offset: 42, timestampMs: T, key: null, value: null });
  });

  it('skips what lies below its offset, and follows gaps that compaction left', () => {
    const { add, accumulator, freeze, drained } = accumulatorRig({ nextOffset: 12 });
    add({
      baseOffset: 10,
      lastOffset: 30,
      records: [
        { ...sale(T), offset: 10 },
        { ...sale(T), offset: 11 },
        { ...sale(T), offset: 12 },
        { ...sale(T), offset: 25 },
      ],
    });
    expect(accumulator.nextOffset).toBe(31);
    expect(freeze().counted).toBe(2);
    expect(drained.sums[`${WINDOW}|Casa`].count).toBe(2);
  });

  it('never goes back: a batch that was counted whole changes nothing', () => {
    const { add, accumulator, freeze } = accumulatorRig({ nextOffset: 12 });
    add({ baseOffset: 3, records: [sale(T), sale(T)] });
    expect(accumulator.nextOffset).toBe(12);
    expect(freeze().counted).toBe(0);
  });

  it('passes a batch that compaction has emptied', () => {
    const { add, accumulator } = accumulatorRig();
    add({ baseOffset: 0, lastOffset: 9, records: [] });
    expect(accumulator.nextOffset).toBe(10);
  });
});

describe('the order of verdicts', () => {
  const far = T + 400_000;

  it('judges form before the future, and the category limit before both', () => {
    const { add, freeze, drained } = accumulatorRig({}, { ...LIMITS, categoryCount: 1 });
    add({
      baseOffset: 0,
      records: [
        sale(T),
        { value: `{"categoria": "Casa", "timestamp": "${new Date(far).toISOString()}"}` },
        sale(far, 'Livros'),
        sale(far),
        sale(T - 10 * MINUTE, 'Livros'),
        sale(T - 10 * MINUTE),
      ],
    });
    freeze();
    expect(drained.rejections).toEqual([
      '1 missing_field',
      '2 category_limit',
      '3 future_timestamp',
      '4 category_limit',
      '5 late',
    ]);
  });

  it("accepts a time up to the tolerance past the record's own, and not one millisecond more", () => {
    const { add, freeze, drained } = accumulatorRig();
    add({ baseOffset: 0, records: [sale(T + 300_000), sale(T + 300_001)] });
    freeze();
    expect(drained.rejections).toEqual(['1 future_timestamp']);
    expect(drained.rejects[0].detail).toContain('300001 ms past');
  });

  it('lets a sale from the future move no time, so that honest ones stay in time', () => {
    const { add, accumulator } = accumulatorRig();
    add({ baseOffset: 0, records: [sale(T), sale(far), sale(T)] });
    expect(accumulator.maxEventMs).toBe(T);
    expect(accumulator.counted).toBe(2);
  });

  it('judges the future by the append time where the topic writes it', () => {
    const { add, freeze, drained } = accumulatorRig();
    const records = [
      { ...sale(T + 300_001), timestampMs: T + 100_000 },
      { ...sale(T + 300_002), timestampMs: T + 100_000 },
    ];
    add({ baseOffset: 0, appendTimeMs: T + 1, records });
    freeze();
    expect(drained.rejections).toEqual(['1 future_timestamp']);
    expect(drained.rejects[0].timestampMs).toBe(T + 1);
  });

  it('judges no future for a record without a timestamp', () => {
    const { add, accumulator } = accumulatorRig();
    add({ baseOffset: 0, timestampMs: -1, records: [sale(far)] });
    expect(accumulator.counted).toBe(1);
  });

  it('calls a sale late when its window ends at the watermark, and not when it ends after it', () => {
    // The watermark stands at the start of WINDOW: what ends there is late.
    const { add, freeze, drained } = accumulatorRig();
    add({
      baseOffset: 0,
      records: [
        sale(T + 2 * MINUTE - 1),
        sale(T - MINUTE),
        sale(T + 2 * MINUTE),
        sale(T - 1),
        sale(T),
      ],
    });
    freeze();
    expect(drained.rejections).toEqual(['3 late']);
    expect(drained.rejects[0].detail).toContain('120001 ms behind');
    expect(drained.sums[`${WINDOW - 1}|Casa`].count).toBe(1);
  });

  it('judges lateness by the watermark as it stood before the sale', () => {
    const { add, accumulator } = accumulatorRig({ maxEventMs: T });
    add({ baseOffset: 0, records: [sale(T + 200_000)] });
    expect(accumulator).toMatchObject({ counted: 1, maxEventMs: T + 200_000 });
    expect(accumulator.rejectedTotal).toBe(0);
  });

  it('goes on with the time that a start gives it', () => {
    const { add, freeze, drained } = accumulatorRig({ maxEventMs: T + 10 * MINUTE, nextOffset: 5 });
    add({ baseOffset: 5, timestampMs: T + 9 * MINUTE, records: [sale(T), sale(T + 9 * MINUTE)] });
    freeze();
    expect(drained.rejections).toEqual(['5 late']);
  });

  it('admits a category with its first valid sale, be it late or from the future', () => {
    const { add, freeze, drained } = accumulatorRig({ maxEventMs: T + 10 * MINUTE });
    add({ baseOffset: 0, records: [sale(T, 'A'), sale(far + 10 * MINUTE, 'B'), { value: '[]' }] });
    freeze();
    expect(drained.categories).toEqual(['A', 'B']);
  });
});

describe('guards at replay', () => {
  const guards = [{ window: WINDOW, categoria: 'Casa', ate: 12 }];

  it('do not add again what a newer write covers, and count it and move time all the same', () => {
    const { add, accumulator, freeze, drained } = accumulatorRig({ nextOffset: 10, guards });
    add({
      baseOffset: 10,
      records: [sale(T, 'Casa', 1), sale(T + 9, 'Casa', 2), sale(T, 'Casa', 4), sale(T, 'Casa', 8)],
    });
    expect(accumulator).toMatchObject({ counted: 4, maxEventMs: T + 9, nextOffset: 14 });
    freeze();
    expect(drained.sums[`${WINDOW}|Casa`]).toMatchObject({ count: 2, centavos: 12 });
  });

  it('hold for their own window and category alone', () => {
    const { add, freeze, drained } = accumulatorRig({ nextOffset: 10, guards });
    add({ baseOffset: 10, records: [sale(T, 'Gamer'), sale(T + MINUTE), sale(T)] });
    freeze();
    expect(Object.keys(drained.sums).sort()).toEqual([
      `${WINDOW}|Casa`,
      `${WINDOW}|Gamer`,
      `${WINDOW + 1}|Casa`,
    ]);
  });

  it('end each at its own offset', () => {
    const { add, freeze, drained } = accumulatorRig({
      nextOffset: 10,
      guards: [...guards, { window: WINDOW, categoria: 'Gamer', ate: 14 }],
    });
    const records = [10, 11, 12, 13, 14].flatMap(() => [sale(T), sale(T, 'Gamer')]);
    add({ baseOffset: 10, records });
    freeze();
    expect(drained.sums[`${WINDOW}|Casa`].count).toBe(4);
    expect(drained.sums[`${WINDOW}|Gamer`].count).toBe(3);
  });

  it('let rejected records be rejected again, with the same dead letters', () => {
    const { add, freeze, drained } = accumulatorRig({
      nextOffset: 10,
      maxEventMs: T + 9 * MINUTE,
      guards,
    });
    add({ baseOffset: 10, records: [sale(T), { value: 'lixo' }] });
    freeze();
    expect(drained.rejections).toEqual(['10 late', '11 not_json']);
  });
});

describe('a full delta', () => {
  it('stops at the sale that finds no room, and goes on there after the freeze', () => {
    const { add, accumulator, freeze, drained } = accumulatorRig({}, { ...LIMITS, tableSlots: 4 });
    const spec = {
      baseOffset: 0,
      records: [0, 1, 2, 1, 3, 0].map((minute) => sale(T + minute * MINUTE)),
    };
    expect(add(spec)).toBe(false);
    expect(accumulator).toMatchObject({ nextOffset: 4, counted: 4 });
    expect(add(spec)).toBe(false);
    expect(freeze()).toMatchObject({ nextOffset: 4, counted: 4 });
    expect(add(spec)).toBe(true);
    freeze();
    const counts = Object.fromEntries(
      Object.entries(drained.sums).map(([key, { count }]) => [key, count]),
    );
    expect(drained.rejections).toEqual(['5 late']);
    expect(counts).toEqual({
      [`${WINDOW}|Casa`]: 1,
      [`${WINDOW + 1}|Casa`]: 2,
      [`${WINDOW + 2}|Casa`]: 1,
      [`${WINDOW + 3}|Casa`]: 1,
    });
  });

  it('counts a rejected record once, however often its log was full', () => {
    const { add, accumulator, freeze, drained } = accumulatorRig(
      {},
      { ...LIMITS, rejectLogBytes: 256 },
    );
    const spec = { baseOffset: 0, records: 'abcdef'.split('').map((value) => ({ value })) };
    while (!add(spec)) {
      expect(add(spec)).toBe(false);
      freeze();
    }
    freeze();
    expect(accumulator.rejected[REASON.not_json]).toBe(6);
    expect(drained.rejections).toEqual([0, 1, 2, 3, 4, 5].map((offset) => `${offset} not_json`));
  });
});

describe('a batch whose structure is wrong', () => {
  const corrupt = expect.objectContaining({ code: 'E_CORRUPT_BATCH' });

  it.each([
    ['a record longer than the batch', { lengthField: 5000 }],
    ['a record of no length', { lengthField: 0 }],
    ['a record of negative length', { lengthField: -40 }],
    ['a record shorter than its value', { lengthField: 30 }],
    ['a record that reaches into the next one', { lengthField: 500 }],
  ])('is refused: %s', (_, { lengthField }) => {
    const { add } = accumulatorRig();
    const records = [{ ...sale(T), lengthField }, sale(T), sale(T)];
    expect(() => add({ baseOffset: 0, records })).toThrow(corrupt);
  });

  it.each([
    ['more records than there are', 3],
    ['fewer records than there are', 1],
    ['two thousand million records', 0x7fffffff],
  ])('is refused: it announces %s', (_, countField) => {
    const { add, accumulator } = accumulatorRig();
    expect(() => add({ baseOffset: 0, records: [sale(T), sale(T)], countField })).toThrow(corrupt);
    // What stands before the fault has its verdict and is not judged again.
    expect(accumulator.counted).toBe(accumulator.nextOffset);
  });

  it('is refused: a record past the last offset of its batch', () => {
    const { add } = accumulatorRig();
    const records = [sale(T), { ...sale(T), offset: 9 }];
    expect(() => add({ baseOffset: 0, lastOffset: 5, records })).toThrow(corrupt);
  });

  it('is refused: a key or value longer than its record', () => {
    for (const at of [0, 1]) {
      const batch = recordBatch({ baseOffset: 0, records: [{ key: 'kkkk', value: 'vvvv' }] });
      const keyLengthAt = 61 + 4;
      const lengthAt = keyLengthAt + at * 5;
      expect(batch[lengthAt]).toBe(8);
      for (const length of [126, 63, 20]) {
        batch[lengthAt] = length * 2;
        const { accumulator } = accumulatorRig();
        expect(() => addBytes(accumulator, batch)).toThrow(corrupt);
      }
    }
  });

  it('ends in an error or in true sums whatever byte is changed', () => {
    const whole = recordBatch({ baseOffset: 0, records: [sale(T, 'A', 1), sale(T, 'A', 2)] });
    for (let at = 61; at < whole.length; at++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const batch = Buffer.from(whole);
        batch[at] ^= flip;
        const { accumulator, freeze } = accumulatorRig();
        try {
          addBytes(accumulator, batch);
        } catch (error) {
          expect(error).toEqual(corrupt);
        }
        const { counted, rejected, nextOffset } = freeze();
        expect(counted + rejected.reduce((a, b) => a + b)).toBeLessThanOrEqual(nextOffset);
      }
    }
  });
});
