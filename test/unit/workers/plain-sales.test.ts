/**
 * Plain sales are read by WebAssembly where the processor has SIMD, all else by the scanner: which of
 * them has read a record must not be seen. Both read the same batches here, sound and spoilt.
 */
import { describe, expect, it } from 'vitest';
import { encodeSale } from '../../../src/sale/flatbuffers/encode.ts';
import { BatchReader } from '../../../src/sale/simd/batch-reader.ts';
import { accumulatorRig, addBytes } from '../../parts/accumulator-rig.ts';
import { type FROM_THE_START, LIMITS, saleJson } from '../../parts/lease-regions.ts';
import {
  type BatchSpec,
  type RecordSpec,
  recordBatch,
  DEFAULT_TIMESTAMP_MS as T,
} from '../../parts/record-batch-builder.ts';
import { REJECTED, VALID } from '../sale/flatbuffers/values.ts';

const sale = (i: number, eventMs = T + i, categoria = i % 2 ? 'Casa' : 'Livros'): RecordSpec => ({
  value: saleJson(categoria, 100 + i, eventMs),
  headers: i % 3 ? [] : [['h', 'x']],
});
const plain = (count: number) => Array.from({ length: count }, (_, i) => sale(i));
const TAUGHT = recordBatch({ baseOffset: 0, records: plain(4) });

interface Case {
  readonly batch: Buffer;
  readonly start?: Partial<typeof FROM_THE_START>;
  readonly limits?: typeof LIMITS;
}

/** Everything that can be seen of a partition after the batch, whatever became of it. */
function outcome({ batch, start, limits = LIMITS }: Case, reader: BatchReader | null) {
  const rig = accumulatorRig(start, limits, [], reader);
  const { accumulator, drained } = rig;
  addBytes(accumulator, TAUGHT);
  let ending: unknown = 'added';
  try {
    for (let stalls = 0; !addBytes(accumulator, batch); stalls++) {
      if (stalls > 50) throw new Error('a drained delta has no room');
      rig.freeze();
    }
  } catch (error) {
    ending = error;
  }
  const { lastCrc, lastEpoch } = accumulator;
  const snapshot = rig.freeze();
  const { sums, rejections, categories } = drained;
  return { ending, lastCrc, lastEpoch, snapshot, sums, rejections, categories };
}

function seesNoDifference(given: Case): ReturnType<typeof outcome> {
  const byReader = outcome(given, BatchReader.make());
  expect(byReader).toEqual(outcome(given, null));
  return byReader;
}

/** Two of this event time, the second amid many that are plain. */
const withTwo = (eventMs: number) =>
  plain(60).toSpliced(2, 1, sale(2, eventMs)).toSpliced(40, 1, sale(40, eventMs));
const PLAIN = saleJson('Casa', 100, T);
const withId = (length: number): RecordSpec => ({
  value: PLAIN.replace(/(?<="id_pedido": ?")[^"]*/, 'a'.repeat(length)),
});
/** What one layout adds to another, takes from it or spells otherwise, each next to the plain one. */
const LAYOUTS: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => `${text} `,
  (text) => text.replaceAll(/([:,]) /g, '$1'),
  (text) => text.replace('}', ', "loja": 1}'),
  (text) => text.replace('{', '{"valor": 3, '),
  (text) => text.replace('"categoria"', '"Categoria"'),
  (text) => text.replace('"}', '"]'),
];
const laidOut = (record: RecordSpec, layout: (text: string) => string): RecordSpec => ({
  ...record,
  value: layout(String(record.value)),
});
/** Each seen twice: the first time it is the scanner's. */
const ofManyCategories = Array.from({ length: 4800 }, (_, i) => sale(i, T, `c${i % 1200}`));

const flats = (count: number, categoria = (i: number): string => (i % 2 ? 'Casa' : 'Livros')) =>
  Array.from(
    { length: count },
    (_, i): RecordSpec => ({
      value: encodeSale({
        idPedido: `pedido ${i}`,
        categoria: categoria(i),
        valorCentavos: 100 + i,
        timestampMs: T + i,
      }),
    }),
  );

/** The first byte behind the value of a record with these is that of "Cas`", a category's last. */
const headers = Array.from({ length: 48 }, (): [string, string] => ['h', '']);

/** A table at byte 24, with an empty id in it and its category there or behind it. */
function craft({
  fields = [4, 8, 20, 28],
  name = 'Casa',
  nameAt = 36,
  bytes = 24 + 44,
} = {}): Buffer {
  const value = Buffer.alloc(Math.max(bytes, 24 + 44));
  value.writeInt32LE(24, 0);
  value.write('VDVS', 4);
  for (const [i, half] of [12, 36, ...fields].entries()) value.writeUInt16LE(half, 8 + 2 * i);
  value.writeInt32LE(16, 24);
  value.writeInt32LE(12 - 4, 24 + 4);
  value.writeInt32LE(nameAt - 8, 24 + 8);
  value.writeBigInt64LE(BigInt(T), 24 + 28);
  value.writeInt32LE(name.length, 24 + nameAt);
  value.write(name, 24 + nameAt + 4);
  return value.subarray(0, bytes);
}

const VALUES = [
  ...VALID.map(([name, value]): [string, Buffer] => [name, value]),
  ...REJECTED.map(([name, , value]): [string, Buffer] => [name, value]),
];

const batch = (spec: Partial<BatchSpec> = {}) =>
  recordBatch({ baseOffset: 4, records: plain(12), ...spec });
const with5 = (record: RecordSpec, count = 12) => plain(count).toSpliced(5, 1, record);

describe('whoever reads a sale', () => {
  const sound: [string, Case][] = [
    ['plain sales', { batch: batch() }],
    [
      'one that is late',
      { batch: batch({ records: [...plain(6), sale(6, T + 400_000), sale(7)] }) },
    ],
    ['one from the future', { batch: batch({ records: with5(sale(5, T + 600_000)) }) }],
    ['one with a new category', { batch: batch({ records: with5(sale(5, T, 'Gamer')) }) }],
    ['one of another minute', { batch: batch({ records: with5(sale(5, T - 61_000)) }) }],
    ['a rejected one', { batch: batch({ records: with5({ value: 'lixo' }) }) }],
    ['a tombstone', { batch: batch({ records: with5({ value: null }) }) }],
    ['one with a key', { batch: batch({ records: with5({ ...sale(5), key: 'k' }) }) }],
    [
      'a gap that compaction left',
      { batch: batch({ records: with5({ ...sale(5), offset: 20 }) }) },
    ],
    [
      'append time, whatever time its records have',
      {
        batch: batch({
          appendTimeMs: T,
          records: plain(60).map((_, i) => ({
            ...sale(i, T + 600_000),
            timestampMs: T + 600_000,
          })),
        }),
      },
    ],
    ['a batch with append time', { batch: batch({ appendTimeMs: T - 400_000 }) }],
    ['no timestamps', { batch: batch({ timestampMs: -1 }) }],
    [
      'timestamps of their own',
      { batch: batch({ records: with5({ ...sale(5), timestampMs: T - 9e5 }) }) },
    ],
    ['a part that was read before', { batch: batch(), start: { nextOffset: 9 } }],
    [
      'some that a newer write covers',
      {
        batch: batch(),
        start: { guards: [{ window: Math.floor(T / 60_000), categoria: 'Casa', ate: 11 }] },
      },
    ],
    [
      'a table with no room',
      { batch: batch({ records: windows(12) }), limits: { ...LIMITS, tableSlots: 4 } },
    ],
    ['more records than columns', { batch: batch({ records: plain(2600) }) }],
    // The scanner meets each of these first, and the reader knows its minute from then on.
    ['one of an earlier window', { batch: batch({ records: withTwo(T - 60_000) }) }],
    ['one of a later window', { batch: batch({ records: withTwo(T + 60_000) }) }],
    ['one of a window that has closed', { batch: batch({ records: withTwo(T - 600_000) }) }],
    [
      'nothing but late ones',
      { batch: batch({ records: plain(60).map((_, i) => sale(i, T - 600_000 + i)) }) },
    ],
    ['one that no clock can have made yet', { batch: batch({ records: withTwo(T + 600_000) }) }],
    [
      'one that closes a window, by the time of its record',
      {
        batch: batch({
          records: withTwo(T + 200_000).map((record) => ({ ...record, timestampMs: T + 200_000 })),
        }),
      },
    ],
    [
      'a window that closes amid them',
      { batch: batch({ records: [...plain(6), sale(6, T + 130_000), ...plain(4)] }) },
    ],
    [
      'more categories than have sums',
      {
        batch: batch({ records: ofManyCategories }),
        limits: { ...LIMITS, tableSlots: 4096, categoryCount: 2000 },
      },
    ],
    [
      'ids of other lengths',
      { batch: batch({ records: [15, 16, 17, 36, 36, 90, 36].map((length) => withId(length)) }) },
    ],
    [
      'layouts by turns',
      {
        batch: batch({
          records: plain(40).map((record, i) => laidOut(record, LAYOUTS[i % LAYOUTS.length])),
        }),
      },
    ],
  ];

  it.each(sound)('counts the same: %s', (_, given) => {
    expect(seesNoDifference(given).ending).toBe('added');
  });

  const flat: [string, RecordSpec[]][] = [
    ['FlatBuffers', flats(60)],
    ['FlatBuffers and JSON', flats(60).map((record, i) => (i % 2 ? record : sale(i)))],
    ['FlatBuffers of many categories', flats(60, (i) => `categoria ${i % 20}`)],
    ['FlatBuffers of categories long and short', flats(60, (i) => 'x'.repeat(i % 36))],
    ...VALUES.map(([name, value]): [string, RecordSpec[]] => [
      `a FlatBuffer amid others: ${name}`,
      flats(60).toSpliced(30, 2, { value }, { value }),
    ]),
  ];
  // Places in the table: of id, category, valor and time.
  const crafted: [string, RecordSpec][] = [
    ['sound', { value: craft() }],
    ['without an id', { value: craft({ fields: [0, 8, 20, 28] }) }],
    ['without a category', { value: craft({ fields: [4, 0, 20, 28] }) }],
    ['without a valor', { value: craft({ fields: [4, 8, 0, 28] }) }],
    ['without a time', { value: craft({ fields: [4, 8, 20, 0] }) }],
    ['with a field in its head', { value: craft({ fields: [4, 8, 3, 28] }) }],
    ['with a place below zero', { value: craft({ fields: [4, 8, 0x8010, 28], bytes: 40_000 }) }],
    // The byte behind it is 0, as its last one.
    ['whose time is cut off', { value: craft({ nameAt: 16, bytes: 24 + 35 }) }],
    [
      'whose category goes on behind it',
      { value: craft({ name: 'Cas`', bytes: 24 + 43 }), headers },
    ],
  ];
  it.each(crafted)('counts the same: a FlatBuffer %s', (_, record) => {
    const records = flats(60, (i) => ['Casa', 'Cas`'][i % 2]).toSpliced(30, 2, record, record);
    expect(seesNoDifference({ batch: batch({ records }) }).ending).toBe('added');
  });

  it.each(flat)('counts the same: %s', (_, records) => {
    expect(seesNoDifference({ batch: batch({ records }) }).ending).toBe('added');
  });

  const spoilt: [string, Buffer][] = [
    [
      'an offset that comes twice',
      batch({ records: with5({ ...sale(5), offset: 8 }), lastOffset: 15 }),
    ],
    [
      'an offset that goes back',
      batch({ records: with5({ ...sale(5), offset: 5 }), lastOffset: 15 }),
    ],
    [
      'an offset past the last one',
      batch({ records: with5({ ...sale(5), offset: 90 }), lastOffset: 15 }),
    ],
    ['fewer records than it says', batch({ countField: 13 })],
    ['more records than it says', batch({ countField: 11 })],
    [
      'a record longer than the batch',
      batch({ records: with5({ ...sale(5), lengthField: 5000 }) }),
    ],
    ['a record shorter than its value', batch({ records: with5({ ...sale(5), lengthField: 60 }) })],
  ];

  it.each(spoilt)('stops at the same record: %s', (_, bytes) => {
    const { ending } = seesNoDifference({ batch: bytes });
    expect(ending).toMatchObject({ code: 'E_CORRUPT_BATCH' });
  });

  const wholes = { JSON: plain(5), FlatBuffers: flats(8) };
  it.each(Object.entries(wholes))(
    'sees no difference whatever byte of a batch is changed: %s',
    { timeout: 120_000 },
    (_, records) => {
      const whole = batch({ records });
      for (let at = 61; at < whole.length; at++) {
        for (const flip of [1, 2, 16, 64, 128]) {
          const bytes = Buffer.from(whole);
          bytes[at] ^= flip;
          seesNoDifference({ batch: bytes });
        }
      }
    },
  );
});

/** Each in a window of its own, two minutes of delay apart from none. */
function windows(count: number): RecordSpec[] {
  return Array.from({ length: count }, (_, i) => sale(i, T + 15_000 * i));
}
