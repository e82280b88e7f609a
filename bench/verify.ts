/**
 * How long `vendaval verify` takes, and that it finds what is wrong at that size too:
 *
 *     node --import tsx bench/verify.ts                  10,000,000 sales
 *     node --import tsx bench/verify.ts --sales 200000
 *
 * A real broker and database on the same machine. An engine counts the sales, verify must find
 * them equal; then each kind of damage is done once, all together, and verify must find those and
 * no others. Exit code: 0 when it did, 1 when not. Prints JSON.
 */
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Double, MongoClient } from 'mongodb';
import { startEmbeddedDatabase } from '../src/mongo/embedded-database.ts';
import { EngineProcess } from '../test/parts/engine-process.ts';
import { startKafkaBroker } from '../test/parts/kafka-broker.ts';
import { produceRecords } from '../test/parts/topic.ts';
import { preload } from './parts/preload.ts';

const { values } = parseArgs({
  options: { sales: { type: 'string', default: '10000000' } },
});
const sales = Number(values.sales);
const LIMIT_MS = 30 * 60_000;
const WANTED = {
  'changed value': 1,
  'missing document': 1,
  'duplicate document': 1,
  'stray document': 1,
  'dead letter without cause': 1,
};

interface Stored {
  readonly _id: string;
  readonly categoria: string;
}

const endings: (() => Promise<void> | void)[] = [];
const ending = { onTestFinished: (end: () => Promise<void> | void) => void endings.push(end) };
const tell = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
const step = (message: string) => tell({ code: 'step', message });

async function main(): Promise<boolean> {
  const broker = await startKafkaBroker({ heapMb: 1024, onStep: step });
  endings.push(() => broker.stop());
  const database = await startEmbeddedDatabase({ onStep: step });
  endings.push(() => database.stop());
  const { brokers } = broker;
  const topic = `verify-${randomUUID().slice(0, 8)}`;
  const target = ['--brokers', brokers, '--mongo', database.url, '--database', 'verify'];
  const run = async (...args: string[]) => {
    const child = new EngineProcess(ending, [...args, ...target]);
    const startMs = performance.now();
    await child.end(LIMIT_MS);
    return { child, seconds: (performance.now() - startMs) / 1000 };
  };
  const verify = async (when: string) => {
    const { child, seconds } = await run('verify');
    const verdict = child.lines.find(({ code }) => code === 'verdict');
    tell({ ...verdict, when, seconds, salesPerSecond: Math.round(sales / seconds) });
    if (verdict === undefined) throw new Error(`verify gave no verdict: ${child.stderr}`);
    return verdict;
  };
  await preload({ brokers, topic, sales, format: 'json', codec: 'none' }, step);
  step('the engine counts them');
  await (await run('engine', '--topic', topic, '--http', 'off', '--until-end')).child.endsWell();
  const before = await verify('as the engine left them');
  await damage(database.url, brokers, topic);
  const after = await verify('damaged in five ways');
  const found = JSON.stringify(after.byKind);
  step(`found: ${found}`);
  return before.equal === true && sorted(after.byKind as object) === sorted(WANTED);
}

const sorted = (counts: object) => JSON.stringify(Object.entries(counts).sort());

async function damage(url: string, brokers: string, topic: string): Promise<void> {
  const client = await new MongoClient(url).connect();
  endings.push(() => client.close());
  const totals = client.db('verify').collection<Stored>('faturamento_tempo_real');
  const [changed, missing, copied] = await totals
    .find({}, { limit: 3, promoteValues: false })
    .toArray();
  const id = ({ _id }: { _id: unknown }) => ({ _id: String(_id) });
  await totals.updateOne(id(changed), { $set: { faturamento_total: new Double(0.01) } });
  await totals.deleteOne(id(missing));
  await totals.insertOne({ ...copied, _id: 'copy' });
  const stray = String(copied._id).replace(/\|.*/, '|Fantasma');
  await totals.insertOne({ ...copied, _id: stray, categoria: 'Fantasma' });
  const letter = {
    key: `${topic}/0/0`,
    value: '{}',
    headers: [['vendaval-reason', 'late']] as const,
  };
  await produceRecords(brokers, `${topic}.dlq`, [letter]);
}

try {
  process.exitCode = (await main()) ? 0 : 1;
} finally {
  for (const end of endings.reverse()) await end();
}
