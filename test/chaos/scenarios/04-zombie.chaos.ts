import { expect } from 'vitest';
import { endlessSales, makeSales, WORKLOAD_CATEGORIES_MAX } from '../../parts/sales.ts';
import type { Scene } from '../../parts/scene.ts';
import { SteadyProducer } from '../../parts/steady-producer.ts';
import { uniqueName } from '../../parts/topic.ts';
import { armed, passings } from '../fail-trace.ts';
import { countedBy, memberCount, standsStill } from '../ownership.ts';
import { scenario } from '../scenario.ts';

const rules = { maxCategories: WORKLOAD_CATEGORIES_MAX };
const HTTP = { http: '127.0.0.1:0' };
/** Where the process stands still: with something in its hands that is old when it goes on. */
const PLACES = ['in-totals', 'in-progress', 'before-letters', 'in-commit', 'in-freeze'];
const PIECE = 600;
const SALES_PER_MINUTE = 600;

scenario(
  {
    row: 4,
    title: 'zombie: stopped past its session, taken over, then going on',
    invariant: 'its stale writes change nothing, and it gives its partitions up',
  },
  async (chaos) => {
    const runs = chaos.times(10, 2);
    const scene = await chaos.scene({ rules, flags: { 'flush-interval': '50ms' } });
    const sales = endlessSales({ seed: chaos.seed, perMinute: SALES_PER_MINUTE });
    const producer = new SteadyProducer(chaos, scene, sales, 100);
    const sendSome = () => {
      producer.start(PIECE);
      return producer.finish();
    };
    await sendSome();
    await scene.drain();
    let staleWrites = 0;
    for (let run = 0; run < runs; run++) {
      const place = PLACES[run % PLACES.length];
      // Each thread counts its passings: with two, one would stop the process a second time.
      const flags = { ...HTTP, threads: '1' };
      const zombie = scene.engine(flags, armed(`${place}:stop:${chaos.random.between(3, 5)}`));
      await zombie.says('live-page');
      producer.start();
      await zombie.until(() => standsStill(zombie), `it stands still at ${place}`);
      await producer.stop();

      const heir = scene.engine(HTTP);
      await heir.says('live-page');
      await heir.until(async () => (await memberCount(scene)) === 1, 'the zombie is given up');
      await heir.until(async () => (await countedBy(heir)).length === 3, 'it counts all');
      await sendSome();
      await scene.untilDrained(heir);

      // With the heir standing still, whatever changes is the zombie's doing.
      heir.signal('SIGSTOP');
      const before = await written(scene);
      const told = passings(zombie).length;
      zombie.signal('SIGCONT');
      const last = place === 'in-commit' ? 'after-commit' : 'after-progress';
      const since = () => passings(zombie).slice(told);
      await zombie.until(() => since().some(({ name }) => name === last), `it comes to ${last}`);
      staleWrites += since().filter(({ name }) => name.startsWith('after-')).length;
      expect(await written(scene)).toEqual(before);
      heir.signal('SIGCONT');

      const isShared = async () => {
        const [one, other] = [await countedBy(zombie), await countedBy(heir)];
        return one.length > 0 && other.length > 0 && one.length + other.length === 3;
      };
      await zombie.until(isShared, 'it has only what the group gives it');
      await sendSome();
      await scene.untilDrained(heir);
      for (const engine of [zombie, heir]) engine.signal('SIGTERM');
      for (const engine of [zombie, heir]) await engine.endsWell();
      chaos.progress(run + 1, runs);
    }
    await scene.expectExact({ mayRepeat: true });
    chaos.figure('zombies', runs);
    chaos.figure('stale steps tried', staleWrites);
    chaos.figure('totals changed by them', 0);
    expect(staleWrites).toBeGreaterThan(0);
  },
);

scenario(
  {
    row: 4,
    title: 'a takeover that stands still between its two reads',
    invariant: 'exact: registers are never older than the progress',
  },
  async (chaos) => {
    const runs = chaos.times(10, 2);
    const scene = await chaos.scene({ rules, flags: { 'flush-interval': '20ms' } });
    const count = 3 * PIECE * runs + PIECE;
    const sales = makeSales({ seed: chaos.seed, count });
    const send = () => scene.produce(sales.splice(0, PIECE));
    await send();
    await scene.drain();
    for (let run = 0; run < runs; run++) {
      const owner = scene.engine({ group: uniqueName('owner') });
      await send();
      await scene.untilDrained(owner);
      // In another group, as one that takes the owner for dead.
      const heir = scene.engine({ group: uniqueName('heir') }, armed('in-recovery:stop'));
      await heir.until(() => standsStill(heir), 'it stands still');
      await send();
      await scene.untilDrained(owner);
      await owner.kill('SIGKILL');
      heir.signal('SIGCONT');
      await send();
      await scene.untilDrained(heir);
      heir.signal('SIGTERM');
      await heir.endsWell();
      chaos.progress(run + 1, runs);
    }
    await scene.expectExact({ mayRepeat: true });
    chaos.figure('takeovers', runs);
    chaos.figure('wrong documents', 0);
  },
);

/** What the totals and the progress say, without what changes with the clock. */
async function written(scene: Scene) {
  const documents = await scene.db.collection('faturamento_tempo_real').find().toArray();
  const progress = await scene.progress();
  return {
    totals: documents.map(({ _id, faturamento_total, partes }) => [_id, faturamento_total, partes]),
    progress: progress.map(({ nextOffset, counted, rejected }) => [nextOffset, counted, rejected]),
  };
}
