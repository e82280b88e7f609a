/**
 * A write that the database made and nobody was told of. The driver tries again, and the engine
 * after it; up to three replies in a row are lost, so that both do.
 */
import { BSON } from 'mongodb';
import { expect } from 'vitest';
import { CommitSampler } from '../../parts/commit-sampler.ts';
import type { Message, Verdict } from '../../parts/fault-proxy.ts';
import { forReplies, MONGO } from '../../parts/proxied-requests.ts';
import { endlessSales, WORKLOAD_CATEGORIES_MAX } from '../../parts/sales.ts';
import { SteadyProducer } from '../../parts/steady-producer.ts';
import { sceneBehindMongoProxy } from '../network.ts';
import { scenario } from '../scenario.ts';

const IN_A_ROW_MAX = 3;
/** Of an OP_MSG: header, flags, and the kind of its one section. */
const BODY_AT = 21;

scenario(
  { row: 9, title: 'lost replies to writes', invariant: 'no sale counted twice or lost' },
  async (chaos) => {
    const rounds = chaos.times(60, 8);
    const { scene, proxy } = await sceneBehindMongoProxy(chaos, {
      rules: { maxCategories: WORKLOAD_CATEGORIES_MAX },
      flags: { 'flush-interval': '20ms' },
    });
    const sales = endlessSales({ seed: chaos.seed, perMinute: 1500 });
    const producer = new SteadyProducer(chaos, scene, sales, 50);
    const sampler = new CommitSampler(chaos, scene);
    const engine = scene.engine();
    await engine.reads(0, 1, 2);
    let lost = 0;
    let applied = 0;
    producer.start();
    for (let round = 0; round < rounds; round++) {
      const before = await scene.judged();
      await engine.until(async () => (await scene.judged()) > before, 'it gets further');
      let left = chaos.random.between(1, IN_A_ROW_MAX);
      const lose = ({ bytes }: Message): Verdict => {
        if (left === 0) return 'pass';
        left--;
        lost++;
        applied += Number(BSON.deserialize(bytes.subarray(BODY_AT)).n);
        return 'reset';
      };
      proxy.rule = forReplies(MONGO, ({ command }) => command === 'update', lose);
      await engine.until(() => left === 0, 'the replies are lost');
      chaos.progress(round + 1, rounds);
    }
    await proxy.heal();
    await producer.stop();
    await scene.untilDrained(engine);
    engine.signal('SIGTERM');
    await engine.endsWell();
    await sampler.stop();
    expect(sampler.ahead).toEqual([]);
    expect(applied).toBeGreaterThan(rounds);
    await scene.expectExact({ mayRepeat: true });
    const told = engine.lines.filter(({ code }) => code === 'E_MONGO_UNREACHABLE').length;
    chaos.figure('replies lost', lost);
    chaos.figure('ambiguous writes: made, and their reply lost', applied);
    chaos.figure('errors told, with a retry by the engine; the rest the driver tried again', told);
  },
);
