/**
 * Fills a topic with the benchmark's sales: fixed seed, so many a partition, a thread for each.
 * Returns when the broker has confirmed all of them.
 */
import { createTopic } from '../../test/parts/topic.ts';
import {
  type PreloadedPartition,
  type PreloadPlan,
  type PreloadTask,
  USUAL_SHAPE,
} from './preload-plan.ts';
import { hashOf, merged } from './sums.ts';
import { runThread } from './ts-thread.ts';

/** Threads that make sales at one time. */
const THREADS = 4;
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
  const shape = plan.shape ?? USUAL_SHAPE;
  const { partitions } = shape;
  await createTopic(plan.brokers, plan.topic, { partitions });
  let made = 0;
  let told = 0;
  const onMade = ({ more }: { more: number }) => {
    made += more;
    if (made < plan.sales && made - told < PROGRESS_SALES) return;
    told = made;
    const [now, all] = [made, plan.sales].map((n) => n.toLocaleString('en-US'));
    onStep(`${plan.topic}: ${now} of ${all} sales preloaded`);
  };
  const written: PreloadedPartition[] = [];
  let next = 0;
  const lane = async () => {
    while (next < partitions) {
      const task: PreloadTask = { ...plan, shape, partition: next++ };
      const url = new URL('./preload-thread.ts', import.meta.url);
      written.push(await runThread<PreloadedPartition>(url, task, onMade));
    }
  };
  await Promise.all(Array.from({ length: THREADS }, lane));
  const sum = (of: (part: PreloadedPartition) => number) =>
    written.reduce((total, part) => total + of(part), 0);
  return {
    records: sum(({ records }) => records),
    bytes: sum(({ bytes }) => bytes),
    hash: hashOf(merged(written.map(({ sums }) => new Map(sums)))),
  };
}
