import { expect, test } from 'vitest';
import { endsBefore } from '../../../src/lib/clock.ts';

test('work that ends is waited for, and how it failed is told', async () => {
  const { signal } = new AbortController();
  expect(await endsBefore(Promise.resolve('x'), signal)).toBe(true);
  await expect(endsBefore(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
});

test('work that hangs is no longer waited for once the signal is aborted', async () => {
  const stop = new AbortController();
  const waiting = endsBefore(new Promise(() => {}), stop.signal);
  stop.abort();
  expect(await waiting).toBe(false);
});

test('work that fails after it was given up disturbs nobody', async () => {
  const stop = new AbortController();
  stop.abort();
  let fail = (_: Error) => {};
  const work = new Promise((_, reject) => {
    fail = reject;
  });
  expect(await endsBefore(work, stop.signal)).toBe(false);
  fail(new Error('too late'));
  await expect(work).rejects.toThrow('too late');
});
