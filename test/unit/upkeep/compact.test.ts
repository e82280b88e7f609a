import { expect, test } from 'vitest';
import { compactionOf } from '../../../src/upkeep/compact.ts';

const register = (n: bigint, centavos: bigint, menor: bigint, maior: bigint) => ({
  ...{ n, centavos, menor, maior, ate: 100n },
});

test('final registers become one sum, which names all partitions that are final', () => {
  const parts = { 0: register(2n, 30n, 10n, 20n), 2: register(1n, 5n, 5n, 5n) };
  expect(compactionOf(parts, [0, 1, 2])).toEqual({
    moved: [0, 2],
    sum: { particoes: [0, 1, 2], n: 3n, centavos: 35n, menor: 5n, maior: 20n },
  });
});

test('a register that is not final stays, and joins later', () => {
  const parts = {
    0: register(2n, 30n, 10n, 20n),
    1: register(1n, 7n, 7n, 7n),
    5: register(1n, 5n, 5n, 5n),
  };
  const { sum, moved } = compactionOf(parts, [0, 1])!;
  expect(moved).toEqual([0, 1]);
  expect(sum).toEqual({ particoes: [0, 1], n: 3n, centavos: 37n, menor: 7n, maior: 20n });
  const left = { 5: parts[5], compactadas: sum };
  expect(compactionOf(left as never, [0, 1])).toBeNull();
  expect(compactionOf(left as never, [1, 5])).toEqual({
    moved: [5],
    sum: { particoes: [0, 1, 5], n: 4n, centavos: 42n, menor: 5n, maior: 20n },
  });
});

test('what would not become less stays as it is', () => {
  expect(compactionOf({ 0: register(2n, 30n, 10n, 20n) }, [0, 1])).toBeNull();
  const others = { 3: register(1n, 1n, 1n, 1n), 4: register(1n, 1n, 1n, 1n) };
  expect(compactionOf(others, [0])).toBeNull();
});
