/**
 * Clocks that are wrong. One event a day ahead, taken for time, would make every honest sale behind
 * it late; so none of these may move a partition's time, and no honest sale may be rejected.
 */
import { expect } from 'vitest';
import { plainSale } from '../../parts/sales.ts';
import type { Scene } from '../../parts/scene.ts';
import { type RecordToProduce, readTopic } from '../../parts/topic.ts';
import { type Chaos, scenario } from '../scenario.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const TOLERANCE_MS = 5 * MINUTE_MS;
/** Honest sales come out of order, by less than the watermark delay less a window. */
const DISORDER_MS = 110_000;
const PARTITIONS = 3;

type Kind = 'honest' | 'poison';

const record = (
  kind: Kind,
  value: string,
  timestamp: number,
  partition: number,
): RecordToProduce => ({ value, timestamp, partition, headers: [['kind', kind]] });

/** What an event's time may be that is no time of this day. */
const NONSENSE = [
  ...['9999-12-31T23:59:59', '1969-12-31T23:59:59', '0000-00-00T00:00:00', '2024-02-30T10:00:00'],
  ...[
    '2024-11-29T24:00:01',
    '2024-11-29T12:00:00+99:00',
    'amanhã',
    '',
    '1732881600000',
    '2105-01-01',
  ],
  ...['+010000-01-01T00:00:00Z', '-271821-04-20T00:00:00Z', '2024-11-29T12:00:60'],
];

const saleAt = (timestamp: string) =>
  plainSale(0, '66.60').replace(/"timestamp":"[^"]*"/, `"timestamp":${JSON.stringify(timestamp)}`);

function poison(chaos: Chaos, nowMs: number): string {
  const { random } = chaos;
  const aheadMs = random.pick([TOLERANCE_MS + 1, 6 * MINUTE_MS, DAY_MS, 365 * DAY_MS]);
  return random.chance(0.5) ? plainSale(nowMs + aheadMs, '66.60') : saleAt(random.pick(NONSENSE));
}

function honest(chaos: Chaos, nowMs: number): string {
  const { random } = chaos;
  return plainSale(nowMs - random.between(0, DISORDER_MS), `${random.between(1, 9999)}.07`);
}

async function expectHonestCounted(scene: Scene, honestCount: number): Promise<number> {
  const letters = await readTopic(scene.brokers, `${scene.topic}.dlq`);
  const kindOf = (headers: RecordToProduce['headers']) =>
    String(headers?.find(([name]) => name === 'kind')?.[1]);
  const lost = letters.filter(({ headers }) => kindOf(headers) === 'honest').length;
  const counted = (await scene.progress()).reduce((sum, one) => sum + one.counted, 0);
  expect(lost).toBe(0);
  expect(counted).toBe(honestCount);
  return letters.length;
}

scenario(
  {
    row: 15,
    title: 'event times that cannot be',
    invariant: 'honest sales are counted, poison is rejected',
  },
  async (chaos) => {
    const count = chaos.times(100_000, 6000);
    const startMs = Date.UTC(2024, 10, 29, 12);
    const scene = await chaos.scene({ partitions: PARTITIONS });
    let honestCount = 0;
    const records = Array.from({ length: count }, (_, i) => {
      const nowMs = startMs + i * 20;
      const partition = chaos.random.between(0, PARTITIONS - 1);
      if (chaos.random.chance(0.1)) return record('poison', poison(chaos, nowMs), nowMs, partition);
      honestCount++;
      return record('honest', honest(chaos, nowMs), nowMs, partition);
    });
    await scene.produce(records);
    await scene.drain();
    const rejected = await expectHonestCounted(scene, honestCount);
    expect(rejected).toBe(count - honestCount);
    await scene.expectExact();
    chaos.figure('honest sales', honestCount);
    chaos.figure('poison rejected', rejected);
    chaos.figure('honest sales lost', 0);
  },
);

scenario(
  {
    row: 15,
    title: 'a producer whose own clock is a day ahead',
    invariant: "with the broker's timestamps, honest sales are counted and its own rejected",
  },
  async (chaos) => {
    const count = chaos.times(20_000, 2000);
    const configs = { 'message.timestamp.type': 'LogAppendTime' };
    const scene = await chaos.scene({ partitions: PARTITIONS, configs });
    let honestCount = 0;
    const records = Array.from({ length: count }, (_, i) => {
      const partition = i % PARTITIONS;
      const nowMs = Date.now();
      if (chaos.random.chance(0.1)) {
        return record('poison', plainSale(nowMs + DAY_MS, '66.60'), nowMs + DAY_MS, partition);
      }
      honestCount++;
      return record('honest', honest(chaos, nowMs), nowMs, partition);
    });
    await scene.produce(records);
    await scene.drain();
    await expectHonestCounted(scene, honestCount);
    await scene.expectExact();
    chaos.figure('honest sales', honestCount);
    chaos.figure('rejected', count - honestCount);

    // Without the broker's own timestamps it is the broker's limit that keeps such records out.
    const usual = { 'message.timestamp.after.max.ms': String(60 * MINUTE_MS) };
    const other = await chaos.scene({ partitions: 1, configs: usual });
    const dayAhead = Date.now() + DAY_MS;
    const refused = other.produce([{ value: plainSale(dayAhead), timestamp: dayAhead }]);
    await expect(refused).rejects.toThrow(/timestamp/i);
  },
);
