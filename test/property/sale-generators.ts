/**
 * Generated sales as bytes: valid ones in every spelling that the rules allow, nearly valid
 * ones, and byte-level mutations of both.
 */
import fc from 'fast-check';

const text = (...choices: string[]) => fc.constantFrom(...choices);

/** Mostly the first: a sale has many parts, and one odd part at a time says more than many. */
function usually<T>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 15, arbitrary: usual }, { weight: 1, arbitrary: odd });
}

const hex = (length: number) =>
  fc
    .array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length })
    .map((digits) => digits.join(''));

/** The same string in JSON, some characters escaped or not by the flags. */
function spelled(value: string, escapes: readonly boolean[]): string {
  let json = '"';
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    const must = unit < 32 || unit === 34 || unit === 92 || (unit >= 0xd800 && unit <= 0xdfff);
    const isPair = /^[\ud800-\udbff][\udc00-\udfff]/.test(value.slice(i, i + 2));
    if (escapes[i % escapes.length] || (must && !isPair)) {
      json += `\\u${unit.toString(16).padStart(4, '0')}`;
    } else {
      json += isPair ? value.slice(i, ++i + 1) : value[i];
    }
  }
  return `${json}"`;
}

const escapes = fc.oneof(
  { weight: 20, arbitrary: fc.constant([false]) },
  { weight: 1, arbitrary: fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }) },
);

const jsonString = (value: fc.Arbitrary<string>) =>
  fc.tuple(value, escapes).map(([v, e]) => spelled(v, e));

const idValue = fc.oneof(
  fc.tuple(hex(8), hex(4), hex(4), hex(4), hex(12)).map((parts) => parts.join('-')),
  fc.string({ maxLength: 50 }),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
);

const commonCategory = text(
  'Eletronicos',
  'Livros',
  'Casa',
  'Gamer',
  'Eletrônicos',
  'Eletrodomésticos',
  'Eletrodoméstica',
  'TV',
  'A',
);

const categoryValue = fc.oneof(
  { weight: 2, arbitrary: commonCategory },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 12 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }) },
  { weight: 1, arbitrary: text('', ' ', '\t', 'é'.repeat(64), 'é'.repeat(65), 'x'.repeat(128)) },
);

const twoDecimals = fc.integer({ min: 0, max: 100_000_000_000 }).map((centavos) => {
  const digits = String(centavos).padStart(3, '0');
  return `${digits.slice(0, -2)}.${digits.slice(-2)}`;
});

export const numberText = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 500_000 }).map((n) => String(n / 100)) },
  { weight: 2, arbitrary: twoDecimals },
  { weight: 1, arbitrary: fc.double().map((n) => JSON.stringify(n)) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        text('', '', '', '-'),
        fc.oneof(text('0', '1000000000', '999999999', '10000000000'), fc.nat().map(String)),
        fc.oneof(
          text('', '.0', '.50', '.005', '.000000', '.990000000001'),
          fc.nat().map((n) => `.${n}`),
        ),
        fc.oneof(
          text('', '', 'e0', 'E+2', 'e-2', 'e400', 'e-400'),
          fc.integer({ min: -12, max: 12 }).map((n) => `e${n}`),
        ),
      )
      .map((parts) => parts.join('')),
  },
  {
    weight: 1,
    arbitrary: text('01', '1.', '.5', '+1', '-', '1e', 'NaN', 'null', 'true', '"1"', '00', '[1]'),
  },
);

/** What producers send. */
const commonNumber = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 500_000 }).map((n) => String(n / 100)) },
  { weight: 2, arbitrary: twoDecimals },
  { weight: 1, arbitrary: fc.nat({ max: 99_999 }).map((n) => `${n}.0`) },
  { weight: 1, arbitrary: text('0', '0.0', '1e3', '1050e-2', '12.50000', '-0') },
);

const two = (max: number) => fc.integer({ min: 0, max }).map((n) => String(n).padStart(2, '0'));

const timeOfDay = fc.tuple(
  fc.oneof(text('10', '00', '23'), two(25)),
  fc.oneof(text('30'), two(61)),
  fc.oneof(
    fc.constant(''),
    two(61).map((s) => `:${s}`),
    two(59).map((s) => `:${s}`),
  ),
  fc.oneof(
    text('', '', '.', ',5'),
    fc.nat().map((n) => `.${n}`),
    fc.nat({ max: 999_999 }).map((n) => `.${String(n).padStart(6, '0')}`),
  ),
);

const zoneText = fc.oneof(
  text('', '', '', 'Z', 'z', '+00:00', '-03:00', '-0300', '-03', '+24:00', '+', ' Z'),
  fc.tuple(text('+', '-'), two(24), text(':', ''), two(60)).map((parts) => parts.join('')),
);

const dateText = fc.oneof(
  {
    weight: 3,
    arbitrary: text('2024-11-25', '2018-11-04', '2019-02-16', '2024-02-29', '2023-02-29'),
  },
  {
    weight: 1,
    arbitrary: text('1970-01-01', '1969-12-31', '2106-02-07', '2106-02-08', '0001-01-01'),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.integer({ min: 1960, max: 2110 }), two(13), two(32))
      .map((parts) => parts.join('-')),
  },
);

export const timestampValue = fc
  .tuple(dateText, text('T', 'T', 'T', 't', ' ', '_'), timeOfDay, zoneText)
  .map(([date, separator, [hour, minute, second, fraction], zone]) =>
    [date, separator, hour, ':', minute, second, second === '' ? '' : fraction, zone].join(''),
  );

const commonTimestamp = fc
  .tuple(
    text('2024-11-25', '2018-11-04', '2019-02-16', '2019-02-17', '1972-01-07', '2011-12-30'),
    text('T', 'T', ' ', 't'),
    text('00', '10', '23'),
    two(59),
    fc.oneof(
      text('', ':00', ':59.999', ':00.5', ':07.123456789'),
      two(59).map((s) => `:${s}`),
      fc.tuple(two(59), two(99), two(99), two(99)).map(([s, ...f]) => `:${s}.${f.join('')}`),
    ),
    text('', '', '', 'Z', 'z', '+00:00', '-03:00', '+05:45', '-0300', '+01'),
  )
  .map(([date, separator, hour, minute, rest, zone]) =>
    [date, separator, hour, ':', minute, rest, zone].join(''),
  );

const anyValue = fc.oneof(
  commonNumber,
  jsonString(fc.string({ unit: 'grapheme', maxLength: 12 })),
  numberText,
  text('true', 'false', 'null', '-1.5e+3'),
  text('{}', '[]', '{"valor":1}', '["}",{"a":[]}]', '"\\"", "a":1'),
);

const space = usually(
  text('', '', ' ', '  ', '\n', '\t', '\r\n  '),
  text('', '', '', '', '\v', '\u00a0', '\0'),
);

type Member = readonly [key: string, value: string];

const wanted: fc.Arbitrary<Member[]> = fc
  .tuple(
    jsonString(idValue),
    jsonString(usually(commonCategory, categoryValue)),
    usually(commonNumber, numberText),
    jsonString(usually(commonTimestamp, timestampValue)),
  )
  .map(([id, categoria, valor, timestamp]) => [
    ['"id_pedido"', id],
    ['"categoria"', categoria],
    ['"valor"', valor],
    ['"timestamp"', timestamp],
  ]);

const extraKey = fc.oneof(
  text('"canal"', '"loja"', '"preço"', '"ti"', '"valo"', '""', '"Valor"', '"valor "'),
  text(
    '"canal"',
    '"valor"',
    '"v\\u0061lor"',
    '"categoria"',
    '"timestamp"',
    '"id_pedido"',
    '""',
    '"valo"',
  ),
  text('"__proto__"', '"valor "', '"Valor"', '"valor\\u0000"', '"preço"', '"ti"'),
  jsonString(fc.string({ unit: 'grapheme', maxLength: 8 })),
);

const members: fc.Arbitrary<Member[]> = fc
  .tuple(
    wanted,
    fc.oneof(
      { weight: 3, arbitrary: fc.constant([] as Member[]) },
      { weight: 2, arbitrary: fc.array(fc.tuple(extraKey, anyValue), { maxLength: 3 }) },
    ),
    fc.array(fc.nat(), { minLength: 7, maxLength: 7 }),
    fc.oneof(
      { weight: 9, arbitrary: fc.constant(-1) },
      { weight: 1, arbitrary: fc.nat({ max: 6 }) },
    ),
    fc.boolean(),
  )
  .map(([fields, extras, ranks, dropped, keepOrder]) => {
    const all = [...fields, ...extras].map((member, i) => ({
      member,
      rank: keepOrder ? i : ranks[i],
    }));
    all.sort((a, b) => a.rank - b.rank);
    return all.filter((_, i) => i !== dropped).map(({ member }) => member);
  });

/** The producers' own spacings, and any. */
const spacing = fc.oneof(
  { weight: 2, arbitrary: fc.constant([['', '', '', '', '']]) },
  { weight: 2, arbitrary: fc.constant([['', '', ' ', '', ' ']]) },
  {
    weight: 1,
    arbitrary: fc.array(fc.array(space, { minLength: 5, maxLength: 5 }), {
      minLength: 1,
      maxLength: 3,
    }),
  },
);

export const saleText = fc
  .tuple(members, spacing, space, space)
  .map(([list, spaces, before, after]) => {
    const body = list.map(([key, value], i) => {
      const [s0, s1, s2, s3, s4] = spaces[i % spaces.length];
      return `${i === 0 ? s0 : s4}${key}${s1}:${s2}${value}${s3}`;
    });
    return `${before}{${body.join(',')}}${after}`;
  });

const mutation = fc.record({
  kind: text('flip', 'set', 'delete', 'insert', 'truncate', 'duplicate'),
  at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  length: fc.integer({ min: 1, max: 8 }),
  byte: fc.oneof(
    fc.nat({ max: 255 }),
    fc.constantFrom(
      ...Buffer.from('"\\{}[]:, \n\t0123456789.eE+-TZ\0\x7f\x80\xc3\xa9\xff', 'latin1'),
    ),
  ),
});

type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never;

function mutated(bytes: Buffer, { kind, at, length, byte }: Mutation): Buffer {
  const i = Math.floor(at * bytes.length);
  const head = bytes.subarray(0, i);
  const inserted = Buffer.alloc(1, byte);
  switch (kind) {
    case 'flip': {
      const copy = Buffer.from(bytes);
      if (copy.length > 0) copy[i] ^= 1 << (length - 1);
      return copy;
    }
    case 'set':
      return Buffer.concat([head, inserted, bytes.subarray(i + 1)]);
    case 'delete':
      return Buffer.concat([head, bytes.subarray(i + length)]);
    case 'insert':
      return Buffer.concat([head, inserted, bytes.subarray(i)]);
    case 'truncate':
      return Buffer.from(head);
    default:
      return Buffer.concat([head, bytes.subarray(i, i + length), bytes.subarray(i)]);
  }
}

const plainSale = saleText.map((sale) => Buffer.from(sale));

export const saleBytes: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 4, arbitrary: plainSale },
  {
    weight: 3,
    arbitrary: fc
      .tuple(plainSale, fc.array(mutation, { minLength: 1, maxLength: 3 }))
      .map(([sale, mutations]) => mutations.reduce(mutated, sale)),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(plainSale, plainSale, fc.nat({ max: 99 }), fc.nat({ max: 99 }))
      .map(([a, b, i, j]) =>
        Buffer.concat([
          a.subarray(0, Math.floor((a.length * i) / 100)),
          b.subarray(Math.floor((b.length * j) / 100)),
        ]),
      ),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
);
