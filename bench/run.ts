/**
 * `npm run bench`: the one place for figures. Micro cases, the whole job beside the usual Node
 * clients, and every format and codec; writes latest.json in bench/results, and from it latest.md
 * and speed.svg.
 *
 *     --small        all of it, quick, and nothing is written
 *     --only PART    micro, whole or formats; what is known of the other parts stays
 *     --peers        the whole job beside Flink, Kafka Streams, Spark and librdkafka too; builds
 *                    them on first use (Java, Maven, Python, a C compiler; 0.7 GB in the cache)
 *     --sales N, --rounds N
 *     --render       measures nothing: Markdown and chart from the JSON
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { DATABASE_VERSION } from '../src/mongo/python-environment.ts';
import { endToEnd, WARM_UP_READS } from './end-to-end.ts';
import { formatsBench } from './formats.ts';
import { checkpointBench } from './micro/checkpoint.ts';
import { compressionBench } from './micro/compression.ts';
import { flatbuffersBench } from './micro/flatbuffers.ts';
import { hotPathBench } from './micro/hot-path.ts';
import { scannerBench } from './micro/scanner.ts';
import { chart } from './parts/chart.ts';
import { PAGES, withFigures } from './parts/comparison.ts';
import { SALES_PER_KAFKA_BATCH } from './parts/preload-plan.ts';
import { markdown, type Results, thisMachine } from './parts/results.ts';
import { BROKER_HEAP_MB, withServers } from './parts/rounds.ts';

const PARTS = ['micro', 'whole', 'formats'] as const;
const SIZES = {
  full: { whole: { sales: 10_000_000, rounds: 3 }, formats: { sales: 24_000_000, rounds: 3 } },
  small: { whole: { sales: 100_000, rounds: 1 }, formats: { sales: 60_000, rounds: 1 } },
};

const WARM_UP =
  `the topic was read ${WARM_UP_READS} times before the first round, so that no system pays for a ` +
  'cold broker';

const { values } = parseArgs({
  options: {
    small: { type: 'boolean', default: false },
    only: { type: 'string' },
    peers: { type: 'boolean', default: false },
    sales: { type: 'string' },
    rounds: { type: 'string' },
    render: { type: 'boolean', default: false },
  },
});
const parts: readonly string[] = values.only === undefined ? PARTS : [values.only];
if (!parts.every((part) => (PARTS as readonly string[]).includes(part))) {
  throw new Error(`--only takes one of ${PARTS.join(', ')}`);
}
const folder = new URL('./results/', import.meta.url);
const jsonFile = new URL('latest.json', folder);
const isTerminal = process.stdout.isTTY === true;
const onStep = (text: string) => {
  process.stderr.write(
    isTerminal ? `· ${text}\n` : `${JSON.stringify({ code: 'step', message: text })}\n`,
  );
};
const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');

function settings(): string[] {
  const { packages } = JSON.parse(read('../package-lock.json'));
  const versions = ['kafkajs', 'node-rdkafka', '@platformatic/kafka'].map(
    (name) => `${name} ${packages[`node_modules/${name}`].version}`,
  );
  const kafka = /<kafka.version>(.*)<\/kafka.version>/.exec(read('../test/parts/pom.xml'))?.[1];
  return [
    `Kafka ${kafka} with a heap of ${BROKER_HEAP_MB} MB`,
    `SecantusDB ${DATABASE_VERSION}`,
    `batches of ${SALES_PER_KAFKA_BATCH} sales`,
    `the engine's defaults, fetches of 4 MiB`,
    ...versions,
  ];
}

async function microRows(): Promise<NonNullable<Results['micro']>['rows']> {
  onStep('micro cases');
  const options = values.small ? { timeMs: 50, sales: 30_000 } : { timeMs: 1000, sales: 300_000 };
  return [
    ...(await hotPathBench(options)),
    ...(await flatbuffersBench(options)),
    ...(await compressionBench(options)),
    ...(await scannerBench(options)),
  ];
}

async function measure(): Promise<Results> {
  const machine = thisMachine();
  const sizes = values.small ? SIZES.small : SIZES.full;
  const sizeOf = (usual: { sales: number; rounds: number }) => ({
    sales: Number(values.sales ?? usual.sales),
    rounds: Number(values.rounds ?? usual.rounds),
  });
  const micro = parts.includes('micro')
    ? { micro: { machine, rows: await microRows(), times: checkpointBench() } }
    : {};
  if (!parts.includes('whole') && !parts.includes('formats')) return micro;
  return await withServers(onStep, async (servers) => {
    const results: { -readonly [Key in keyof Results]: Results[Key] } = { ...micro };
    if (parts.includes('whole')) {
      const size = sizeOf(sizes.whole);
      const measured = await endToEnd(servers, { ...size, peers: values.peers, onStep });
      results.whole = { machine, ...size, settings: [...settings(), WARM_UP], ...measured };
    }
    if (parts.includes('formats')) {
      const size = sizeOf(sizes.formats);
      const rows = await formatsBench(servers, { ...size, onStep });
      results.formats = { machine, ...size, settings: settings().slice(0, 4), rows };
    }
    return results;
  });
}

function publish(results: Results): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(jsonFile, `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(new URL('latest.md', folder), markdown(results));
  writeFileSync(new URL('speed.svg', folder), chart(results));
  for (const path of Object.keys(PAGES)) {
    writeFileSync(
      new URL(`../${path}`, import.meta.url),
      withFigures(path, read(`../${path}`), results),
    );
  }
}

const published = (): Results =>
  existsSync(jsonFile) ? JSON.parse(readFileSync(jsonFile, 'utf8')) : {};
if (values.render) {
  publish(published());
} else {
  const results = await measure();
  process.stdout.write(isTerminal ? markdown(results) : `${JSON.stringify(results)}\n`);
  if (!values.small) publish({ ...published(), ...results });
}
