/** One history from its plan: sets the world up, lets trouble happen, heals it, and judges. */
import { PROGRESS_COLLECTION } from '../../src/mongo/progress-document.ts';
import { compact } from './compactor.ts';
import type { Cluster } from './database.ts';
import { SimGroup } from './group.ts';
import { Invariants } from './invariants.ts';
import { SimLetterTopic } from './letters.ts';
import { CALM, type Fault, type Plan } from './plan.ts';
import { ReplicaSet } from './replica-set.ts';
import { SimLog } from './sim-log.ts';
import { SimProcess, type Surroundings } from './sim-process.ts';
import { Violation, World } from './world.ts';

/** A healed world must have everything right by then. */
const HEALED_MS_MAX = 120_000;

export interface Outcome {
  readonly failure: { readonly invariant: string; readonly message: string } | null;
  /** Of everything that happened, in order: the same for the same plan. */
  readonly hash: number;
  readonly steps: number;
  readonly simulatedMs: number;
  readonly records: number;
  readonly lives: number;
  readonly story: readonly string[] | null;
}

export async function runHistory(plan: Plan, isTold = false): Promise<Outcome> {
  const world = new World(plan.seed, isTold);
  const leave = world.enter();
  const history = new History(world, plan);
  let failure: Outcome['failure'] = null;
  try {
    await history.run();
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    failure = { invariant: error.invariant, message: error.message };
  } finally {
    leave();
  }
  return {
    failure,
    hash: world.hash,
    steps: world.steps,
    simulatedMs: world.nowMs,
    records: history.records,
    lives: history.lives,
    story: world.story,
  };
}

class History {
  readonly #world: World;
  readonly #plan: Plan;
  readonly #log: SimLog;
  readonly #letters: SimLetterTopic;
  readonly #group: SimGroup;
  readonly #sets: ReplicaSet[];
  readonly #cluster: Cluster;
  readonly #invariants: Invariants;
  readonly #processes: SimProcess[];

  constructor(world: World, plan: Plan) {
    const { weather } = plan;
    this.#world = world;
    this.#plan = plan;
    this.#log = new SimLog(world, weather, plan.partitions);
    this.#letters = new SimLetterTopic(world, weather);
    const setOf = (collection: string) =>
      this.#sets[plan.isSharded && collection === PROGRESS_COLLECTION ? 1 : 0];
    this.#invariants = new Invariants(world, plan, this.#log, this.#letters, setOf);
    this.#sets = ['totals', 'progress'].map(
      (name) => new ReplicaSet(world, this.#invariants, name),
    );
    this.#group = new SimGroup(world, weather, this.#log, (partition, offset) =>
      this.#invariants.offsetCommitted(partition, offset),
    );
    this.#cluster = {
      world,
      weather,
      isDown: false,
      setOf,
      onTimes: (name, count) => this.#named(name).hearTimesOf(count),
      onClose: (name, watermarkMs) =>
        this.#invariants.closing(name, this.#named(name).heardAtWatermarkMs, watermarkMs),
    };
    const around: Surroundings = {
      world,
      plan,
      log: this.#log,
      cluster: this.#cluster,
      letters: this.#letters,
      group: this.#group,
    };
    this.#processes = Array.from(
      { length: plan.processes },
      (_, index) => new SimProcess(index, around),
    );
  }

  #named(name: string): SimProcess {
    return this.#processes.find((process) => process.name === name)!;
  }

  get records(): number {
    return this.#log.partitions.reduce((sum, { records }) => sum + records.length, 0);
  }

  get lives(): number {
    return this.#processes.reduce((sum, { lives }) => sum + lives, 0);
  }

  async run(): Promise<void> {
    const world = this.#world;
    const { faults, healAtMs } = this.#plan;
    for (const process of this.#processes) process.start();
    for (const fault of faults) world.after(fault.atMs, null, fault.kind, () => this.#do(fault));
    world.after(healAtMs, null, 'heal', () => this.#heal());
    await world.run(() => false, healAtMs);
    const { whole, wait } = await this.#untilComplete(healAtMs);
    if (!whole) {
      world.violate('a healed world comes to its end', wait);
    } else {
      this.#invariants.atTheEnd();
    }
    // Takes the violation, if there was one, to the caller.
    world.after(0, null, 'end', () => {});
    await world.run(() => false, world.nowMs);
  }

  async #untilComplete(healAtMs: number): Promise<{ whole: boolean; wait: string }> {
    const whole = await this.#world.run(
      () => this.#invariants.isComplete,
      healAtMs + HEALED_MS_MAX,
    );
    return { whole, wait: this.#invariants.whatIsMissing() ?? '' };
  }

  #heal(): void {
    this.#world.tell('heal', 'nothing goes wrong from now on');
    this.#log.weather = CALM;
    this.#letters.weather = CALM;
    this.#group.weather = CALM;
    this.#cluster.weather = CALM;
  }

  #do(fault: Fault): void {
    const world = this.#world;
    const process = 'process' in fault ? this.#processes[fault.process] : undefined;
    const during = (forMs: number, set: (isOn: boolean) => void) => {
      world.tell('fault', `${fault.kind} for ${forMs} ms`);
      set(true);
      world.after(forMs, null, `${fault.kind} ends`, () => set(false));
    };
    switch (fault.kind) {
      case 'crash':
        return process?.crash(fault.downMs);
      case 'stop':
        return process?.stop(fault.downMs);
      case 'freeze':
        return process?.freeze(fault.forMs);
      case 'cut-off':
        world.tell(process?.name ?? '', `is cut off from the group for ${fault.forMs} ms`);
        return process && this.#group.cutOff(process.name, world.nowMs + fault.forMs);
      case 'thread-death':
        return process?.killThread(fault.thread);
      case 'clock-jump':
        return process?.jumpClock(fault.byMs);
      case 'rebalance':
        return this.#group.move(fault.partition);
      case 'failover':
        return this.#sets[fault.shard]?.failover(fault.staleMs);
      case 'database-down':
        return during(fault.forMs, (isOn) => {
          this.#cluster.isDown = isOn;
        });
      case 'letters-down':
        return during(fault.forMs, (isOn) => {
          this.#letters.isDown = isOn;
        });
      case 'broker-down':
        return during(fault.forMs, (isOn) => {
          this.#log.isDown = isOn;
        });
      case 'broker-grey':
        world.tell('fault', `${fault.kind} for ${fault.forMs} ms`);
        this.#log.greyUntilMs = world.nowMs + fault.forMs;
        return;
      case 'compact':
        return compact(this.#world, this.#cluster, this.#plan.rules.watermarkDelayMs);
      case 'retention':
        return this.#retain(fault.partition);
    }
  }

  /** Deletes what is durable, and no more: the topic's retention is long enough. */
  #retain(index: number): void {
    const partition = this.#log.partitions[index];
    const durable = this.#invariants.durableOffset(index);
    if (!partition || durable === undefined || durable <= partition.startOffset) return;
    partition.startOffset = durable;
    this.#world.tell('log', `partition ${index} begins at ${durable} now`);
  }
}
