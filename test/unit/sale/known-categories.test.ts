import { describe, expect, it } from 'vitest';
import { KNOWN_CATEGORIES_MAX, KnownCategories } from '../../../src/sale/known-categories.ts';

/** The text behind its length, as a FlatBuffer has it, at the very end of the memory. */
function counted(known: KnownCategories, name: string): number {
  const text = Buffer.from(name);
  const length = Buffer.alloc(4);
  length.writeInt32LE(text.length);
  const memory = new Uint8Array([...length, ...text]);
  return known.findCounted(new DataView(memory.buffer), 4, text.length);
}

/** The text and its closing quote in JSON, and what may stand behind. */
function quoted(known: KnownCategories, name: string): number {
  const memory = new Uint8Array([
    ...Buffer.from(`${name}", "valor": 1`),
    ...new Array(200).fill(32),
  ]);
  const entry = known.find(memory, new DataView(memory.buffer), 0, memory.length);
  return entry < 0 ? -1 : known.id(entry);
}

describe('KnownCategories', () => {
  it('finds what it learned, in JSON and counted, and nothing that only looks alike', () => {
    const known = new KnownCategories();
    const names = [
      'A',
      'TV',
      'Som',
      'Casa',
      'Casas',
      'Casa de Praia',
      'Eletrônicos',
      'é'.repeat(64),
    ];
    names.forEach((name, id) => void known.learn(name, id));
    names.forEach((name, id) => {
      expect([counted(known, name), quoted(known, name)]).toEqual([id, id]);
    });
    const others = ['', 'B', 'T', 'TVs', 'casa', 'Casa ', 'Casa da Praia', 'é'.repeat(65)];
    for (const name of others) {
      expect([counted(known, name), quoted(known, name)]).toEqual([-1, -1]);
    }
  });

  it('tells names whose place in its table is the same: by every byte, and by length', () => {
    const letters = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN'];
    const known = new KnownCategories();
    known.learn('abc', 0);
    known.learn('Casa', 1);
    known.learn('Casa 12345 Mesa', 2);
    const wrong: string[] = [];
    const expectUnknown = (name: string) => {
      if (counted(known, name) !== -1) wrong.push(name);
    };
    for (const a of letters) {
      for (const b of letters) {
        for (const c of letters) if (a + b + c !== 'abc') expectUnknown(a + b + c);
      }
    }
    for (let n = 10_000; n < 99_999; n++) if (n !== 12_345) expectUnknown(`Casa ${n} Mesa`);
    // What stands behind a known text in memory is its quote in JSON.
    for (let round = 0; round < 20; round++) {
      const many = new KnownCategories();
      for (let i = 0; i < 4000; i++) many.learn(`c${round}x${i}`.padEnd(8, '_'), i);
      for (let i = 0; i < 4000; i++) {
        const longer = `${`c${round}x${i}`.padEnd(8, '_')}"`;
        if (counted(many, longer) !== -1) wrong.push(longer);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('finds a name that JSON spells with escapes only where it is counted', () => {
    const known = new KnownCategories();
    known.learn('A"b', 7);
    known.learn('A', 1);
    expect(counted(known, 'A"b')).toBe(7);
    expect(quoted(known, 'A"b')).toBe(1);
  });

  it('takes one name as one, whichever way it was learned first', () => {
    const known = new KnownCategories();
    for (let round = 0; round < 3 * KNOWN_CATEGORIES_MAX; round++)
      known.learn(`n${round & 1}`, round & 1);
    known.learn('other', 5);
    expect([counted(known, 'n0'), quoted(known, 'n1'), counted(known, 'other')]).toEqual([0, 1, 5]);
  });

  it('never gives a wrong id, through starts anew and names alike at both ends', () => {
    const known = new KnownCategories();
    const nameOf = (id: number) => (id % 2 === 0 ? `Casa ${id} Mesa` : `"${id}"`);
    const wrong: string[] = [];
    const check = (id: number, found: number, mayBeForgotten: boolean) => {
      if (found !== id && !(mayBeForgotten && found === -1)) wrong.push(`${nameOf(id)}: ${found}`);
    };
    for (let id = 0; id < 2 * KNOWN_CATEGORIES_MAX + 100; id++) {
      known.learn(nameOf(id), id);
      for (const back of [0, 1, 2, 50]) {
        const asked = Math.max(0, id - back);
        check(asked, counted(known, nameOf(asked)), back > 0);
        if (asked % 2 === 0) check(asked, quoted(known, nameOf(asked)), back > 0);
      }
    }
    expect(wrong).toEqual([]);
  });
});
