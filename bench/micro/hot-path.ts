/**
 * The pieces of the hot path without a socket: the table alone, the walk over batch heads with
 * its checksums, and records to table as a worker does it. One core, fixed seed.
 */
import { crc32c } from '@node-rs/crc32';
import { Bench } from 'tinybench';
import { BatchHead, batchEnd, CRC_FROM } from '../../src/kafka/record-batch.ts';
import { createRegion, WorkerRegion } from '../../src/state/partition-region.ts';
import { recordBatch } from '../../test/parts/record-batch-builder.ts';
import { intoTable, LIMITS } from '../parts/into-table.ts';
import { type Log, logOf, walk } from '../parts/log.ts';
import { randomFrom, saleText } from '../parts/workload.ts';

export interface MicroOptions {
  /** Of each case. */
  readonly timeMs: number;
  /** How many a pass goes over: a multiple of 3,000. */
  readonly sales: number;
}

export interface MicroRow {
  readonly name: string;
  readonly salesPerSecond: number;
  readonly hash: string;
}

const SALES_PER_BATCH = 120;

function batches(sales: number): Log {
  const random = randomFrom(7);
  const list: Buffer[] = [];
  for (let base = 0; base < sales; base += SALES_PER_BATCH) {
    const records = Array.from({ length: SALES_PER_BATCH }, (_, i) => ({
      value: Buffer.from(saleText(random, base + i, sales)),
    }));
    list.push(recordBatch({ baseOffset: base, records, timestampMs: Date.UTC(2024, 10, 29, 1) }));
  }
  return logOf(list);
}

function accumulate(log: Log): string {
  return intoTable((accumulator) => {
    walk(log, (head) => {
      if (!accumulator.addBatch(log.bytes, log.view, head)) throw new Error('the table is full');
    });
  });
}

function checksums({ bytes, view, end }: Log): string {
  const head = new BatchHead();
  let records = 0;
  for (let position = 0; ; ) {
    const next = batchEnd(view, position, end);
    if (next < 0) return `${records} records`;
    if (crc32c(bytes.subarray(position + CRC_FROM, next)) !== view.getUint32(position + 17)) {
      throw new Error('a checksum does not match');
    }
    head.read(view, position, next);
    records += head.recordCount;
    position = next;
  }
}

function fillTable(region: WorkerRegion, keys: Int32Array): string {
  const { table } = region.active;
  table.clear();
  let sum = 0;
  for (let i = 0; i < keys.length; i++) {
    if (!table.add(keys[i] >> 2, keys[i] & 3, i)) throw new Error('the table is full');
    sum += i;
  }
  return `${table.size} keys, ${sum} centavos`;
}

export async function hotPathBench({ timeMs, sales }: MicroOptions): Promise<MicroRow[]> {
  const log = batches(sales);
  const random = randomFrom(3);
  const keys = Int32Array.from({ length: sales }, () => Math.floor(random() * 80) + 115_000_000);
  const region = new WorkerRegion(createRegion(LIMITS, []));
  const hashes = new Map<string, string>();
  const bench = new Bench({ time: timeMs, warmupTime: timeMs / 4 });
  const add = (name: string, work: () => string) =>
    bench.add(name, () => void hashes.set(name, work()));
  add('table update', () => fillTable(region, keys));
  add('batch walk with CRC-32C', () => checksums(log));
  add('batches to table: CRC left out, all rules on', () => accumulate(log));
  await bench.run();
  return bench.tasks.map(({ name, result }) => {
    if (result.state !== 'completed') throw new Error(`${name}: ${result.state}`);
    return { name, salesPerSecond: (sales * 1000) / result.latency.p50, hash: hashes.get(name)! };
  });
}
