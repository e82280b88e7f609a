/**
 * What must hold at every moment of a history, checked when something changes that it speaks of;
 * and what must hold at its end. Each invariant has a name, which a shrunk history keeps.
 */
import { PROGRESS_COLLECTION } from '../../src/mongo/progress-document.ts';
import { COMPACTED, type TotalsDocument } from '../../src/mongo/totals-store.ts';
import type { Document } from './documents.ts';
import type { SimLetterTopic } from './letters.ts';
import type { Plan } from './plan.ts';
import type { ReplicaSet, Watcher, Write } from './replica-set.ts';
import type { SimLog } from './sim-log.ts';
import { COLLECTION } from './sim-process.ts';
import { PartitionTruth } from './truth.ts';
import { EPOCH_MS, type World } from './world.ts';

/** Idle time is counted from poll to poll, one of which may have been answered a while ago. */
const IDLE_SLACK_MS = 1000;

type Totals = Document & TotalsDocument;
type Progress = {
  readonly inicio: bigint;
  readonly proximo_offset: bigint;
  readonly maior_evento: Date | null;
  readonly marca_dagua: Date | null;
  readonly no_fim: boolean;
  readonly contadas: bigint;
  readonly atrasadas?: bigint;
  readonly rejeitadas: Readonly<Record<string, bigint>>;
  readonly categorias: readonly string[];
};

export class Invariants implements Watcher {
  readonly #world: World;
  readonly #plan: Plan;
  readonly #log: SimLog;
  readonly #letters: SimLetterTopic;
  readonly #setOf: (collection: string) => ReplicaSet;
  readonly #truths: PartitionTruth[] = [];
  /** Of each partition: its progress document on the majority. */
  readonly #progress: (Progress | undefined)[] = [];
  readonly #committed: number[] = [];
  /** Partitions of which a durable document once said: at the log's end, and no event yet. */
  readonly #wasEmpty = new Set<number>();

  constructor(
    world: World,
    plan: Plan,
    log: SimLog,
    letters: SimLetterTopic,
    setOf: (collection: string) => ReplicaSet,
  ) {
    this.#world = world;
    this.#plan = plan;
    this.#log = log;
    this.#letters = letters;
    this.#setOf = setOf;
  }

  /** Up to where a partition is durable; undefined without a document. */
  durableOffset(partition: number): number | undefined {
    const progress = this.#progress[partition];
    return progress && Number(progress.proximo_offset);
  }

  #truth(partition: number, start: number): PartitionTruth {
    let truth = this.#truths[partition];
    if (!truth || truth.start !== start) {
      truth = new PartitionTruth(this.#plan.rules, this.#log.partitions[partition].records, start);
      this.#truths[partition] = truth;
    }
    return truth;
  }

  #violate(invariant: string, message: string): void {
    this.#world.violate(invariant, message);
  }

  // --- at every moment ----------------------------------------------------------------------

  applied({ collection, before, after }: Write): void {
    this.#world.tell(collection === COLLECTION ? 'totals' : 'progress', () =>
      changes(before, after!),
    );
    if (collection === COLLECTION) this.#totalsApplied(before as Totals, after as Totals);
    if (collection === PROGRESS_COLLECTION) {
      this.#watermarkApplied(after!, before as unknown as Progress, after as unknown as Progress);
    }
  }

  committed({ collection, after }: Write): void {
    if (collection === PROGRESS_COLLECTION) {
      this.#progressCommitted(partitionOf(after!), after as unknown as Progress);
    }
  }

  /** A register says exactly what its partition contributed up to its `ate`. */
  #totalsApplied(before: Totals | undefined, after: Totals): void {
    const sum = { n: 0, centavos: 0, menor: Infinity, maior: -Infinity };
    for (const [name, register] of Object.entries(after.partes)) {
      const { n, centavos, menor, maior, ate } = numbers(register);
      if (name === COMPACTED) this.#compactedApplied(after, n, centavos);
      sum.n += n;
      sum.centavos += centavos;
      sum.menor = Math.min(sum.menor, menor);
      sum.maior = Math.max(sum.maior, maior);
      const known = before?.partes[name];
      if (known === register || name === COMPACTED) continue;
      const start = Number(this.#progress[Number(name)]?.inicio ?? 0);
      const right = this.#truth(Number(name), start).contribution(after._id, ate);
      if (n !== right.n || centavos !== right.centavos) {
        this.#violate(
          'registers are true',
          `${after._id}: partition ${name} up to ${ate} is ${n} sales, ${centavos} centavos; ` +
            `true are ${right.n}, ${right.centavos}`,
        );
      } else if (menor !== right.menor || maior !== right.maior) {
        this.#violate('registers are true', `${after._id}: least or greatest of ${name}`);
      }
      if (known && Number(known.ate) > ate) {
        this.#violate('registers go forward', `${after._id}: ${name} from ${known.ate} to ${ate}`);
      }
    }
    const isSummed =
      Number(after.volume_vendas) === sum.n &&
      after.faturamento_total === sum.centavos / 100 &&
      after.menor_valor === sum.menor / 100 &&
      after.maior_valor === sum.maior / 100;
    if (!isSummed) this.#violate('documents are the sum of their registers', after._id);
    if (!before?.fechada) return;
    if (!after.fechada) this.#violate('closed stays closed', after._id);
    if (sum.n !== Number(before.volume_vendas) && after.corrigida_em === undefined) {
      this.#violate('a closed document that changes says so', after._id);
    }
  }

  /** What was compacted is all that those partitions ever contribute. */
  #compactedApplied({ _id: id, partes }: Totals, n: number, centavos: number): void {
    const right = { n: 0, centavos: 0 };
    for (const partition of partes[COMPACTED]!.particoes) {
      const start = Number(this.#progress[partition]?.inicio ?? 0);
      const all = this.#truth(partition, start).contribution(id, Number.POSITIVE_INFINITY);
      right.n += all.n;
      right.centavos += all.centavos;
    }
    if (n === right.n && centavos === right.centavos) return;
    const said = `${n} sales, ${centavos} centavos; true are ${right.n}, ${right.centavos}`;
    this.#violate('what is compacted is final', `${id}: ${said}`);
  }

  /**
   * The closing watermark claims no more idle time than the log really ended there; and it follows
   * the others only when that was as long as the delay.
   */
  #watermarkApplied(id: Document, before: Progress | undefined, after: Progress): void {
    const partition = partitionOf(id);
    const log = this.#log.partitions[partition];
    const offset = Number(after.proximo_offset);
    const truth = this.#truth(partition, Number(after.inicio));
    const idleMs = log.idleMs(offset, this.#world.nowMs);
    const isIdle = idleMs + IDLE_SLACK_MS >= this.#plan.rules.watermarkDelayMs;
    const others = this.#progress.filter((_, index) => isIdle && index !== partition);
    const mostMs = Math.max(
      closingWatermarkMs(before),
      truth.watermarkAt(offset) + idleMs + IDLE_SLACK_MS,
      ...others.map(closingWatermarkMs),
    );
    const claimedMs = closingWatermarkMs(after);
    if (claimedMs > mostMs) {
      this.#violate(
        'idle time is real',
        `partition ${partition} at ${offset}: the watermark is ${claimedMs - mostMs} ms too far`,
      );
    }
    if (after.no_fim && !log.hasEndedAt(offset)) {
      this.#violate('idle time is real', `partition ${partition} never ended at ${offset}`);
    }
  }

  /** What progress says is durable, is. */
  #progressCommitted(partition: number, after: Progress): void {
    const before = this.#progress[partition];
    this.#progress[partition] = after;
    const offset = Number(after.proximo_offset);
    const start = Number(after.inicio);
    const where = `partition ${partition} at ${offset}`;
    if (before && before.inicio !== after.inicio) {
      this.#violate('a start offset stays', `${where}: ${before.inicio} became ${after.inicio}`);
    }
    const committed = this.#committed[partition] ?? 0;
    if (offset < committed) {
      this.#violate('what is committed is durable', `${where}, committed is ${committed}`);
    }
    const { startOffset } = this.#log.partitions[partition];
    if (offset < startOffset) {
      this.#violate('replays find their log', `${where}, the log begins at ${startOffset}`);
    }
    const truth = this.#truth(partition, start);
    const right = truth.stateAt(offset);
    const found = {
      maxEventMs: after.maior_evento?.getTime() ?? -1,
      counted: Number(after.contadas),
      lateCounted: Number(after.atrasadas ?? 0),
      rejected: Object.fromEntries(
        Object.entries(after.rejeitadas).map(([reason, count]) => [reason, Number(count)]),
      ),
    };
    const { categories, ...figures } = right;
    if (stable(found) !== stable(figures)) {
      const said = `${stable(found)}, true is ${stable(figures)}`;
      this.#violate('progress is true', `${where} says ${said}`);
    }
    if (categories.some((name, i) => after.categorias[i] !== name)) {
      const said = `${after.categorias}, true are ${categories}`;
      this.#violate('progress has its categories', `${where} says ${said}`);
    }
    if (!found.counted && after.no_fim) this.#wasEmpty.add(partition);
    this.#isDurableBelow(partition, truth, offset, where);
  }

  #isDurableBelow(partition: number, truth: PartitionTruth, offset: number, where: string): void {
    const documents = this.#setOf(COLLECTION).durable(COLLECTION);
    for (const [id, { offsets }] of truth.keys) {
      const { n } = truth.contribution(id, offset);
      if (n === 0) continue;
      const parts = (documents.get(id) as Totals | undefined)?.partes;
      if (parts?.[COMPACTED]?.particoes.includes(partition)) continue;
      const register = parts?.[String(partition)];
      if (register && Number(register.ate) > offsets[n - 1]) continue;
      const ate = register ? `up to ${register.ate}` : 'not at all';
      this.#violate('progress is never ahead of totals', `${where}: ${id} is durable ${ate}`);
    }
    for (const rejection of truth.rejections) {
      if (rejection.offset >= offset) break;
      if (this.#letters.letters.has(`${partition}/${rejection.offset}`)) continue;
      this.#violate(
        'progress is never ahead of dead letters',
        `${where}: ${rejection.offset} (${rejection.reason}) has no letter`,
      );
    }
  }

  offsetCommitted(partition: number, offset: number): void {
    this.#committed[partition] = offset;
    const durable = this.durableOffset(partition) ?? -1;
    if (offset <= durable) return;
    const message = `partition ${partition}: committed ${offset}, durable ${durable}`;
    this.#violate('what is committed is durable', message);
  }

  /**
   * Windows close only behind every partition that the closing process has heard of.
   *
   * @param heardAtMs for each of them, the process's watermark when it heard of it
   */
  closing(process: string, heardAtMs: readonly number[], watermarkMs: number): void {
    heardAtMs.forEach((heardMs, partition) => {
      if (watermarkMs <= heardMs) return;
      const progress = this.#progress[partition];
      const ownMs = closingWatermarkMs(progress);
      if (progress && (ownMs >= watermarkMs || this.#wasEmpty.has(partition))) return;
      const at = (watermarkMs - EPOCH_MS) / 1000;
      const own = progress ? `is at ${(ownMs - EPOCH_MS) / 1000} s` : 'has no document';
      this.#violate(
        'windows close behind every partition',
        `${process} closes up to ${at} s, partition ${partition} ${own}`,
      );
    });
  }

  // --- at the end ---------------------------------------------------------------------------

  /** Whether all is read, durable, committed and closed. */
  get isComplete(): boolean {
    return this.whatIsMissing() === null;
  }

  whatIsMissing(): string | null {
    for (const { index, endOffset, isComplete } of this.#log.partitions) {
      if (!isComplete) return `partition ${index} is still being written`;
      const durable = this.durableOffset(index);
      if (durable !== endOffset) return `partition ${index} is durable to ${durable}`;
      const committed = this.#committed[index];
      if (committed !== endOffset && durable !== this.#truths[index]?.start) {
        return `partition ${index} is committed to ${committed}, its end is ${endOffset}`;
      }
    }
    for (const [id, document] of this.#setOf(COLLECTION).durable(COLLECTION)) {
      if (document.fechada !== true) return `${id} is open`;
    }
    return null;
  }

  /** The documents are exactly those that the log makes, and in = counted + rejected. */
  atTheEnd(): void {
    const expected = new Map<string, { n: number; centavos: number }>();
    const letters = new Map<string, string>();
    let records = 0;
    let judged = 0;
    for (const { index, records: all } of this.#log.partitions) {
      const truth = this.#truths[index];
      records += all.filter(({ offset }) => offset >= truth.start).length;
      for (const id of truth.keys.keys()) {
        const { n, centavos } = truth.contribution(id, Number.POSITIVE_INFINITY);
        const sum = expected.get(id) ?? { n: 0, centavos: 0 };
        expected.set(id, { n: sum.n + n, centavos: sum.centavos + centavos });
      }
      for (const { offset, reason } of truth.rejections) letters.set(`${index}/${offset}`, reason);
      const { contadas, rejeitadas } = this.#progress[index]!;
      judged += Object.values(rejeitadas).reduce((sum, n) => sum + Number(n), Number(contadas));
    }
    if (judged !== records) {
      this.#violate('in = counted + rejected', `${records} records, ${judged} verdicts`);
    }
    const documents = this.#setOf(COLLECTION).durable(COLLECTION) as ReadonlyMap<string, Totals>;
    for (const [id, { n, centavos }] of expected) {
      const found = documents.get(id);
      const isRight =
        found !== undefined &&
        Number(found.volume_vendas) === n &&
        found.faturamento_total === centavos / 100 &&
        found.ticket_medio === Math.floor((2 * centavos + n) / (2 * n)) / 100;
      if (isRight) continue;
      const said = found ? `${found.volume_vendas}, ${found.faturamento_total}` : 'missing';
      this.#violate('totals are exact', `${id}: ${n} sales, ${centavos} centavos, found ${said}`);
    }
    for (const id of documents.keys()) {
      if (!expected.has(id)) this.#violate('totals are exact', `${id} has no sale`);
    }
    this.#lettersAtTheEnd(letters);
  }

  #lettersAtTheEnd(expected: ReadonlyMap<string, string>): void {
    for (const [key, reason] of expected) {
      const found = this.#letters.letters.get(key);
      if (found !== reason) {
        this.#violate('dead letters are complete', `${key} is ${found}, true is ${reason}`);
      }
    }
    for (const key of this.#letters.letters.keys()) {
      if (!expected.has(key)) this.#violate('dead letters have a cause', key);
    }
  }
}

const closingWatermarkMs = (progress: Progress | undefined) =>
  progress?.marca_dagua?.getTime() ?? Number.NEGATIVE_INFINITY;

/** What of a document is new, in short. */
function changes(before: Document | undefined, after: Document): string {
  const { partes, fechada } = after as Totals;
  if (!partes) {
    const { proximo_offset, marca_dagua } = after as unknown as Progress;
    const watermark = marca_dagua?.toISOString().slice(11, 23) ?? 'none';
    return `${after._id} is durable to ${proximo_offset}, watermark ${watermark}`;
  }
  const moved = Object.entries(partes)
    .filter(([name, register]) => (before as Totals | undefined)?.partes[name] !== register)
    .map(([name, register]) => [name, numbers(register)] as const)
    .map(([name, { n, ate }]) => `partition ${name} up to ${ate} is ${n} sales`);
  return `${after._id}${fechada ? ' (closed)' : ''}: ${moved.join(', ')}`;
}

const partitionOf = (document: Document) => Number(String(document._id).split('/').at(-1));

function numbers(register: object): Record<'n' | 'centavos' | 'menor' | 'maior' | 'ate', number> {
  return Object.fromEntries(
    Object.entries(register).map(([name, value]) => [name, Number(value)]),
  ) as never;
}

/** JSON with names in order. */
function stable(value: object): string {
  return JSON.stringify(value, (_, part) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
