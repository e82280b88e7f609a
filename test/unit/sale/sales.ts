/** Sales as texts with what must be said about them: one table for the reference and scanner. */

import type { CategoryIds, SaleRules } from '../../../src/sale/rules.ts';
import { JSON_BYTES_MAX } from '../../../src/sale/rules.ts';

export const rules: SaleRules = { timeZone: 'UTC' };

/** Admits everything, in order of first appearance. */
export class UnlimitedCategories implements CategoryIds {
  readonly names: string[] = [];

  intern(name: string): number {
    const id = this.names.indexOf(name);
    return id >= 0 ? id : this.names.push(name) - 1;
  }
}

const FIELDS = {
  id_pedido: '"8c5b4a5e-0f6e-4f0e-9a55-0e9d3a3c7f11"',
  categoria: '"Casa"',
  valor: '1299.99',
  timestamp: '"2024-11-25T10:30:00"',
};

/** What a sale of FIELDS holds. */
export const SALE = {
  categoria: 'Casa',
  valorCentavos: 129_999,
  eventMs: Date.UTC(2024, 10, 25, 10, 30),
};

/** A sale whose fields are given as JSON texts; undefined leaves one out. */
export function saleText(fields: Record<string, string | undefined>): string {
  return `{${Object.entries({ ...FIELDS, ...fields })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${JSON.stringify(key)}:${value}`)
    .join(',')}}`;
}

const plain = saleText({});
const { id_pedido, categoria, valor, timestamp } = FIELDS;

type Text = string | Buffer;

export const VALID: [string, Text, Partial<typeof SALE>][] = [
  ['no spaces', plain, {}],
  ["Python's spaces", plain.replaceAll('":', '": ').replaceAll(',"', ', "'), {}],
  ['white space everywhere', ` \n\t\r${plain.replace(/([{}:,])(?!\d)/g, ' \n$1\t\r ')}\n\n`, {}],
  [
    'another order',
    `{"timestamp":${timestamp},"valor":${valor},"categoria":${categoria},"id_pedido":${id_pedido}}`,
    {},
  ],
  ['extra scalars', saleText({ a: '"x"', b: '-1.5e+3', c: 'true', d: 'false', e: 'null' }), {}],
  ['extra nested values', saleText({ a: '{"valor":1,"b":["}",{}]}', b: '[[],"\\"]"]' }), {}],
  ['an extra string with escapes', saleText({ a: '"\\"valor\\":1"' }), {}],
  ['an extra string with accents', saleText({ cliente: '"João 😀"' }), {}],
  ['an empty extra key', saleText({ '': '""' }), {}],
  ['a key called __proto__', saleText({ ['__proto__']: '{"valor":"x"}' }), {}],
  ['an empty id', saleText({ id_pedido: '""' }), {}],
  ['a short id', saleText({ id_pedido: '"7"' }), {}],
  ['an id of 1000 characters', saleText({ id_pedido: `"${'z'.repeat(1000)}"` }), {}],
  ['an id with a lone surrogate', saleText({ id_pedido: '"\\ud800"' }), {}],
  ['a known key spelled with escapes', plain.replace('"valor"', '"v\\u0061lor"'), {}],
  ['the last of two valors', plain.replace('{', '{"valor":1,'), {}],
  [
    'the last of two, after escapes',
    plain.replace('}', ',"val\\u006fr":5}'),
    { valorCentavos: 500 },
  ],
  ['the last of two, the first of a wrong type', plain.replace('{', '{"valor":[1,{}],'), {}],
  ['the last of two categories', plain.replace('}', ',"categoria":"B"}'), { categoria: 'B' }],
  ['an earlier valor out of range', plain.replace('{', '{"valor":-1,'), {}],
  ['as many bytes as there may be', plain.padEnd(JSON_BYTES_MAX), {}],
  ['valor zero', saleText({ valor: '0' }), { valorCentavos: 0 }],
  ['valor minus zero', saleText({ valor: '-0' }), { valorCentavos: 0 }],
  ['valor with one decimal', saleText({ valor: '0.1' }), { valorCentavos: 10 }],
  ['valor with an exponent', saleText({ valor: '1e3' }), { valorCentavos: 100_000 }],
  ['valor with trailing zeros', saleText({ valor: '10.5000' }), { valorCentavos: 1050 }],
  ['valor at its greatest', saleText({ valor: '1000000000.00' }), { valorCentavos: 1e11 }],
  ['valor spelled 1050e-2', saleText({ valor: '1050e-2' }), { valorCentavos: 1050 }],
  ['an accented category', saleText({ categoria: '"Eletrônicos"' }), { categoria: 'Eletrônicos' }],
  ['an escaped category', saleText({ categoria: '"Eletr\\u00f4n"' }), { categoria: 'Eletrôn' }],
  ['a surrogate pair, escaped', saleText({ categoria: '"\\ud83d\\ude00"' }), { categoria: '😀' }],
  ['a category with quotes', saleText({ categoria: '"a\\"b\\\\"' }), { categoria: 'a"b\\' }],
  [
    'a category of 128 bytes',
    saleText({ categoria: `"${'é'.repeat(64)}"` }),
    { categoria: 'é'.repeat(64) },
  ],
  ['a category kept with its spaces', saleText({ categoria: '" Casa "' }), { categoria: ' Casa ' }],
  [
    'U+007F and U+2028 raw',
    saleText({ categoria: '"\u007f\u2028a"' }),
    { categoria: '\u007f\u2028a' },
  ],
  [
    'microseconds',
    saleText({ timestamp: '"2024-11-25T10:30:00.123456"' }),
    { eventMs: SALE.eventMs + 123 },
  ],
  ['a timestamp with Z', saleText({ timestamp: '"2024-11-25T10:30:00Z"' }), {}],
  ['a timestamp with an offset', saleText({ timestamp: '"2024-11-25T07:30:00-03:00"' }), {}],
  ['an escaped timestamp', saleText({ timestamp: '"2024-11-25\\u005410:30"' }), {}],
];

const flat = Buffer.from(plain);
const notUtf8 = (at: string) => {
  const copy = Buffer.from(plain);
  copy[plain.indexOf(at) + 2] = 0xff;
  return copy;
};

export const REJECTED: [string, string, Text][] = [
  ['value_too_large', 'a sale and one space too many', plain.padEnd(JSON_BYTES_MAX + 1)],
  ['value_too_large', 'no JSON, and too much of it', Buffer.alloc(JSON_BYTES_MAX + 1, 255)],
  ['not_json', 'nothing', ''],
  ['not_json', 'only a space', ' '],
  ['not_json', 'text', 'hello'],
  ['not_json', 'a NUL byte', '\0'],
  ['not_json', 'a NUL at the end', `${plain}\0`],
  ['not_json', 'a byte order mark', `\ufeff${plain}`],
  ['not_json', 'a vertical tab', `\v${plain}`],
  ['not_json', 'a no-break space', `${plain}\u00a0`],
  ['not_json', 'two objects', plain + plain],
  ['not_json', 'garbage at the end', `${plain}x`],
  ['not_json', 'no closing brace', plain.slice(0, -1)],
  ['not_json', 'a comma at the end', plain.replace('}', ',}')],
  ['not_json', 'a comma at the start', plain.replace('{', '{,')],
  ['not_json', 'no colon', plain.replace('"valor":', '"valor" ')],
  ['not_json', 'two colons', plain.replace('"valor":', '"valor"::')],
  ['not_json', 'single quotes', plain.replaceAll('"', "'")],
  ['not_json', 'a leading zero', saleText({ valor: '01' })],
  ['not_json', 'a leading plus', saleText({ valor: '+1' })],
  ['not_json', 'a bare point at the end', saleText({ valor: '1.' })],
  ['not_json', 'a bare point at the start', saleText({ valor: '.5' })],
  ['not_json', 'an empty exponent', saleText({ valor: '1e' })],
  ['not_json', 'a lone minus', saleText({ valor: '-' })],
  ['not_json', 'NaN', saleText({ valor: 'NaN' })],
  ['not_json', 'hexadecimal', saleText({ valor: '0x10' })],
  ['not_json', 'an extra leading zero', saleText({ a: '-01' })],
  ['not_json', 'an extra bare point', saleText({ a: '1.e3' })],
  ['not_json', 'an extra nil', saleText({ a: 'nulL' })],
  ['not_json', 'an extra without a value', saleText({ a: '' })],
  ['not_json', 'a control character in the id', saleText({ id_pedido: '"a\tb"' })],
  ['not_json', 'a line end in the category', saleText({ categoria: '"a\nb"' })],
  ['not_json', 'an unknown escape', saleText({ id_pedido: '"\\x"' })],
  ['not_json', 'an unclosed string', `${plain.slice(0, -2)}}`],
  ['not_json', 'invalid UTF-8 in the id', notUtf8(id_pedido)],
  ['not_json', 'invalid UTF-8 in the category', notUtf8(categoria)],
  ['not_json', 'a truncated character', flat.subarray(0, 20)],
  ['not_json', 'an overlong slash', Buffer.from(saleText({ a: '"\xc0\xaf"' }), 'latin1')],
  ['not_json', 'an overlong A', Buffer.from(saleText({ a: '"\xe0\x81\x81"' }), 'latin1')],
  [
    'not_json',
    'an overlong, of four',
    Buffer.from(saleText({ a: '"\xf0\x81\x81\x81"' }), 'latin1'),
  ],
  ['not_json', 'a raw surrogate', Buffer.from(saleText({ a: '"\xed\xa0\x80"' }), 'latin1')],
  ['not_json', 'above U+10FFFF', Buffer.from(saleText({ a: '"\xf4\x90\x80\x80"' }), 'latin1')],
  ['not_json', 'Latin-1', Buffer.from(saleText({ categoria: '"Eletrônicos"' }), 'latin1')],
  ['not_json', 'UTF-16', Buffer.from(plain, 'utf16le')],
  ['wrong_type', 'an array', `[${plain}]`],
  ['wrong_type', 'a top-level null', 'null'],
  ['wrong_type', 'a top-level number', ' 12 '],
  ['wrong_type', 'a top-level string', '"x"'],
  ['missing_field', 'an empty object', '{}'],
  ['missing_field', 'no id', saleText({ id_pedido: undefined })],
  ['missing_field', 'no category', saleText({ categoria: undefined })],
  ['missing_field', 'no valor', saleText({ valor: undefined })],
  ['missing_field', 'no timestamp', saleText({ timestamp: undefined })],
  [
    'missing_field',
    'valor only inside __proto__',
    saleText({ valor: undefined, ['__proto__']: '{"valor":1}' }),
  ],
  ['missing_field', 'a key in capitals', plain.replace('"valor"', '"Valor"')],
  ['wrong_type', 'id null', saleText({ id_pedido: 'null' })],
  ['wrong_type', 'id a number', saleText({ id_pedido: '7' })],
  ['wrong_type', 'category an array', saleText({ categoria: '["Casa"]' })],
  ['wrong_type', 'valor a string', saleText({ valor: '"1299.99"' })],
  ['wrong_type', 'valor null', saleText({ valor: 'null' })],
  ['wrong_type', 'valor true', saleText({ valor: 'true' })],
  ['wrong_type', 'valor last an object', plain.replace('}', ',"valor":{}}')],
  ['wrong_type', 'timestamp a number', saleText({ timestamp: '1732530600' })],
  [
    'wrong_type',
    'id before a missing category',
    saleText({ id_pedido: '7', categoria: undefined }),
  ],
  [
    'missing_field',
    'category before a wrong valor',
    saleText({ categoria: undefined, valor: '"1"' }),
  ],
  [
    'wrong_type',
    'timestamp before an empty category',
    saleText({ categoria: '""', timestamp: '1' }),
  ],
  ['category_empty', 'empty', saleText({ categoria: '""' })],
  ['category_empty', 'spaces', saleText({ categoria: '" \\t\\u00a0\\u3000\\ufeff"' })],
  ['category_empty', 'before valor', saleText({ categoria: '" "', valor: '-1' })],
  ['category_malformed', 'a lone high surrogate', saleText({ categoria: '"a\\ud83d"' })],
  ['category_malformed', 'a lone low surrogate', saleText({ categoria: '"\\ude00a"' })],
  ['category_malformed', 'also too long', saleText({ categoria: `"\\ud83d${'a'.repeat(200)}"` })],
  ['category_too_long', '129 bytes', saleText({ categoria: `"${'a'.repeat(129)}"` })],
  [
    'category_too_long',
    '130 bytes in 65 characters',
    saleText({ categoria: `"${'é'.repeat(65)}"` }),
  ],
  ['valor_out_of_range', 'negative', saleText({ valor: '-1' })],
  ['valor_out_of_range', 'a centavo too much', saleText({ valor: '1000000000.01' })],
  ['valor_out_of_range', 'eleven digits', saleText({ valor: '10000000000' })],
  ['valor_out_of_range', '1e400', saleText({ valor: '1e400' })],
  ['valor_out_of_range', 'before the timestamp', saleText({ valor: '-1', timestamp: '"x"' })],
  ['valor_decimals', 'three decimals', saleText({ valor: '10.005' })],
  ['valor_decimals', 'a nonzero digit after zeros', saleText({ valor: '1.50001' })],
  ['valor_decimals', '1e-400', saleText({ valor: '1e-400' })],
  ['bad_timestamp', 'empty', saleText({ timestamp: '""' })],
  ['bad_timestamp', 'no such day', saleText({ timestamp: '"2023-02-29T10:30:00"' })],
  ['bad_timestamp', 'no such hour', saleText({ timestamp: '"2024-11-25T24:30:00"' })],
  ['bad_timestamp', 'no such second', saleText({ timestamp: '"2024-11-25T10:30:60"' })],
  ['bad_timestamp', 'a comma for a point', saleText({ timestamp: '"2024-11-25T10:30:00,5"' })],
  ['bad_timestamp', 'a point without digits', saleText({ timestamp: '"2024-11-25T10:30:00."' })],
  ['bad_timestamp', 'no such offset', saleText({ timestamp: '"2024-11-25T10:30:00+24:00"' })],
  ['bad_timestamp', 'before 1970', saleText({ timestamp: '"1970-01-01T00:00:00+00:01"' })],
  ['bad_timestamp', 'after 2106-02-07', saleText({ timestamp: '"2106-02-07T06:28:16"' })],
  ['bad_timestamp', 'a space at the end', saleText({ timestamp: '"2024-11-25T10:30:00 "' })],
];
