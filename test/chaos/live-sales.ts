/** Sales of this moment, sent as they happen, and how soon their windows are closed. */
import { sleep } from '../../src/lib/clock.ts';
import type { EngineProcess } from '../parts/engine-process.ts';
import { plainSale } from '../parts/sales.ts';
import type { Scene } from '../parts/scene.ts';
import { openProducer, type RecordToProduce } from '../parts/topic.ts';
import type { Chaos } from './scenario.ts';

const TICK_MS = 100;
const CATEGORIES = ['Casa', 'Livros', 'Gamer', 'Eletronicos'];

/** Sends a sale to each of these partitions ten times a second, until told to stop. */
export class LiveSales {
  sent = 0;
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;

  /** @param besides what else to send at each tick */
  constructor(
    chaos: Chaos,
    scene: Scene,
    partitions: readonly number[],
    besides: readonly RecordToProduce[] = [],
  ) {
    this.#loop = this.#run(chaos, scene, partitions, besides);
    // Told where it is awaited.
    this.#loop.catch(() => {});
    chaos.onTestFinished(() => this.stop().catch(() => {}));
  }

  stop(): Promise<void> {
    this.#stop.abort();
    return this.#loop;
  }

  async #run(
    chaos: Chaos,
    scene: Scene,
    partitions: readonly number[],
    besides: readonly RecordToProduce[],
  ): Promise<void> {
    const producer = await openProducer(scene.brokers, scene.topic);
    try {
      while (!this.#stop.signal.aborted) {
        const value = plainSale(Date.now(), '1.99', chaos.random.pick(CATEGORIES));
        await producer.produce([
          ...partitions.map((partition) => ({ value, partition })),
          ...besides,
        ]);
        this.sent += partitions.length;
        await sleep(TICK_MS, this.#stop.signal);
      }
    } finally {
      await producer.close();
    }
  }
}

/** Until so many windows that begin from now on are closed; how long after each might be. */
export async function closeDelays(
  scene: Scene,
  engine: EngineProcess,
  windows: number,
): Promise<number[]> {
  const { windowMs, delayMs } = scene.rules;
  const fromMs = Math.ceil(Date.now() / windowMs) * windowMs;
  const totals = scene.db.collection('faturamento_tempo_real');
  const delaysMs = new Map<number, number>();
  const isDone = async () => {
    const closed = { fechada: true, janela_inicio: { $gte: new Date(fromMs) } };
    for (const { janela_fim } of await totals.find(closed).toArray()) {
      const endMs = janela_fim.getTime();
      if (!delaysMs.has(endMs)) delaysMs.set(endMs, Date.now() - endMs - delayMs);
    }
    return delaysMs.size >= windows;
  };
  await engine.until(isDone, `${windows} windows are closed`);
  return [...delaysMs.values()];
}
