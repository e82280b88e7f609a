/**
 * The whole job beside the usual Node clients: the same topic on a real broker, one after the
 * other in one run, in rounds. The engine does all that it promises, durable and committed; the
 * peers only read, parse and sum. All must come to the same sums.
 */
import { MongoClient } from 'mongodb';
import { startEmbeddedDatabase } from '../src/mongo/embedded-database.ts';
import { startKafkaBroker } from '../test/parts/kafka-broker.ts';
import { type Measured, runMeasured } from './parts/measured.ts';
import { hashOf, type Sums } from './parts/sums.ts';
import { preload } from './parts/workload.ts';

export interface EndToEndOptions {
  readonly sales: number;
  readonly rounds: number;
  readonly onStep: (step: string) => void;
}

export interface EndToEndRow {
  readonly system: string;
  /** One for each round. */
  readonly salesPerSecond: number[];
  readonly wholeMs: number[];
  readonly cpuMs: number[];
  readonly peakMb: number[];
  readonly hash: string;
}

interface Round {
  readonly salesPerSecond: number;
  readonly hash: string;
  readonly measured: Measured;
}

interface Parts {
  readonly brokers: string;
  readonly mongoUrl: string;
  readonly sales: number;
}

const TOPIC = 'bench-sales';
const script = (path: string) => new URL(path, import.meta.url).pathname;

export async function endToEnd(options: EndToEndOptions): Promise<EndToEndRow[]> {
  const { sales, rounds, onStep } = options;
  const broker = await startKafkaBroker({ onStep });
  try {
    const database = await startEmbeddedDatabase({ onStep });
    try {
      await preload(broker.brokers, TOPIC, sales, (sent) => {
        if (sent % 500_000 === 0 || sent === sales) onStep(`${sent} of ${sales} sales preloaded`);
      });
      const parts = { brokers: broker.brokers, mongoUrl: database.url, sales };
      return await runRounds(parts, rounds, onStep);
    } finally {
      await database.stop();
    }
  } finally {
    await broker.stop();
  }
}

async function runRounds(
  parts: Parts,
  rounds: number,
  onStep: (step: string) => void,
): Promise<EndToEndRow[]> {
  const systems: [string, (round: number) => Promise<Round>][] = [
    ['vendaval engine, durable and committed', (round) => engineRound(parts, round)],
    ['kafkajs eachBatch, sums only', () => peerRound(parts, './peers/kafkajs.ts')],
    ['node-rdkafka consume, sums only', () => peerRound(parts, './peers/node-rdkafka.ts')],
  ];
  const results = systems.map(([system]) => ({ system, rounds: [] as Round[] }));
  for (let round = 1; round <= rounds; round++) {
    for (const [i, [system, run]] of systems.entries()) {
      const result = await run(round);
      results[i].rounds.push(result);
      const rate = Math.round(result.salesPerSecond).toLocaleString('en-US');
      onStep(`round ${round}: ${system}: ${rate} sales/s`);
    }
  }
  const hashes = new Set(results.flatMap((result) => result.rounds.map(({ hash }) => hash)));
  if (hashes.size !== 1) {
    const list = results.map((r) => `${r.system}: ${r.rounds.map(({ hash }) => hash)}`);
    throw new Error(`the results differ:\n${list.join('\n')}`);
  }
  return results.map(({ system, rounds: list }) => ({
    system,
    salesPerSecond: list.map((round) => round.salesPerSecond),
    wholeMs: list.map(({ measured }) => measured.wholeMs),
    cpuMs: list.map(({ measured }) => measured.cpuMs),
    peakMb: list.map(({ measured }) => measured.peakMb),
    hash: list[0].hash,
  }));
}

async function peerRound(parts: Parts, path: string): Promise<Round> {
  const args = ['--import', 'tsx', script(path), parts.brokers, TOPIC, String(parts.sales)];
  const measured = await runMeasured(args, process.env);
  const done = measured.lines.find(({ code }) => code === 'done') as never as {
    sales: number;
    readingMs: number;
    hash: string;
  };
  return {
    salesPerSecond: (done.sales * 1000) / done.readingMs,
    hash: done.hash,
    measured,
  };
}

async function engineRound(parts: Parts, round: number): Promise<Round> {
  const database = `bench_${round}`;
  const flags = ['--brokers', parts.brokers, '--mongo', parts.mongoUrl, '--topic', TOPIC];
  const measured = await runMeasured(
    [
      script('../dist/main.js'),
      'engine',
      '--until-end',
      ...flags,
      ...['--database', database, '--group', database, '--http', 'off', '--json'],
    ],
    process.env,
  );
  const done = measured.lines.find(({ code }) => code === 'done') as never as {
    counted: number;
    readingMs: number;
  };
  return {
    salesPerSecond: (done.counted * 1000) / done.readingMs,
    hash: hashOf(await storedSums(parts.mongoUrl, database)),
    measured,
  };
}

/** The sums as the documents say them. */
async function storedSums(url: string, database: string): Promise<Sums> {
  const client = await MongoClient.connect(url);
  try {
    const sums: Sums = new Map();
    const documents = client.db(database).collection('faturamento_tempo_real').find();
    for await (const { janela_inicio, categoria, faturamento_total, volume_vendas } of documents) {
      sums.set(`${janela_inicio.toISOString().slice(0, 16)}|${categoria}`, {
        count: Number(volume_vendas),
        centavos: Math.round(faturamento_total * 100),
      });
    }
    return sums;
  } finally {
    await client.close();
  }
}
