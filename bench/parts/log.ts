/** A partition's log in memory, as a Fetch response has it: batches with bytes behind the last. */
import { BatchHead, batchEnd } from '../../src/kafka/record-batch.ts';

export interface Log {
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly end: number;
}

const READ_AHEAD_BYTES = 256;

export function logOf(batches: readonly Buffer[]): Log {
  const bytes = Buffer.concat([...batches, Buffer.alloc(READ_AHEAD_BYTES)]);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return { bytes, view, end: bytes.length - READ_AHEAD_BYTES };
}

/** Calls `each` with every batch's head. */
export function walk(log: Log, each: (head: BatchHead) => void): void {
  const head = new BatchHead();
  for (let position = 0; ; ) {
    const next = batchEnd(log.view, position, log.end);
    if (next < 0) return;
    head.read(log.view, position, next);
    each(head);
    position = next;
  }
}
