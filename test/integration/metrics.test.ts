import { expect, test } from 'vitest';
import { REASONS } from '../../src/sale/reasons.ts';
import { PageScene } from '../parts/page-scene.ts';
import { makeSales, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { SteadyProducer } from '../parts/steady-producer.ts';
import { runVerify } from '../parts/verify-run.ts';

const COUNT = 8000;
const SCRAPES = 8;

async function scrape(url: string): Promise<Map<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

function countsIn(samples: Map<string, number>, topic: string, partition: number) {
  const own = `topic="${topic}",partition="${partition}"`;
  const rejected = REASONS.slice(1).map(
    (reason) => samples.get(`vendaval_records_rejected_total{${own},reason="${reason}"}`) ?? 0,
  );
  return {
    counted: samples.get(`vendaval_records_counted_total{${own}}`) ?? 0,
    rejected: rejected.reduce((sum, count) => sum + count, 0),
  };
}

test('scraped during a run, metrics lie between the progress documents before and after; at its end they are what verify finds', async (t) => {
  const made = await PageScene.make(t, {
    rules: { maxCategories: WORKLOAD_CATEGORIES_MAX, windowMs: 60_000, delayMs: 120_000 },
  });
  const { scene, url } = made;
  const engine = await made.engine();
  const producer = new SteadyProducer(t, scene, makeSales({ seed: 77, count: COUNT }), 250);
  // A part for each scrape: the run is under way all the time, however long one takes.
  for (let scrapes = 0; scrapes < SCRAPES; scrapes++) {
    const known = await scene.judged();
    producer.start(COUNT / SCRAPES);
    await engine.until(async () => (await scene.judged()) > known, 'it counts');
    const before = await scene.judged();
    const samples = await scrape(url);
    const after = await scene.progress();
    for (const { partition, counted, rejected } of after) {
      const scraped = countsIn(samples, scene.topic, partition);
      // Never ahead of what is durable.
      expect(scraped.counted).toBeLessThanOrEqual(counted);
      expect(scraped.rejected).toBeLessThanOrEqual(rejected);
    }
    // A checkpoint is durable a moment before the engine knows it: behind by no more than that.
    const follows = async () => (await recordsIn(url, scene.topic)) >= before;
    await engine.until(follows, 'the metrics come to what the documents held');
  }
  await producer.finish();
  await scene.untilDrained(engine);
  const isWhole = async () => (await recordsIn(url, scene.topic)) === COUNT;
  await engine.until(isWhole, 'the metrics have every record');
  const samples = await scrape(url);
  const progress = await scene.progress();
  const sums = { counted: 0, rejected: 0 };
  for (const { partition, counted, rejected } of progress) {
    expect(countsIn(samples, scene.topic, partition)).toEqual({ counted, rejected });
    sums.counted += counted;
    sums.rejected += rejected;
  }
  expect(sums.counted + sums.rejected).toBe(COUNT);

  const { exit, verdict } = await runVerify(t, scene);
  expect(exit).toBe(0);
  expect(verdict).toMatchObject({
    equal: true,
    records: COUNT,
    letters: { letters: sums.rejected },
  });
});

/** Counted and rejected over all partitions, as the metrics say now. */
async function recordsIn(url: string, topic: string): Promise<number> {
  const samples = await scrape(url);
  return [0, 1, 2].reduce((sum, partition) => {
    const { counted, rejected } = countsIn(samples, topic, partition);
    return sum + counted + rejected;
  }, 0);
}
