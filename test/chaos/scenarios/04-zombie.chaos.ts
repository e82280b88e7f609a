import { isDeepStrictEqual } from 'node:util';
import type { Document } from 'mongodb';
import { expect } from 'vitest';
import { EngineProcess } from '../../parts/engine-process.ts';
import { leastWatermarkMs } from '../../parts/exact.ts';
import { endlessSales, makeSales, WORKLOAD_CATEGORIES_MAX } from '../../parts/sales.ts';
import type { Scene } from '../../parts/scene.ts';
import { SteadyProducer } from '../../parts/steady-producer.ts';
import { uniqueName } from '../../parts/topic.ts';
import { armed, passings } from '../fail-trace.ts';
import { countedBy, memberCount, standsStill } from '../ownership.ts';
import { type Chaos, scenario } from '../scenario.ts';

const rules = { maxCategories: WORKLOAD_CATEGORIES_MAX };
const HTTP = { http: '127.0.0.1:0' };
/** Where the process stands still: with something in its hands that is old when it goes on. */
const PLACES = ['in-totals', 'in-progress', 'before-letters', 'in-commit', 'in-freeze'];
const PIECE = 600;
const SALES_PER_MINUTE = 600;
/** Some windows are closed when so many are counted. */
const PIECES_BEFORE = 6;

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

scenario(
  {
    row: 4,
    title: 'a close that stands still while the topic is counted anew',
    invariant: 'it changes no document of the new count; exact',
  },
  async (chaos) => {
    const runs = chaos.times(6, 2);
    const scene = await chaos.scene({ rules, flags: { 'flush-interval': '20ms' } });
    const sales = endlessSales({ seed: chaos.seed, perMinute: SALES_PER_MINUTE });
    const producer = new SteadyProducer(chaos, scene, sales, 100);
    const sendSome = (count: number) => {
      producer.start(count);
      return producer.finish();
    };
    await sendSome(PIECES_BEFORE * PIECE);
    await scene.drain();
    let reached = 0;
    for (let run = 0; run < runs; run++) {
      // Before its close, and again behind it, so that whatever changes between is the close's doing.
      const at = chaos.random.between(2, 5);
      const stops = armed(`in-close:stop:${at},after-close:stop:${at}`);
      // In a group of its own, so that nobody need wait until it is given up.
      const sleeper = scene.engine({ group: uniqueName('sleeper') }, stops);
      producer.start();
      await sleeper.until(() => standsStill(sleeper), 'it stands still amid its close');
      await producer.stop();
      const progress = await scene.db.collection('progresso_particoes').find().toArray();
      const staleMs = leastWatermarkMs(progress);

      await reset(chaos, scene);
      const heir = scene.engine({}, armed('after-totals:stop'));
      await heir.until(() => standsStill(heir), 'it stands still behind its first totals');
      const before = await totalsOf(scene);
      const isReached = ({ fechada, janela_fim }: (typeof before)[number]) =>
        !fechada && janela_fim.getTime() <= staleMs;
      const inReach = before.filter(isReached).length;
      expect(inReach, 'open documents behind the stale watermark').toBeGreaterThan(0);
      reached += inReach;
      const closes = () => passings(sleeper).filter(({ name }) => name === 'after-close').length;
      sleeper.signal('SIGCONT');
      await sleeper.until(() => closes() === at, 'its close is over');
      expect(changed(before, await totalsOf(scene)), 'what the stale close changed').toEqual([]);

      // What else it does when it goes on is no matter of closes.
      await sleeper.kill('SIGKILL');
      heir.signal('SIGCONT');
      await sendSome(PIECE);
      await scene.untilDrained(heir);
      heir.signal('SIGTERM');
      await heir.endsWell();
      await scene.expectExact({ mayRepeat: true });
      chaos.progress(run + 1, runs);
    }
    chaos.figure('stale closes', runs);
    chaos.figure('open documents behind their watermarks', reached);
    chaos.figure('documents changed by them', 0);
  },
);

async function reset(chaos: Chaos, scene: Scene): Promise<void> {
  const words = ['reset', '--yes', ...scene.flags()];
  await new EngineProcess(chaos, words, { main: chaos.engineMain }).endsWell();
}

const totalsOf = ({ db }: Scene) => db.collection('faturamento_tempo_real').find().toArray();

/** A sentence for each, so that a failure can be read. */
function changed(before: readonly Document[], after: readonly Document[]): string[] {
  const old = new Map(before.map((document) => [document._id, document]));
  const others = after.filter((document) => !isDeepStrictEqual(document, old.get(document._id)));
  return [
    ...(before.length === after.length ? [] : [`${before.length} documents are ${after.length}`]),
    ...others.map(({ _id, fechada }) => `${_id} is another, fechada ${fechada}`),
  ];
}

/** What the totals and the progress say, without what changes with the clock. */
async function written(scene: Scene) {
  const documents = await totalsOf(scene);
  const progress = await scene.progress();
  return {
    totals: documents.map(({ _id, faturamento_total, partes }) => [_id, faturamento_total, partes]),
    progress: progress.map(({ nextOffset, counted, rejected }) => [nextOffset, counted, rejected]),
  };
}
