import { describe, expect, it } from 'vitest';
import { REASON } from '../../../src/sale/reasons.ts';
import { SALES_PER_BATCH_MAX } from '../../../src/sale/rules.ts';
import { DEFAULT_LIMITS } from '../../../src/state/layout.ts';
import { accumulatorRig } from '../../parts/accumulator-rig.ts';
import { type FlatSpec, flatBatch, flatSale } from '../../parts/flat-sales.ts';
import { LIMITS, saleJson } from '../../parts/lease-regions.ts';
import { DEFAULT_TIMESTAMP_MS, rawHeaders } from '../../parts/record-batch-builder.ts';

const T = DEFAULT_TIMESTAMP_MS;
const MINUTE = 60_000;
const WINDOW = T / MINUTE;
const ROOMY = { ...DEFAULT_LIMITS, categoryCount: 10_000 };

const sale = (ms: number, categoria = 'Casa', centavos = 100): FlatSpec => ({
  categoria,
  valorCentavos: BigInt(centavos),
  timestampMs: BigInt(ms),
});
const many = (count: number, make: (i: number) => FlatSpec) =>
  Array.from({ length: count }, (_, i) => make(i));
const record = (specs: readonly FlatSpec[]) => ({ value: flatBatch(specs) });

describe('a record in another format', () => {
  it('is counted beside JSON, a sale of a batch each by itself', () => {
    const { add, freeze, drained } = accumulatorRig();
    add({
      baseOffset: 0,
      records: [
        { value: saleJson('Casa', 1, T) },
        { value: flatSale(sale(T, 'Casa', 20)) },
        record([sale(T, 'Casa', 300), sale(T + MINUTE, 'Gamer', 4000), sale(T, 'Casa', 50_000)]),
      ],
    });
    expect(freeze()).toMatchObject({ nextOffset: 3, counted: 5, maxEventMs: T + MINUTE });
    expect(drained.sums).toEqual({
      [`${WINDOW}|Casa`]: { count: 4, centavos: 50_321, menor: 1, maior: 50_000 },
      [`${WINDOW + 1}|Gamer`]: { count: 1, centavos: 4000, menor: 4000, maior: 4000 },
    });
  });

  it('goes to its dead letter as it was when it is rejected whole', () => {
    const { add, freeze, drained } = accumulatorRig();
    const values = [
      flatSale({ valorCentavos: -1n }),
      flatBatch([{}]).subarray(0, 50),
      flatBatch([]),
    ];
    add({ baseOffset: 7, records: values.map((value) => ({ key: 'k', value })) });
    freeze();
    expect(drained.rejections).toEqual([
      '7 valor_out_of_range',
      '8 malformed_flatbuffer',
      '9 batch_empty',
    ]);
    expect(drained.rejects.map(({ value }) => value)).toEqual(values);
    expect(drained.rejects.map(({ key }) => String(key))).toEqual(['k', 'k', 'k']);
  });
});

describe('a rejected sale of a batch', () => {
  it('has a letter of its own with the record’s key, headers, place and time', () => {
    const { add, freeze, drained } = accumulatorRig();
    const headers = [['trace', 'abc']] as const;
    const value = flatBatch([sale(T), { ...sale(T), idPedido: 'x', valorCentavos: -7n }, sale(T)]);
    add({ baseOffset: 40, records: [{ key: 'chave', value, headers, timestampMs: T + 17 }] });
    expect(freeze()).toMatchObject({ counted: 2, nextOffset: 41 });
    expect(drained.rejects).toEqual([
      {
        offset: 40,
        item: 1,
        timestampMs: T + 17,
        reason: REASON.valor_out_of_range,
        detail: 'valor_centavos -7 is negative or too large',
        key: Buffer.from('chave'),
        value: Buffer.from(
          '{"id_pedido":"x","categoria":"Casa","valor":-0.07,"timestamp":"2024-11-25T10:30:00.000Z"}',
        ),
        rawHeaders: rawHeaders(headers),
        valueOmitted: false,
      },
    ]);
  });

  it('is one that time or the limit on categories refuses, as if it were a record', () => {
    const { add, freeze, drained } = accumulatorRig({}, { ...LIMITS, categoryCount: 2 });
    add({
      baseOffset: 0,
      records: [
        record([
          sale(T + 3 * MINUTE, 'A'),
          sale(T, 'A'),
          sale(T + MINUTE, 'B'),
          sale(T + MINUTE, 'C'),
          sale(T + 5 * MINUTE + 1, 'B'),
          sale(T + 5 * MINUTE, 'A'),
          sale(T + 2 * MINUTE, 'B'),
        ]),
      ],
    });
    freeze();
    expect(drained.rejections).toEqual([
      '0/1 late',
      '0/3 category_limit',
      '0/4 future_timestamp',
      '0/6 late',
    ]);
    expect(drained.rejects[0].detail).toContain('180000 ms behind');
    expect(drained.rejects[2].detail).toContain('300001 ms past');
    expect(drained.categories).toEqual(['A', 'B']);
    expect(drained.snapshot).toMatchObject({ counted: 3, maxEventMs: T + 5 * MINUTE });
  });

  it('admits no category when its batch is broken behind it', () => {
    const { add, freeze, drained } = accumulatorRig();
    const value = flatBatch([sale(T, 'A'), sale(T, 'B')], false);
    const table = value.readInt32LE(0);
    const field = table + value.readInt16LE(table - value.readInt32LE(table) + 4);
    value.writeInt32LE(value.length, field + value.readInt32LE(field) + 8);
    add({ baseOffset: 0, records: [{ value }] });
    freeze();
    expect(drained.rejections).toEqual(['0 malformed_flatbuffer']);
    expect(drained.categories).toEqual([]);
  });
});

describe('a batch and a delta', () => {
  it('waits whole for a drained table when it might not fit', () => {
    // Room for 48 keys, of which 8 are taken: 41 sales might need 41.
    const { add, accumulator, freeze, drained } = accumulatorRig();
    const first = { baseOffset: 0, records: [record(many(40, (i) => sale(T, `c${i % 8}`, i)))] };
    expect(add(first)).toBe(true);
    expect(add({ baseOffset: 1, records: [record(many(41, (i) => sale(T, `c${i % 8}`)))] })).toBe(
      false,
    );
    expect(accumulator).toMatchObject({ nextOffset: 1, counted: 40 });
    expect(freeze()).toMatchObject({ nextOffset: 1, counted: 40 });
    expect(add({ baseOffset: 1, records: [record(many(41, (i) => sale(T, `c${i % 8}`)))] })).toBe(
      true,
    );
    expect(freeze()).toMatchObject({ nextOffset: 2, counted: 81 });
    expect(drained.sums[`${WINDOW}|c0`].count).toBe(11);
  });

  it('fits to the last free slot', () => {
    const { worker } = accumulatorRig();
    const { table } = worker.active;
    for (let i = 0; i < 8; i++) table.add(i, 0, 1);
    expect(table.hasRoomFor(40)).toBe(true);
    expect(table.hasRoomFor(41)).toBe(false);
  });

  it('waits when a sum might pass 2^53 with it, and not a centavo before', () => {
    const { worker } = accumulatorRig();
    const { table } = worker.active;
    const safe = Number.MAX_SAFE_INTEGER - SALES_PER_BATCH_MAX * 100_000_000_000;
    table.add(1, 1, safe - 1);
    table.add(1, 1, 1);
    expect(table.hasRoomFor(40)).toBe(true);
    table.add(1, 1, 1);
    expect(table.hasRoomFor(1)).toBe(false);
    table.clear();
    expect(table.hasRoomFor(40)).toBe(true);
  });

  it('waits whole for a drained reject log, with nothing counted before', () => {
    const { add, accumulator, freeze, drained } = accumulatorRig(
      {},
      { ...LIMITS, rejectLogBytes: 1024 },
    );
    const bad = { ...sale(T), valorCentavos: -1n };
    const spec = (baseOffset: number) => ({
      baseOffset,
      records: [record([sale(T), bad, bad, bad])],
    });
    expect(add(spec(0))).toBe(true);
    expect(add(spec(1))).toBe(false);
    expect(add(spec(1))).toBe(false);
    expect(accumulator).toMatchObject({ nextOffset: 1, counted: 1, rejectedTotal: 3 });
    freeze();
    expect(add(spec(1))).toBe(true);
    freeze();
    expect(drained.sums[`${WINDOW}|Casa`].count).toBe(2);
    expect(drained.rejections).toHaveLength(6);
  });

  it('goes in whole at the greatest size, each sale a key of its own', () => {
    const { add, freeze, drained } = accumulatorRig({}, ROOMY);
    const specs = many(SALES_PER_BATCH_MAX, (i) => sale(T, `c${i}`, i));
    expect(add({ baseOffset: 0, records: [record(specs)] })).toBe(true);
    expect(freeze()).toMatchObject({ counted: SALES_PER_BATCH_MAX });
    expect(Object.keys(drained.sums)).toHaveLength(SALES_PER_BATCH_MAX);
    expect(drained.sums[`${WINDOW}|c4095`].centavos).toBe(4095);
  });

  it('is rejected whole above that', () => {
    const { add, freeze, drained } = accumulatorRig({}, ROOMY);
    const specs = many(SALES_PER_BATCH_MAX + 1, () => sale(T));
    add({ baseOffset: 0, records: [record(specs)] });
    expect(freeze().counted).toBe(0);
    expect(drained.rejections).toEqual(['0 batch_too_large']);
    expect(drained.rejects[0].detail).toBe('the batch holds 4097 sales, more than 4096');
  });
});

describe('letters that not even an empty log would hold', () => {
  const coordinatesOnly = {
    key: null,
    value: null,
    valueOmitted: true,
    rawHeaders: Buffer.alloc(0),
  };

  it('are coordinates, one for each sale, with its reason', () => {
    const { add, freeze, drained } = accumulatorRig({}, { ...LIMITS, rejectLogBytes: 1024 });
    const bad = { ...sale(T), idPedido: 'x'.repeat(500), valorCentavos: -1n };
    const specs = [bad, sale(T), bad, { ...sale(T), categoria: null }];
    expect(add({ baseOffset: 3, records: [{ key: 'k', ...record(specs) }] })).toBe(true);
    freeze();
    expect(drained.rejections).toEqual([
      '3/0 valor_out_of_range',
      '3/2 valor_out_of_range',
      '3/3 missing_field',
    ]);
    for (const letter of drained.rejects) expect(letter).toMatchObject(coordinatesOnly);
    expect(drained.sums[`${WINDOW}|Casa`].count).toBe(1);
  });

  it('are so whether the log was empty or not: a replay sends the same', () => {
    const { add, freeze, drained } = accumulatorRig({}, { ...LIMITS, rejectLogBytes: 1024 });
    const bad = { ...sale(T), idPedido: 'x'.repeat(500), valorCentavos: -1n };
    add({ baseOffset: 0, records: [{ value: 'lixo' }, record([bad, bad])] });
    freeze();
    expect(drained.rejects[1]).toMatchObject(coordinatesOnly);
  });

  it('are not made at all: 4096 sales that share 4 MiB of category cost neither time nor memory', () => {
    const { add, freeze, drained } = accumulatorRig({}, ROOMY);
    const categoria = 'x'.repeat(4_200_000);
    const value = flatBatch(many(SALES_PER_BATCH_MAX, () => ({ ...sale(T), categoria })));
    expect(value.length).toBeLessThan(5_000_000);
    const before = process.memoryUsage().arrayBuffers;
    expect(add({ baseOffset: 0, records: [{ value }] })).toBe(true);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100 * 2 ** 20);
    freeze();
    expect(drained.rejects).toHaveLength(SALES_PER_BATCH_MAX);
    expect(drained.rejects.at(-1)).toMatchObject({ item: 4095, ...coordinatesOnly });
  });
});

describe('a batch at replay', () => {
  const guards = [{ window: WINDOW, categoria: 'Casa', ate: 12 }];

  it('is added for the keys that no newer write covers, and moves time and counters for all', () => {
    const { add, accumulator, freeze, drained } = accumulatorRig({ nextOffset: 10, guards });
    const batch = record([sale(T, 'Casa', 1), sale(T, 'Gamer', 2), sale(T + MINUTE, 'Casa', 4)]);
    add({ baseOffset: 10, records: [batch, batch, batch] });
    expect(accumulator).toMatchObject({ counted: 9, maxEventMs: T + MINUTE });
    freeze();
    expect(drained.sums[`${WINDOW}|Casa`]).toMatchObject({ count: 1, centavos: 1 });
    expect(drained.sums[`${WINDOW}|Gamer`].count).toBe(3);
    expect(drained.sums[`${WINDOW + 1}|Casa`].count).toBe(3);
  });
});
