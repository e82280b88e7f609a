/** Where the system gives less than the engine would like: it reads more slowly, and all the same. */
import { describe, expect, test } from 'vitest';
import type { RunOptions } from '../parts/engine-process.ts';
import { sums } from '../parts/oracle.ts';
import { makeSales, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';

const COUNT = 5000;
/** Enough for Node and its threads, less than V8 reserves for one WebAssembly memory. */
const ADDRESSES_KB = 10_000_000;

const scarce: [string, RunOptions][] = [
  ['addresses', { under: ['sh', '-c', `ulimit -v ${ADDRESSES_KB} && exec "$@"`, 'sh'] }],
  ['compilers of machine code', { nodeFlags: ['--jitless'] }],
];

describe('an engine with few', () => {
  for (const [what, options] of scarce) {
    test(`${what} counts to the centavo`, async (t) => {
      const rules = { maxCategories: WORKLOAD_CATEGORIES_MAX };
      const scene = await Scene.make(t, { rules });
      await scene.produce(makeSales({ seed: 31, count: COUNT }));
      await scene.engine({}, { ...options, untilEnd: true }).endsWell();
      const { counted, rejected } = sums(await scene.expectExact());
      expect(counted + rejected).toBe(COUNT);
    });
  }
});
