/** Sales shuffled by up to an hour: each is counted or late, as its own partition's rule says. */
import { expect } from 'vitest';
import { sums } from '../../parts/oracle.ts';
import { plainSale } from '../../parts/sales.ts';
import type { RecordToProduce } from '../../parts/topic.ts';
import { type Chaos, scenario } from '../scenario.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2024, 10, 29, 12);
const SPAN_MS = 3 * HOUR_MS;
const PARTITIONS = 3;
const CATEGORIES = ['Casa', 'Livros', 'Gamer', 'Eletronicos'];

/** The producer's clock goes on evenly; the events were up to `disorderMs` before it. */
function shuffled(chaos: Chaos, count: number, disorderMs: number): RecordToProduce[] {
  const { random } = chaos;
  return Array.from({ length: count }, (_, i) => {
    const timestamp = START_MS + HOUR_MS + Math.floor((i * SPAN_MS) / count);
    const eventMs = timestamp - random.between(0, disorderMs);
    const valor = (random.between(1, 500_000) / 100).toFixed(2);
    const value = plainSale(eventMs, valor, random.pick(CATEGORIES));
    return { value, timestamp, partition: random.between(0, PARTITIONS - 1) };
  });
}

scenario(
  {
    row: 16,
    title: 'sales shuffled by up to an hour',
    invariant: 'each is counted or late as the rule says: in = counted + rejected',
  },
  async (chaos) => {
    const count = chaos.times(100_000, 6000);
    for (const [name, disorderMs, delayMs] of [
      ['an hour, with the usual delay', HOUR_MS, 120_000],
      ['an hour, with a delay of an hour', HOUR_MS, HOUR_MS],
    ] as const) {
      const scene = await chaos.scene({ partitions: PARTITIONS, rules: { delayMs } });
      await scene.produce(shuffled(chaos, count, disorderMs));
      const { done } = await scene.drain();
      const { counted, rejected } = sums(await scene.expectExact());
      expect(counted + rejected).toBe(count);
      expect(done).toMatchObject({ counted, rejected });
      if (delayMs === HOUR_MS) expect(rejected).toBe(0);
      else expect(Math.min(counted, rejected)).toBeGreaterThan(count / 100);
      chaos.figure(`${name}: counted`, counted);
      chaos.figure(`${name}: late`, rejected);
    }
    chaos.figure('in less counted and rejected', 0);
  },
);
