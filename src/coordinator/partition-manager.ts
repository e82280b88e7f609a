/**
 * Which partitions this process owns, and each one's way through recovery, lease and release.
 * Ownership only saves work: a partition that two processes hold for a while is counted right all
 * the same. A dead worker thread's partitions are recovered from what is durable. What a lease is
 * told is in lease-order.ts, and what follows from one that failed in lease-failure.ts.
 */
import { Backoff } from '../lib/backoff.ts';
import { sleep, systemClock } from '../lib/clock.ts';
import { messageOf, VendavalError } from '../lib/errors.ts';
import { hostPort } from '../lib/host-port.ts';
import type { Progress, Skip } from '../mongo/progress-document.ts';
import type { TotalsKey } from '../mongo/totals-store.ts';
import { LIVE } from '../state/layout.ts';
import type { BrokerPlace, LeaseResult } from '../workers/lease-protocol.ts';
import type { Health } from './health.ts';
import { afterFailure, type LeaseFailure } from './lease-failure.ts';
import { LeaseHandle, type LeaseHandler, type LeaseThreads } from './lease-handle.ts';
import { type LeaseTerms, leaseOrder } from './lease-order.ts';
import { OwnedPartition } from './owned-partition.ts';
import type { RecoveredPartition } from './recovery.ts';
import { Tenure } from './tenure.ts';

const RECOVERY_BACKOFF_MIN_MS = 200;
const RECOVERY_BACKOFF_MAX_MS = 5000;
/** A lease whose thread dies this often without one checkpoint in between stops the process. */
const DEATHS_MAX = 5;

export interface ManagerContext extends LeaseTerms {
  readonly onCorrupt: 'stop' | 'skip';
  readonly threads: LeaseThreads;
  replicaOf(partition: number, brokerId: number): BrokerPlace | null;
  /** @param reopened keys of late windows whose registers are wanted too */
  recover(partition: number, reopened: readonly TotalsKey[]): Promise<RecoveredPartition>;
  /** Makes durable that these offsets are passed over, if nothing else has been since. */
  skip(progress: Progress, skip: Skip): Promise<void>;
  readonly health: Pick<Health, 'asError' | 'info' | 'trouble'>;
  /** A checkpoint is wanted before the next tick. */
  wake(): void;
  leaderWanted(): void;
  fatal(error: VendavalError): void;
}

export class PartitionManager {
  readonly #context: ManagerContext;
  /** Recoveries under way, also of partitions that were let go of meanwhile. */
  readonly #recoveries = new Set<Promise<void>>();
  readonly #tenures = new Map<number, Tenure>();

  constructor(context: ManagerContext) {
    this.#context = context;
  }

  /** Those with a lease, also an ended one that still has a delta to drain. */
  get owned(): OwnedPartition[] {
    return [...this.#tenures.values()].flatMap(({ owned }) => owned ?? []);
  }

  /** Whether the partition still goes by this lease. */
  has({ partition, lease }: OwnedPartition): boolean {
    return this.#tenures.get(partition)?.isOf(lease) ?? false;
  }

  get recovering(): number[] {
    return [...this.#tenures].flatMap(([partition, { owned }]) => (owned ? [] : partition));
  }

  acquire(partition: number): void {
    const present = this.#tenures.get(partition);
    if (present) {
      present.isWanted = present.releasing;
      return;
    }
    const tenure = new Tenure();
    this.#tenures.set(partition, tenure);
    this.#begin(partition, tenure);
  }

  #begin(partition: number, tenure: Tenure): void {
    const recovery = this.#start(partition, tenure)
      .catch((error) => this.#context.fatal(this.#context.health.asError(error)))
      .finally(() => this.#recoveries.delete(recovery));
    this.#recoveries.add(recovery);
  }

  /** Resolves when no recovery is under way that could still write its owner's name. */
  async quiet(): Promise<void> {
    await Promise.all(this.#recoveries);
  }

  /** Stops the lease; resolves when its last delta is durable, or the time is over. */
  async release(partition: number, timeoutMs: number): Promise<void> {
    const tenure = this.#tenures.get(partition);
    if (!tenure) return;
    tenure.releasing = true;
    tenure.isWanted = false;
    if (tenure.owned) tenure.owned.lease.stop();
    else this.#forget(partition, tenure);
    this.#context.wake();
    const timeout = new AbortController();
    await Promise.race([tenure.released, sleep(timeoutMs, timeout.signal)]);
    timeout.abort();
    // What was not made durable in time is counted again by the next owner.
    tenure.owned?.lease.abandon();
    this.#forget(partition, tenure);
  }

  setLeaders(): void {
    for (const { partition, lease } of this.owned) {
      lease.setLeader(this.#context.leaderOf(partition));
    }
  }

  /**
   * To be called after each checkpoint: lets go of leases that ended and are drained, and goes on
   * behind what one of them could not read.
   */
  reap(): void {
    for (const [partition, tenure] of this.#tenures) {
      const { owned, skip } = tenure;
      if (!owned?.lease.hasEnded || owned.lease.region.frozen) continue;
      if (tenure.releasing) {
        this.#forget(partition, tenure);
      } else if (skip && owned.durable.nextOffset === skip.from) {
        tenure.owned = null;
        tenure.skip = null;
        this.#passOver(tenure, owned.durable, skip).catch((error) => {
          this.#context.fatal(this.#context.health.asError(error));
        });
      }
    }
  }

  async #passOver(tenure: Tenure, durable: Progress, skip: Skip): Promise<void> {
    const { partition } = durable;
    const write = () => this.#context.skip(durable, skip);
    await this.#untilItHolds(partition, tenure, write);
    if (tenure.releasing) return;
    const { from, to, why } = skip;
    const message = `passes over offsets ${from} to ${to - 1} (${to - from}): ${why}`;
    this.#context.health.trouble('E_CORRUPT_SKIPPED', `partition ${partition} ${message}`);
    await this.#start(partition, tenure);
  }

  /** Lets go of everything, drained or not; whoever waits for a release waits no longer. */
  close(): void {
    for (const [partition, tenure] of this.#tenures) {
      tenure.releasing = true;
      tenure.isWanted = false;
      this.#forget(partition, tenure);
    }
  }

  #forget(partition: number, tenure: Tenure): void {
    const wasPresent = this.#tenures.get(partition) === tenure;
    if (wasPresent) this.#tenures.delete(partition);
    tenure.settleReleased();
    if (wasPresent && tenure.isWanted) this.acquire(partition);
  }

  async #start(partition: number, tenure: Tenure): Promise<void> {
    const recover = () => this.#context.recover(partition, tenure.reopened);
    const recovered = await this.#untilItHolds(partition, tenure, recover);
    if (!recovered || tenure.releasing) return;
    const context = this.#context;
    const order = leaseOrder(context, recovered);
    const lease = new LeaseHandle(context.threads, order, this.#handler(partition));
    const { nextOffset, guards } = order.start;
    tenure.countedTo = guards.reduce((max, { ate }) => Math.max(max, ate), 0);
    tenure.owned = new OwnedPartition(recovered, lease, context.rules, systemClock.monotonicMs());
    context.health.info(
      'lease-started',
      `partition ${partition} goes on at offset ${nextOffset}` +
        (guards.length > 0 ? ` (${guards.length} totals are ahead of it)` : ''),
    );
    lease.ended.then(
      (result) => tenure.isOf(lease) && this.#ended(partition, tenure, result),
      (error) => tenure.isOf(lease) && this.#died(partition, tenure, error),
    );
  }

  /**
   * Drops a lease with all that it has not made durable, and goes on from what is: somebody has
   * counted late sales further than it began, and it does not know how far.
   */
  beginAgain(partition: number, reopened: readonly TotalsKey[]): void {
    const tenure = this.#tenures.get(partition);
    if (!tenure?.owned) return;
    const { lease, durable } = tenure.owned;
    tenure.owned = null;
    tenure.reopen(reopened, durable.nextOffset);
    lease.stop();
    lease.abandon();
    if (tenure.releasing) this.#forget(partition, tenure);
    else this.#begin(partition, tenure);
  }

  /** @returns null when it was given up: the partition is let go of, or it can't be */
  async #untilItHolds<T>(
    partition: number,
    tenure: Tenure,
    attempt: () => Promise<T>,
  ): Promise<T | null> {
    const backoff = new Backoff(RECOVERY_BACKOFF_MIN_MS, RECOVERY_BACKOFF_MAX_MS);
    while (!tenure.releasing) {
      try {
        return await attempt();
      } catch (failure) {
        const error = this.#context.health.asError(failure);
        if (!error.retryable) {
          this.#context.fatal(error);
          return null;
        }
        this.#context.health.trouble(error.code, `partition ${partition} waits: ${error.message}`);
        await sleep(backoff.nextMs());
      }
    }
    return null;
  }

  #handler(partition: number): LeaseHandler {
    const context = this.#context;
    return {
      full: () => context.wake(),
      leaderWanted: () => context.leaderWanted(),
      replicaWanted: (brokerId) => {
        const { owned } = this.#tenures.get(partition) ?? {};
        const place = context.replicaOf(partition, brokerId);
        owned?.lease.setReplica(brokerId, place);
        if (!place) return;
        const where = `broker ${brokerId} at ${hostPort(place)}`;
        context.health.info(
          'replica',
          `partition ${partition} is read from ${where}, its nearest replica`,
        );
      },
      trouble: (code, message) =>
        context.health.trouble(code, `partition ${partition}: ${message}`),
    };
  }

  #ended(partition: number, tenure: Tenure, result: LeaseResult): void {
    if (result.outcome === 'failed') this.#failed(partition, tenure, result);
    if (this.#tenures.get(partition) === tenure) this.#context.wake();
  }

  #failed(partition: number, tenure: Tenure, failure: LeaseFailure): void {
    const { onCorrupt } = this.#context;
    const skips = tenure.owned?.durable.skips.length ?? 0;
    const after = afterFailure(
      { partition, onCorrupt, skips, countedTo: tenure.countedTo },
      failure,
    );
    if (after.kind === 'pass-over') tenure.skip = after.skip;
    else if (after.kind === 'look-again') void this.#truncated(partition, tenure, after.error);
    else this.#context.fatal(after.error);
  }

  /**
   * Records that another owner has counted may be deleted before this one, which slept or was cut
   * off, comes to them: nothing is lost then, and it goes on from where the other one is.
   */
  async #truncated(partition: number, tenure: Tenure, error: VendavalError): Promise<void> {
    const reachedOffset = tenure.owned?.live[LIVE.nextOffset] ?? -1;
    const recover = () => this.#context.recover(partition, []);
    const recovered = await this.#untilItHolds(partition, tenure, recover);
    if (!recovered || tenure.releasing) return;
    const { nextOffset } = recovered.progress;
    if (nextOffset <= reachedOffset) return this.#context.fatal(error);
    const message = `partition ${partition}: another process has counted up to ${nextOffset}`;
    this.#context.health.info('overtaken', message);
    tenure.owned = null;
    this.#begin(partition, tenure);
  }

  /** The thread died with whatever was not durable; a new lease starts from what is. */
  #died(partition: number, tenure: Tenure, error: unknown): void {
    if (this.#tenures.get(partition) !== tenure) return;
    const durableOffset = tenure.owned?.durable.nextOffset ?? -1;
    const deaths = tenure.died(durableOffset);
    tenure.owned = null;
    if (tenure.releasing) return this.#forget(partition, tenure);
    const message = `partition ${partition}: its worker died: ${messageOf(error)}`;
    if (deaths >= DEATHS_MAX) {
      this.#context.fatal(
        new VendavalError(`${message} (${deaths} times at offset ${durableOffset})`, {
          code: 'E_WORKER_DIED',
          cause: error,
          hint: 'Totals are durable up to that offset. Report it with the record at that place.',
        }),
      );
      return;
    }
    this.#context.health.trouble('E_WORKER_DIED', message);
    this.#begin(partition, tenure);
  }
}
