/**
 * Whatever producers can write, in one topic: three clients by turns, all codecs, JSON and
 * FlatBuffers, real transactions around each other of which half are rolled back, tombstones,
 * empty values, and records that mean harm. Read by the engine while transactions are open and
 * when all is done, and judged by the oracle from what Kafka's own client reads.
 */
import rdkafka from 'node-rdkafka';
import { expect, type TestContext, test } from 'vitest';
import { CODECS } from '../../src/kafka/record-batch.ts';
import { flatKind } from '../../src/sale/flatbuffers/format.ts';
import { nameOf, openWays, type Transaction, type Way } from '../parts/clients.ts';
import { inAllFormats } from '../parts/formats.ts';
import { readTopicByJava } from '../parts/java-client.ts';
import { logShape } from '../parts/log-shape.ts';
import { judgeAll, type Oracle, sums } from '../parts/oracle.ts';
import { type Random, seeded } from '../parts/random.ts';
import { makeSales, plainSale, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import type { RecordRead, RecordToProduce } from '../parts/topic.ts';
import { runVerify } from '../parts/verify-run.ts';
import { REJECTED } from '../unit/sale/flatbuffers/values.ts';

const SEED = 20241129;
const SALES = 40_000;
/** Of each way. */
const TURNS = 8;
const HOUR_MS = 3_600_000;
/** Not one that a broken FlatBuffer or its place in the workload could have by chance. */
const HARMFUL = ['not_json', 'malformed_flatbuffer', 'valor_out_of_range', 'late'];

/** FlatBuffers that pass for some by their identifier, and are none or hold no good sale. */
const FALSE_FLAT = REJECTED.map(([, , value]) => value).filter((value) => flatKind(value) !== null);

const hasZstd = rdkafka.features.includes('zstd');
const LIMIT_MS = 300_000;

/** What every turn brings besides its sales: of each kind one, behind the newest sale. */
function harm({ timestamp, partition }: RecordToProduce, turn: number): RecordToProduce[] {
  const at = { key: '', timestamp: timestamp!, partition: partition! };
  return [
    { ...at, value: null },
    { ...at, value: '' },
    { ...at, value: '{"id_pedido":"1","categoria":"Casa","valor":1.00,"timestamp":"2024-11-' },
    { ...at, value: plainSale(timestamp! - HOUR_MS) },
    { ...at, value: plainSale(timestamp! + HOUR_MS) },
    { ...at, value: plainSale(timestamp!, '-0.01') },
    { ...at, value: FALSE_FLAT[turn % FALSE_FLAT.length] },
    { ...at, value: FALSE_FLAT[(7 * turn + 3) % FALSE_FLAT.length] },
  ];
}

/** The records as their writers send them: by the key one tells who. */
function signed(way: Way, records: readonly RecordToProduce[]): RecordToProduce[] {
  return records.map((record) =>
    record.key === null ? record : { ...record, key: `${nameOf(way)} ${record.key}` },
  );
}

/**
 * Each way by turns, half of them in its transaction, which ends some turns later, one way or the
 * other. `atHalf` is called with a transaction open in every partition.
 */
async function writeMixed(
  ways: readonly Way[],
  records: readonly RecordToProduce[],
  random: Random,
  atHalf: () => Promise<void>,
): Promise<void> {
  const open = new Map<Way, Transaction>();
  const turns = TURNS * ways.length;
  const start = (turn: number) => Math.floor((turn * records.length) / turns);
  for (let turn = 0; turn < turns; turn++) {
    const way = ways[turn % ways.length];
    const sales = records.slice(start(turn), start(turn + 1));
    const own = signed(way, [...sales, ...harm(sales.at(-1)!, turn)]);
    const isHalf = turn === turns / 2;
    if (!isHalf && random.chance(0.5)) {
      await way.write(own);
    } else {
      if (!open.has(way)) open.set(way, await way.begin());
      await open.get(way)!.write(own);
    }
    if (isHalf) await atHalf();
    for (const [one, transaction] of open) {
      if (turn < turns - 1 && !random.chance(0.2)) continue;
      await transaction.finish(random.chance(0.5) ? 'commit' : 'abort');
      open.delete(one);
    }
  }
}

/** Of each way and format something is in the log and was not rolled back. */
function expectAllKinds(ways: readonly Way[], records: readonly RecordRead[]): void {
  const kinds = new Map<string, Set<string>>();
  for (const { key, value } of records) {
    const way = String(key).split(' ').slice(0, 2).join(' ');
    const kind =
      value === null ? 'tombstone' : value.length ? (flatKind(value) ?? 'json') : 'empty';
    kinds.set(way, (kinds.get(way) ?? new Set()).add(kind));
  }
  for (const way of ways) {
    const found = [...(kinds.get(nameOf(way)) ?? [])].sort();
    expect(found, nameOf(way)).toEqual(['batch', 'empty', 'json', 'sale', 'tombstone']);
  }
}

/** The log holds what it is meant to hold, and so do the dead letters of each client. */
async function expectHarm({ brokers, topic }: Scene, codecs: readonly string[], oracle: Oracle) {
  let written = 0;
  for (const partition of [0, 1, 2]) {
    const shape = await logShape(brokers, topic, partition);
    expect(Object.keys(shape.codecs).sort()).toEqual([...codecs].sort());
    expect(Object.keys(shape.inTransactions).sort()).toEqual([...codecs].sort());
    expect(shape.markers).toBeGreaterThan(20);
    written += Object.values(shape.codecs).reduce((sum, count) => sum + count, 0);
  }
  const committed = [...oracle.partitions.values()].reduce((sum, { records }) => sum + records, 0);
  // A good part of it was rolled back.
  expect(written - committed).toBeGreaterThan(written / 10);
  for (const client of ['java', 'librdkafka', 'kafkajs']) {
    const own = [...oracle.deadLetters.values()].filter(({ record }) =>
      String(record.key).startsWith(client),
    );
    const reasons = own.map(({ reason }) => reason);
    expect(reasons, client).toEqual(expect.arrayContaining([...HARMFUL, 'future_timestamp']));
  }
}

async function countAndCompare(t: TestContext, scene: Scene, ways: readonly Way[]) {
  await scene.drain();
  const records = await readTopicByJava(t, scene.brokers, scene.topic);
  const oracle = judgeAll(records, scene.topic, scene.rules);
  expectAllKinds(ways, records);
  await expectHarm(scene, [...new Set(ways.map(({ codec }) => codec))], oracle);
  await scene.expectExact({ oracle });
  const { counted, rejected } = sums(oracle);
  expect(await scene.judged()).toBe(counted + rejected);
  return runVerify(t, scene);
}

test(
  'all that three clients can write, mixed in one topic, comes out exact',
  async (t) => {
    const scene = await Scene.make(t, { rules: { maxCategories: WORKLOAD_CATEGORIES_MAX } });
    const random = seeded(SEED);
    const records = inAllFormats(makeSales({ seed: SEED, count: SALES }), SEED);
    const ways = await openWays(t, scene);
    const readable = ways.filter(({ codec }) => hasZstd || codec !== 'zstd');
    const half = Math.floor(records.length / 2);
    /** Counts what may be read by then; the rest is held back, and not lost. */
    const drainHeld = async () => {
      await scene.drain();
      expect((await scene.progress()).map(({ atEnd }) => atEnd)).toEqual([false, false, false]);
    };

    await writeMixed(readable, records.slice(0, half), random, drainHeld);
    const first = await countAndCompare(t, scene, readable);
    expect(first.differences).toEqual([]);
    expect(first.exit).toBe(0);

    // The rest with all codecs, as far as the machine that built librdkafka had zstd's library.
    await writeMixed(ways, records.slice(half), random, drainHeld);
    const second = await countAndCompare(t, scene, ways);
    expect(second.differences).toEqual([]);
    expect(new Set(ways.map(({ codec }) => codec))).toEqual(new Set(CODECS));
    if (hasZstd) return void expect(second.exit).toBe(0);
    expect(second.stderr).toContain('E_VERIFY_CODEC');
    expect(second.exit).toBe(1);
  },
  LIMIT_MS,
);
