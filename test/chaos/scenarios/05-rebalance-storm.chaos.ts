import { expect } from 'vitest';
import { sleep } from '../../../src/lib/clock.ts';
import { CommitSampler } from '../../parts/commit-sampler.ts';
import type { EngineProcess } from '../../parts/engine-process.ts';
import { endlessSales, WORKLOAD_CATEGORIES_MAX } from '../../parts/sales.ts';
import type { Scene } from '../../parts/scene.ts';
import { SteadyProducer } from '../../parts/steady-producer.ts';
import { type Chaos, scenario } from '../scenario.ts';

const PROCESSES = 3;
const PARTITIONS = 6;
const PIECE = 120;
const SALES_PER_MINUTE = 5000;
const SAMPLE_MS = 50;

scenario(
  {
    row: 5,
    title: 'rebalance storm',
    invariant: 'exact while processes come and go',
  },
  async (chaos) => {
    const changes = chaos.times(50, 4);
    const scene = await chaos.scene({
      partitions: PARTITIONS,
      rules: { maxCategories: WORKLOAD_CATEGORIES_MAX },
      flags: { 'flush-interval': '50ms', threads: '1' },
    });
    const sales = endlessSales({
      ...{ seed: chaos.seed, partitions: PARTITIONS, perMinute: SALES_PER_MINUTE },
    });
    const producer = new SteadyProducer(chaos, scene, sales, PIECE);
    const sampler = new CommitSampler(chaos, scene);
    const pauses = new PauseWatch(chaos, scene);
    const engines: EngineProcess[] = [];
    const join = async () => {
      const engine = scene.engine();
      engines.push(engine);
      await engine.says('lease-started');
    };
    producer.start();
    for (let i = 0; i < PROCESSES; i++) await join();
    pauses.begin();
    let judged = 0;
    for (let change = 0; change < changes; change++) {
      // Never fewer than two, never more than three: one leaves, one joins.
      if (engines.length === PROCESSES) {
        const [engine] = engines.splice(chaos.random.between(0, PROCESSES - 1), 1);
        engine.signal('SIGTERM');
        await engine.endsWell();
        judged += judgedBy(engine);
      } else {
        await join();
      }
      await sleep(chaos.random.between(0, 500));
      chaos.progress(change + 1, changes);
    }
    await pauses.end();
    await producer.stop();
    for (const engine of engines) await scene.untilDrained(engine);
    for (const engine of engines) engine.signal('SIGTERM');
    for (const engine of engines) judged += judgedBy(await engine.endsWell());
    await sampler.stop();
    await scene.expectExact({ mayRepeat: true });
    expect(sampler.ahead).toEqual([]);
    chaos.figure('joins and leaves', changes);
    chaos.figure('sales', producer.sent);
    chaos.figure('wrong documents', 0);
    chaos.figure('events judged twice', judged - producer.sent);
    chaos.spread(
      'longest time that a partition stood still between changes',
      pauses.longestMs,
      'ms',
    );
  },
);

const judgedBy = ({ done }: EngineProcess) => Number(done?.counted) + Number(done?.rejected);

/** How long each partition's progress stands still while sales come for all of them. */
class PauseWatch {
  /** For each change of a partition's owner, and each second between: the longest gap seen. */
  readonly longestMs: number[] = [];
  readonly #scene: Scene;
  #isEnded = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(chaos: Chaos, scene: Scene) {
    this.#scene = scene;
    chaos.onTestFinished(async () => {
      await this.end().catch(() => {});
    });
  }

  begin(): void {
    this.#loop = this.#run();
    this.#loop.catch(() => {});
  }

  end(): Promise<void> {
    this.#isEnded = true;
    return this.#loop;
  }

  async #run(): Promise<void> {
    const seen = new Map<number, { offset: number; owner: string; sinceMs: number }>();
    while (!this.#isEnded) {
      const nowMs = performance.now();
      for (const { partition, nextOffset, owner } of await this.#scene.progress()) {
        const last = seen.get(partition);
        if (last?.offset === nextOffset) continue;
        // A gap that ends with another owner is what a rebalance costs.
        if (last && last.owner !== owner) this.longestMs.push(nowMs - last.sinceMs);
        seen.set(partition, { offset: nextOffset, owner, sinceMs: nowMs });
      }
      await sleep(SAMPLE_MS);
    }
  }
}
