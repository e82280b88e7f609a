/**
 * Watches, while engines run, that Kafka's committed offset never passes what is durable in the
 * database: the committed offset is read first and the majority's progress after it, so that a
 * commit that is ahead can't hide behind a progress that came later.
 */
import type { Ending } from './engine-process.ts';
import type { Scene } from './scene.ts';
import { kafkaClient } from './topic.ts';

export class CommitSampler {
  /** Samples in which there was a committed offset to compare. */
  samples = 0;
  readonly ahead: string[] = [];
  readonly #scene: Scene;
  #group: string;
  #isStopped = false;
  #loop: Promise<void>;

  constructor(test: Ending, scene: Scene) {
    this.#scene = scene;
    this.#group = scene.group;
    this.#loop = this.#run();
    this.#loop.catch(() => {});
    test.onTestFinished(async () => {
      await this.stop().catch(() => {});
    });
  }

  /** Looks at this group from now on. */
  watch(group: string): void {
    this.#group = group;
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    return this.#loop;
  }

  async #run(): Promise<void> {
    const admin = kafkaClient(this.#scene.brokers).admin();
    await admin.connect();
    try {
      while (!this.#isStopped) {
        const { topic } = this.#scene;
        const offsets = await admin
          .fetchOffsets({ groupId: this.#group, topics: [topic] })
          .catch((error) => {
            // The group's coordinator is being found, or loads.
            if (error.retriable) return [];
            throw error;
          });
        const progress = await this.#scene.progress();
        for (const { partition, offset } of offsets[0]?.partitions ?? []) {
          if (Number(offset) < 0) continue;
          this.samples++;
          const durable = progress.find((one) => one.partition === partition)?.nextOffset ?? -1;
          if (Number(offset) > durable) {
            this.ahead.push(`partition ${partition}: committed ${offset}, durable ${durable}`);
          }
        }
      }
    } finally {
      await admin.disconnect();
    }
  }
}
