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
  readonly #records: Iterator<RecordToProduce>;
  readonly #pieceSize: number;
  #sent = 0;
  #isStopped = false;
  #running: Promise<void> = Promise.resolve();

  /** @param records may have no end */
  constructor(test: Ending, scene: Scene, records: Iterable<RecordToProduce>, pieceSize = 1000) {
    test.onTestFinished(async () => {
      await this.stop().catch(() => {});
      await this.#producer.then((producer) => producer.close());
    });
    this.#producer = openProducer(scene.brokers, scene.topic);
    this.#records = records[Symbol.iterator]();
    this.#pieceSize = pieceSize;
  }

  /** How many the broker has confirmed. */
  get sent(): number {
    return this.#sent;
  }

  /** Sends the next `count` records in the background; without a count, until it is stopped. */
  start(count = Number.POSITIVE_INFINITY): void {
    this.#isStopped = false;
    this.#running = this.#running.then(() => this.#send(count));
    // Told where it is awaited.
    this.#running.catch(() => {});
  }

  /** Waits for what was started. */
  finish(): Promise<void> {
    return this.#running;
  }

  /** Sends all that is left, at once. There must be an end to it. */
  async sendRest(): Promise<void> {
    await this.stop();
    await this.#produce(Number.POSITIVE_INFINITY);
  }

  /** Ends after the present piece. */
  stop(): Promise<void> {
    this.#isStopped = true;
    return this.#running;
  }

  async #send(count: number): Promise<void> {
    const until = this.#sent + count;
    while (this.#sent < until && !this.#isStopped) {
      const sent = await this.#produce(Math.min(until - this.#sent, this.#pieceSize));
      if (sent === 0) return;
      await sleep(PAUSE_MS);
    }
  }

  /** @returns how many there were */
  async #produce(countMax: number): Promise<number> {
    const piece: RecordToProduce[] = [];
    while (piece.length < countMax) {
      const { done, value } = this.#records.next();
      if (done) break;
      piece.push(value);
    }
    if (piece.length > 0) await (await this.#producer).produce(piece);
    this.#sent += piece.length;
    return piece.length;
  }
}
