/** FlatBuffers with what must be said about them: one table for both readers. */
import { FLAT_TIME_MS, type FlatSpec, flatBatch, flatSale } from '../../../parts/flat-sales.ts';

/** What a sale by default holds. */
export const SALE = { categoria: 'Casa', valorCentavos: 129_999, eventMs: FLAT_TIME_MS };

/**
 * A sale of which the table ends last: id and category are one text inside it, the valor, which says
 * one byte and has a zero behind it.
 */
function tableLast(): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.writeInt32LE(40, 0);
  bytes.write('VDVS', 4);
  for (const [i, half] of [12, 24, 4, 4, 8, 16].entries()) bytes.writeInt16LE(half, 8 + 2 * i);
  bytes.writeInt32LE(32, 40);
  bytes.writeInt32LE(4, 44);
  bytes.writeInt32LE(1, 48);
  return bytes;
}

export const VALID: [string, Buffer, Partial<typeof SALE>][] = [
  ['plain', flatSale(), {}],
  ['an empty id', flatSale({ idPedido: '' }), {}],
  ['an id of 1000 characters', flatSale({ idPedido: 'z'.repeat(1000) }), {}],
  ['an id that is no UTF-8', flatSale({ idPedido: Buffer.of(0xff, 0xc0, 0x80) }), {}],
  ['valor zero', flatSale({ valorCentavos: 0n }), { valorCentavos: 0 }],
  ['valor at its greatest', flatSale({ valorCentavos: 10n ** 11n }), { valorCentavos: 1e11 }],
  [
    'a valor past 32 bits',
    flatSale({ valorCentavos: 2n ** 32n + 1n }),
    { valorCentavos: 4294967297 },
  ],
  ['a valor with bit 31', flatSale({ valorCentavos: 2n ** 31n }), { valorCentavos: 2 ** 31 }],
  ['the first millisecond', flatSale({ timestampMs: 0n }), { eventMs: 0 }],
  ['the last millisecond', flatSale({ timestampMs: 4294967295999n }), { eventMs: 4294967295999 }],
  ['an accented category', flatSale({ categoria: 'Eletrônicos' }), { categoria: 'Eletrônicos' }],
  ['a category with quotes', flatSale({ categoria: 'a"b\\\0\n' }), { categoria: 'a"b\\\0\n' }],
  ['a byte order mark', flatSale({ categoria: '\ufeffCasa' }), { categoria: '\ufeffCasa' }],
  ['a category of one byte', flatSale({ categoria: 'A' }), { categoria: 'A' }],
  [
    'a category of 128 bytes',
    flatSale({ categoria: 'é'.repeat(64) }),
    { categoria: 'é'.repeat(64) },
  ],
  ['fields of a newer schema', flatSale({ newerFields: 3 }), {}],
  ['a table that ends last', tableLast(), { categoria: '\0', valorCentavos: 1, eventMs: 0 }],
  ['bytes behind it', Buffer.concat([flatSale(), Buffer.alloc(9, 0xff)]), {}],
];

/** The sale without its last bytes, its vtable made something else, and so on. */
function changed(change: (bytes: Buffer, vtable: number, table: number) => Buffer | undefined) {
  const bytes = flatSale();
  const table = bytes.readInt32LE(0);
  return change(bytes, table - bytes.readInt32LE(table), table) ?? bytes;
}
const set = (write: (bytes: Buffer, vtable: number, table: number) => number) =>
  changed((bytes, vtable, table) => void write(bytes, vtable, table));

const MALFORMED_SALES: [string, Buffer][] = [
  ['nothing behind the identifier', flatSale().subarray(0, 8)],
  ['a root before the start', set((b) => b.writeInt32LE(0, 0))],
  ['a root past the end', set((b) => b.writeInt32LE(b.length - 3, 0))],
  ['a root far past the end', set((b) => b.writeInt32LE(2 ** 29 - 1, 0))],
  ['a vtable before the start', set((b, _, table) => b.writeInt32LE(table + 1, table))],
  ['a vtable past the end', set((b, _, table) => b.writeInt32LE(table - b.length + 3, table))],
  ['a vtable of the least distance', set((b, _, table) => b.writeInt32LE(-(2 ** 31), table))],
  ['a vtable of no size', set((b, vtable) => b.writeInt16LE(0, vtable))],
  ['a vtable of odd size', set((b, vtable) => b.writeInt16LE(13, vtable))],
  ['a vtable of negative size', set((b, vtable) => b.writeInt16LE(-2, vtable))],
  ['a vtable longer than the value', set((b, vtable) => b.writeInt16LE(200, vtable))],
  ...[4, 6, 8, 10].flatMap((slot): [string, Buffer][] => [
    [`field ${slot} in the table's head`, set((b, vtable) => b.writeInt16LE(2, vtable + slot))],
    [`field ${slot} past the end`, set((b, vtable) => b.writeInt16LE(200, vtable + slot))],
    [`field ${slot} before the table`, set((b, vtable) => b.writeInt16LE(-4, vtable + slot))],
  ]),
  ...[4, 6].flatMap((slot): [string, Buffer][] => {
    const at = (b: Buffer, vtable: number, table: number) => table + b.readInt16LE(vtable + slot);
    const length = (b: Buffer, v: number, t: number) => at(b, v, t) + b.readInt32LE(at(b, v, t));
    return [
      [`text ${slot} at itself`, set((b, v, t) => b.writeInt32LE(0, at(b, v, t)))],
      [`text ${slot} before itself`, set((b, v, t) => b.writeInt32LE(-8, at(b, v, t)))],
      [`text ${slot} past the end`, set((b, v, t) => b.writeInt32LE(b.length, at(b, v, t)))],
      [
        `text ${slot} at the last 3 bytes`,
        set((b, v, t) => b.writeInt32LE(b.length - 3 - at(b, v, t), at(b, v, t))),
      ],
      [
        `text ${slot} a byte too long`,
        set((b, v, t) => b.writeInt32LE(b.length - length(b, v, t) - 3, length(b, v, t))),
      ],
      [`text ${slot} of negative length`, set((b, v, t) => b.writeInt32LE(-1, length(b, v, t)))],
      [
        `text ${slot} of the greatest length`,
        set((b, v, t) => b.writeInt32LE(2 ** 31 - 1, length(b, v, t))),
      ],
    ];
  }),
];

/** A field is missing, and a text of what is there leads out: broken counts more than missing. */
const BROKEN_AND_MISSING: [string, Buffer][] = [4, 6].map((slot) => {
  const bytes = flatSale({ valorCentavos: null });
  const table = bytes.readInt32LE(0);
  const at = table + bytes.readInt16LE(table - bytes.readInt32LE(table) + slot);
  bytes.writeInt32LE(bytes.length, at);
  return [`text ${slot} past the end of a sale without valor`, bytes];
});

const TABLE_LAST: [string, Buffer][] = [1, 4, 7, 8].map((less) => [
  `a table cut ${less} bytes before its end`,
  tableLast().subarray(0, -less),
]);

/** The place in a batch of what `write` changes: its vector. */
function batchWith(write: (bytes: Buffer, vendas: number) => void): Buffer {
  return batchOf([{}, { valorCentavos: 1n }], write);
}

function batchOf(specs: FlatSpec[], write: (bytes: Buffer, vendas: number) => void): Buffer {
  const bytes = flatBatch(specs, false);
  const table = bytes.readInt32LE(0);
  const field = table + bytes.readInt16LE(table - bytes.readInt32LE(table) + 4);
  write(bytes, field + bytes.readInt32LE(field));
  return bytes;
}

/** A vector behind everything else, whose only sale is a whole one and lies before it. */
function saleBehind(): Buffer {
  const batch = flatBatch([{}]);
  const table = batch.readInt32LE(0);
  const field = table + batch.readInt16LE(table - batch.readInt32LE(table) + 4);
  const vendas = field + batch.readInt32LE(field);
  const sale = vendas + 4 + batch.readInt32LE(vendas + 4);
  const vector = Buffer.alloc(8);
  vector.writeInt32LE(1, 0);
  vector.writeInt32LE(sale - (batch.length + 4), 4);
  batch.writeInt32LE(batch.length - field, field);
  return Buffer.concat([batch, vector]);
}

/** Two sales, of which the second has its category at the first one's, which lies before it. */
function categoryBehind(): Buffer {
  return batchOf([{}, { valorCentavos: 1n }], (bytes, vendas) => {
    const tables = [vendas + 4, vendas + 8].map((at) => at + bytes.readInt32LE(at));
    // In memory the last sale of the builder's comes first; it shall be read first too.
    const [far, near] = tables;
    bytes.writeInt32LE(near - (vendas + 4), vendas + 4);
    bytes.writeInt32LE(far - (vendas + 8), vendas + 8);
    const field = (table: number) =>
      table + bytes.readInt16LE(table - bytes.readInt32LE(table) + 6);
    const text = field(near) + bytes.readInt32LE(field(near));
    bytes.writeInt32LE(text - field(far), field(far));
  });
}

const MALFORMED_BATCHES: [string, Buffer][] = [
  ['a whole sale before its vector', saleBehind()],
  ['a whole category before its sale', categoryBehind()],
  ['a batch of identifier only', flatBatch([{}]).subarray(0, 8)],
  ['a batch without its last quarter', flatBatch([{}, {}]).subarray(0, 120)],
  ['a count past the end', batchWith((b, vendas) => b.writeInt32LE(1_000_000, vendas))],
  ['a negative count', batchWith((b, vendas) => b.writeInt32LE(-1, vendas))],
  ['a sale at itself', batchWith((b, vendas) => b.writeInt32LE(0, vendas + 8))],
  ['a sale past the end', batchWith((b, vendas) => b.writeInt32LE(b.length, vendas + 4))],
  ['a sale before the vector', batchWith((b, vendas) => b.writeInt32LE(-8, vendas + 4))],
];

export const REJECTED: [string, string, Buffer][] = [
  ...[...MALFORMED_SALES, ...BROKEN_AND_MISSING, ...TABLE_LAST, ...MALFORMED_BATCHES].map(
    ([name, value]): [string, string, Buffer] => ['malformed_flatbuffer', name, value],
  ),
  [
    'missing_field',
    'nothing at all',
    flatSale({ idPedido: null, categoria: null, valorCentavos: null, timestampMs: null }),
  ],
  ['missing_field', 'no id', flatSale({ idPedido: null })],
  ['missing_field', 'no category', flatSale({ categoria: null })],
  ['missing_field', 'no valor', flatSale({ valorCentavos: null })],
  ['missing_field', 'no timestamp', flatSale({ timestampMs: null })],
  ['missing_field', 'no id before an empty category', flatSale({ idPedido: null, categoria: '' })],
  [
    'missing_field',
    'no timestamp before a bad valor',
    flatSale({ timestampMs: null, valorCentavos: -1n }),
  ],
  ['category_empty', 'empty', flatSale({ categoria: '' })],
  ['category_empty', 'spaces', flatSale({ categoria: ' \t\u00a0\u3000\ufeff' })],
  ['category_empty', 'before valor', flatSale({ categoria: ' ', valorCentavos: -1n })],
  ['category_malformed', 'Latin-1', flatSale({ categoria: Buffer.from('Eletrônicos', 'latin1') })],
  ['category_malformed', 'a surrogate', flatSale({ categoria: Buffer.of(0xed, 0xa0, 0x80) })],
  ['category_malformed', 'an overlong slash', flatSale({ categoria: Buffer.of(0x41, 0xc0, 0xaf) })],
  ['category_malformed', 'a cut character', flatSale({ categoria: Buffer.of(0x41, 0xe5, 0xae) })],
  ['category_too_long', '129 bytes', flatSale({ categoria: 'a'.repeat(129) })],
  ['category_too_long', '130 bytes in 65 characters', flatSale({ categoria: 'é'.repeat(65) })],
  ['category_too_long', 'also empty', flatSale({ categoria: ' '.repeat(129) })],
  ['category_too_long', 'also no UTF-8', flatSale({ categoria: Buffer.alloc(129, 0xff) })],
  ['valor_out_of_range', 'a centavo below zero', flatSale({ valorCentavos: -1n })],
  ['valor_out_of_range', 'a centavo too much', flatSale({ valorCentavos: 10n ** 11n + 1n })],
  ['valor_out_of_range', 'the least of 64 bits', flatSale({ valorCentavos: -(2n ** 63n) })],
  ['valor_out_of_range', 'the greatest of 64 bits', flatSale({ valorCentavos: 2n ** 63n - 1n })],
  [
    'valor_out_of_range',
    'before the timestamp',
    flatSale({ valorCentavos: -1n, timestampMs: -1n }),
  ],
  ['bad_timestamp', 'a millisecond before 1970', flatSale({ timestampMs: -1n })],
  ['bad_timestamp', '2106-02-07T06:28:16Z', flatSale({ timestampMs: 4294967296000n })],
  ['bad_timestamp', 'the greatest of 64 bits', flatSale({ timestampMs: 2n ** 63n - 1n })],
  ['batch_empty', 'a batch of none', flatBatch([])],
  ['batch_empty', 'a batch without its vector', flatBatch(null)],
  ['batch_too_large', 'a batch of 4097', flatBatch(new Array(4097).fill({}))],
  ['not_json', 'an identifier alone', Buffer.from('....VDVS')],
  ['not_json', 'a root past 2^29', flatSale().fill(0x20, 3, 4)],
  ['not_json', 'another identifier', flatSale().fill('X', 7, 8)],
  ['not_json', 'seven bytes', flatSale().subarray(0, 7)],
];
