/** A lease run in this thread against a fetch server, driven as the coordinator drives one. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { expect } from 'vitest';
import { LIVE, type RegionLimits } from '../../src/state/layout.ts';
import { CoordinatorRegion, createRegion } from '../../src/state/partition-region.ts';
import type { OpenSession } from '../../src/workers/fetch-session.ts';
import type {
  LeaderAddress,
  LeaseResult,
  LeaseStart,
  LeaseTask,
  ToCoordinator,
  ToWorker,
} from '../../src/workers/lease-protocol.ts';
import { PartitionLease } from '../../src/workers/partition-lease.ts';
import { TOPIC_ID } from './fetch-server.ts';
import { Drained, FROM_THE_START, LIMITS, RULES } from './lease-regions.ts';

const LIMIT_MS = 50_000;

/** Waits until `condition` holds; fails with `what` when it does not, before the test's own time is over. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  while (!condition()) {
    if (performance.now() > deadline) expect.fail(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

export interface LeaseOptions {
  readonly start?: Partial<LeaseStart>;
  readonly limits?: RegionLimits;
  readonly fetchBytes?: number;
  readonly topicId?: string;
  readonly rack?: string;
  /** Connections to the server's own by default. */
  readonly openSession?: OpenSession;
}

export class LeaseDriver {
  readonly region: CoordinatorRegion;
  readonly drained = new Drained();
  readonly messages: ToCoordinator[] = [];
  /** How the task ended; null while it runs. */
  ended: LeaseResult | null = null;
  readonly result: Promise<LeaseResult>;
  readonly #port: MessagePort;

  constructor(
    leader: Pick<LeaderAddress, 'port'> & Partial<LeaderAddress>,
    options: LeaseOptions = {},
  ) {
    const buffer = createRegion(options.limits ?? LIMITS, []);
    this.region = new CoordinatorRegion(buffer);
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.on('message', (message: ToCoordinator) => this.messages.push(message));
    const task: LeaseTask = {
      topic: 'vendas',
      topicId: options.topicId ?? TOPIC_ID,
      partition: 0,
      leader: { host: '127.0.0.1', epoch: 7, inSync: [], ...leader },
      rack: options.rack ?? '',
      region: buffer,
      port: port2,
      start: { ...FROM_THE_START, ...options.start },
      rules: RULES,
      fetchBytes: options.fetchBytes ?? 64 * 1024,
      security: null,
    };
    const lease = options.openSession
      ? new PartitionLease(task, options.openSession)
      : new PartitionLease(task);
    this.result = lease.run().then((result) => {
      this.ended = result;
      return result;
    });
    this.result.catch(() => {});
  }

  live(figure: keyof typeof LIVE): number {
    return this.region.live[LIVE[figure]];
  }

  send(message: ToWorker): void {
    this.#port.postMessage(message);
  }

  /** Messages of one kind, as they stand now. */
  said<Kind extends ToCoordinator['kind']>(kind: Kind): Extract<ToCoordinator, { kind: Kind }>[] {
    return this.messages.filter((message) => message.kind === kind) as never;
  }

  /** The codes of what went wrong and was tried again. */
  get troubles(): string[] {
    return this.said('trouble').map(({ code }) => code);
  }

  async reached(offset: number): Promise<void> {
    await until(() => this.live('nextOffset') >= offset, `offset ${offset} is scanned`);
  }

  /** Asks for a frozen delta and takes it. */
  async checkpoint() {
    this.send({ kind: 'freeze' });
    await until(() => this.region.frozen !== null, 'a delta is frozen');
    return this.drain();
  }

  /** Takes the frozen delta. */
  drain() {
    const snapshot = this.drained.take(this.region);
    this.send({ kind: 'drained' });
    return snapshot;
  }

  /** Makes checkpoints until everything below `offset` was taken. */
  async drainTo(offset: number): Promise<void> {
    while ((await this.checkpoint()).nextOffset < offset) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Stops it and takes what it froze last. */
  async stop(): Promise<LeaseResult> {
    if (!this.ended) this.send({ kind: 'stop' });
    const result = await this.result;
    if (this.region.frozen) this.drain();
    this.#port.close();
    return result;
  }
}
