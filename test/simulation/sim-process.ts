/**
 * A process of the simulation: the product's Engine, started again by a supervisor whenever it
 * ends. Each life is a machine of its own; what was under way for an earlier one is lost with it.
 */
import type { Settings } from '../../src/config/options.ts';
import { Engine } from '../../src/coordinator/engine.ts';
import type { Outside } from '../../src/coordinator/outside.ts';
import { VendavalError } from '../../src/lib/errors.ts';
import { Laps } from '../../src/lib/laps.ts';
import { type Cluster, SimDatabase } from './database.ts';
import type { SimGroup } from './group.ts';
import type { SimLetterTopic } from './letters.ts';
import type { Plan } from './plan.ts';
import type { SimLog } from './sim-log.ts';
import { SimThreads } from './threads.ts';
import { Actor, Machine, type World } from './world.ts';

const RESTART_MS = 300;
/** How soon a process hears of new partitions. */
const METADATA_MS_MAX = 1500;
export const TOPIC = 'vendas';
export const TOPIC_ID = 'topic-1';
export const COLLECTION = 'totais';

/** An engine may end for these: what it could not do is done by the next start. */
const MAY_END_FOR = [
  'E_STOP_TIMEOUT',
  'E_MONGO',
  'E_MONGO_UNREACHABLE',
  'E_DEAD_LETTER',
  'E_BROKER_UNREACHABLE',
  'E_WORKER_DIED',
  'E_WORKER_STUCK',
  'E_CORRUPT_BATCH',
];

/** What all processes share. */
export interface Surroundings {
  readonly world: World;
  readonly plan: Plan;
  readonly log: SimLog;
  readonly cluster: Cluster;
  readonly letters: SimLetterTopic;
  readonly group: SimGroup;
}

export class SimProcess {
  readonly name: string;
  machine: Machine;
  readonly #around: Surroundings;
  #engine: Engine | null = null;
  #threads: SimThreads | null = null;
  #downUntilMs = 0;
  /**
   * Of each partition that this life has asked the time of: its watermark when it first did. Behind
   * that it may close windows whatever the partition holds.
   */
  heardAtWatermarkMs: number[] = [];
  lives = 0;

  constructor(index: number, around: Surroundings) {
    this.name = `e${index}`;
    this.#around = around;
    this.machine = new Machine(this.name, 0);
  }

  start(): void {
    const { world, cluster } = this.#around;
    const { random } = world;
    this.machine = new Machine(this.name, random.between(0, 1_000_000));
    this.lives++;
    this.heardAtWatermarkMs = [];
    const main = new Actor(this.machine, '');
    world.after(random.between(0, 50), main, 'start', () => {
      world.tell(this.name, 'starts');
      const mongo = new SimDatabase(cluster, main).connection;
      this.#engine = new Engine({
        settings: this.#settings(),
        mongo,
        // Nobody resets this database.
        judgeRules: async () => {},
        outside: this.#outside(main),
        laps: new Laps(),
        owner: `${this.name}/${this.lives}`,
        untilEnd: false,
        onEvent: ({ code, message }) => world.tell(this.name, `${code}: ${message}`),
      });
      this.#engine.run().then(
        () => this.#ended(null),
        (error) => this.#ended(error),
      );
    });
  }

  #settings(): Settings {
    const { plan } = this.#around;
    return {
      topic: TOPIC,
      collection: COLLECTION,
      mongo: 'mongodb://sim',
      late: 'reject',
      ...plan.rules,
      timeZone: 'UTC',
      flushIntervalMs: plan.flushIntervalMs,
    } as Settings;
  }

  #outside(main: Actor): Outside {
    const { world, plan, log, group, letters } = this.#around;
    return {
      limits: { tableSlots: plan.tableSlots, rejectLogBytes: plan.rejectLogBytes },
      watchTopic: async ({ changed }) => {
        await world.pause(world.delayMs(), main, 'metadata');
        let count = 0;
        const refresh = () => {
          count = log.partitions.length;
          changed();
          world.after(world.random.between(200, METADATA_MS_MAX), main, 'metadata', refresh);
        };
        refresh();
        return {
          topicId: TOPIC_ID,
          get partitionCount() {
            return count;
          },
          cluster: { brokers: [], answeredAtMs: 0, problem: null },
          leaderOf: () => ({ host: 'broker', port: 9092, epoch: 0, inSync: [] }),
          replicaOf: () => null,
          refreshSoon: () => {},
          stop: () => {},
        };
      },
      group: (handler) => group.member(main, handler),
      deadLetters: () => letters.producer(main),
      threads: () => {
        this.#threads = new SimThreads(world, log, main, plan.threads);
        return this.#threads;
      },
    };
  }

  hearTimesOf(count: number): void {
    if (count === this.heardAtWatermarkMs.length) return;
    const watermarkMs = this.#engine?.status().watermarkMs ?? Number.NEGATIVE_INFINITY;
    while (this.heardAtWatermarkMs.length < count) this.heardAtWatermarkMs.push(watermarkMs);
  }

  #ended(error: unknown): void {
    const { world } = this.#around;
    const { code, message } = error instanceof VendavalError ? error : { code: '', message: '' };
    world.tell(this.name, error ? `ends: ${code} ${message}` : 'has stopped');
    if (error && !MAY_END_FOR.includes(code)) {
      const what = error instanceof VendavalError ? error : (error as Error).stack;
      const cause = error instanceof VendavalError ? (error.cause as Error)?.stack : '';
      world.violate('engines end for no false reason', `${this.name}: ${code} ${what} ${cause}`);
    }
    this.#over(RESTART_MS);
  }

  #over(downMs: number): void {
    const { world } = this.#around;
    const { machine } = this;
    machine.isDead = true;
    this.#engine = null;
    this.#threads = null;
    const delayMs = Math.max(downMs, this.#downUntilMs - world.nowMs);
    world.after(delayMs, null, 'restart', () => {
      if (this.machine === machine) this.start();
    });
  }

  // --- faults -------------------------------------------------------------------------------

  crash(downMs: number): void {
    if (this.machine.isDead) return;
    this.#around.world.tell(this.name, 'is killed');
    this.#over(downMs);
  }

  /** SIGTERM. */
  stop(downMs: number): void {
    const { world } = this.#around;
    const engine = this.#engine;
    if (!engine || this.machine.isDead) return;
    this.#downUntilMs = world.nowMs + downMs;
    world.after(0, new Actor(this.machine, ''), 'SIGTERM', () => {
      world.tell(this.name, 'is asked to stop');
      engine.stop();
    });
  }

  freeze(forMs: number): void {
    const { world } = this.#around;
    world.tell(this.name, `is frozen for ${forMs} ms`);
    this.machine.frozenUntilMs = world.nowMs + forMs;
  }

  killThread(index: number): void {
    if (!this.machine.isDead) this.#threads?.kill(index);
  }

  jumpClock(byMs: number): void {
    this.machine.wallSkewMs += byMs;
  }
}
