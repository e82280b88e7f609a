/** The database dies in the middle of a bulk write and comes back with what it had on disk. */
import { expect } from 'vitest';
import { sleep } from '../../../src/lib/clock.ts';
import { forReplies, MONGO, type MongoRequest } from '../../parts/proxied-requests.ts';
import { endlessSales, WORKLOAD_CATEGORIES_MAX } from '../../parts/sales.ts';
import { SteadyProducer } from '../../parts/steady-producer.ts';
import { committedOffsets } from '../../parts/topic.ts';
import { CrashingDatabase } from '../crashing-database.ts';
import { sceneBehindMongoProxy } from '../network.ts';
import { scenario } from '../scenario.ts';

const SALES_PER_MINUTE = 1500;
/** A bulk write takes the database some 20 to 60 ms. */
const KILL_DELAY_MS_MAX = 60;

scenario(
  {
    row: 10,
    title: 'database killed in the middle of a bulk write',
    invariant: 'nothing is committed to Kafka that is not durable',
  },
  async (chaos) => {
    const crashes = chaos.times(20, 2);
    const database = await CrashingDatabase.start(chaos);
    const { scene, proxy } = await sceneBehindMongoProxy(chaos, {
      mongoUrl: database.url,
      rules: { maxCategories: WORKLOAD_CATEGORIES_MAX },
      flags: { 'flush-interval': '20ms' },
    });
    const sales = endlessSales({ seed: chaos.seed, perMinute: SALES_PER_MINUTE });
    const producer = new SteadyProducer(chaos, scene, sales, 100);
    const engine = scene.engine();
    await engine.reads(0, 1, 2);
    const attempts = () =>
      engine.lines.filter(({ msg }) => /checkpoint attempt/.test(String(msg))).length;
    const resumedMs: number[] = [];
    const ahead: string[] = [];
    let unanswered = 0;
    for (let crash = 0; crash < crashes; crash++) {
      const before = await scene.judged();
      producer.start();
      await engine.until(async () => (await scene.judged()) > before, 'it gets further');
      let asked = 0;
      let answered = 0;
      const isBulk = ({ command, collection }: MongoRequest) => {
        const isIt = command === 'update' && collection === 'faturamento_tempo_real';
        if (isIt) asked++;
        return isIt;
      };
      proxy.rule = forReplies(MONGO, isBulk, () => {
        answered++;
        return 'pass';
      });
      await engine.until(() => asked > answered, 'a bulk write is under way');
      await sleep(chaos.random.between(0, KILL_DELAY_MS_MAX));
      const failedBefore = attempts();
      await database.crash();
      if (asked > answered) unanswered++;
      await engine.until(() => attempts() > failedBefore, 'it finds the database gone');
      const committed = await committedOffsets(scene.brokers, scene.group, scene.topic);
      await database.restart();
      const restartedMs = performance.now();
      const progress = await scene.progress();
      for (const { partition, offset } of committed) {
        const durable = progress.find((one) => one.partition === partition)?.nextOffset ?? -1;
        if (offset > durable) ahead.push(`partition ${partition}: ${offset} > ${durable}`);
      }
      const sent = producer.sent;
      await engine.until(async () => (await scene.judged()) >= sent, 'it goes on');
      resumedMs.push(performance.now() - restartedMs);
      await producer.stop();
      chaos.progress(crash + 1, crashes);
    }
    await scene.untilDrained(engine);
    engine.signal('SIGTERM');
    await engine.endsWell();
    expect(ahead).toEqual([]);
    const oracle = await scene.expectExact({ mayRepeat: true });
    chaos.figure('crashes', crashes);
    chaos.figure('of them with a bulk write unanswered', unanswered);
    chaos.figure('commits past what is durable', ahead.length);
    chaos.figure('documents compared; lost or wrong: 0', oracle.documents.size);
    chaos.spread('resumed after the restart in', resumedMs, 'ms');
  },
);
