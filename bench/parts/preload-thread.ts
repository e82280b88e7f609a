/**
 * Writes one partition of a preloaded topic. The sales depend on their partition and number alone,
 * so that every topic of so many sales holds the same ones in whatever form, and they go into
 * batches as producers under load make them. Event time goes forward but for a little jitter.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { crc32c } from '@node-rs/crc32';
import { BATCH_HEAD_BYTES, CRC_AT, CRC_FROM } from '../../src/kafka/record-batch.ts';
import { RECORD_HEAD_BYTES_MAX, RecordBatchWriter } from '../../src/kafka/record-batch-writer.ts';
import { BatchSlot } from '../../src/load/batch-slot.ts';
import { FlatBatches, FlatSales } from '../../src/load/flat-sales.ts';
import { JsonSales } from '../../src/load/json-sales.ts';
import { IN_FLIGHT_MAX, ProducePipe } from '../../src/load/produce-pipe.ts';
import { Random } from '../../src/load/random.ts';
import { SaleFields, type SaleValues } from '../../src/load/sale-values.ts';
import { CODEC, COMPRESSORS, type Compress } from '../../test/parts/compressors.ts';
import {
  type PreloadedPartition,
  type PreloadTask,
  SALES_PER_KAFKA_BATCH,
} from './preload-plan.ts';
import type { Sums } from './sums.ts';

const SEED = 2024;
const START_MS = Date.UTC(2024, 10, 29, 0, 0, 0);
const MINUTE_MS = 60_000;
const VALOR_CENTAVOS_MIN = 1000;
const VALOR_CENTAVOS_SPAN = 499_001;

const VALUES = { json: JsonSales, flatbuffers: FlatSales, 'flatbuffers-batch': FlatBatches };
/** By codec; of snappy's two framings the one that librdkafka writes. */
const COMPRESSOR = { gzip: 'gzip', snappy: 'raw snappy', lz4: 'lz4', zstd: 'zstd' };

const task: PreloadTask = workerData.task;
const { partitions, categories, minutes, jitterMs, fillerBytes } = task.shape;
const spanMs = minutes * MINUTE_MS;
const sales = Math.floor((task.sales + partitions - 1 - task.partition) / partitions);
/** Brokers take a batch of a megabyte. */
const salesPerBatch = Math.min(SALES_PER_KAFKA_BATCH, Math.floor(900_000 / (200 + fillerBytes)));
/** Stands in place of the brace that ends a JSON sale. */
const filler = Buffer.from(`, "obs": "${'x'.repeat(fillerBytes)}"}`);

class SaleSource {
  readonly sale = new SaleFields();
  made = 0;
  readonly #random = new Random(SEED, task.partition);
  readonly #counts = new Float64Array(minutes * categories.length);
  readonly #centavos = new Float64Array(minutes * categories.length);

  /** Fills `sale` with the next one. */
  next(): void {
    const [sale, random] = [this.sale, this.#random];
    sale.id0 = random.word();
    sale.id1 = random.word();
    sale.id2 = random.word();
    sale.id3 = random.word();
    sale.category = random.below(categories.length);
    sale.valorCentavos = VALOR_CENTAVOS_MIN + random.below(VALOR_CENTAVOS_SPAN);
    const afterMs = (this.made / sales) * spanMs - random.below(jitterMs);
    // Whole seconds, as the JSON texts have them.
    const second = Math.floor(Math.max(0, afterMs) / 1000);
    sale.eventMs = START_MS + second * 1000;
    const key = Math.floor(second / 60) * categories.length + sale.category;
    this.#counts[key]++;
    this.#centavos[key] += sale.valorCentavos;
    this.made++;
  }

  sums(): Sums {
    const sums: Sums = new Map();
    this.#counts.forEach((count, key) => {
      if (count === 0) return;
      const minute = Math.floor(key / categories.length);
      const start = new Date(START_MS + minute * MINUTE_MS).toISOString().slice(0, 16);
      const categoria = categories[key % categories.length];
      sums.set(`${start}|${categoria}`, { count, centavos: this.#centavos[key] });
    });
    return sums;
  }
}

/** Makes one batch in `slot` from the source's next sales; it may get shorter by compression. */
class BatchMaker {
  readonly #values: SaleValues = new VALUES[task.format](categories, 'UTC');
  readonly #writer = new RecordBatchWriter();
  readonly #compress: Compress | null =
    task.codec === 'none' ? null : COMPRESSORS[COMPRESSOR[task.codec]].compress;
  readonly bytesMax: number;

  constructor() {
    const valuesMax = Math.ceil(salesPerBatch / this.#values.salesPerValue);
    const recordBytes = RECORD_HEAD_BYTES_MAX + this.#values.bytesMax + filler.length;
    this.bytesMax = BATCH_HEAD_BYTES + valuesMax * recordBytes;
  }

  fill(slot: BatchSlot, at: number, source: SaleSource, pipe: ProducePipe): void {
    const [values, writer] = [this.#values, this.#writer];
    slot.sales = Math.min(salesPerBatch, sales - source.made);
    writer.begin(slot.bytes, slot.view, at, START_MS + spanMs);
    for (let left = slot.sales; left > 0; ) {
      const inValue = Math.min(left, values.salesPerValue);
      values.begin(slot.bytes, slot.view, writer.open(START_MS + spanMs));
      for (let i = 0; i < inValue; i++) {
        source.next();
        values.add(source.sale);
      }
      writer.close(filled(slot.bytes, values.end()));
      left -= inValue;
    }
    slot.records = writer.count;
    slot.end = writer.finish(pipe.producer, pipe.sequence);
    if (this.#compress !== null && task.codec !== 'none') {
      slot.end = compressed(slot, at, CODEC[task.codec], this.#compress);
    }
  }
}

/** @returns where the value ends when it has its further field */
function filled(bytes: Buffer, end: number): number {
  return fillerBytes === 0 ? end : end - 1 + filler.copy(bytes, end - 1);
}

/** The batch between `at` and the slot's end with its records compressed in place. */
function compressed(slot: BatchSlot, at: number, codec: number, compress: Compress): number {
  const { bytes } = slot;
  const packed = compress(bytes.subarray(at + BATCH_HEAD_BYTES, slot.end));
  const end = at + BATCH_HEAD_BYTES + packed.length;
  packed.copy(bytes, at + BATCH_HEAD_BYTES);
  bytes.writeInt32BE(end - at - 12, at + 8);
  bytes.writeInt16BE(codec, at + CRC_FROM);
  bytes.writeUInt32BE(crc32c(bytes.subarray(at + CRC_FROM, end)), at + CRC_AT);
  return end;
}

async function write(): Promise<PreloadedPartition> {
  const source = new SaleSource();
  const maker = new BatchMaker();
  const total = { records: 0, bytes: 0 };
  let failure: unknown;
  let toldAt = 0;
  let wake = () => {};
  const free: BatchSlot[] = [];
  const { brokers, topic, partition } = task;
  const pipe = new ProducePipe(
    { access: { brokers, security: null }, topic, partition },
    {
      acknowledged: (slot) => {
        total.records += slot.records;
        total.bytes += slot.end - pipe.batchAt;
        free.push(slot);
        wake();
      },
      trouble: () => {},
      failed: (error) => {
        failure = error;
        wake();
      },
    },
  );
  await pipe.open();
  for (let i = 0; i < IN_FLIGHT_MAX; i++) free.push(new BatchSlot(pipe.batchAt + maker.bytesMax));
  while (source.made < sales || free.length < IN_FLIGHT_MAX) {
    if (failure) throw failure;
    if (source.made === sales || free.length === 0 || !pipe.isConnected) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      continue;
    }
    const slot = free.pop()!;
    maker.fill(slot, pipe.batchAt, source, pipe);
    pipe.send(slot);
    if (source.made - toldAt >= 100_000 || source.made === sales) {
      parentPort!.postMessage({ more: source.made - toldAt });
      toldAt = source.made;
    }
    // The socket is written and read between two batches.
    await turn();
  }
  pipe.close();
  return { ...total, sums: [...source.sums()] };
}

parentPort!.postMessage(await write());
