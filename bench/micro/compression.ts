/**
 * Compressed batches without a socket: what each codec gives back a second, and records to table
 * as a worker does it, beside the same batches plain. One core, fixed seed. The batches are as
 * large as producers under load make them; sales compress to a fourth to a half.
 */
import { constants, gzipSync } from 'node:zlib';
import lz4 from 'lz4-napi';
import snappy from 'snappy';
import { Bench } from 'tinybench';
import { type Decompress, loadCodec, unpackBatch } from '../../src/kafka/compression/codecs.ts';
import { UnpackedRecords } from '../../src/kafka/compression/unpacked-records.ts';
import { zstdWasm } from '../../src/kafka/compression/zstd-wasm.ts';
import type { BatchHead } from '../../src/kafka/record-batch.ts';
import { recordBatch } from '../../test/parts/record-batch-builder.ts';
import { intoTable } from '../parts/into-table.ts';
import { type Log, logOf, walk } from '../parts/log.ts';
import { randomFrom, saleText } from '../parts/workload.ts';
import type { MicroOptions, MicroRow } from './hot-path.ts';

const SALES_PER_BATCH = 1000;

function batches(sales: number, codec: number, compress: (records: Buffer) => Buffer): Log {
  const random = randomFrom(7);
  const list: Buffer[] = [];
  for (let base = 0; base < sales; base += SALES_PER_BATCH) {
    const records = Array.from({ length: SALES_PER_BATCH }, (_, i) => ({
      value: Buffer.from(saleText(random, base + i, sales)),
    }));
    const timestampMs = Date.UTC(2024, 10, 29, 1);
    list.push(recordBatch({ baseOffset: base, records, timestampMs, codec, compress }));
  }
  return logOf(list);
}

/** Calls `each` with every batch's head, its records unpacked. */
function unpackEach(
  log: Log,
  decompress: Decompress | null,
  out: UnpackedRecords,
  each: (head: BatchHead) => void,
): void {
  walk(log, (head) => {
    if (decompress) unpackBatch(decompress, log.bytes, head, out);
    each(head);
  });
}

function unpackAll(log: Log, decompress: Decompress, out: UnpackedRecords): string {
  let bytes = 0;
  unpackEach(log, decompress, out, (head) => {
    bytes += head.end;
  });
  return `${bytes} bytes, ${((log.bytes.length / bytes) * 100).toFixed(0)} % of it before`;
}

function accumulate(log: Log, decompress: Decompress | null, out: UnpackedRecords): string {
  return intoTable((accumulator) => {
    unpackEach(log, decompress, out, (head) => {
      const { bytes, view } = decompress ? out : log;
      if (!accumulator.addBatch(bytes, view, head)) throw new Error('the table is full');
    });
  });
}

export async function compressionBench({ timeMs, sales }: MicroOptions): Promise<MicroRow[]> {
  const zstd = await zstdWasm();
  const codecs: [name: string, codec: number, compress: (records: Buffer) => Buffer][] = [
    ['gzip', 1, (data) => gzipSync(data, { level: constants.Z_DEFAULT_LEVEL })],
    ['snappy', 2, (data) => snappy.compressSync(data)],
    ['lz4', 3, (data) => lz4.compressFrameSync(data)],
    ['zstd', 4, (data) => Buffer.from(zstd.compress(data, 3))],
  ];
  const hashes = new Map<string, string>();
  const bench = new Bench({ time: timeMs, warmupTime: timeMs / 4 });
  const add = (name: string, work: () => string) =>
    bench.add(name, () => void hashes.set(name, work()));
  const plain = batches(sales, 0, (data) => data);
  const out = new UnpackedRecords();
  add('batches of 1,000 to table, plain', () => accumulate(plain, null, out));
  for (const [name, codec, compress] of codecs) {
    const log = batches(sales, codec, compress);
    const decompress = await loadCodec(codec);
    add(`${name} decompression`, () => unpackAll(log, decompress, out));
    add(`batches of 1,000 to table, ${name}`, () => accumulate(log, decompress, out));
  }
  await bench.run();
  return bench.tasks.map(({ name, result }) => {
    if (result.state !== 'completed') throw new Error(`${name}: ${result.state}`);
    return { name, salesPerSecond: (sales * 1000) / result.latency.p50, hash: hashes.get(name)! };
  });
}
