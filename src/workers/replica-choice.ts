/**
 * Which broker a lease reads from when it has a rack: the leader names a replica nearby, and the
 * lease reads from that for a while, as Kafka's own consumer does. Only the leader's word counts
 * on what the log has, so whatever goes wrong at a replica sends the lease back to the leader,
 * which then serves it itself for a time. Pure: times are arguments.
 */
import type { BrokerPlace, LeaderAddress } from './lease-protocol.ts';

/** Then the leader is asked again, whether another replica would be better. */
export const REPLICA_TERM_MS = 300_000;
/** How long the leader serves after a replica failed. */
export const AVOID_MS = 30_000;

export class ReplicaChoice {
  readonly #rack: string;
  #replica: { readonly id: number; readonly place: BrokerPlace } | null = null;
  /** When the present way of reading is to be looked at again. */
  #untilMs = Number.POSITIVE_INFINITY;
  #isAvoiding = false;

  constructor(rack: string) {
    this.#rack = rack;
  }

  get isReplica(): boolean {
    return this.#replica !== null;
  }

  /** Where to connect, and the rack to tell there; none where no other replica shall be named. */
  target(leader: LeaderAddress): BrokerPlace & { readonly rack: string } {
    if (this.#replica) return { ...this.#replica.place, rack: this.#rack };
    return { ...leader, rack: this.#isAvoiding ? '' : this.#rack };
  }

  /** The replica that a leader named was looked up; one that is not in sync has no place. */
  located(id: number, place: BrokerPlace | null, nowMs: number): void {
    if (!place) return this.failed(nowMs);
    this.#replica = { id, place };
    this.#untilMs = nowMs + REPLICA_TERM_MS;
  }

  /** The connection failed, or its broker refused. */
  failed(nowMs: number): void {
    if (this.#rack === '') return;
    this.#replica = null;
    this.#isAvoiding = true;
    this.#untilMs = nowMs + AVOID_MS;
  }

  /** Whether the connection is to be given up for another: its time is over. */
  isOver(leader: LeaderAddress, nowMs: number): boolean {
    const isOut = this.#replica !== null && !leader.inSync.includes(this.#replica.id);
    if (!isOut && nowMs < this.#untilMs) return false;
    this.#replica = null;
    this.#isAvoiding = false;
    this.#untilMs = Number.POSITIVE_INFINITY;
    return true;
  }
}
