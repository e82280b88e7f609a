/**
 * Which partitions are this process's: what the group gives it, and, until the group has spoken, what
 * a dead process has left (adoption.ts). Ownership only saves work; a partition that another process
 * counts as well is counted right all the same.
 */
import { sleep, steadyEpochMs, systemClock } from '../lib/clock.ts';
import type { VendavalError } from '../lib/errors.ts';
import type { OwnershipStore } from '../mongo/ownership-store.ts';
import type { ProgressReader } from '../mongo/progress-reader.ts';
import { OrphanWatch } from './adoption.ts';
import type { Health } from './health.ts';
import type { Group, Outside } from './outside.ts';
import type { PartitionManager } from './partition-manager.ts';

/** How long a partition that moves to another member may take for its last checkpoint. */
const RELEASE_TIMEOUT_MS = 20_000;
const ORPHANS_INTERVAL_MS = 250;

export interface MembershipContext {
  readonly health: Health;
  readonly manager: PartitionManager;
  readonly ownership: OwnershipStore;
  readonly progress: Pick<ProgressReader, 'readOwnerships'>;
  readonly flushIntervalMs: number;
  partitionCount(): number;
  /** Nothing new is begun any more. */
  isEnding(): boolean;
  /** Every lease is being stopped: nobody would stop one that starts now. */
  isDraining(): boolean;
  /** A checkpoint is wanted before the next tick. */
  wake(): void;
  /** These are no longer ours. */
  released(partitions: readonly number[]): void;
  fatal(error: VendavalError): void;
}

export class Membership {
  readonly group: Group;
  readonly #context: MembershipContext;
  /** The group has said which partitions are ours: these. */
  #isAssigned = false;
  #firstAssignedMs = 0;
  readonly #assigned = new Set<number>();
  /** Taken over from a dead process, until then. */
  readonly #adopted = new Set<number>();
  #isAdopting = false;

  constructor(outside: Pick<Outside, 'group'>, context: MembershipContext) {
    this.#context = context;
    this.group = outside.group({
      assigned: (partitions) => this.#given(partitions),
      revoked: (partitions) => this.#taken(partitions),
      trouble: (code, message) => context.health.trouble(code, message),
      fatal: context.fatal,
    });
  }

  /** The group has said which partitions are ours. */
  get isAssigned(): boolean {
    return this.#isAssigned;
  }

  /** When it said so for the first time, by the clock that never steps; 0 before. */
  get firstAssignedMs(): number {
    return this.#firstAssignedMs;
  }

  #given(partitions: readonly number[]): void {
    const { manager, isDraining, wake } = this.#context;
    // The next owner takes them.
    if (isDraining()) return;
    this.#isAssigned = true;
    this.#firstAssignedMs ||= steadyEpochMs();
    for (const partition of partitions) {
      this.#assigned.add(partition);
      manager.acquire(partition);
    }
    const others = [...this.#adopted].filter((partition) => !this.#assigned.has(partition));
    this.#adopted.clear();
    void this.release(others);
    wake();
  }

  #taken(partitions: readonly number[]): Promise<void> {
    for (const partition of partitions) this.#assigned.delete(partition);
    // All at once is how a lost membership shows; the group's next word follows in any case.
    if (this.#assigned.size === 0) this.#isAssigned = false;
    void this.adopt();
    return this.release(partitions);
  }

  async release(partitions: readonly number[], timeoutMs = RELEASE_TIMEOUT_MS): Promise<void> {
    const { manager, released } = this.#context;
    await Promise.all(partitions.map((partition) => manager.release(partition, timeoutMs)));
    released(partitions);
  }

  /** Goes on with what a dead process has left, until the group says what is ours. */
  async adopt(): Promise<void> {
    const { health, manager, ownership, progress, isEnding, partitionCount } = this.#context;
    const isWaiting = () => !this.#isAssigned && !isEnding();
    if (this.#isAdopting || !isWaiting()) return;
    this.#isAdopting = true;
    const watch = new OrphanWatch(this.#context.flushIntervalMs);
    while (isWaiting()) {
      try {
        const ownerships = await progress.readOwnerships(partitionCount());
        for (const orphan of watch.look(ownerships, systemClock.monotonicMs())) {
          const { partition, owner } = orphan;
          if (this.#adopted.has(partition)) continue;
          if (!(await ownership.claim(orphan)) || !isWaiting()) continue;
          health.info('adopted', `partition ${partition}: nothing more comes from ${owner}`);
          this.#adopted.add(partition);
          manager.acquire(partition);
        }
      } catch (error) {
        if (!isWaiting()) break;
        const { code, message } = health.asError(error);
        health.trouble(code, `what a dead process may have left waits: ${message}`);
      }
      await sleep(ORPHANS_INTERVAL_MS);
    }
    this.#isAdopting = false;
  }

  /** What a process has left in order is no orphan: an ordinary start takes nothing over. */
  async disown(partitions: readonly number[]): Promise<void> {
    const { health, ownership } = this.#context;
    if (partitions.length === 0) return;
    try {
      await ownership.disown(partitions);
    } catch (error) {
      const { code, message } = health.asError(error);
      health.trouble(code, `partitions were let go of without a word: ${message}`);
    }
  }
}
