/**
 * Values changed where it matters: a FlatBuffer at one of the places that its structure rests on,
 * found by a walk over the whole one that a builder has made; a text at any byte.
 */
import { below, pick, type Random } from './fuzz-reading.ts';

/** So many sales of a batch have their places among those that are changed. */
const SALES_LOOKED_INTO = 8;

interface Place {
  readonly at: number;
  readonly size: 1 | 2 | 4 | 8;
}

/** One to three changes. */
export function spoilFlat(random: Random, whole: Buffer): Buffer {
  const places = placesOf(whole);
  let value: Buffer = Buffer.from(whole);
  for (let left = 1 + below(random, 3); left > 0; left--) {
    const how = random();
    if (how < 0.05) value = value.subarray(0, below(random, value.length + 1));
    else if (how < 0.1)
      value = value.subarray(0, Math.max(0, value.length - 1 - below(random, 12)));
    else if (how < 0.13) value = Buffer.concat([value, Buffer.alloc(1 + below(random, 9), 0xff)]);
    else if (how < 0.2) value = spoilText(random, value);
    else change(random, value, pick(random, places), places);
  }
  return value;
}

function change(
  random: Random,
  value: Buffer,
  { at, size }: Place,
  places: readonly Place[],
): void {
  if (at < 0 || at + size > value.length) return;
  if (size === 1) value[at] = below(random, 256);
  else if (size === 2) {
    const now = value.readInt16LE(at);
    const number = pick(random, [
      ...[0, 1, 2, 3, 4, 5, 6, 0x7fff, -1, -2, -4, -0x8000, value.length],
      ...[now + 1, now - 1, now + 2, now - 2, now + 4, now - 4],
    ]);
    value.writeInt16LE((number << 16) >> 16, at);
  } else if (size === 4) {
    const now = value.readInt32LE(at);
    const number = pick(random, [
      ...[0, 1, -1, 2, 3, 4, 8, -4, -8, 2 ** 31 - 1, -(2 ** 31), 2 ** 30, 2 ** 29 - 1, 2 ** 29],
      ...[0xffff, 0x8000, 4096, 4097, value.length, -value.length, -at, 4 - at],
      ...[value.length - at, value.length - at - 1 - below(random, 12)],
      ...[now + 1, now - 1, now + 4, now - 4, -now, now + below(random, 64)],
      // To whatever else there is: another sale, a text, itself, back into the vector.
      ...[pick(random, places).at - at, at - pick(random, places).at, pick(random, places).at],
    ]);
    value.writeInt32LE(number | 0, at);
  } else {
    const number = pick(random, [
      ...[0n, -1n, -(2n ** 63n), 2n ** 63n - 1n, 10n ** 11n, 10n ** 11n + 1n, 2n ** 53n],
      ...[2n ** 32n, 2n ** 32n * 1000n, 2n ** 32n * 1000n - 1n, BigInt(below(random, 1e9))],
    ]);
    value.writeBigInt64LE(number, at);
  }
}

function placesOf(value: Buffer): Place[] {
  const places: Place[] = [
    { at: 0, size: 4 },
    { at: 3, size: 1 },
    { at: 4 + (value.length % 4), size: 1 },
  ];
  const isBatch = value[7] === 0x42;
  const fields = table(value, value.readInt32LE(0), places);
  if (!isBatch) sale(value, fields, places);
  else if (fields[0] > 0) {
    places.push({ at: fields[0], size: 4 });
    const vector = fields[0] + value.readInt32LE(fields[0]);
    places.push({ at: vector, size: 4 });
    const count = Math.min(value.readInt32LE(vector), SALES_LOOKED_INTO);
    for (let at = vector + 4; at < vector + 4 + 4 * count; at += 4) {
      places.push({ at, size: 4 });
      sale(value, table(value, at + value.readInt32LE(at), places), places);
    }
  }
  return places;
}

/** @returns where each field is, 0 for none */
function table(value: Buffer, at: number, places: Place[]): number[] {
  const vtable = at - value.readInt32LE(at);
  places.push({ at, size: 4 }, { at: vtable, size: 2 }, { at: vtable + 2, size: 2 });
  const fields: number[] = [];
  for (let slot = 4; slot < value.readInt16LE(vtable); slot += 2) {
    places.push({ at: vtable + slot, size: 2 });
    const offset = value.readInt16LE(vtable + slot);
    fields.push(offset === 0 ? 0 : at + offset);
  }
  return fields;
}

function sale(value: Buffer, [id = 0, name = 0, ...numbers]: number[], places: Place[]): void {
  for (const field of [id, name]) {
    if (field === 0) continue;
    const text = field + value.readInt32LE(field);
    places.push({ at: field, size: 4 }, { at: text, size: 4 }, { at: text + 4, size: 1 });
  }
  for (const field of numbers.slice(0, 2)) if (field > 0) places.push({ at: field, size: 8 });
}

const MEANINGFUL = Buffer.from('{}[]",:\\eE.+-0123456789 \t\n\0\x7f\xc3', 'latin1');

/** Some bytes changed, left out, or there twice. */
export function spoilText(random: Random, whole: Buffer): Buffer {
  let text = Buffer.from(whole);
  for (let left = 1 + below(random, 3); left > 0 && text.length > 0; left--) {
    const at = below(random, text.length);
    const how = below(random, 4);
    if (how === 0) text[at] ^= 1 << below(random, 8);
    else if (how === 1) text[at] = MEANINGFUL[below(random, MEANINGFUL.length)];
    else {
      const end = Math.min(text.length, at + 1 + below(random, 6));
      text = Buffer.concat([
        text.subarray(0, how === 2 ? at : end),
        text.subarray(how === 2 ? end : at),
      ]);
    }
  }
  return text;
}
