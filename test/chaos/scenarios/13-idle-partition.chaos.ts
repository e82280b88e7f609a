/**
 * One of many partitions is an hour behind the others and silent; then it comes back with honest
 * sales of that hour, and the engine starts anew. Windows must close without it soon after each
 * time, its sales must be counted, and the closed documents must say so.
 */
import { expect } from 'vitest';
import { plainSale } from '../../parts/sales.ts';
import type { Scene } from '../../parts/scene.ts';
import { closeDelays, LiveSales } from '../live-sales.ts';
import { scenario } from '../scenario.ts';

const PARTITIONS = 8;
const SILENT = PARTITIONS - 1;
/** More than the machine may stop for: a sale that is sent later than that is one of a closed window. */
const RULES = { windowMs: 1000, delayMs: 5000 };
const BEHIND_MS = 3_600_000;
const CATEGORIES = ['Casa', 'Livros', 'Gamer', 'Eletronicos'];
const OLDER_SALES = 500;

const totalsOf = (scene: Scene) => scene.db.collection('faturamento_tempo_real');

scenario(
  {
    row: 13,
    title: 'one of eight partitions silent, then back with older sales',
    invariant: 'windows close in time, the sales are counted, the change is visible',
  },
  async (chaos) => {
    const windows = chaos.times(20, 3);
    const scene = await chaos.scene({ partitions: PARTITIONS, rules: RULES });
    const olderMs = Date.now() - BEHIND_MS;
    const sendOlder = (eventMs: number) =>
      scene.produce(
        Array.from({ length: OLDER_SALES }, () => ({
          value: plainSale(eventMs, '0.07', chaos.random.pick(CATEGORIES)),
          partition: SILENT,
        })),
      );
    await sendOlder(olderMs);
    const others = Array.from({ length: SILENT }, (_, partition) => partition);
    const live = new LiveSales(chaos, scene, others);
    let engine = scene.engine();
    const delaysMs = new Map<string, number[]>();
    const watch = async (when: string) => {
      delaysMs.set(when, await closeDelays(scene, engine, windows));
      chaos.progress(delaysMs.size, 3);
    };
    await watch('with one silent from the start');

    const isOlder = { janela_inicio: { $lt: new Date(olderMs + RULES.windowMs) } };
    const closedBefore = await totalsOf(scene)
      .find({ ...isOlder, fechada: true })
      .toArray();
    expect(closedBefore.length).toBeGreaterThan(0);
    await sendOlder(olderMs);
    await watch('after it came back with older sales');
    engine.signal('SIGTERM');
    await engine.endsWell();
    engine = scene.engine();
    await watch('after a new start of the engine');

    await live.stop();
    await scene.untilDrained(engine);
    engine.signal('SIGTERM');
    await engine.endsWell();
    const corrected = new Set(closedBefore.map(({ _id }) => String(_id)));
    const oracle = await scene.expectExact({ corrected: ({ _id }) => corrected.has(_id) });
    expect(oracle.deadLetters.size).toBe(0);
    for (const [when, found] of delaysMs) chaos.spread(`closed late, ${when}`, found, 'ms');
    chaos.figure('older sales counted', 2 * OLDER_SALES);
    chaos.figure('documents that say that they were corrected', corrected.size);
  },
);
