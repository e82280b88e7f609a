/**
 * What the cluster says about the topic, asked again and again: its partitions, their leaders,
 * and whether it is still the same topic. Follows new partitions and moved leaders; stops the
 * engine when the topic was deleted or made anew.
 */
import type { KafkaAccess } from '../kafka/access.ts';
import type { SocketTimeouts } from '../kafka/broker-socket.ts';
import { existingTopic } from '../kafka/metadata.ts';
import type { TopicMetadata } from '../kafka/protocol/requests.ts';
import { sleep, systemClock } from '../lib/clock.ts';
import { EXIT, NEW_DATABASE, VendavalError } from '../lib/errors.ts';
import { hostPort } from '../lib/host-port.ts';
import { areOtherTopics, NO_TOPIC_ID } from '../lib/topic-id.ts';
import type { BrokerPlace, LeaderAddress } from '../workers/lease-protocol.ts';
import type { ClusterStatus } from './engine-events.ts';
import { topicMadeAnew } from './recovery.ts';

const REFRESH_MS = 5000;
/** Shortest time between two questions, when leases ask for their leaders. */
const REFRESH_MS_MIN = 200;
/**
 * A restarting cluster may not know its topics for a moment; this long is no moment. In time, not
 * in answers: leases without a leader have the question asked five times a second.
 */
const MISSING_MS_MAX = 10_000;
const TIMEOUTS: SocketTimeouts = { connectMs: 3000, silenceMs: 3000 };

export interface TopicWatcher {
  changed(): void;
  trouble(error: VendavalError): void;
  fatal(error: VendavalError): void;
}

export class TopicWatch {
  readonly #access: KafkaAccess;
  readonly #topic: string;
  readonly #watcher: TopicWatcher;
  readonly #stop = new AbortController();
  #metadata: TopicMetadata;
  #answeredAtMs = systemClock.now();
  #problem: VendavalError | null = null;
  /** When the first of an unbroken row of answers without the topic came; NaN for none. */
  #missingSinceMs = Number.NaN;
  #wake = new AbortController();

  private constructor(
    access: KafkaAccess,
    topic: string,
    metadata: TopicMetadata,
    watcher: TopicWatcher,
  ) {
    this.#access = access;
    this.#topic = topic;
    this.#metadata = metadata;
    this.#watcher = watcher;
  }

  /** Asks once; throws when the brokers do not answer or the topic does not exist. */
  static async start(
    access: KafkaAccess,
    topic: string,
    watcher: TopicWatcher,
  ): Promise<TopicWatch> {
    const metadata = await existingTopic(access, topic, TIMEOUTS);
    const watch = new TopicWatch(access, topic, metadata, watcher);
    void watch.#run();
    return watch;
  }

  get topicId(): string {
    return this.#metadata.topicId;
  }

  get partitionCount(): number {
    return this.#metadata.partitions.length;
  }

  /** The leader as last heard; any broker when there is none, which will say so itself. */
  leaderOf(partition: number): LeaderAddress {
    const { partitions, brokers } = this.#metadata;
    const known = partitions[partition];
    const broker = brokers.get(known?.leaderId ?? -1) ?? [...brokers.values()][0];
    const { host, port } = broker;
    return { host, port, epoch: known?.leaderEpoch ?? -1, inSync: known?.inSyncReplicas ?? [] };
  }

  /** Where one of the partition's replicas listens; null for one that is not in sync. */
  replicaOf(partition: number, brokerId: number): BrokerPlace | null {
    const { partitions, brokers } = this.#metadata;
    const broker = brokers.get(brokerId);
    if (!broker || !partitions[partition]?.inSyncReplicas.includes(brokerId)) return null;
    return { host: broker.host, port: broker.port };
  }

  /** The cluster as last heard of; `problem` is what the last question ended with, if not well. */
  get cluster(): ClusterStatus {
    const brokers = [...this.#metadata.brokers].map(([id, { host, port }]) => ({ id, host, port }));
    const { code, message, hint = null } = this.#problem ?? {};
    const problem = code && message ? { code, message, hint } : null;
    return { brokers, answeredAtMs: this.#answeredAtMs, problem };
  }

  /** Asks again soon: somebody found a leader gone. */
  refreshSoon(): void {
    this.#wake.abort();
  }

  stop(): void {
    this.#stop.abort();
    this.#wake.abort();
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#wake = new AbortController();
      await sleep(REFRESH_MS_MIN, this.#stop.signal);
      await sleep(REFRESH_MS - REFRESH_MS_MIN, this.#wake.signal);
      if (this.#stop.signal.aborted) return;
      try {
        this.#take(await existingTopic(this.#askable(), this.#topic, TIMEOUTS));
      } catch (error) {
        this.#failed(error as VendavalError);
      }
    }
  }

  /** Those to start from, and then all that the cluster has named: the first ones may be gone. */
  #askable(): KafkaAccess {
    const named = [...this.#metadata.brokers.values()].map(hostPort);
    const brokers = [...new Set([...this.#access.brokers.split(','), ...named])].join(',');
    return { ...this.#access, brokers };
  }

  #take(metadata: TopicMetadata): void {
    this.#missingSinceMs = Number.NaN;
    this.#answeredAtMs = systemClock.now();
    this.#problem = null;
    const known = this.#metadata;
    if (areOtherTopics(known.topicId, metadata.topicId)) {
      this.#watcher.fatal(topicMadeAnew(known.topicId, metadata.topicId));
      return;
    }
    // A broker that has just started may not know all of them yet; partitions never go away.
    if (metadata.partitions.length < known.partitions.length) return;
    const hasId = metadata.topicId !== NO_TOPIC_ID;
    this.#metadata = {
      ...metadata,
      topicId: hasId ? metadata.topicId : known.topicId,
      // One that is behind must not send us back to a leader that is none any more.
      partitions: metadata.partitions.map((partition, i) => {
        const before = known.partitions[i];
        return hasId && before && before.leaderEpoch > partition.leaderEpoch ? before : partition;
      }),
    };
    this.#watcher.changed();
  }

  #failed(error: VendavalError): void {
    this.#problem = error;
    if (error.code === 'E_TOPIC_MISSING' && this.#missingMs() >= MISSING_MS_MAX) {
      this.#watcher.fatal(
        new VendavalError(`the topic "${this.#topic}" was deleted while it was read`, {
          code: 'E_TOPIC_DELETED',
          exitCode: EXIT.dataLossGuard,
          hint:
            'What was counted is durable. Restore the topic, or count a new one into another ' +
            `database: ${NEW_DATABASE}.`,
        }),
      );
      return;
    }
    this.#watcher.trouble(error);
  }

  #missingMs(): number {
    const nowMs = systemClock.monotonicMs();
    if (Number.isNaN(this.#missingSinceMs)) this.#missingSinceMs = nowMs;
    return nowMs - this.#missingSinceMs;
  }
}
