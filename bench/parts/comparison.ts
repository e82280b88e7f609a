/** The pages that show figures of the last run, with these in their place, so that nobody copies them. */
import { median, type Results, ratio, wholeText } from './results.ts';

const FROM = '<!-- figures of bench/results/latest.json, put here by npm run bench -->';
const TO = '<!-- end of figures -->';

/** Each page's path from the root, and what it shows. */
export const PAGES: Readonly<Record<string, (whole: Whole) => string[]>> = {
  // Without the heading: the page has its own.
  'docs/COMPARISON.md': (whole) => wholeText(whole).slice(1),
  'README.md': (whole) => shortTable(whole, 'en-US'),
  'README.pt-BR.md': (whole) => shortTable(whole, 'pt-BR'),
};

type Whole = NonNullable<Results['whole']>;
type Language = 'en-US' | 'pt-BR';

export function withFigures(path: string, page: string, { whole }: Results): string {
  const from = page.indexOf(FROM);
  const to = page.indexOf(TO, from);
  if (from < 0 || to < 0) throw new Error(`${path} has no place for figures: ${FROM}`);
  if (!whole) return page;
  const figures = PAGES[path](whole).join('\n');
  return `${page.slice(0, from)}${FROM}\n${figures}\n\n${page.slice(to)}`;
}

/** The READMEs' rows: a system's name in the results, and what they call it. */
const NAMES: Readonly<Record<string, Readonly<Record<Language, string>>>> = {
  'vendaval engine, durable and committed': {
    'en-US': 'Vendaval, durable and committed',
    'pt-BR': 'Vendaval, gravado e confirmado',
  },
  'librdkafka in C, counting only': {
    'en-US': 'librdkafka in C, counting only',
    'pt-BR': 'librdkafka em C, só contando',
  },
  'Flink DataStream': { 'en-US': 'Flink DataStream', 'pt-BR': 'Flink DataStream' },
  'Kafka Streams processor, sums per partition': {
    'en-US': 'Kafka Streams, processor by hand',
    'pt-BR': 'Kafka Streams, processador à mão',
  },
  'Kafka Streams DSL, 30 minutes of grace': {
    'en-US': 'Kafka Streams DSL, 30 minutes of grace',
    'pt-BR': 'Kafka Streams DSL, 30 minutos de tolerância',
  },
  'Spark Structured Streaming': {
    'en-US': 'Spark Structured Streaming',
    'pt-BR': 'Spark Structured Streaming',
  },
  'kafkajs eachBatch, sums only': {
    'en-US': 'kafkajs `eachBatch`, sums only',
    'pt-BR': 'kafkajs `eachBatch`, só as somas',
  },
  'node-rdkafka consume, sums only': {
    'en-US': 'node-rdkafka `consume`, sums only',
    'pt-BR': 'node-rdkafka `consume`, só as somas',
  },
  '@platformatic/kafka stream, sums only': {
    'en-US': '@platformatic/kafka stream, sums only',
    'pt-BR': '@platformatic/kafka stream, só as somas',
  },
};
const HEADS = {
  'en-US': '| | sales a second, steady | CPU | peak memory |',
  'pt-BR': '| | vendas por segundo, em regime | CPU | memória máxima |',
};
const SLOWER = { 'en-US': 'times slower', 'pt-BR': 'vezes mais lento' };

function shortTable({ rows }: Whole, language: Language): string[] {
  const [engine] = rows;
  const number = (value: number, options: Intl.NumberFormatOptions) =>
    value.toLocaleString(language, options);
  const short = { maximumSignificantDigits: 3 };
  const shown = rows
    .filter(({ system, dropped }) => system in NAMES && dropped.every((count) => count === 0))
    .toSorted((a, b) => median(b.salesPerSecond) - median(a.salesPerSecond));
  return [
    '',
    HEADS[language],
    '|---|---:|---:|---:|',
    ...shown.map((row) => {
      const times = ratio(engine.salesPerSecond, row.salesPerSecond);
      const digits = { maximumFractionDigits: times < 10 ? 1 : 0 };
      const slower = row === engine ? '' : ` (${number(times, digits)} ${SLOWER[language]})`;
      const cpu = number(median(row.cpuMs) / 1000, { maximumFractionDigits: 1 });
      const memory = number(median(row.peakMb), { maximumFractionDigits: 0 });
      const rate = number(median(row.salesPerSecond), short);
      return `| ${NAMES[row.system][language]} | ${rate}${slower} | ${cpu} s | ${memory} MB |`;
    }),
  ];
}
