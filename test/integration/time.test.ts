import { describe, expect, type TestContext, test } from 'vitest';
import { sleep } from '../../src/lib/clock.ts';
import { plainSale } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';

/** A machine may stop for seconds; a delay that is shorter would take that for silence. */
const SHORT = { windowMs: 1000, delayMs: 5000 };

/** Watches that a closed window never opens again, and a correction never goes away. */
class WindowSampler {
  readonly reopened: string[] = [];
  samples = 0;
  readonly #scene: Scene;
  readonly #closed = new Set<string>();
  #isStopped = false;
  readonly #loop: Promise<void>;

  constructor(test: TestContext, scene: Scene) {
    this.#scene = scene;
    this.#loop = this.#run();
    test.onTestFinished(() => this.stop());
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    return this.#loop;
  }

  async #run(): Promise<void> {
    const totals = this.#scene.db.collection('faturamento_tempo_real');
    while (!this.#isStopped) {
      for (const { _id, fechada, corrigida_em } of await totals.find().toArray()) {
        for (const [is, name] of [
          [fechada, `${_id}`],
          [corrigida_em, `${_id} corrected`],
        ]) {
          if (is) this.#closed.add(name);
          else if (this.#closed.has(name)) this.reopened.push(name);
        }
      }
      this.samples++;
      await sleep(50);
    }
  }
}

const totalsOf = (scene: Scene) => scene.db.collection('faturamento_tempo_real');

async function ends(scene: Scene, engine: ReturnType<Scene['engine']>): Promise<void> {
  await scene.untilDrained(engine);
  engine.signal('SIGTERM');
  await engine.endsWell();
}

describe.concurrent('windows close', () => {
  test('though one partition never gets a sale and the others have gone silent', async (t) => {
    const scene = await Scene.make(t, { rules: SHORT });
    const sampler = new WindowSampler(t, scene);
    const engine = scene.engine();
    const nowMs = Date.now();
    await scene.produce([
      { value: plainSale(nowMs, '10.01'), partition: 0 },
      { value: plainSale(nowMs - 1500, '20.02'), partition: 0 },
      { value: plainSale(nowMs - 700, '30.03'), partition: 1 },
    ]);
    const allClosed = async () =>
      (await totalsOf(scene).countDocuments({ fechada: true })) > 0 &&
      (await totalsOf(scene).countDocuments({ fechada: false })) === 0;
    await engine.until(allClosed, 'every window is closed');
    await ends(scene, engine);
    await sampler.stop();

    const oracle = await scene.expectExact();
    expect(oracle.partitions.has(2)).toBe(false);
    expect(sampler.reopened).toEqual([]);
    expect(sampler.samples).toBeGreaterThan(5);
  });

  test('behind a partition that went silent, and what it still sends then is counted and shown', async (t) => {
    const scene = await Scene.make(t, { rules: SHORT, partitions: 2 });
    const sampler = new WindowSampler(t, scene);
    const engine = scene.engine();
    const startMs = Date.now();
    const windowStartMs = startMs - (startMs % SHORT.windowMs);
    const document = (offsetMs: number, categoria: string) =>
      `${new Date(windowStartMs + offsetMs).toISOString()}|${categoria}`;
    await scene.produce([
      { value: plainSale(windowStartMs, '1.10', 'Casa'), partition: 0 },
      { value: plainSale(windowStartMs, '2.20', 'Livros'), partition: 0 },
      { value: plainSale(windowStartMs, '4.40', 'Casa'), partition: 1 },
    ]);
    // Partition 0 goes on, partition 1 says nothing more.
    const isClosed = async () => {
      const nowMs = Date.now();
      await scene.produce([{ value: plainSale(nowMs, '0.01', 'Gamer'), partition: 0 }]);
      const found = await totalsOf(scene).findOne({ _id: document(0, 'Casa') } as never);
      return found?.fechada === true;
    };
    await engine.until(isClosed, 'the first window is closed');

    // By its own clock partition 1 is not late at all.
    await scene.produce([
      { value: plainSale(windowStartMs + 900, '8.80', 'Casa'), partition: 1 },
      { value: plainSale(windowStartMs + 500, '16.60', 'Brinquedos'), partition: 1 },
    ]);
    await scene.untilDrained(engine);
    const allClosed = async () => (await totalsOf(scene).countDocuments({ fechada: false })) === 0;
    await engine.until(allClosed, 'every window is closed');
    await ends(scene, engine);
    await sampler.stop();

    // Livros was closed and not touched; Brinquedos had no document that could have been closed.
    const corrected = new Set([document(0, 'Casa')]);
    const oracle = await scene.expectExact({ corrected: ({ _id }) => corrected.has(_id) });
    expect(oracle.deadLetters.size).toBe(0);
    expect(oracle.documents.get(document(0, 'Casa'))?.parts.get(1)?.n).toBe(2n);
    expect(oracle.documents.has(document(0, 'Brinquedos'))).toBe(true);
    expect(sampler.reopened).toEqual([]);
  });

  test('not before the slowest partition has come as far', async (t) => {
    // No run of an engine here lasts as long as the delay, after which partition 1 were idle.
    const rules = { windowMs: 1000, delayMs: 600_000 };
    const scene = await Scene.make(t, { rules, partitions: 2 });
    const startMs = Date.UTC(2024, 10, 29, 12);
    const laterMs = startMs + 3_600_000;
    await scene.produce([
      { value: plainSale(startMs, '1.00'), partition: 0, timestamp: startMs },
      { value: plainSale(laterMs, '1.00'), partition: 0, timestamp: laterMs },
      { value: plainSale(startMs, '1.00'), partition: 1, timestamp: startMs },
    ]);
    await scene.drain();
    // Partition 1 is an hour behind partition 0 and was idle for less than the delay.
    expect(await totalsOf(scene).countDocuments({ fechada: true })).toBe(0);
    await scene.produce([{ value: plainSale(laterMs, '1.00'), partition: 1, timestamp: laterMs }]);
    await scene.drain();
    expect(await totalsOf(scene).countDocuments({ fechada: true })).toBe(1);
    await scene.expectExact();
  });
});
