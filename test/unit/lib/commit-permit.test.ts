import { describe, expect, it } from 'vitest';
import { CommitPermit } from '../../../src/lib/commit-permit.ts';

describe('CommitPermit', () => {
  it('is genuine when it was issued', () => {
    const permit = CommitPermit.issue(3, 99);
    expect(permit).toMatchObject({ partition: 3, offset: 99 });
    expect(CommitPermit.isGenuine(permit)).toBe(true);
  });

  it.each<[string, object]>([
    ['the same fields', { partition: 3, offset: 99 }],
    ['a copy', { ...CommitPermit.issue(3, 99) }],
    ['a clone', structuredClone(CommitPermit.issue(3, 99))],
    ['its prototype', Object.create(CommitPermit.prototype)],
    ['an object that inherits from one', Object.create(CommitPermit.issue(3, 99))],
  ])('is not genuine by %s', (_, lookAlike) => {
    expect(CommitPermit.isGenuine(lookAlike)).toBe(false);
  });
});
