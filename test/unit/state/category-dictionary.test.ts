import { describe, expect, it } from 'vitest';
import { CATEGORY_BYTES_MAX } from '../../../src/sale/rules.ts';
import { WORD } from '../../../src/state/layout.ts';
import { LIMITS, regionPair } from '../../parts/lease-regions.ts';

describe('CategoryDictionary', () => {
  it('numbers names by first appearance and knows them again', () => {
    const { dictionary } = regionPair().worker;
    expect(['b', 'a', 'b', 'c', 'a'].map((name) => dictionary.intern(name))).toEqual([
      0, 1, 0, 2, 1,
    ]);
    expect(dictionary.size).toBe(3);
    expect(dictionary.names(2)).toEqual(['b', 'a']);
  });

  it('admits as many as its limit, and goes on to know those', () => {
    const { dictionary } = regionPair({ ...LIMITS, categoryCount: 2 }).worker;
    expect(['a', 'b', 'c', 'a', 'b'].map((name) => dictionary.intern(name))).toEqual([
      0, 1, -1, 0, 1,
    ]);
    expect(dictionary.size).toBe(2);
  });

  it('carries names of every script and the greatest length over to the reader', () => {
    const names = [
      'Eletrônicos',
      '家電',
      '🛒'.repeat(CATEGORY_BYTES_MAX / 4),
      'x'.repeat(CATEGORY_BYTES_MAX),
    ];
    const { worker, coordinator } = regionPair({ ...LIMITS, categoryCount: names.length });
    for (const name of names) worker.dictionary.intern(name);
    coordinator.dictionary.readNew();
    expect(coordinator.dictionary.names(names.length)).toEqual(names);
  });

  it('shows a name to the reader only once its count is published', () => {
    const { buffer, worker, coordinator } = regionPair();
    worker.dictionary.intern('a');
    worker.dictionary.intern('b');
    // As the reader would find it in the middle of the second intern: bytes written, count not.
    new Int32Array(buffer)[WORD.dictionaryCount] = 1;
    coordinator.dictionary.readNew();
    expect(coordinator.dictionary.size).toBe(1);
    expect(() => coordinator.dictionary.nameOf(1)).toThrow('is known');
    new Int32Array(buffer)[WORD.dictionaryCount] = 2;
    coordinator.dictionary.readNew();
    expect(coordinator.dictionary.nameOf(1)).toBe('b');
  });

  it('has no name for an id that it never gave', () => {
    const { dictionary } = regionPair(LIMITS, ['a']).worker;
    expect(() => dictionary.nameOf(-1)).toThrow('is known');
    expect(() => dictionary.nameOf(1)).toThrow('is known');
  });
});
