/**
 * Systems that do the same work, one after the other, in rounds that alternate between them: what
 * slows the machine for a while slows all of them. Each must come to the sums that were written.
 */
import { MongoClient } from 'mongodb';
import { startEmbeddedDatabase } from '../../src/mongo/embedded-database.ts';
import { startKafkaBroker } from '../../test/parts/kafka-broker.ts';
import { type Measured, runMeasured } from './measured.ts';
import { ProcessUsage } from './process-usage.ts';
import { hashOf, type Sums } from './sums.ts';

export interface Servers {
  readonly brokers: string;
  readonly brokerPid: number;
  readonly mongoUrl: string;
}

export interface Round {
  readonly salesPerSecond: number;
  readonly measured: Measured;
  /** Of the sums that it came to; null for a system that makes none. */
  readonly hash: string | null;
}

export interface System {
  readonly name: string;
  /** Of the sums that were written to what it reads. */
  readonly hash: string;
  run(round: number): Promise<Round>;
}

/** The figures of one system, one for each round. */
export interface Figures {
  readonly salesPerSecond: number[];
  readonly wholeMs: number[];
  readonly cpuMs: number[];
  readonly brokerCpuMs: number[];
  readonly peakMb: number[];
}

export const BROKER_HEAP_MB = 1024;
const script = (path: string) => new URL(path, import.meta.url).pathname;

export async function withServers<T>(
  onStep: (step: string) => void,
  work: (servers: Servers) => Promise<T>,
): Promise<T> {
  const broker = await startKafkaBroker({ onStep, heapMb: BROKER_HEAP_MB });
  try {
    const database = await startEmbeddedDatabase({ onStep });
    try {
      const { brokers, pid: brokerPid } = broker;
      return await work({ brokers, brokerPid, mongoUrl: database.url });
    } finally {
      await database.stop();
    }
  } finally {
    await broker.stop();
  }
}

export async function runRounds(
  systems: readonly System[],
  rounds: number,
  { brokerPid }: Servers,
  onStep: (step: string) => void,
): Promise<Figures[]> {
  const figures = systems.map(
    (): Figures => ({ salesPerSecond: [], wholeMs: [], cpuMs: [], brokerCpuMs: [], peakMb: [] }),
  );
  for (let round = 1; round <= rounds; round++) {
    for (const [i, system] of systems.entries()) {
      const usage = new ProcessUsage({ broker: brokerPid });
      const { salesPerSecond, measured, hash } = await system.run(round);
      if (hash !== null && hash !== system.hash) {
        throw new Error(`${system.name} came to ${hash}, and ${system.hash} was written`);
      }
      figures[i].salesPerSecond.push(salesPerSecond);
      figures[i].wholeMs.push(measured.wholeMs);
      figures[i].cpuMs.push(measured.cpuMs);
      figures[i].brokerCpuMs.push((usage.stop().broker.cpuS ?? Number.NaN) * 1000);
      figures[i].peakMb.push(measured.peakMb);
      const rate = Math.round(salesPerSecond).toLocaleString('en-US');
      onStep(`round ${round}: ${system.name}: ${rate} sales/s`);
    }
  }
  return figures;
}

export interface Source {
  readonly topic: string;
  readonly sales: number;
}

/** The engine as users run it, durable and committed, into a database and a group of its own. */
export async function engineRound(
  servers: Servers,
  { topic, sales }: Source,
  round: number,
): Promise<Round> {
  const name = `${topic}-${round}`;
  const flags = ['--brokers', servers.brokers, '--mongo', servers.mongoUrl, '--topic', topic];
  const measured = await runMeasured(
    [
      ...[script('../../dist/main.js'), 'engine', '--until-end', ...flags],
      ...['--database', name, '--group', name, '--http', 'off', '--json'],
    ],
    process.env,
  );
  const done = lastWord(measured) as { counted: number; readingMs: number };
  if (done.counted !== sales) throw new Error(`${done.counted} of ${sales} sales were counted`);
  return {
    salesPerSecond: (done.counted * 1000) / done.readingMs,
    hash: hashOf(await storedSums(servers.mongoUrl, name)),
    measured,
  };
}

/** A script of bench/peers: it gets the broker, the topic and how many sales it is to read. */
export async function peerRound(
  { brokers }: Servers,
  { topic, sales }: Source,
  name: string,
): Promise<Round> {
  const path = script(`../peers/${name}.ts`);
  const measured = await runMeasured(
    ['--import', 'tsx', path, brokers, topic, String(sales)],
    process.env,
  );
  const done = lastWord(measured) as { readingMs: number; hash: string | null };
  return { salesPerSecond: (sales * 1000) / done.readingMs, hash: done.hash, measured };
}

function lastWord({ lines }: Measured): unknown {
  return lines.find(({ code }) => code === 'done');
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
