import { expect, test } from 'vitest';
import { PageScene } from '../parts/page-scene.ts';
import { makeSales, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { SteadyProducer } from '../parts/steady-producer.ts';
import { StreamViewer } from '../parts/stream-viewer.ts';

const VIEWERS = 50;
const DEAF = 5;
const SNAPSHOTS = 15;
/** Far above what garbage collection leaves lying about, far below a pile of unread snapshots. */
const GROWTH_BYTES_MAX = 96 * 2 ** 20;

test('fifty viewers are all served the same, beside some that never read, and the count stays exact', async (t) => {
  const made = await PageScene.make(t, { rules: { maxCategories: WORKLOAD_CATEGORIES_MAX } });
  const { scene, url } = made;
  const engine = await made.engine();
  const producer = new SteadyProducer(t, scene, makeSales({ seed: 17, count: 60_000 }), 1000);
  producer.start();
  const open = (count: number, reads: boolean) =>
    Promise.all(Array.from({ length: count }, () => StreamViewer.open(url, { reads })));
  const [viewers, deaf] = [await open(VIEWERS, true), await open(DEAF, false)];
  t.onTestFinished(() => {
    for (const viewer of [...viewers, ...deaf]) viewer.close();
  });

  const everyHas = (count: number) => viewers.every(({ madeAtMs }) => madeAtMs.length >= count);
  await engine.until(() => everyHas(2), 'each viewer has been greeted');
  const before = viewers[0].last!.engine.memoryBytes;
  await engine.until(() => everyHas(SNAPSHOTS), `each viewer has ${SNAPSHOTS} snapshots`);
  expect(viewers[0].last!.viewers).toBe(VIEWERS + DEAF);
  expect(viewers[0].last!.engine.memoryBytes - before).toBeLessThan(GROWTH_BYTES_MAX);
  // From the last one's greeting on, each has what the one beside it has: made once for all.
  const fromMs = Math.max(...viewers.map(({ madeAtMs }) => madeAtMs[1]));
  const toMs = Math.min(...viewers.map(({ madeAtMs }) => madeAtMs.at(-1)!));
  const shared = viewers.map(({ madeAtMs }) => madeAtMs.filter((ms) => ms > fromMs && ms <= toMs));
  expect(shared[0].length).toBeGreaterThan(SNAPSHOTS / 2);
  for (const one of shared) expect(one).toEqual(shared[0]);

  await producer.finish();
  await scene.untilDrained(engine);
  const total = await scene.judged();
  await engine.until(() => {
    const { counted, rejected } = viewers[0].last!.stream;
    return counted + rejected === total;
  }, 'the viewers see all that was judged');
  for (const viewer of [...viewers, ...deaf]) viewer.close();
  await engine.until(async () => {
    const live = (await (await fetch(`${url}/api/live`)).json()) as { viewers: number };
    return live.viewers === 0;
  }, 'nobody is left behind as a viewer');
  engine.signal('SIGTERM');
  await engine.endsWell();
  await scene.expectExact();
});
