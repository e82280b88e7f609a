/**
 * Bytes that mean harm: responses and batches changed at every level, by the fuzzer in processes
 * of their own with little memory; and hostile values, deep JSON and bombs through a real broker
 * to an engine with little memory.
 */
import { join } from 'node:path';
import fc from 'fast-check';
import { CompressionTypes } from 'kafkajs';
import { expect } from 'vitest';
import { ROOT } from '../../../scripts/build.ts';
import { runProgram } from '../../parts/child-program.ts';
import { sums } from '../../parts/oracle.ts';
import { plainSale } from '../../parts/sales.ts';
import type { Scene } from '../../parts/scene.ts';
import { kafkaClient, type RecordToProduce } from '../../parts/topic.ts';
import { saleBytes } from '../../property/sale-generators.ts';
import { MemorySampler } from '../memory-sampler.ts';
import { type Chaos, scenario } from '../scenario.ts';

const PROCESSES = 2;
const HEAP_MB = 256;
const PEAK_MB_MAX = 768;
const START_MS = Date.UTC(2024, 10, 29, 12);
const MEBIBYTE = 2 ** 20;

interface FuzzReport {
  readonly cases: number;
  readonly wrong: number;
  readonly peakMemoryMb: number;
  readonly slowestCase: { readonly seed: number; readonly ms: number };
  readonly outcomes: Readonly<Record<string, number>>;
}

/** As `npm run fuzz` does. One that is wrong ends it with an error, which names its seed. */
async function fuzz(chaos: Chaos, cases: number, seed: number): Promise<FuzzReport> {
  const program = join(ROOT, 'scripts/fuzz.ts');
  const args = [program, '--cases', String(cases), '--seed', String(seed)];
  const node = [`--max-old-space-size=${HEAP_MB}`, '--import', 'tsx'];
  return JSON.parse(await runProgram(chaos, [...node, ...args]));
}

scenario(
  {
    row: 18,
    title: 'changed responses, batches and logs',
    invariant: 'no crash, no hang, no wrong sum, memory capped',
  },
  async (chaos) => {
    const each = chaos.times(500_000, 1000);
    const first = chaos.random.between(1, 1_000_000_000);
    const seeds = Array.from({ length: PROCESSES }, (_, i) => first + i * each);
    const reports = await Promise.all(seeds.map((seed) => fuzz(chaos, each, seed)));
    const sum = (of: (report: FuzzReport) => number) =>
      reports.reduce((total, report) => total + of(report), 0);
    const survived = (report: FuzzReport) =>
      Object.entries(report.outcomes)
        .filter(([outcome]) => outcome.endsWith(' right'))
        .reduce((total, [, count]) => total + count, 0);
    expect(sum(({ cases }) => cases)).toBe(PROCESSES * each);
    expect(sum(({ wrong }) => wrong)).toBe(0);
    chaos.figure(
      'cases',
      sum(({ cases }) => cases),
    );
    chaos.figure('refused with a reason', PROCESSES * each - sum(survived));
    chaos.figure('read, with the right sums', sum(survived));
    chaos.figure(
      'wrong, or crashed',
      sum(({ wrong }) => wrong),
    );
    chaos.figure('peak memory', Math.max(...reports.map((one) => one.peakMemoryMb)), 'MB');
    chaos.figure('slowest case', Math.max(...reports.map((one) => one.slowestCase.ms)), 'ms');
  },
);

/** Each on its own the work of somebody who has read how parsers fail. */
function crafted(): (Buffer | string | null)[] {
  const tail = '"categoria":"Casa","valor":1.00,"timestamp":"2024-11-29T12:00:00"}';
  const deep = (depth: number, open: string, close: string) =>
    `{"x":${open.repeat(depth)}1${close.repeat(depth)},"id_pedido":"x",${tail}`;
  const long = 'x'.repeat(900_000);
  return [
    ...[deep(100_000, '[', ']'), deep(400_000, '[', ']'), deep(100_000, '{"a":', '}')],
    ...['['.repeat(900_000), '{"a":'.repeat(150_000), '"'.repeat(1000), '\\'.repeat(1001)],
    `{"x":"${'\\u0000'.repeat(150_000)}",${tail}`,
    `{"x":${'9'.repeat(900_000)},${tail}`,
    `{${'"categoria":"Casa",'.repeat(40_000)}${tail}`,
    ...[`{"${long}":1,${tail}`, long, `${' '.repeat(900_000)}{}`],
    ...[null, '', '\0', '{', '}', 'null', 'NaN', '[]', '{}', '{"__proto__":{"categoria":"Casa"}}'],
    `{"constructor":1,"toString":2,"id_pedido":"x",${tail}`,
    ...['ff'.repeat(500), 'efbbbf7b7d', 'c080', 'eda080', 'f8808080', '00'.repeat(5000)].map(
      (hex) => Buffer.from(hex, 'hex'),
    ),
    ...[
      '1e400',
      '-1',
      '1e-400',
      '0.001',
      '99999999999999999999',
      '1.',
      '.5',
      '0x10',
      '1e',
      '١',
    ].map((valor) => `{"id_pedido":"x",${tail.replace('1.00', valor)}`),
  ];
}

const env = { NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}` };

/** Runs an engine with little memory to the log's end. @returns its peak, in MB */
async function drain(chaos: Chaos, scene: Scene): Promise<number> {
  const engine = scene.engine({}, { untilEnd: true, env });
  const memory = new MemorySampler(chaos, engine.pid);
  await engine.endsWell(10 * 60_000);
  expect(memory.peakMb).toBeLessThan(PEAK_MB_MAX);
  return memory.peakMb;
}

scenario(
  {
    row: 18,
    title: 'hostile values and deep JSON through a real broker',
    invariant: 'exact, memory capped',
  },
  async (chaos) => {
    const scene = await chaos.scene();
    const numRuns = chaos.times(100_000, 2000);
    const values = [...crafted(), ...fc.sample(saleBytes, { numRuns, seed: chaos.seed | 0 })];
    const records = values.map(
      (value, i): RecordToProduce => ({ value, timestamp: START_MS, partition: i % 3 }),
    );
    await scene.produce(records, { 'message.max.bytes': 2 * MEBIBYTE });
    const peakMb = await drain(chaos, scene);
    const { counted, rejected } = sums(await scene.expectExact());
    expect(counted + rejected).toBe(values.length);
    chaos.figure('hostile values', values.length);
    chaos.figure('counted, being sales after all', counted);
    chaos.figure('rejected', rejected);
    chaos.figure('peak memory of the engine', peakMb, 'MB');
  },
);

scenario(
  {
    row: 18,
    title: 'a decompression bomb between sales',
    invariant: 'it is rejected, the sales are counted, memory capped',
  },
  async (chaos) => {
    const bombMb = chaos.times(100, 16);
    const scene = await chaos.scene({ partitions: 1 });
    const sale = { value: plainSale(START_MS, '1.00'), timestamp: START_MS };
    const producer = kafkaClient(scene.brokers).producer();
    await producer.connect();
    chaos.onTestFinished(() => producer.disconnect());
    await scene.produce([sale, sale]);
    await producer.send({
      topic: scene.topic,
      compression: CompressionTypes.GZIP,
      messages: [{ value: Buffer.alloc(bombMb * MEBIBYTE), timestamp: String(START_MS) }],
    });
    await scene.produce([sale]);
    const peakMb = await drain(chaos, scene);
    expect(await scene.progress()).toMatchObject([{ nextOffset: 4, counted: 3, rejected: 1 }]);
    const [document] = await scene.db.collection('faturamento_tempo_real').find().toArray();
    expect(document).toMatchObject({ faturamento_total: 3, volume_vendas: 3n });
    chaos.figure('unpacked size', bombMb, 'MB');
    chaos.figure('peak memory of the engine', peakMb, 'MB');
  },
);
