/**
 * The same sales in each format, records to table as a worker does it: JSON, FlatBuffers one by
 * one, and a hundred in each record. One core, fixed seed; all must come to the same sums.
 */
import { Bench } from 'tinybench';
import { encodeSale, encodeSaleBatch } from '../../src/sale/flatbuffers/encode.ts';
import { recordBatch } from '../../test/parts/record-batch-builder.ts';
import { intoTable } from '../parts/into-table.ts';
import { type Log, logOf, walk } from '../parts/log.ts';
import { randomFrom, saleAt, saleText } from '../parts/workload.ts';
import type { MicroOptions, MicroRow } from './hot-path.ts';

const SALES_PER_KAFKA_BATCH = 1000;
const SALES_PER_RECORD = 100;

/** Kafka batches of so many sales, each made into `values` by its format. */
function log(
  sales: number,
  values: (random: () => number, from: number, to: number) => Buffer[],
): Log {
  const random = randomFrom(7);
  const timestampMs = Date.UTC(2024, 10, 29, 1);
  let baseOffset = 0;
  const list: Buffer[] = [];
  for (let from = 0; from < sales; from += SALES_PER_KAFKA_BATCH) {
    const records = values(random, from, from + SALES_PER_KAFKA_BATCH).map((value) => ({ value }));
    list.push(recordBatch({ baseOffset, records, timestampMs }));
    baseOffset += records.length;
  }
  return logOf(list);
}

const each = (from: number, to: number, step: number, make: (at: number) => Buffer) =>
  Array.from({ length: (to - from) / step }, (_, i) => make(from + i * step));

const FORMATS: [name: string, make: (sales: number) => Log][] = [
  [
    'JSON',
    (sales) =>
      log(sales, (random, from, to) =>
        each(from, to, 1, (i) => Buffer.from(saleText(random, i, sales))),
      ),
  ],
  [
    'FlatBuffers',
    (sales) =>
      log(sales, (random, from, to) =>
        each(from, to, 1, (i) => encodeSale(saleAt(random, i, sales))),
      ),
  ],
  [
    `FlatBuffers, ${SALES_PER_RECORD} sales a record`,
    (sales) =>
      log(sales, (random, from, to) =>
        each(from, to, SALES_PER_RECORD, (first) =>
          encodeSaleBatch(
            Array.from({ length: SALES_PER_RECORD }, (_, i) => saleAt(random, first + i, sales)),
          ),
        ),
      ),
  ],
];

function accumulate(source: Log): string {
  return intoTable((accumulator) => {
    walk(source, (head) => {
      if (!accumulator.addBatch(source.bytes, source.view, head)) throw new Error('no room');
    });
  });
}

export async function flatbuffersBench({ timeMs, sales }: MicroOptions): Promise<MicroRow[]> {
  const hashes = new Map<string, string>();
  const bench = new Bench({ time: timeMs, warmupTime: timeMs / 4 });
  for (const [format, make] of FORMATS) {
    const source = make(sales);
    const bytesEach = Math.round(source.end / sales);
    const name = `records to table, ${format}, ${bytesEach} bytes a sale`;
    bench.add(name, () => void hashes.set(name, accumulate(source)));
  }
  await bench.run();
  if (new Set(hashes.values()).size !== 1)
    throw new Error(`results differ: ${[...hashes.values()]}`);
  return bench.tasks.map(({ name, result }) => {
    if (result.state !== 'completed') throw new Error(`${name}: ${result.state}`);
    return { name, salesPerSecond: (sales * 1000) / result.latency.p50, hash: hashes.get(name)! };
  });
}
