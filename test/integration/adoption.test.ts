import { expect, test } from 'vitest';
import type { LiveSnapshot } from '../../src/dashboard/api.ts';
import { findFreePort } from '../../src/mongo/child-processes.ts';
import { makeSales, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import { committedOffsets, offsetRanges } from '../parts/topic.ts';

const rules = { maxCategories: WORKLOAD_CATEGORIES_MAX };

/** Partitions that the engine with its page at this port counts; none while it does not answer. */
async function counts(port: number): Promise<number[]> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/live`).catch(() => null);
  if (!answer) return [];
  const { partitions } = (await answer.json()) as LiveSnapshot;
  const own = partitions.filter(({ state }) => state !== 'elsewhere');
  return own.map(({ partition }) => partition).sort();
}

test('killed and started again, an engine goes on before its group has given the dead one up', async (t) => {
  const scene = await Scene.make(t, { rules });
  const sales = makeSales({ seed: 21, count: 4000 });
  await scene.produce(sales.slice(0, 2000));
  const first = scene.engine();
  await scene.untilDrained(first);
  await first.kill('SIGKILL');

  // At once: when the group has given the dead one up, after ten seconds, there is none to adopt.
  const second = scene.engine();
  await scene.produce(sales.slice(2000));
  for (const partition of [0, 1, 2]) {
    await second.says('adopted', `partition ${partition}: `);
  }
  await scene.untilDrained(second);
  expect((await scene.progress()).map(({ owner }) => owner.split('/')[1])).toEqual(
    Array(3).fill(String(second.pid)),
  );

  // Commits wait for the group, and come once it has spoken.
  const ends = await offsetRanges(scene.brokers, scene.topic);
  await second.until(async () => {
    const committed = await committedOffsets(scene.brokers, scene.group, scene.topic);
    return ends.every(({ partition, high }) => committed[partition]?.offset === high);
  }, 'all is committed');
  second.signal('SIGTERM');
  await second.endsWell();
  expect(second.has('E_COMMIT')).toBe(false);
  await scene.expectExact({ mayRepeat: true });
});

test('an engine that was only stopped for a while keeps what its group leaves it', async (t) => {
  const scene = await Scene.make(t, { rules });
  const sales = makeSales({ seed: 22, count: 6000 });
  const [firstPort, secondPort] = [await findFreePort(), await findFreePort()];
  const first = scene.engine({ http: `127.0.0.1:${firstPort}` });
  await scene.produce(sales.slice(0, 2000));
  await scene.untilDrained(first);

  first.signal('SIGSTOP');
  const second = scene.engine({ http: `127.0.0.1:${secondPort}` });
  for (const partition of [0, 1, 2]) {
    await second.says('adopted', `partition ${partition}: `);
  }
  await scene.produce(sales.slice(2000, 4000));
  await scene.untilDrained(second);
  first.signal('SIGCONT');
  await second.until(async () => {
    const [one, other] = [await counts(firstPort), await counts(secondPort)];
    const all = [...one, ...other].sort().join();
    return one.length > 0 && other.length > 0 && all === '0,1,2';
  }, 'each partition is counted by one of them');

  await scene.produce(sales.slice(4000));
  await scene.untilDrained(second);
  for (const engine of [first, second]) engine.signal('SIGTERM');
  for (const engine of [first, second]) await engine.endsWell();
  await scene.expectExact({ mayRepeat: true });
});

test('what an engine has let go of is nobody’s, and the next one waits for its group', async (t) => {
  const scene = await Scene.make(t, { rules });
  await scene.produce(makeSales({ seed: 23, count: 500 }));
  await scene.drain();
  expect((await scene.progress()).map(({ owner }) => owner)).toEqual(['', '', '']);
  const next = scene.engine();
  await next.says('lease-started');
  next.signal('SIGTERM');
  await next.endsWell();
  expect(next.has('adopted')).toBe(false);
});
