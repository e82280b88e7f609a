/**
 * Membership in the consumer group through librdkafka: which partitions are ours, and commits.
 * Its partitions are assigned at the log's end and paused, so that it fetches nothing; the bytes
 * go to the worker threads. Assignment is cooperative: partitions that stay are not disturbed.
 */
import Kafka from 'node-rdkafka';
import { assert } from '../lib/assert.ts';
import { sleep } from '../lib/clock.ts';
import { CommitPermit } from '../lib/commit-permit.ts';
import { codeOf, messageOf, VendavalError } from '../lib/errors.ts';
import { failPoint } from '../lib/fail-point.ts';
import type { KafkaAccess } from './access.ts';
import { clientConfig } from './client-config.ts';
import { endClient, supplyToken } from './client-end.ts';
import { mayReadGroup } from './group-members.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const LEAVE_TIMEOUT_MS = 10_000;
const OFFSET_END = -1;
/** Polls serve rebalances and commit reports: the pause is their delay, the wait that of leaving. */
const POLL_WAIT_MS = 100;
const POLL_PAUSE_MS = 5;
const POLL_AGAIN_MS = 1000;

export interface GroupHandler {
  /** These partitions are ours now, beside those that were; may be none. */
  assigned(partitions: number[]): void;
  /**
   * These partitions go to another member, which waits for the promise. Late is harmless: what
   * two owners write of one partition agrees.
   */
  revoked(partitions: number[]): Promise<void>;
  /** A problem that librdkafka goes on from by itself. */
  trouble(code: string, message: string): void;
  /** Nothing will ever be assigned. */
  fatal(error: VendavalError): void;
}

interface Assignment {
  topic: string;
  partition: number;
}

interface PendingCommit {
  resolve(): void;
  reject(error: Error): void;
}

export class GroupMember {
  readonly #access: KafkaAccess;
  readonly #topic: string;
  readonly #group: string;
  readonly #handler: GroupHandler;
  readonly #consumer: Kafka.KafkaConsumer;
  #pendingCommit: PendingCommit | null = null;
  #connecting: Promise<void> | null = null;
  /** The poll that is under way, or the last. */
  #polled: Promise<unknown> = Promise.resolve();
  #isLeaving = false;

  constructor(access: KafkaAccess, topic: string, group: string, handler: GroupHandler) {
    this.#access = access;
    this.#topic = topic;
    this.#group = group;
    this.#handler = handler;
    this.#consumer = new Kafka.KafkaConsumer(
      {
        ...clientConfig(access),
        'group.id': group,
        'partition.assignment.strategy': 'cooperative-sticky',
        'enable.auto.commit': false,
        'enable.auto.offset.store': false,
        'allow.auto.create.topics': false,
        'session.timeout.ms': 10_000,
        'heartbeat.interval.ms': 1000,
        rebalance_cb: (error: Kafka.LibrdKafkaError, assignments: Assignment[]) =>
          this.#rebalance(error, assignments),
        offset_commit_cb: (error: Kafka.LibrdKafkaError | null) => this.#committed(error),
      } as unknown as Kafka.ConsumerGlobalConfig,
      {},
    );
    supplyToken(this.#consumer, access);
    this.#consumer.setDefaultConsumeTimeout(POLL_WAIT_MS);
    this.#consumer.on('event.error', (error) => {
      handler.trouble('E_KAFKA_CLIENT', error.message);
    });
    // Partitions are paused at once; what a prefetch brought in between is not ours to count.
    this.#consumer.on('data', () => {});
  }

  /** Connects and joins; resolves before partitions are assigned. */
  async join(): Promise<void> {
    this.#connecting = this.#connect();
    await this.#connecting;
    // Left while it was connecting: the client would throw.
    if (this.#isLeaving) return;
    this.#consumer.subscribe([this.#topic]);
    void this.#poll();
    void this.#askRights();
  }

  #connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#consumer.connect({ timeout: CONNECT_TIMEOUT_MS }, (error) => {
        if (!error) return resolve();
        reject(
          new VendavalError(`the consumer group cannot be joined: ${error.message}`, {
            code: 'E_BROKER_UNREACHABLE',
            retryable: true,
            cause: error,
            hint: 'Check that Kafka runs and that its advertised.listeners can be reached.',
          }),
        );
      });
    });
  }

  /**
   * Nothing comes of it, but a member that does not poll is thrown out of its group. The binding's
   * own loop ends with the first error (rights that were taken away, a sleep of more than five
   * minutes) and cannot be begun again; the polls after it join anew.
   */
  async #poll(): Promise<void> {
    while (!this.#isLeaving) {
      const polled = this.#pollOnce();
      this.#polled = polled;
      const error = await polled;
      if (error && !this.#isLeaving) {
        this.#handler.trouble('E_KAFKA_CLIENT', `the consumer group: ${error.message}`);
      }
      await sleep(error ? POLL_AGAIN_MS : POLL_PAUSE_MS);
    }
  }

  #pollOnce(): Promise<Kafka.LibrdKafkaError | null> {
    return new Promise((resolve) => this.#consumer.consume(1, resolve));
  }

  /** Commits all of them in one request. Throws when the group did not take it in time. */
  commit(permits: readonly CommitPermit[], timeoutMs: number): Promise<void> {
    assert(permits.every(CommitPermit.isGenuine), 'commits come with permits');
    assert(this.#pendingCommit === null, 'one commit at a time');
    failPoint('before-commit');
    return new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => this.#pendingCommit?.reject(new Error(`no answer in ${timeoutMs} ms`)),
        timeoutMs,
      );
      const settle = (action: () => void) => {
        clearTimeout(timer);
        this.#pendingCommit = null;
        action();
      };
      this.#pendingCommit = {
        resolve: () => settle(resolve),
        reject: (error) => settle(() => reject(error)),
      };
      try {
        this.#consumer.commit(
          permits.map(({ partition, offset }) => ({ topic: this.#topic, partition, offset })),
        );
        failPoint('in-commit');
      } catch (error) {
        this.#pendingCommit.reject(error as Error);
      }
    });
  }

  /** Leaves the group, so that others take over at once. Bounded in time. */
  async leave(): Promise<void> {
    this.#isLeaving = true;
    await this.#connecting?.catch(() => {});
    await this.#polled;
    await endClient(this.#consumer, LEAVE_TIMEOUT_MS);
  }

  /** A group that is refused to this user is refused for good. */
  async #askRights(): Promise<void> {
    try {
      await mayReadGroup(this.#access, this.#group, this.#topic);
    } catch (error) {
      // That it cannot be asked now is told by what reads and joins.
      const isForbidden = codeOf(error) === 'E_KAFKA_AUTHORIZATION';
      if (isForbidden && !this.#isLeaving) this.#handler.fatal(error as VendavalError);
    }
  }

  #committed(error: Kafka.LibrdKafkaError | null): void {
    failPoint('after-commit');
    if (error) this.#pendingCommit?.reject(new Error(messageOf(error)));
    else this.#pendingCommit?.resolve();
  }

  #rebalance(error: Kafka.LibrdKafkaError, assignments: Assignment[]): void {
    const partitions = assignments.map(({ partition }) => partition);
    const { ERR__ASSIGN_PARTITIONS, ERR__REVOKE_PARTITIONS } = Kafka.CODES.ERRORS;
    if (error.code === ERR__ASSIGN_PARTITIONS) {
      this.#apply('assign', assignments);
      if (!this.#isLeaving) this.#handler.assigned(partitions);
    } else if (error.code === ERR__REVOKE_PARTITIONS) {
      const released = this.#isLeaving ? Promise.resolve() : this.#handler.revoked(partitions);
      void released
        .catch((failure) => this.#handler.trouble('E_REVOKE', messageOf(failure)))
        .then(() => this.#apply('unassign', assignments));
    } else {
      this.#handler.trouble('E_REBALANCE', error.message);
    }
  }

  #apply(action: 'assign' | 'unassign', assignments: Assignment[]): void {
    try {
      if (action === 'assign') this.#assign(assignments);
      else this.#consumer.incrementalUnassign(assignments);
    } catch (error) {
      // While disconnecting librdkafka has dropped the assignment already.
      if (!this.#isLeaving) this.#handler.trouble('E_REBALANCE', messageOf(error));
    }
  }

  #assign(assignments: Assignment[]): void {
    try {
      this.#consumer.incrementalAssign(assignments.map((a) => ({ ...a, offset: OFFSET_END })));
    } catch (error) {
      // One that disconnects takes no partitions any more, and waits for ever for an answer.
      if (this.#isLeaving) this.#consumer.unassign();
      throw error;
    }
    if (assignments.length > 0) this.#consumer.pause(assignments);
  }

  /** First and next offset of a partition's log, asked from its leader. */
  logRange(partition: number): Promise<{ start: number; end: number }> {
    return new Promise((resolve, reject) => {
      this.#consumer.queryWatermarkOffsets(
        this.#topic,
        partition,
        CONNECT_TIMEOUT_MS,
        (error, range) => {
          if (!error) return resolve({ start: range.lowOffset, end: range.highOffset });
          reject(
            new VendavalError(
              `the log of ${this.#topic}/${partition} cannot be asked for its start: ${error.message}`,
              {
                code: 'E_BROKER_UNREACHABLE',
                retryable: true,
                cause: error,
                hint: "Check that the partition's leader is up.",
              },
            ),
          );
        },
      );
    });
  }
}
