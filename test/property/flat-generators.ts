/**
 * Generated FlatBuffers: whole ones of every kind, whole ones with some bytes changed, and soups of
 * small numbers behind an identifier, in which offsets lead anywhere.
 */
import fc from 'fast-check';
import { FLAT_TIME_MS, type FlatSpec, flatBatch, flatSale } from '../parts/flat-sales.ts';

const COMMON = ['Eletronicos', 'Livros', 'Casa', 'Gamer', 'TV', 'A', 'Eletrônicos', 'a"b\\'];

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((list) => Buffer.from(list));

const category = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...COMMON) },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme', maxLength: 12 }) },
  // Alike at both ends, and in length.
  { weight: 2, arbitrary: fc.nat({ max: 99 }).map((n) => `Casa${100 + n}Mesa`) },
  { weight: 1, arbitrary: fc.constantFrom('', ' ', '\ufeff', 'é'.repeat(64), 'é'.repeat(65)) },
  { weight: 1, arbitrary: fc.constantFrom('x'.repeat(128), 'x'.repeat(129), ' '.repeat(300)) },
  { weight: 1, arbitrary: bytes(6) },
);

const centavos = fc.oneof(
  { weight: 12, arbitrary: fc.bigInt({ min: 0n, max: 500_000n }) },
  { weight: 2, arbitrary: fc.bigInt({ min: 0n, max: 10n ** 11n }) },
  { weight: 1, arbitrary: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) },
  { weight: 1, arbitrary: fc.constantFrom(-1n, 0n, 10n ** 11n, 10n ** 11n + 1n, 2n ** 32n) },
);

const time = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.integer({ min: -600_000, max: 600_000 }).map((ms) => BigInt(FLAT_TIME_MS + ms)),
  },
  { weight: 1, arbitrary: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) },
  { weight: 1, arbitrary: fc.constantFrom(-1n, 0n, 2n ** 32n * 1000n - 1n, 2n ** 32n * 1000n) },
);

/** Mostly there. */
const perhaps = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof(
    { weight: 30, arbitrary: arbitrary as fc.Arbitrary<T | null> },
    { weight: 1, arbitrary: fc.constant(null) },
  );

export const flatSpec: fc.Arbitrary<FlatSpec> = fc.record({
  idPedido: perhaps(
    fc.oneof(
      { weight: 5, arbitrary: fc.uuid() as fc.Arbitrary<string | Buffer> },
      { weight: 1, arbitrary: bytes(9) },
    ),
  ),
  categoria: perhaps(category as fc.Arbitrary<string | Buffer>),
  valorCentavos: perhaps(centavos),
  timestampMs: perhaps(time),
  newerFields: fc.oneof(
    { weight: 9, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.nat(3) },
  ),
});

const wholeSale = flatSpec.map(flatSale);
const wholeBatch = fc
  .tuple(fc.array(flatSpec, { maxLength: 8 }), fc.boolean())
  .map(([specs, shared]) => flatBatch(specs, shared));

const whole = fc.oneof(
  { weight: 5, arbitrary: wholeSale },
  { weight: 4, arbitrary: wholeBatch },
  { weight: 1, arbitrary: fc.constant(flatBatch(null)) },
);

/** Numbers that stand where offsets and lengths do. */
const oddNumber = fc.oneof(
  fc.integer({ min: -16, max: 160 }),
  fc.constantFrom(2 ** 31 - 1, -(2 ** 31), 2 ** 29 - 1, 0x7ffffff0, 0xffff, 0x8000),
);

const change = fc.record({
  kind: fc.constantFrom(
    ...['byte', 'flip', 'int16', 'int32', 'int32', 'zeros', 'truncate', 'insert', 'repeat'],
  ),
  at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  number: oddNumber,
});

type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

function changed(value: Buffer, { kind, at, number }: Change): Buffer {
  const copy = Buffer.from(value);
  const i = Math.floor(at * copy.length);
  const aligned = i & ~3;
  if (kind === 'byte') copy[i] = number;
  if (kind === 'flip') copy[i] ^= 1 << (number & 7);
  if (kind === 'int16' && i + 2 <= copy.length) copy.writeInt16LE((number << 16) >> 16, i & ~1);
  if (kind === 'int32' && aligned + 4 <= copy.length) copy.writeInt32LE(number | 0, aligned);
  // A vtable of nothing, and a table at it.
  if (kind === 'zeros') copy.fill(0, aligned, Math.min(copy.length, aligned + (number & 31)));
  if (kind === 'truncate') return copy.subarray(0, i);
  if (kind === 'insert')
    return Buffer.concat([copy.subarray(0, i), Buffer.alloc(number & 7), copy.subarray(i)]);
  if (kind === 'repeat')
    return Buffer.concat([copy.subarray(0, i), copy.subarray(Math.max(8, i - (number & 31)))]);
  return copy;
}

const soup = fc
  .tuple(
    fc.constantFrom('VDVS', 'VDVB'),
    fc.array(
      fc.oneof(
        { weight: 6, arbitrary: fc.integer({ min: 0, max: 40 }) },
        { weight: 4, arbitrary: fc.constant(0) },
        { weight: 1, arbitrary: oddNumber },
      ),
      {
        minLength: 1,
        maxLength: 40,
      },
    ),
    fc.array(fc.integer({ min: 0, max: 24 }), { minLength: 4, maxLength: 16 }),
  )
  .map(([identifier, words, halves]) => {
    const wide = Buffer.alloc(4 * words.length);
    for (const [i, word] of words.entries()) wide.writeInt32LE(word | 0, 4 * i);
    const narrow = Buffer.alloc(2 * halves.length);
    for (const [i, half] of halves.entries()) narrow.writeInt16LE(half, 2 * i);
    return Buffer.concat([wide.subarray(0, 4), Buffer.from(identifier), narrow, wide.subarray(4)]);
  });

/** Whole, changed and hostile values. */
export const flatBytes: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 4, arbitrary: whole },
  {
    weight: 5,
    arbitrary: fc
      .tuple(whole, fc.array(change, { minLength: 1, maxLength: 3 }))
      .map(([value, changes]) => changes.reduce(changed, value)),
  },
  { weight: 2, arbitrary: soup },
);
