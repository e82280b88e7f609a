/**
 * The simulated consumer group: assigns partitions to members that it hears of, moves them when
 * members come and go, and keeps the committed offsets. A member that it has not heard of for the
 * session's time loses its partitions to others, and learns it only later.
 */
import type { Group } from '../../src/coordinator/outside.ts';
import type { GroupHandler } from '../../src/kafka/group-member.ts';
import { CommitPermit } from '../../src/lib/commit-permit.ts';
import { VendavalError } from '../../src/lib/errors.ts';
import type { Weather } from './plan.ts';
import type { SimLog } from './sim-log.ts';
import type { Actor, World } from './world.ts';

const SESSION_MS = 1500;
const HEARTBEAT_MS = 500;

class Member {
  readonly actor: Actor;
  readonly handler: GroupHandler;
  readonly partitions = new Set<number>();
  readonly revoking = new Set<number>();
  lastHeardMs: number;
  /** The group has told it what is its own, be it nothing. */
  isTold = false;
  isGone = false;

  constructor(actor: Actor, handler: GroupHandler, nowMs: number) {
    this.actor = actor;
    this.handler = handler;
    this.lastHeardMs = nowMs;
  }
}

export class SimGroup {
  readonly committed = new Map<number, number>();
  weather: Weather;
  readonly #world: World;
  readonly #log: SimLog;
  readonly #onCommit: (partition: number, offset: number) => void;
  #members: Member[] = [];
  /** By process name, until when it does not reach the coordinator. */
  readonly #cutUntilMs = new Map<string, number>();
  #isBalancing = false;

  constructor(
    world: World,
    weather: Weather,
    log: SimLog,
    onCommit: (partition: number, offset: number) => void,
  ) {
    this.#world = world;
    this.weather = weather;
    this.#log = log;
    this.#onCommit = onCommit;
    this.#watch();
  }

  cutOff(process: string, untilMs: number): void {
    this.#cutUntilMs.set(process, untilMs);
  }

  member(actor: Actor, handler: GroupHandler): Group {
    const world = this.#world;
    const { random } = world;
    return {
      join: async () => {
        await world.pause(world.delayMs(100), actor, 'join');
        this.#join(actor, handler);
      },
      leave: async () => {
        const member = this.#memberOf(actor);
        // Nothing is said to it any more, from now on.
        if (member) member.isGone = true;
        await world.pause(world.delayMs(), actor, 'leave');
        this.#remove(member);
      },
      logRange: async (partition) => {
        await world.pause(world.delayMs(), actor, 'log range');
        if (random.chance(this.weather.fetchFails)) throw noRange();
        const { startOffset, endOffset } = this.#log.partitions[partition];
        return { start: startOffset, end: endOffset };
      },
      commit: async (permits, timeoutMs) => {
        if (!permits.every(CommitPermit.isGenuine)) {
          world.violate('commits come with permits', 'one came without');
        }
        if (!this.#reaches(actor) || random.chance(this.weather.commitFails)) {
          await world.pause(timeoutMs, actor, 'commit lost');
          throw new Error('no answer');
        }
        await world.pause(world.delayMs(), actor, 'commit');
        for (const { partition, offset } of permits) {
          this.committed.set(partition, offset);
          this.#onCommit(partition, offset);
        }
      },
    };
  }

  /** Moves a partition to another member, for no reason. */
  move(partition: number): void {
    const member = this.#members.find(({ partitions }) => partitions.has(partition));
    if (member && this.#members.length > 1) this.#revoke(member, partition);
  }

  #reaches({ machine }: Actor): boolean {
    return (this.#cutUntilMs.get(machine.name) ?? 0) <= this.#world.nowMs;
  }

  #memberOf(actor: Actor): Member | undefined {
    return this.#members.find((member) => member.actor === actor);
  }

  #join(actor: Actor, handler: GroupHandler): void {
    this.#members.push(new Member(actor, handler, this.#world.nowMs));
    this.#balanceSoon();
  }

  #remove(member: Member | undefined): void {
    if (!member) return;
    member.isGone = true;
    this.#members = this.#members.filter((other) => other !== member);
    this.#balanceSoon();
  }

  /** Heartbeats: who is not heard of is taken for dead, and told when it is heard of again. */
  #watch(): void {
    const world = this.#world;
    world.after(HEARTBEAT_MS, null, 'session check', () => {
      for (const member of this.#members) {
        const { machine } = member.actor;
        const isHeard =
          !machine.isDead && machine.frozenUntilMs <= world.nowMs && this.#reaches(member.actor);
        if (isHeard) member.lastHeardMs = world.nowMs;
        else if (world.nowMs - member.lastHeardMs >= SESSION_MS) this.#expire(member);
      }
      this.#balanceIfNew();
      this.#watch();
    });
  }

  #expire(member: Member): void {
    const world = this.#world;
    const { actor, handler } = member;
    world.tell('group', `${actor.name} is not heard of any more`);
    this.#remove(member);
    if (actor.machine.isDead) return;
    const until = Math.max(actor.machine.frozenUntilMs, this.#cutUntilMs.get(actor.name) ?? 0);
    world.after(until - world.nowMs + world.delayMs(200), actor, 'lost', () => {
      world.tell(actor.name, 'hears that it has lost its partitions');
      void handler.revoked([...member.partitions]).then(() => this.#join(actor, handler));
    });
  }

  /** Partitions are added to the topic without a word. */
  #balanceIfNew(): void {
    const assigned = this.#members.reduce((sum, { partitions }) => sum + partitions.size, 0);
    if (assigned < this.#log.partitions.length) this.#balanceSoon();
  }

  #balanceSoon(): void {
    if (this.#isBalancing) return;
    this.#isBalancing = true;
    this.#world.after(this.#world.delayMs(100), null, 'balance', () => {
      this.#isBalancing = false;
      this.#balance();
    });
  }

  /** Free partitions to whoever has the fewest; one that has too many gives one up. */
  #balance(): void {
    const members = this.#members;
    if (members.length === 0) return;
    const count = this.#log.partitions.length;
    const fewest = () => members.reduce((a, b) => (b.partitions.size < a.partitions.size ? b : a));
    for (let partition = 0; partition < count; partition++) {
      if (members.every(({ partitions }) => !partitions.has(partition))) {
        this.#assign(fewest(), partition);
      }
    }
    for (const member of members) if (!member.isTold) this.#assign(member);
    for (const member of members) {
      const spare = member.partitions.size - member.revoking.size - fewest().partitions.size;
      if (spare < 2) continue;
      const moving = [...member.partitions].find((p) => !member.revoking.has(p));
      if (moving !== undefined) this.#revoke(member, moving);
    }
  }

  #assign(member: Member, ...partitions: number[]): void {
    const world = this.#world;
    member.isTold = true;
    for (const partition of partitions) member.partitions.add(partition);
    world.after(world.delayMs(50), member.actor, 'assigned', () => {
      if (member.isGone) return;
      world.tell(member.actor.name, `is given partitions: ${partitions.join(', ') || 'none'}`);
      member.handler.assigned(partitions);
    });
  }

  #revoke(member: Member, partition: number): void {
    const world = this.#world;
    member.revoking.add(partition);
    world.after(world.delayMs(50), member.actor, 'revoked', () => {
      if (member.isGone) return;
      world.tell(member.actor.name, `is asked to give up partition ${partition}`);
      void member.handler.revoked([partition]).then(() => {
        world.tell(member.actor.name, `has given up partition ${partition}`);
        member.revoking.delete(partition);
        member.partitions.delete(partition);
        this.#balanceSoon();
      });
    });
  }
}

function noRange(): VendavalError {
  return new VendavalError('the log cannot be asked for its start', {
    code: 'E_BROKER_UNREACHABLE',
    retryable: true,
  });
}
