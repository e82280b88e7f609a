/**
 * A backlog that back-pressure holds is not the end of a log, however long nothing is read. Here
 * partition 0 has one, full of records that are no sales, so that it waits for a slow database
 * again and again for longer than the watermark delay. Partition 1 is read and far ahead: were the
 * other one taken for idle, windows would close before its sales are counted.
 */
import { expect } from 'vitest';
import { sleep } from '../../../src/lib/clock.ts';
import { forReplies, MONGO, type MongoRequest } from '../../parts/proxied-requests.ts';
import { plainSale } from '../../parts/sales.ts';
import type { Scene } from '../../parts/scene.ts';
import type { RecordToProduce } from '../../parts/topic.ts';
import { isHeldBack } from '../live-status.ts';
import { sceneBehindMongoProxy } from '../network.ts';
import { type Chaos, scenario } from '../scenario.ts';

const START_MS = Date.UTC(2024, 10, 29, 12);
const RULES = { windowMs: 1000, delayMs: 1000 };
const RUBBISH = 'x'.repeat(16_000);
/** Fills the reject log of one checkpoint. */
const RUBBISH_COUNT = 280;
/** Event time that goes by between two fillings: less than each of them is held. */
const EVENT_MS_PER_FILL = 1500;
const HELD_MS = 3000;

/** Windows found closed that a sale of a partition may still reach, by its newest sale alone. */
class EarlyClosings {
  readonly found = new Set<string>();
  looks = 0;
  readonly #scene: Scene;
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;

  constructor(chaos: Chaos, scene: Scene) {
    this.#scene = scene;
    this.#loop = this.#run();
    this.#loop.catch(() => {});
    chaos.onTestFinished(() => this.#stop.abort());
  }

  stop(): Promise<void> {
    this.#stop.abort();
    return this.#loop;
  }

  async #run(): Promise<void> {
    const { db, rules } = this.#scene;
    while (!this.#stop.signal.aborted) {
      const closed = await db
        .collection('faturamento_tempo_real')
        .find({ fechada: true })
        .toArray();
      // Read after the documents, so that it is at least what they were closed by.
      const progress = await db.collection('progresso_particoes').find().toArray();
      const newest = progress.map(({ maior_evento }) => maior_evento?.getTime() ?? 0);
      const watermarkMs = Math.min(...newest) - rules.delayMs;
      for (const { _id, janela_fim } of closed) {
        if (janela_fim.getTime() > watermarkMs) this.found.add(String(_id));
      }
      this.looks++;
      await sleep(100, this.#stop.signal);
    }
  }
}

function backlog(fills: number): RecordToProduce[] {
  const records: RecordToProduce[] = [];
  const sale = (eventMs: number, partition: number) =>
    records.push({ value: plainSale(eventMs, '0.01'), partition, timestamp: eventMs });
  for (let fill = 0; fill < fills; fill++) {
    const fromMs = START_MS + fill * EVENT_MS_PER_FILL;
    for (let ms = 0; ms < EVENT_MS_PER_FILL; ms += 100) sale(fromMs + ms, 0);
    for (let i = 0; i < RUBBISH_COUNT; i++) {
      records.push({ value: RUBBISH, partition: 0, timestamp: fromMs });
    }
  }
  for (let ms = 0; ms < 2 * fills * EVENT_MS_PER_FILL; ms += 100) sale(START_MS + ms, 1);
  return records;
}

scenario(
  {
    row: 14,
    title: 'a backlog held by back-pressure',
    invariant: 'never taken for idle: no window closes early',
  },
  async (chaos) => {
    const fills = chaos.times(12, 3);
    const { scene, proxy } = await sceneBehindMongoProxy(chaos, {
      partitions: 2,
      rules: RULES,
      flags: { http: '127.0.0.1:0' },
    });
    await scene.produce(backlog(fills));
    const slow = () => ({ delayMs: HELD_MS });
    const isTotals = ({ command, collection }: MongoRequest) =>
      command === 'update' && collection === 'faturamento_tempo_real';
    proxy.rule = forReplies(MONGO, isTotals, slow);
    const engine = scene.engine();
    const early = new EarlyClosings(chaos, scene);
    let held = 0;
    const records = fills * (RUBBISH_COUNT + EVENT_MS_PER_FILL / 100);
    await engine.says('lease-started', 'partition 0');
    const isRead = async () => {
      if (await isHeldBack(engine, 0)) held++;
      const [{ counted, rejected }] = await scene.progress();
      chaos.progress(counted + rejected, records);
      return counted + rejected === records;
    };
    await engine.until(isRead, 'the backlog is read', 10 * 60_000);
    await early.stop();
    await proxy.heal();
    engine.signal('SIGTERM');
    await engine.endsWell();
    expect(held).toBeGreaterThan(0);
    expect([...early.found]).toEqual([]);
    // A document that changed after it had been closed would say so.
    await scene.expectExact({ mayRepeat: true });
    chaos.figure('times found held by back-pressure', held);
    chaos.figure('looks at closed windows', early.looks);
    chaos.figure('windows closed early', early.found.size);
  },
);
