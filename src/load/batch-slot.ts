/**
 * One record batch on its way: the request's bytes, which stay as they are until the batch is
 * acknowledged, and what then counts. Slots are made once and used again.
 */
import { Journal } from './partition-verdicts.ts';

export class BatchSlot {
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly journal = new Journal();
  /** Where the request ends. */
  end = 0;
  records = 0;
  sales = 0;
  baseSequence = 0;
  correlationId = 0;
  /** Found in the log without an answer having come; told with the next one that is answered. */
  isInLog = false;
  /** When its first and its last sale were due; milliseconds of the clock shared by all threads. */
  firstDueMs = 0;
  lastDueMs = 0;
  /** When it was first handed to a socket. */
  sentMs = 0;

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, size);
  }
}
