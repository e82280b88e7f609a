/**
 * Fills a topic with the benchmark's sales: fixed seed, so many a partition, a thread for each.
 * Returns when the broker has confirmed all of them.
 */
import { createTopic } from '../../test/parts/topic.ts';
import type { PreloadedPartition, PreloadPlan, PreloadTask } from './preload-plan.ts';
import { hashOf, merged } from './sums.ts';
import { runThread } from './ts-thread.ts';

export const PARTITIONS = 3;
const PROGRESS_SALES = 5_000_000;

export interface Preloaded {
  readonly records: number;
  readonly bytes: number;
  /** Of the sums that were written: what every reader must come to. */
  readonly hash: string;
}

export async function preload(
  plan: PreloadPlan,
  onStep: (step: string) => void = () => {},
): Promise<Preloaded> {
  await createTopic(plan.brokers, plan.topic, { partitions: PARTITIONS });
  let made = 0;
  let told = 0;
  const onMade = ({ more }: { more: number }) => {
    made += more;
    if (made < plan.sales && made - told < PROGRESS_SALES) return;
    told = made;
    const [now, all] = [made, plan.sales].map((n) => n.toLocaleString('en-US'));
    onStep(`${plan.topic}: ${now} of ${all} sales preloaded`);
  };
  const written = await Promise.all(
    Array.from({ length: PARTITIONS }, (_, partition) =>
      runThread<PreloadedPartition>(
        new URL('./preload-thread.ts', import.meta.url),
        { ...plan, partition, partitions: PARTITIONS } satisfies PreloadTask,
        onMade,
      ),
    ),
  );
  const sum = (of: (part: PreloadedPartition) => number) =>
    written.reduce((total, part) => total + of(part), 0);
  return {
    records: sum(({ records }) => records),
    bytes: sum(({ bytes }) => bytes),
    hash: hashOf(merged(written.map(({ sums }) => new Map(sums)))),
  };
}
