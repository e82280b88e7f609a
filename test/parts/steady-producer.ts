/**
 * Sends a workload piece by piece while a test does something else, so that the engine is always
 * at work. Records keep their order. It ends with its test: a native producer that a worker leaves
 * running crashes it.
 */
import { sleep } from '../../src/lib/clock.ts';
import type { Ending } from './engine-process.ts';
import type { Scene } from './scene.ts';
import { type OpenProducer, openProducer, type RecordToProduce } from './topic.ts';

/** Between two pieces, so that the work lasts. */
const PAUSE_MS = 50;

export class SteadyProducer {
  readonly #producer: Promise<OpenProducer>;
  readonly #records: readonly RecordToProduce[];
  readonly #pieceSize: number;
  #next = 0;
  #isStopped = false;
  #running: Promise<void> = Promise.resolve();

  constructor(test: Ending, scene: Scene, records: readonly RecordToProduce[], pieceSize = 1000) {
    test.onTestFinished(async () => {
      await this.stop().catch(() => {});
      await this.#producer.then((producer) => producer.close());
    });
    this.#producer = openProducer(scene.brokers, scene.topic);
    this.#records = records;
    this.#pieceSize = pieceSize;
  }

  /** How many the broker has confirmed. */
  get sent(): number {
    return this.#next;
  }

  /** Sends the next `share` of all records in the background. */
  start(share: number): void {
    const until = Math.min(
      this.#records.length,
      this.#next + Math.ceil(this.#records.length * share),
    );
    this.#isStopped = false;
    this.#running = this.#running.then(() => this.#send(until));
    // Told where it is awaited.
    this.#running.catch(() => {});
  }

  /** Waits for what was started. */
  finish(): Promise<void> {
    return this.#running;
  }

  /** Sends all that is left, at once. */
  async sendRest(): Promise<void> {
    await this.stop();
    const rest = this.#records.slice(this.#next);
    await (await this.#producer).produce(rest);
    this.#next += rest.length;
  }

  /** Ends after the present piece. */
  stop(): Promise<void> {
    this.#isStopped = true;
    return this.#running;
  }

  async #send(until: number): Promise<void> {
    const producer = await this.#producer;
    while (this.#next < until && !this.#isStopped) {
      const piece = this.#records.slice(this.#next, Math.min(until, this.#next + this.#pieceSize));
      await producer.produce(piece);
      this.#next += piece.length;
      await sleep(PAUSE_MS);
    }
  }
}
