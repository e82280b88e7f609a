/**
 * The one writer of one partition: asks the schedule what is due, has it made into batches and
 * sends them, several ahead. Invariant: what it counts as acknowledged, and the sums of it, are
 * what the partition's log has of this load, exactly.
 */
import { steadyEpochMs } from '../lib/clock.ts';
import type { VendavalError } from '../lib/errors.ts';
import { BatchSlot } from './batch-slot.ts';
import type { LoadTask, PartitionOutcome } from './load-protocol.ts';
import { PartitionVerdicts } from './partition-verdicts.ts';
import { IN_FLIGHT_MAX, ProducePipe } from './produce-pipe.ts';
import { SaleStream } from './sale-stream.ts';
import type { SaleValues } from './sale-values.ts';
import { type Schedule, shareOf } from './schedule.ts';
import { SALE_CATEGORIES } from './shop.ts';

/** A batch that is not full waits so long for more. */
export const LINGER_MS = 5;
/** What is planned for one batch; none that can be sent has as many. */
const SALES_PER_BATCH_MAX = 20_000;
/** Less than any format takes for one: a batch with room for what is due is surely not full. */
const SALE_BYTES_MIN = 64;

export interface LaneHandler {
  acknowledged(lane: LoadLane, slot: BatchSlot, endOffset: number): void;
  trouble(lane: LoadLane, error: VendavalError): void;
  failed(lane: LoadLane, error: VendavalError): void;
}

export class LoadLane {
  readonly partition: number;
  /** Sales that were made, and those of them that are in the log. */
  made = 0;
  acknowledged = 0;
  acknowledgedRecords = 0;
  acknowledgedBytes = 0;
  readonly #task: LoadTask;
  readonly #schedule: Schedule;
  readonly #pipe: ProducePipe;
  readonly #verdicts: PartitionVerdicts;
  readonly #stream: SaleStream;
  readonly #free: BatchSlot[];
  readonly #total: number;
  #startMs = Number.POSITIVE_INFINITY;
  #madeMs = 0;
  #isStopping = false;
  #hasFailed = false;

  constructor(
    task: LoadTask,
    partition: number,
    schedule: Schedule,
    values: SaleValues,
    handler: LaneHandler,
  ) {
    this.partition = partition;
    this.#task = task;
    this.#schedule = schedule;
    this.#total = shareOf(schedule.total, partition, task.partitions);
    this.#verdicts = new PartitionVerdicts(task.rules, SALE_CATEGORIES.length);
    this.#stream = new SaleStream(
      task.seed,
      partition,
      values,
      this.#verdicts,
      task.rules,
      (index) => {
        const { phase, endIndex } = schedule.phaseOfSale(this.#globalIndex(index));
        return { phase, endIndex: shareOf(endIndex, partition, task.partitions) };
      },
    );
    this.#pipe = new ProducePipe(
      { access: task.access, topic: task.topic, partition },
      {
        acknowledged: (slot, baseOffset) => {
          this.#verdicts.commit(slot.journal);
          this.acknowledged += slot.sales;
          this.acknowledgedRecords += slot.records;
          this.acknowledgedBytes += slot.end - this.#pipe.batchAt;
          handler.acknowledged(this, slot, baseOffset + slot.records);
          this.#free.push(slot);
        },
        trouble: (error) => handler.trouble(this, error),
        failed: (error) => {
          this.#hasFailed = true;
          handler.failed(this, error);
        },
      },
    );
    const size = this.#pipe.batchAt + task.batchBytes + values.bytesMax;
    this.#free = Array.from({ length: IN_FLIGHT_MAX }, () => new BatchSlot(size));
  }

  open(): Promise<void> {
    return this.#pipe.open();
  }

  /** The schedule runs from this time of the shared clock. */
  start(startMs: number): void {
    this.#startMs = startMs;
  }

  /** Makes no more; what is in flight is still waited for. */
  stop(): void {
    this.#isStopping = true;
  }

  close(): void {
    this.#pipe.close();
  }

  /** Nothing is left to do, or nothing can be done. */
  get isDone(): boolean {
    if (this.#hasFailed) return true;
    const isAllMade = this.#isStopping || this.made === this.#total;
    return isAllMade && this.#pipe.inFlight.length === 0;
  }

  /** How long the oldest sale that is due has been waiting for its acknowledgement. */
  lagMs(nowMs: number): number {
    const [oldest] = this.#pipe.inFlight;
    if (oldest) return Math.max(0, nowMs - oldest.firstDueMs);
    if (this.#isStopping || this.made === this.#total) return 0;
    return Math.max(0, nowMs - this.#dueMs(this.made));
  }

  /** Makes and sends what is due, as far as there is room. */
  pump(): void {
    while (this.#pipe.isConnected && !this.#isStopping && this.#free.length > 0) {
      const nowMs = steadyEpochMs();
      const due = this.#schedule.dueBy(nowMs - this.#startMs);
      const count = shareOf(due, this.partition, this.#task.partitions) - this.made;
      if (count <= 0) return;
      const isFull = count * SALE_BYTES_MIN >= this.#task.batchBytes;
      if (!isFull && nowMs - this.#madeMs < LINGER_MS) return;
      this.#madeMs = nowMs;
      this.#send(this.#free.pop()!, Math.min(count, SALES_PER_BATCH_MAX));
    }
  }

  #send(slot: BatchSlot, count: number): void {
    const [stream, pipe] = [this.#stream, this.#pipe];
    const [first, last] = [this.#dueMs(this.made), this.#dueMs(this.made + count - 1)];
    stream.fill(slot, pipe.batchAt, this.#task.batchBytes, count, first, last);
    slot.end = stream.writer.finish(pipe.producer, pipe.sequence);
    this.made += slot.sales;
    pipe.send(slot);
  }

  outcome(): PartitionOutcome {
    const { firstOffset, nextOffset, foreignOffsets, inFlight } = this.#pipe;
    return {
      partition: this.partition,
      firstOffset,
      nextOffset,
      foreignOffsets,
      acknowledged: this.acknowledged,
      unknownSales: inFlight.reduce((sum, { sales }) => sum + sales, 0),
      rejected: [...this.#verdicts.rejected],
      sums: [...this.#verdicts.sums()],
    };
  }

  /** When this partition's sale `index` is due, by the shared clock. */
  #dueMs(index: number): number {
    return this.#startMs + this.#schedule.dueMs(this.#globalIndex(index));
  }

  #globalIndex(index: number): number {
    return index * this.#task.partitions + this.partition;
  }
}
