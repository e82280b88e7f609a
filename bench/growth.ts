/**
 * What a sale costs as the job grows along one axis at a time: partitions, categories, open
 * windows, bytes of a sale, threads, processes; each point a topic of its own on one real broker,
 * counted by the engine, durable and committed. And its memory over a long log. Writes growth.json
 * in bench/results, and from it growth.md and growth.svg. `--sales N`, `--rounds N`,
 * `--memory-sales N`, `--render`; `--axis NAME` shows that one alone and writes nothing.
 *
 *     npm run build && node --import tsx bench/growth.ts
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { growthChart } from './parts/growth-chart.ts';
import { type Growth, type GrowthRow, growthText, type MemoryRun } from './parts/growth-text.ts';
import { preload } from './parts/preload.ts';
import { type Shape, USUAL_SHAPE } from './parts/preload-plan.ts';
import { memoryKb } from './parts/proc.ts';
import { thisMachine } from './parts/results.ts';
import { engineRound, runRounds, type Servers, type System, withServers } from './parts/rounds.ts';

interface Point {
  readonly axis: string;
  readonly value: number;
  readonly shape?: Partial<Shape>;
  readonly flags?: readonly string[];
  readonly processes?: number;
}

const MINUTE_MS = 60_000;
const names = (count: number) =>
  Array.from({ length: count }, (_, i) => `categoria ${String(i).padStart(5, '0')}`);

const POINTS: readonly Point[] = [
  ...[1, 3, 12, 48, 96].map((value) => ({
    ...{ axis: 'partitions', value },
    shape: { partitions: value },
  })),
  // One window: it makes a document for each category.
  ...[4, 100, 1000, 10_000].map((value) => ({
    ...{ axis: 'categories', value },
    shape: { categories: names(value), minutes: 1 },
  })),
  ...[3, 30, 300].map((value) => ({
    ...{ axis: 'open windows', value },
    shape: { minutes: 2 * value, jitterMs: value * MINUTE_MS },
    flags: ['--watermark-delay', `${value + 1}m`],
  })),
  ...[0, 200, 1000, 4000].map((fillerBytes) => ({
    ...{ axis: 'bytes of further fields', value: fillerBytes },
    shape: { fillerBytes },
  })),
  ...[1, 2, 3].map((value) => ({
    ...{ axis: 'threads', value },
    flags: ['--threads', String(value)],
  })),
  ...[1, 2, 3].map((value) => ({
    ...{ axis: 'processes', value, processes: value },
    shape: { partitions: 6 },
  })),
];
const SAMPLE_MS = 100;

const { values } = parseArgs({
  options: {
    sales: { type: 'string', default: '3000000' },
    rounds: { type: 'string', default: '3' },
    'memory-sales': { type: 'string', default: '100000000' },
    axis: { type: 'string' },
    render: { type: 'boolean', default: false },
  },
});
const sales = Number(values.sales);
const points = POINTS.filter(({ axis }) => axis === (values.axis ?? axis));
const say = (message: string) => process.stderr.write(`· ${message}\n`);
const file = (name: string) => new URL(`./results/${name}`, import.meta.url);

async function growth(servers: Servers): Promise<GrowthRow[]> {
  const systems: System[] = [];
  for (const [i, point] of points.entries()) {
    const { axis, value, flags = [], processes = 1 } = point;
    const topic = `growth-${i}`;
    const shape = { ...USUAL_SHAPE, ...point.shape };
    const plan = { brokers: servers.brokers, topic, sales, shape };
    const { hash } = await preload({ ...plan, format: 'json', codec: 'none' });
    const run = (round: number) => engineRound(servers, { topic, sales, flags, processes }, round);
    systems.push({ name: `${axis}: ${value}`, hash, run });
    say(`${axis}: ${value}: preloaded`);
  }
  const figures = await runRounds(systems, Number(values.rounds), servers, say);
  return points.map(({ axis, value }, i) => ({ axis, value, ...figures[i] }));
}

/** Resident memory of the engine while it reads a log far longer than any of its buffers. */
async function memory(servers: Servers): Promise<MemoryRun> {
  const topic = 'growth-memory';
  const plan = { brokers: servers.brokers, topic, sales: Number(values['memory-sales']) };
  await preload({ ...plan, format: 'json', codec: 'lz4' }, say);
  const residentMb: number[] = [];
  let timer: NodeJS.Timeout | undefined;
  const onStart = (pid: number) => {
    timer = setInterval(() => {
      const kb = memoryKb(pid, 'VmRSS');
      if (kb !== undefined) residentMb.push(kb / 1024);
    }, SAMPLE_MS);
  };
  const { measured } = await engineRound(servers, { ...plan, onStart }, 1).finally(() =>
    clearInterval(timer),
  );
  return { sales: plan.sales, wholeMs: measured.wholeMs, peakMb: measured.peakMb, residentMb };
}

function publish(results: Growth): void {
  writeFileSync(file('growth.json'), `${JSON.stringify(results)}\n`);
  writeFileSync(file('growth.md'), growthText(results));
  writeFileSync(file('growth.svg'), growthChart(results.rows, results.sales));
  process.stdout.write(growthText(results));
}

if (values.render) {
  publish(JSON.parse(readFileSync(file('growth.json'), 'utf8')));
} else {
  await withServers(say, async (servers) => {
    const rows = await growth(servers);
    const rounds = Number(values.rounds);
    if (values.axis !== undefined) return;
    publish({ machine: thisMachine(), sales, rounds, rows, memory: await memory(servers) });
  });
}
