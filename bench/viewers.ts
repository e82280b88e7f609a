/**
 * What watching costs: the same topic is counted from its beginning with nobody looking and with
 * fifty live pages, in turns, and the rates are compared. The viewers read everything and are on
 * the same cores. `--sales N`, `--rounds N`, `--viewers N`.
 *
 *     npm run build && node --import tsx bench/viewers.ts
 */
import { get } from 'node:http';
import { parseArgs } from 'node:util';
import { findFreePort } from '../src/mongo/child-processes.ts';
import { startEmbeddedDatabase } from '../src/mongo/embedded-database.ts';
import { startKafkaBroker } from '../test/parts/kafka-broker.ts';
import { type Measured, runMeasured } from './parts/measured.ts';

const { values } = parseArgs({
  options: {
    sales: { type: 'string', default: '30000000' },
    rounds: { type: 'string', default: '7' },
    viewers: { type: 'string', default: '50' },
  },
});
const sales = Number(values.sales);
const rounds = Number(values.rounds);
const viewerCount = Number(values.viewers);
const TOPIC = 'watched-sales';
const PRELOAD_RATE = 1_000_000;
const RETRY_MS = 100;
const main = new URL('../dist/main.js', import.meta.url).pathname;
const say = (message: string) => process.stderr.write(`· ${message}\n`);

/** Opens live streams for as long as it is told, one after the other where they end. */
class Crowd {
  bytes = 0;
  #isOver = false;

  constructor(url: string, count: number) {
    for (let i = 0; i < count; i++) this.#watch(url);
  }

  end(): void {
    this.#isOver = true;
  }

  #watch(url: string): void {
    if (this.#isOver) return;
    const again = () => setTimeout(() => this.#watch(url), RETRY_MS);
    get(`${url}/api/stream`, { agent: false }, (answer) => {
      answer.on('data', (chunk: Buffer) => {
        this.bytes += chunk.length;
      });
      answer.on('error', () => {}).on('close', again);
    }).on('error', again);
  }
}

const median = (list: readonly number[]) => list.toSorted((a, b) => a - b)[list.length >> 1];
const count = (value: number) => Math.round(value).toLocaleString('en-US');

const broker = await startKafkaBroker({ onStep: say });
const database = await startEmbeddedDatabase({ onStep: say });
const common = ['--brokers', broker.brokers, '--mongo', database.url, '--topic', TOPIC, '--json'];

async function run(name: string, viewers: number): Promise<Measured> {
  const port = await findFreePort();
  const http = `127.0.0.1:${port}`;
  const crowd = new Crowd(`http://${http}`, viewers);
  const own = ['--database', name, '--group', name, '--http', http];
  const measured = await runMeasured(
    [main, 'engine', '--until-end', ...common, ...own],
    process.env,
  );
  crowd.end();
  if (viewers > 0) say(`${name}: ${count(crowd.bytes / 1024)} KB went to ${viewers} viewers`);
  return measured;
}

try {
  say(`preloading ${count(sales)} sales`);
  await runMeasured([main, 'topic', 'create', ...common], process.env);
  const seconds = Math.ceil(sales / PRELOAD_RATE);
  const shape = [
    '--profile',
    'constant',
    '--rate',
    String(PRELOAD_RATE),
    '--duration',
    `${seconds}s`,
  ];
  shape.push('--count', String(sales), '--oracle', 'off');
  await runMeasured([main, 'load', ...common, ...shape], process.env);
  const results: Record<'alone' | 'watched', { rate: number; cpuMs: number; readingMs: number }[]> =
    {
      alone: [],
      watched: [],
    };
  for (let round = 1; round <= rounds; round++) {
    // Each goes first as often as the other.
    const order =
      round % 2 === 1 ? (['alone', 'watched'] as const) : (['watched', 'alone'] as const);
    for (const kind of order) {
      const viewers = kind === 'watched' ? viewerCount : 0;
      const { lines, cpuMs } = await run(`${kind}_${round}`, viewers);
      const done = lines.find(({ code }) => code === 'done') as never as {
        counted: number;
        rejected: number;
        readingMs: number;
      };
      const rate = ((done.counted + done.rejected) * 1000) / done.readingMs;
      results[kind].push({ rate, cpuMs, readingMs: done.readingMs });
      say(`round ${round}, ${kind}: ${count(rate)} sales/s, ${(cpuMs / 1000).toFixed(2)} s of CPU`);
    }
  }
  const rates = {
    alone: results.alone.map(({ rate }) => rate),
    watched: results.watched.map(({ rate }) => rate),
  };
  const cpuSeconds = {
    alone: median(results.alone.map(({ cpuMs }) => cpuMs / 1000)),
    watched: median(results.watched.map(({ cpuMs }) => cpuMs / 1000)),
  };
  const percent = (watched: number, alone: number) =>
    Number((100 * (watched / alone - 1)).toFixed(2));
  console.log(
    JSON.stringify({
      sales,
      viewers: viewerCount,
      aloneSalesPerSecond: Math.round(median(rates.alone)),
      watchedSalesPerSecond: Math.round(median(rates.watched)),
      rateChangePercent: percent(median(rates.watched), median(rates.alone)),
      // Of the engine alone: what others do on the machine is not in it.
      cpuChangePercent: percent(cpuSeconds.watched, cpuSeconds.alone),
      cpuSeconds,
      secondsWatched: results.watched.reduce((sum, { readingMs }) => sum + readingMs / 1000, 0),
    }),
  );
} finally {
  await database.stop();
  await broker.stop();
}
