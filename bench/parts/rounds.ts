/**
 * Systems that do the same work, one after the other, in rounds that alternate between them: what
 * slows the machine for a while slows all of them. Each must come to the sums that were written.
 */
import { MongoClient } from 'mongodb';
import { startEmbeddedDatabase } from '../../src/mongo/embedded-database.ts';
import { startKafkaBroker } from '../../test/parts/kafka-broker.ts';
import { createTopic, withAdmin } from '../../test/parts/topic.ts';
import { type Measured, runMeasured, runProgram } from './measured.ts';
import type { Peer } from './peers.ts';
import { ProcessUsage } from './process-usage.ts';
import { countOf, hashOf, merged, type Sums } from './sums.ts';

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
  /** Sales that it read and left out of its sums. */
  readonly dropped: number;
  /** How it was set, as it says itself. */
  readonly settings?: readonly string[];
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
  readonly dropped: number[];
  /** Of the last round; none if it says nothing of them. */
  settings?: readonly string[];
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
      await firstGroup(brokers);
      return await work({ brokers, brokerPid, mongoUrl: database.url });
    } finally {
      await database.stop();
    }
  } finally {
    await broker.stop();
  }
}

/** A cluster's first group waits 3 s for the topic of offsets to be made: that is nobody's speed. */
async function firstGroup(brokers: string): Promise<void> {
  const topic = 'first-group';
  await createTopic(brokers, topic, { partitions: 1 });
  const partitions = [{ partition: 0, offset: '0' }];
  await withAdmin(brokers, (admin) => admin.setOffsets({ groupId: topic, topic, partitions }));
}

export async function runRounds(
  systems: readonly System[],
  rounds: number,
  { brokerPid }: Servers,
  onStep: (step: string) => void,
): Promise<Figures[]> {
  const figures = systems.map((): Figures => {
    const times = { salesPerSecond: [], wholeMs: [], cpuMs: [], brokerCpuMs: [] };
    return { ...times, peakMb: [], dropped: [] };
  });
  for (let round = 1; round <= rounds; round++) {
    for (const [i, system] of systems.entries()) {
      const usage = new ProcessUsage({ broker: brokerPid });
      const { salesPerSecond, measured, hash, dropped, settings } = await system.run(round);
      // Who drops sales can't come to the same sums; how many it dropped is in the results. Below
      // zero it counted some twice.
      if (dropped <= 0 && hash !== null && hash !== system.hash) {
        throw new Error(`${system.name} came to ${hash}, and ${system.hash} was written`);
      }
      figures[i].salesPerSecond.push(salesPerSecond);
      figures[i].wholeMs.push(measured.wholeMs);
      figures[i].cpuMs.push(measured.cpuMs);
      figures[i].brokerCpuMs.push((usage.stop().broker.cpuS ?? Number.NaN) * 1000);
      figures[i].peakMb.push(measured.peakMb);
      figures[i].dropped.push(dropped);
      if (settings) figures[i].settings = settings;
      const [rate, lost] = [salesPerSecond, dropped].map((n) =>
        Math.round(n).toLocaleString('en-US'),
      );
      const drops = dropped === 0 ? '' : `, ${lost} sales dropped`;
      onStep(`round ${round}: ${system.name}: ${rate} sales/s${drops}`);
    }
  }
  return figures;
}

export interface Source {
  readonly topic: string;
  readonly sales: number;
  /** Further ones for the engine. */
  readonly flags?: readonly string[];
  /** Engines that share the work; 1 if not given. */
  readonly processes?: number;
  /** Told of each engine that is started. */
  readonly onStart?: (pid: number) => void;
}

/** The engine as users run it, durable and committed, into a database and a group of its own. */
export async function engineRound(
  servers: Servers,
  { topic, sales, flags = [], processes = 1, onStart }: Source,
  round: number,
): Promise<Round> {
  const name = `${topic}-${round}`;
  const where = ['--brokers', servers.brokers, '--mongo', servers.mongoUrl, '--topic', topic];
  const own = ['--database', name, '--group', name, '--http', 'off', '--json'];
  const all = await Promise.all(
    Array.from({ length: processes }, () =>
      runMeasured(
        [script('../../dist/main.js'), 'engine', '--until-end', ...where, ...own, ...flags],
        process.env,
        onStart,
      ),
    ),
  );
  const done = all.map((one) => lastWord(one) as { counted: number; readingMs: number });
  const counted = done.reduce((sum, one) => sum + one.counted, 0);
  if (counted !== sales) throw new Error(`${counted} of ${sales} sales were counted`);
  return {
    salesPerSecond: (sales * 1000) / Math.max(...done.map(({ readingMs }) => readingMs)),
    hash: hashOf(await storedSums(servers.mongoUrl, name)),
    dropped: 0,
    measured: {
      lines: all.flatMap(({ lines }) => lines),
      wholeMs: Math.max(...all.map(({ wholeMs }) => wholeMs)),
      cpuMs: all.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
      peakMb: all.reduce((sum, { peakMb }) => sum + peakMb, 0),
    },
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
  const salesPerSecond = (sales * 1000) / done.readingMs;
  return { salesPerSecond, hash: done.hash, dropped: 0, measured };
}

/** A peer that is not Node's; what it dropped is what its sums in the database lack. */
export async function programRound(
  { brokers, mongoUrl }: Servers,
  { topic, sales }: Source,
  { id, name, program, sums }: Peer,
  round: number,
): Promise<Round> {
  const database = `${topic}-${id}-${round}`;
  const measured = await runProgram(program([brokers, topic, String(sales), mongoUrl, database]));
  const done = lastWord(measured) as { readingMs: number; dropped?: number };
  const said = measured.lines.find(({ code }) => code === 'settings');
  const { settings } = said as { settings: string[] };
  const result = { salesPerSecond: (sales * 1000) / done.readingMs, measured, settings };
  await removeTopics(brokers, database);
  if (!sums) return { ...result, hash: null, dropped: 0 };

  const stored = await storedSums(mongoUrl, database);
  const dropped = sales - countOf(stored);
  if (done.dropped !== undefined && done.dropped !== dropped) {
    throw new Error(
      `${name} says that it dropped ${done.dropped} sales, and ${dropped} are missing`,
    );
  }
  return { ...result, hash: hashOf(stored), dropped };
}

/** The ones that Kafka Streams made for itself: each is as large as the sales. */
async function removeTopics(brokers: string, application: string): Promise<void> {
  await withAdmin(brokers, async (admin) => {
    const topics = (await admin.listTopics()).filter((name) => name.startsWith(`${application}-`));
    if (topics.length > 0) await admin.deleteTopics({ topics });
  });
}

function lastWord({ lines }: Measured): unknown {
  return lines.find(({ code }) => code === 'done');
}

/** The sums as the documents say them; a sum may lie in several, one for each partition. */
async function storedSums(url: string, database: string): Promise<Sums> {
  const client = await MongoClient.connect(url);
  try {
    const parts: Sums[] = [];
    const documents = client.db(database).collection('faturamento_tempo_real').find();
    for await (const { janela_inicio, categoria, faturamento_total, volume_vendas } of documents) {
      const key = `${janela_inicio.toISOString().slice(0, 16)}|${categoria}`;
      const count = Number(volume_vendas);
      parts.push(new Map([[key, { count, centavos: Math.round(faturamento_total * 100) }]]));
    }
    return merged(parts);
  } finally {
    await client.close();
  }
}
