/** A partition's accumulator with its memory, for unit tests: batches in, plain values out. */
import { BatchHead } from '../../src/kafka/record-batch.ts';
import { BatchReader } from '../../src/sale/simd/batch-reader.ts';
import type { LeaseStart } from '../../src/workers/lease-protocol.ts';
import { PartitionAccumulator } from '../../src/workers/partition-accumulator.ts';
import { Drained, FROM_THE_START, LIMITS, RULES, regionPair } from './lease-regions.ts';
import { type BatchSpec, recordBatch } from './record-batch-builder.ts';

export function accumulatorRig(
  start: Partial<LeaseStart> = {},
  limits = LIMITS,
  names: readonly string[] = [],
  reader = BatchReader.make(),
) {
  const { worker, coordinator } = regionPair(limits, names);
  const from = { ...FROM_THE_START, ...start };
  const accumulator = new PartitionAccumulator(worker, RULES, from, reader);
  const drained = new Drained();
  return {
    accumulator,
    drained,
    worker,
    /** Adds the batch whole. */
    add: (spec: BatchSpec) => addBytes(accumulator, recordBatch(spec)),
    freeze() {
      accumulator.writeSnapshot(0, false);
      worker.freeze();
      return drained.take(coordinator);
    },
  };
}

/** With other bytes behind the batch, as in a response. */
export function addBytes(accumulator: PartitionAccumulator, batch: Buffer): boolean {
  const bytes = Buffer.concat([batch, Buffer.alloc(32, 0xff)]);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const head = new BatchHead();
  head.read(view, 0, batch.length);
  return accumulator.addBatch(bytes, view, head);
}
