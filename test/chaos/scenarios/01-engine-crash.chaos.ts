import { expect } from 'vitest';
import { sleep } from '../../../src/lib/clock.ts';
import { findFreePort } from '../../../src/mongo/child-processes.ts';
import { CommitSampler } from '../../parts/commit-sampler.ts';
import { endlessSales, WORKLOAD_CATEGORIES_MAX } from '../../parts/sales.ts';
import { SteadyProducer } from '../../parts/steady-producer.ts';
import { percentile } from '../percentile.ts';
import { scenario } from '../scenario.ts';

const SALES_PER_MINUTE = 5000;
/** From its first checkpoint to its death: from the middle of one to several later. */
const LIFE_MS_MAX = 600;
/** The promise: p99 from the start of a process to its first checkpoint. */
const RECOVERY_MS_MAX = 5000;

scenario(
  {
    row: 1,
    title: 'engine crash under load',
    invariant: 'exact; counting again within 5 s at p99',
  },
  async (chaos) => {
    const kills = chaos.times(100, 5);
    const scene = await chaos.scene({ rules: { maxCategories: WORKLOAD_CATEGORIES_MAX } });
    const sales = endlessSales({ seed: chaos.seed, perMinute: SALES_PER_MINUTE });
    const producer = new SteadyProducer(chaos, scene, sales, 250);
    const sampler = new CommitSampler(chaos, scene);
    const toJoinMs: number[] = [];
    const toLeaseMs: number[] = [];
    const toCheckpointMs: number[] = [];
    let replayed = 0;
    let unfinished = 0;
    for (let kill = 0; kill < kills; kill++) {
      const port = await findFreePort();
      const before = await scene.judged();
      const startMs = performance.now();
      const engine = scene.engine({ http: `127.0.0.1:${port}` });
      await engine.says('engine-started');
      toJoinMs.push(performance.now() - startMs);
      producer.start();
      await engine.says('lease-started');
      toLeaseMs.push(performance.now() - startMs);
      await engine.until(async () => (await scene.judged()) > before, 'it makes a checkpoint');
      toCheckpointMs.push(performance.now() - startMs);
      await sleep(chaos.random.between(0, LIFE_MS_MAX));
      const judged = await judgedOffsets(port);
      await engine.kill('SIGKILL');
      for (const { partition, nextOffset } of await scene.progress()) {
        replayed += Math.max(0, (judged.get(partition) ?? 0) - nextOffset);
      }
      if ((await scene.judged()) < producer.sent) unfinished++;
      await producer.stop();
      chaos.progress(kill + 1, kills);
    }
    await scene.drain();
    await sampler.stop();

    // The first life joined an empty group: nothing was to be recovered.
    const recoveryMs = toCheckpointMs.slice(1);
    chaos.figure('kills', kills);
    chaos.figure('kills in the middle of work', unfinished);
    chaos.spread('start to first new checkpoint', recoveryMs, 'ms');
    const phases = {
      'the process and its connections': toJoinMs.slice(1),
      'taking over what the dead one left (two seconds of watching it)': since(toLeaseMs, toJoinMs),
      'counting up to the checkpoint': since(toCheckpointMs, toLeaseMs),
    };
    for (const [phase, tookMs] of Object.entries(phases)) {
      chaos.spread(`of which ${phase}`, tookMs, 'ms');
    }
    const [longest] = Object.entries(phases).sort(([, a], [, b]) => sum(b) - sum(a));
    const share = (100 * sum(longest[1])) / sum(recoveryMs);
    chaos.figure(`what dominates: ${longest[0]}`, share, '%');
    chaos.figure('events read again', replayed);
    await scene.expectExact({ mayRepeat: true });
    chaos.figure('wrong documents', 0);
    expect(sampler.ahead).toEqual([]);
    expect(unfinished).toBeGreaterThanOrEqual(kills / 2);
    // Of a few lives beside other work it would say nothing.
    if (!chaos.isShort) expect(percentile(recoveryMs, 0.99)).toBeLessThanOrEqual(RECOVERY_MS_MAX);
  },
);

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

const since = (later: readonly number[], earlier: readonly number[]) =>
  later.slice(1).map((ms, i) => ms - earlier[i + 1]);

/** What the engine has read and judged, durable or not, by partition. */
async function judgedOffsets(port: number): Promise<Map<number, number>> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/live`);
  const { partitions } = (await answer.json()) as {
    partitions: { partition: number; nextOffset: number }[];
  };
  return new Map(partitions.map(({ partition, nextOffset }) => [partition, nextOffset]));
}
