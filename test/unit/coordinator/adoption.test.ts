import { expect, test } from 'vitest';
import { OrphanWatch } from '../../../src/coordinator/adoption.ts';

const one = (stamp: number, owner: string | null = 'loja/1') => [{ partition: 0, owner, stamp }];

test('a partition whose owner has not written for two seconds of our own clock is an orphan', () => {
  const watch = new OrphanWatch(250);
  expect(watch.look(one(5), 1000)).toEqual([]);
  expect(watch.look(one(5), 2999)).toEqual([]);
  expect(watch.look(one(5), 3000)).toEqual(one(5));
});

test('every write of its owner starts the watch anew', () => {
  const watch = new OrphanWatch(250);
  watch.look(one(5), 0);
  watch.look(one(6), 1900);
  expect(watch.look(one(6), 2500)).toEqual([]);
  expect(watch.look(one(6), 3900)).toEqual(one(6));
});

test('a partition that was let go of is none, however long it stands still', () => {
  const watch = new OrphanWatch(250);
  watch.look(one(5, null), 0);
  expect(watch.look(one(5, null), 60_000)).toEqual([]);
});

test('an owner that writes seldom is given longer', () => {
  const watch = new OrphanWatch(2000);
  watch.look(one(5), 0);
  expect(watch.look(one(5), 5999)).toEqual([]);
  expect(watch.look(one(5), 6000)).toEqual(one(5));
});
