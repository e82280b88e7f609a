/** The worker thread's entry: some partitions' writers, driven by one timer. Imports nothing heavy. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { steadyEpochMs } from '../lib/clock.ts';
import type { VendavalError } from '../lib/errors.ts';
import type { BatchSlot } from './batch-slot.ts';
import { FlatBatches, FlatSales } from './flat-sales.ts';
import { JsonSales } from './json-sales.ts';
import { LINGER_MS, LoadLane } from './load-lane.ts';
import type { Acknowledgement, FromThread, LoadTask, ToThread } from './load-protocol.ts';
import { Schedule } from './schedule.ts';
import { SALE_CATEGORIES } from './shop.ts';

const REPORT_MS = 100;
const VALUES = { json: JsonSales, flatbuffers: FlatSales, 'flatbuffers-batch': FlatBatches };

class LoadThread {
  readonly #port: MessagePort;
  readonly #lanes: readonly LoadLane[];
  readonly #timers: NodeJS.Timeout[] = [];
  #acknowledgements: Acknowledgement[] = [];
  #troubles = 0;
  #isStarted = false;
  #hasEnded = false;

  constructor(port: MessagePort, task: LoadTask) {
    this.#port = port;
    const { phases, rate, durationMs, countMax, rules } = task;
    const schedule = new Schedule(phases, rate, durationMs, countMax);
    const handler = {
      acknowledged: (lane: LoadLane, slot: BatchSlot, endOffset: number) => {
        const { sales, firstDueMs, lastDueMs, sentMs } = slot;
        const acknowledgedMs = steadyEpochMs();
        const { partition } = lane;
        const times = { firstDueMs, lastDueMs, sentMs, acknowledgedMs };
        this.#acknowledgements.push({ partition, endOffset, sales, ...times });
        // The slot is free when this has returned.
        queueMicrotask(() => this.#turn([lane]));
      },
      trouble: (_: LoadLane, { code, message }: VendavalError) => {
        this.#troubles++;
        this.#send({ kind: 'trouble', code, message });
      },
      failed: (_: LoadLane, error: VendavalError) => this.#failed(error),
    };
    const valuesOf = () => new VALUES[task.format](SALE_CATEGORIES, rules.timeZone);
    this.#lanes = task.own.map((p) => new LoadLane(task, p, schedule, valuesOf(), handler));
    port.on('message', (message: ToThread) => this.#told(message));
  }

  async open(): Promise<void> {
    for (const lane of this.#lanes) await lane.open();
    if (!this.#hasEnded) this.#send({ kind: 'ready' });
  }

  #told(message: ToThread): void {
    if (message.kind === 'start') {
      for (const lane of this.#lanes) lane.start(message.startMs);
      this.#timers.push(setInterval(() => this.#turn(this.#lanes), LINGER_MS));
      this.#timers.push(setInterval(() => this.#report(), REPORT_MS));
      this.#isStarted = true;
      return;
    }
    for (const lane of this.#lanes) lane.stop();
    if (message.kind === 'end' || !this.#isStarted) this.#end();
    else this.#turn(this.#lanes);
  }

  #turn(lanes: readonly LoadLane[]): void {
    for (const lane of lanes) lane.pump();
    if (this.#lanes.every(({ isDone }) => isDone)) this.#end();
  }

  #report(): void {
    const nowMs = steadyEpochMs();
    const sum = (of: (lane: LoadLane) => number) =>
      this.#lanes.reduce((total, lane) => total + of(lane), 0);
    const report = {
      made: sum(({ made }) => made),
      acknowledged: sum(({ acknowledged }) => acknowledged),
      bytes: sum(({ acknowledgedBytes }) => acknowledgedBytes),
      lagMs: Math.max(...this.#lanes.map((lane) => lane.lagMs(nowMs))),
      troubles: this.#troubles,
      acknowledgements: this.#acknowledgements,
    };
    this.#acknowledgements = [];
    this.#troubles = 0;
    this.#send({ kind: 'report', report });
  }

  #failed(error: VendavalError): void {
    const { message, code, hint, retryable, exitCode } = error;
    const options = { retryable, exitCode, ...(hint === undefined ? {} : { hint }) };
    this.#send({ kind: 'failed', failure: { message, code, options } });
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    for (const timer of this.#timers) clearInterval(timer);
    this.#report();
    for (const lane of this.#lanes) lane.close();
    this.#send({ kind: 'ended', outcomes: this.#lanes.map((lane) => lane.outcome()) });
    this.#port.close();
  }

  #send(message: FromThread): void {
    this.#port.postMessage(message);
  }
}

await new LoadThread(parentPort!, workerData as LoadTask).open();
