/** Each fault of a network on each side of the engine, one after another, under load. */
import { expect } from 'vitest';
import { sleep } from '../../../src/lib/clock.ts';
import { CommitSampler } from '../../parts/commit-sampler.ts';
import { BOTH_WAYS, type FaultProxy, type Message, type Verdict } from '../../parts/fault-proxy.ts';
import { forReplies, KAFKA, KAFKA_API, MONGO } from '../../parts/proxied-requests.ts';
import { endlessSales, WORKLOAD_CATEGORIES_MAX } from '../../parts/sales.ts';
import type { Scene } from '../../parts/scene.ts';
import { SteadyProducer } from '../../parts/steady-producer.ts';
import { sceneBehindKafkaProxy, sceneBehindMongoProxy } from '../network.ts';
import { type Chaos, scenario } from '../scenario.ts';

const SALES_PER_MINUTE = 1500;
const options = { rules: { maxCategories: WORKLOAD_CATEGORIES_MAX } };

interface Fault {
  readonly name: string;
  begin(proxy: FaultProxy): void | Promise<void>;
  /** How long it lasts, in the full run; in a short one at most SHORT_MS. Default: LASTS_MS. */
  readonly lastsMs?: number;
  /** It takes the engine longer than a short run has. */
  readonly isLong?: boolean;
}

const LASTS_MS = 4000;
const SHORT_MS = 700;
/** Past the 15 s of silence after which the engine takes a broker, and the driver a database, for gone. */
const SILENCE_MS = 20_000;
const MESSAGES = 3;
/**
 * To notice that a connection is dead takes 15 s, and nothing may wait for two of them in a row. A
 * short run has other scenarios beside it, and says nothing of time.
 */
const RESUME_LIMIT_MS = 35_000;

const NETWORK: readonly Fault[] = [
  { name: 'connections refused', begin: (proxy) => proxy.cut() },
  { name: 'connections reset', begin: (proxy) => proxy.reset(), lastsMs: 0 },
  {
    name: 'half open: nothing passes',
    begin: (proxy) => proxy.hold(...BOTH_WAYS),
    lastsMs: SILENCE_MS,
  },
  { name: 'requests do not arrive', begin: (proxy) => proxy.hold('up') },
  { name: 'replies do not arrive', begin: (proxy) => proxy.hold('down') },
  {
    name: 'half open: old connections are never answered again',
    begin: (proxy) => proxy.strand(),
    lastsMs: 0,
    isLong: true,
  },
  { name: 'slow: 100 ms each way', begin: (proxy) => proxy.delay(100, ...BOTH_WAYS) },
  { name: 'thin: 50 kB/s each way', begin: (proxy) => proxy.throttle(50_000, ...BOTH_WAYS) },
];

/** Strikes the replies to the engine's main request, so many of them. */
function onReplies(side: 'Kafka' | 'MongoDB', verdict: (reply: Message) => Verdict) {
  let left = MESSAGES;
  const strike = (reply: Message): Verdict => {
    if (left === 0) return 'pass';
    const struck = verdict(reply);
    if (struck !== 'pass') left--;
    return struck;
  };
  return side === 'Kafka'
    ? forReplies(KAFKA, (api) => api === KAFKA_API.fetch, strike)
    : forReplies(MONGO, ({ command }) => command === 'update', strike);
}

const messageFaults = (side: 'Kafka' | 'MongoDB'): Fault[] => [
  {
    name: 'torn: the connection ends in the middle of a reply',
    begin: (proxy) => {
      proxy.rule = onReplies(side, () => 'tear');
    },
  },
  {
    name: 'reply lost with its connection',
    begin: (proxy) => {
      proxy.rule = onReplies(side, () => 'reset');
    },
  },
];

/** A sale that is still one, of another amount: only the batch's checksum can tell. */
const CHANGED_DIGIT: Fault = {
  name: 'a digit of an amount changed',
  begin: (proxy) => {
    proxy.rule = onReplies('Kafka', ({ bytes }) => {
      const at = bytes.indexOf('"valor":');
      if (at < 0) return 'pass';
      const changed = Buffer.from(bytes);
      changed[at + '"valor":'.length] ^= 1;
      return { instead: changed };
    });
  },
};

async function suffer(
  chaos: Chaos,
  { scene, proxy }: { scene: Scene; proxy: FaultProxy },
  faults: readonly Fault[],
): Promise<void> {
  const sales = endlessSales({ seed: chaos.seed, perMinute: SALES_PER_MINUTE });
  const producer = new SteadyProducer(chaos, scene, sales, 100);
  const sampler = new CommitSampler(chaos, scene);
  const engine = scene.engine();
  await engine.reads(0, 1, 2);
  const resumedMs: number[] = [];
  for (const [i, { name, begin, lastsMs = LASTS_MS }] of faults.entries()) {
    const before = await scene.judged();
    const struckBefore = proxy.struck;
    producer.start();
    await engine.until(async () => (await scene.judged()) > before, `it gets further: ${name}`);
    const sentBefore = producer.sent;
    await begin(proxy);
    await engine.until(() => producer.sent > sentBefore, `more is sent: ${name}`);
    await sleep(chaos.isShort ? Math.min(lastsMs, SHORT_MS) : lastsMs);
    await engine.until(() => proxy.struck > struckBefore, `the fault strikes: ${name}`);
    await proxy.heal();
    const healedMs = performance.now();
    const sent = producer.sent;
    const isBack = async () => (await scene.judged()) >= sent;
    await engine.until(isBack, `it is back: ${name}`, chaos.isShort ? undefined : RESUME_LIMIT_MS);
    resumedMs.push(performance.now() - healedMs);
    chaos.figure(`${name}: resumed in`, resumedMs[i] / 1000, 's');
    await producer.stop();
    chaos.progress(i + 1, faults.length);
  }
  await scene.untilDrained(engine);
  engine.signal('SIGTERM');
  await engine.endsWell();
  await sampler.stop();
  expect(sampler.ahead).toEqual([]);
  await scene.expectExact({ mayRepeat: true });
  chaos.figure('faults', faults.length);
  chaos.figure('connections and messages struck', proxy.struck);
  chaos.figure('longest to resume', Math.max(...resumedMs) / 1000, 's');
}

for (const side of ['Kafka', 'MongoDB'] as const) {
  scenario(
    {
      row: 8,
      title: `a bad network to ${side}`,
      invariant: 'exact, nothing committed before it is durable, resumes by itself',
    },
    async (chaos) => {
      const faults = [...NETWORK, ...messageFaults(side)].filter(
        ({ isLong }) => !isLong || !chaos.isShort,
      );
      if (side === 'Kafka') faults.push(CHANGED_DIGIT);
      const behindProxy = side === 'Kafka' ? sceneBehindKafkaProxy : sceneBehindMongoProxy;
      await suffer(chaos, await behindProxy(chaos, options), faults);
    },
  );
}
