/**
 * Offsets on their way to Kafka, each with the permit that says that it is durable. Nothing rests on
 * a commit, since the progress documents say where to resume: one that the group leaves waiting holds
 * up no checkpoint, and one that fails is followed by the next.
 */
import { endsWithin } from '../lib/clock.ts';
import type { CommitPermit } from '../lib/commit-permit.ts';
import { messageOf } from '../lib/errors.ts';
import type { Health } from './health.ts';
import type { Membership } from './membership.ts';

const COMMIT_TIMEOUT_MS = 10_000;
/** How long a checkpoint waits for its commit; it takes some ten milliseconds. */
const COMMIT_WAIT_MS = 500;
/** A group amid a rebalance may answer after ten seconds. */
const LAST_COMMIT_TIMEOUT_MS = 5000;

export class OffsetCommits {
  readonly #membership: Pick<Membership, 'group' | 'isAssigned'>;
  readonly #health: Health;
  readonly #isDraining: () => boolean;
  #waiting = new Map<number, CommitPermit>();
  #committing: Promise<void> | null = null;

  constructor(
    membership: Pick<Membership, 'group' | 'isAssigned'>,
    health: Health,
    isDraining: () => boolean,
  ) {
    this.#membership = membership;
    this.#health = health;
    this.#isDraining = isDraining;
  }

  add(permits: readonly CommitPermit[]): void {
    for (const permit of permits) this.#waiting.set(permit.partition, permit);
  }

  /** Of partitions that are no longer ours. */
  forget(partitions: readonly number[]): void {
    for (const partition of partitions) this.#waiting.delete(partition);
  }

  /** Commits what waits; returns before that is done where it takes long. */
  async commit(): Promise<void> {
    await this.#commit(COMMIT_WAIT_MS);
  }

  async commitLast(): Promise<void> {
    await this.#commit(LAST_COMMIT_TIMEOUT_MS);
  }

  async #commit(waitMs: number): Promise<void> {
    this.#committing ??= this.#commitAll().finally(() => {
      this.#committing = null;
    });
    await endsWithin(this.#committing, waitMs);
  }

  /** Also what becomes durable meanwhile: one request at a time. */
  async #commitAll(): Promise<void> {
    // One that is not yet a member may not commit.
    while (this.#waiting.size > 0 && this.#membership.isAssigned) {
      const permits = [...this.#waiting.values()];
      this.#waiting.clear();
      try {
        const timeoutMs = this.#isDraining() ? LAST_COMMIT_TIMEOUT_MS : COMMIT_TIMEOUT_MS;
        await this.#membership.group.commit(permits, timeoutMs);
      } catch (error) {
        this.#health.trouble(
          'E_COMMIT',
          `offsets were not committed to Kafka: ${messageOf(error)}`,
        );
        return;
      }
    }
  }
}
