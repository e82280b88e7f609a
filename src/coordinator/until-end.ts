/**
 * Where an engine that runs to the log's present end is at its end: every partition of the topic is
 * durable up to the end that its log had, whoever of the group counts it. One that went by its own
 * partitions alone would leave before the group gave it any, and leave behind what others had begun.
 */
import type { ProgressReader } from '../mongo/progress-reader.ts';
import { LIVE } from '../state/layout.ts';
import type { Health } from './health.ts';
import type { Group } from './outside.ts';
import type { OwnedPartition } from './owned-partition.ts';

export class UntilEnd {
  readonly #progress: Pick<ProgressReader, 'readCounts'>;
  readonly #group: Pick<Group, 'logRange'>;
  readonly #health: Pick<Health, 'info' | 'trouble' | 'asError'>;
  /** Of partitions that were others' when it was asked: the first offset and the end. */
  readonly #ranges = new Map<number, { readonly start: number; readonly end: number }>();
  #told = '';

  constructor(
    progress: Pick<ProgressReader, 'readCounts'>,
    group: Pick<Group, 'logRange'>,
    health: Pick<Health, 'info' | 'trouble' | 'asError'>,
  ) {
    this.#progress = progress;
    this.#group = group;
    this.#health = health;
  }

  /** @param owned all that this process has; none of its partitions is being recovered */
  async isReached(owned: readonly OwnedPartition[], partitionCount: number): Promise<boolean> {
    const areOwnDrained = owned.every(({ live, durable }) => {
      const end = live[LIVE.firstEndOffset];
      return end >= 0 && durable.nextOffset >= end;
    });
    if (!areOwnDrained) return false;
    const own = new Set(owned.map(({ partition }) => partition));
    const others = Array.from({ length: partitionCount }, (_, partition) => partition).filter(
      (partition) => !own.has(partition),
    );
    if (others.length === 0) return true;
    try {
      const left = await this.#notDrained(others, partitionCount);
      if (left.length > 0) this.#tell(`the group's others count partitions ${left.join(', ')}`);
      return left.length === 0;
    } catch (error) {
      const { code, message } = this.#health.asError(error);
      this.#health.trouble(code, message);
      return false;
    }
  }

  async #notDrained(partitions: readonly number[], partitionCount: number): Promise<number[]> {
    for (const partition of partitions) {
      if (this.#ranges.has(partition)) continue;
      this.#ranges.set(partition, await this.#group.logRange(partition));
    }
    const counts = await this.#progress.readCounts(partitionCount);
    const durable = new Map(counts.map(({ partition, nextOffset }) => [partition, nextOffset]));
    return partitions.filter((partition) => {
      const { start, end } = this.#ranges.get(partition)!;
      return (durable.get(partition) ?? start) < end;
    });
  }

  #tell(what: string): void {
    if (this.#told === what) return;
    this.#told = what;
    this.#health.info('until-end', `its own part is done; ${what}`);
  }
}
