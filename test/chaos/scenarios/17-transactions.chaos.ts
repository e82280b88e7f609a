/**
 * Transactions of which some are rolled back: twice by one producer between two fetches, over
 * more bytes than a fetch brings, one inside another's, and at a log's very end, where only a
 * marker follows. What was rolled back must never be counted, and the lag must come to nothing.
 */
import type { Producer } from 'kafkajs';
import { expect } from 'vitest';
import { CommitSampler } from '../../parts/commit-sampler.ts';
import { JavaProducer } from '../../parts/java-client.ts';
import { sums } from '../../parts/oracle.ts';
import { plainSale } from '../../parts/sales.ts';
import type { Scene } from '../../parts/scene.ts';
import {
  committedOffsets,
  kafkaClient,
  offsetRanges,
  type RecordToProduce,
  uniqueName,
} from '../../parts/topic.ts';
import { type Chaos, scenario } from '../scenario.ts';

const START_MS = Date.UTC(2024, 10, 29, 12);
const PARTITIONS = 2;
/** One fetch brings 4 MiB at most. */
const LARGE = 'x'.repeat(500_000);
const LARGE_COUNT = 12;

/** Committed and rolled-back sales differ by their category, so that one that leaks shows. */
type Outcome = 'commit' | 'abort';
const CATEGORY: Readonly<Record<Outcome, string>> = { commit: 'Casa', abort: 'Rolled back' };

class Sender {
  committed = 0;
  aborted = 0;
  readonly #scene: Scene;
  readonly #chaos: Chaos;

  constructor(chaos: Chaos, scene: Scene) {
    this.#chaos = chaos;
    this.#scene = scene;
  }

  async producer(): Promise<Producer> {
    const producer = kafkaClient(this.#scene.brokers).producer({
      transactionalId: uniqueName('till'),
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await producer.connect();
    this.#chaos.onTestFinished(() => producer.disconnect());
    return producer;
  }

  /** Sends it in several batches; ends it only when told, if at all. */
  async begin(producer: Producer, outcome: Outcome, count: number, padding = '') {
    const transaction = await producer.transaction();
    for (let sent = 0; sent < count; ) {
      const size = Math.min(count - sent, this.#chaos.random.between(1, 5));
      const messages = Array.from({ length: size }, (_, i) => ({
        value: this.#value(outcome, sent + i, padding),
        partition: this.#chaos.random.between(0, PARTITIONS - 1),
        timestamp: String(START_MS),
      }));
      await transaction.send({ topic: this.#scene.topic, messages });
      sent += size;
    }
    return async () => {
      await (outcome === 'commit' ? transaction.commit() : transaction.abort());
      if (outcome === 'commit') this.committed += count;
      else this.aborted += count;
    };
  }

  async send(producer: Producer, outcome: Outcome, count: number, padding = ''): Promise<void> {
    const end = await this.begin(producer, outcome, count, padding);
    await end();
  }

  #value(outcome: Outcome, i: number, padding: string): string {
    const sale = plainSale(START_MS + (i % 60) * 1000, '1.01', CATEGORY[outcome]);
    return padding === '' ? sale : sale.replace('{', `{"nota":"${padding}",`);
  }
}

async function send(chaos: Chaos, sender: Sender, rounds: number): Promise<void> {
  const [first, second] = [await sender.producer(), await sender.producer()];
  for (let round = 0; round < rounds; round++) {
    const size = () => chaos.random.between(1, 20);
    await sender.send(first, 'abort', size());
    await sender.send(first, 'abort', size());
    await sender.send(first, 'commit', size());
    // One rolled back around another that is kept, and the other way round.
    for (const [outer, inner] of [
      ['abort', 'commit'],
      ['commit', 'abort'],
    ] as const) {
      const end = await sender.begin(first, outer, size());
      await sender.send(second, inner, size());
      await end();
    }
    if (round === 0) {
      await sender.send(second, 'abort', LARGE_COUNT, LARGE);
      await sender.send(first, 'commit', LARGE_COUNT, LARGE);
    }
    chaos.progress(round + 1, rounds);
  }
  // The log ends with a marker, behind records that are passed over.
  await sender.send(second, 'abort', 3);
}

scenario(
  {
    row: 17,
    title: 'transactions, of which some are rolled back',
    invariant: 'rolled-back sales are never counted, the lag reaches nothing',
  },
  async (chaos) => {
    const rounds = chaos.times(60, 4);
    const configs = { 'max.message.bytes': String(2 ** 24) };
    const scene = await chaos.scene({ partitions: PARTITIONS, configs });
    const sampler = new CommitSampler(chaos, scene);
    const sender = new Sender(chaos, scene);
    // Half of it is read as a backlog, half as it comes.
    await send(chaos, sender, rounds / 2);
    const engine = scene.engine();
    await send(chaos, sender, rounds / 2);
    await scene.untilDrained(engine);
    const ends = (await offsetRanges(scene.brokers, scene.topic)).map(({ high }) => high);
    const isCommitted = async () => {
      const offsets = await committedOffsets(scene.brokers, scene.group, scene.topic);
      return offsets.every(({ partition, offset }) => offset === ends[partition]);
    };
    await engine.until(isCommitted, 'the lag in Kafka is nothing');
    engine.signal('SIGTERM');
    await engine.endsWell();
    await sampler.stop();
    expect(sampler.ahead).toEqual([]);
    const totals = scene.db.collection('faturamento_tempo_real');
    expect(await totals.countDocuments({ categoria: CATEGORY.abort })).toBe(0);
    const { counted, rejected } = sums(await scene.expectExact());
    expect({ counted, rejected }).toEqual({ counted: sender.committed, rejected: 0 });
    chaos.figure('sales of kept transactions', sender.committed);
    chaos.figure('sales rolled back', sender.aborted);
    chaos.figure('leaked', 0);
    chaos.figure('lag at the end', 0, 'records');
  },
);

/** Without zstd, which the oracle's librdkafka may have been built without. */
const CODECS = ['none', 'gzip', 'snappy', 'lz4'];

scenario(
  {
    row: 17,
    title: "compressed transactions of Kafka's own client",
    invariant: 'rolled-back sales are never counted, the whole log is read',
  },
  async (chaos) => {
    const rounds = chaos.times(100, 8);
    const { random } = chaos;
    const scene = await chaos.scene({ partitions: PARTITIONS });
    const java = await JavaProducer.start(chaos, scene.brokers, scene.topic);
    const sales = (outcome: Outcome, count: number): RecordToProduce[] =>
      Array.from({ length: count }, () => ({
        value: plainSale(START_MS, '1.01', CATEGORY[outcome]),
        timestamp: START_MS,
        partition: random.between(0, PARTITIONS - 1),
      }));
    const sent = { commit: 0, abort: 0 };
    for (let round = 0; round < rounds; round++) {
      // Two at once by two producers, each of which goes on from round to round.
      const open = ['one', 'two'].map((name) => ({
        name,
        outcome: random.pick<Outcome>(['commit', 'abort', 'abort']),
      }));
      for (const { name } of open) java.begin(name, random.pick(CODECS));
      for (let piece = 0; piece < 4; piece++) {
        const { name, outcome } = random.pick(open);
        const records = sales(outcome, random.between(1, 30));
        await java.produce(`in ${name}`, records);
        sent[outcome] += records.length;
      }
      if (random.chance(0.5)) open.reverse();
      for (const { name, outcome } of open) await java.finish(name, outcome);
      chaos.progress(round + 1, rounds);
    }
    await scene.drain();
    const { counted, rejected } = sums(await scene.expectExact());
    expect({ counted, rejected }).toEqual({ counted: sent.commit, rejected: 0 });
    const ends = (await offsetRanges(scene.brokers, scene.topic)).map(({ high }) => high);
    expect((await scene.progress()).map(({ nextOffset }) => nextOffset)).toEqual(ends);
    chaos.figure('transactions', 2 * rounds);
    chaos.figure('sales of kept ones', sent.commit);
    chaos.figure('sales rolled back', sent.abort);
    chaos.figure('leaked', counted - sent.commit);
  },
);
