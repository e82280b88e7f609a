/**
 * Old documents made small: registers that can never change again become one sum. A partition's
 * register of a window is final once the partition's own watermark has passed the window's end in
 * its durable progress: all that it contributed is in the document by then, and any later sale of
 * it would be late. The document keeps the list of the partitions that are so, and takes nothing
 * more from them: neither a write that comes late, nor one of a process that slept, nor a replay from
 * the log's beginning. A partition that has no sale yet, or is new, is not in the list.
 *
 * Each document is changed only if its registers are what was read, so engines go on beside it. Where late sales
 * are counted, no register is ever final.
 */
import type { Db, Document } from 'mongodb';
import {
  PROGRESS_COLLECTION,
  type ProgressDocument,
  partitionOf,
} from '../mongo/progress-document.ts';
import {
  COMPACTED,
  type CompactedRegisters,
  type StoredRegister,
  type TotalsDocument,
} from '../mongo/totals-store.ts';

const BATCH = 500;

type Parts = TotalsDocument['partes'];

export interface CompactPlan {
  /** Windows that end at or before it, by whose partitions' registers are final there. */
  readonly upToMs: number;
  readonly partitions: readonly number[];
  /** The partition that is least far; null when none has a sale. */
  readonly heldBy: number | null;
}

/** @param olderThanMs how far behind the slowest partition's watermark a window must be */
export async function planCompact(
  db: Db,
  topic: string,
  delayMs: number,
  olderThanMs: number,
): Promise<CompactPlan> {
  const progress = await db.collection<ProgressDocument>(PROGRESS_COLLECTION).find({}).toArray();
  const passed = progress.flatMap((document) => {
    const { maior_evento: newest } = document;
    if (newest === null) return [];
    return [{ partition: partitionOf(document, topic), ms: newest.getTime() - delayMs }];
  });
  if (passed.length === 0)
    return { upToMs: Number.NEGATIVE_INFINITY, partitions: [], heldBy: null };
  const slowest = passed.reduce((a, b) => (b.ms < a.ms ? b : a));
  const partitions = passed.map(({ partition }) => partition).sort((a, b) => a - b);
  return { upToMs: slowest.ms - olderThanMs, partitions, heldBy: slowest.partition };
}

export interface Candidate {
  readonly _id: string;
  readonly partes: Parts;
}

/** How many documents `candidates` looks at; engines may close a few more meanwhile. */
export async function countOld(
  db: Db,
  collection: string,
  { upToMs }: CompactPlan,
): Promise<number> {
  if (upToMs === Number.NEGATIVE_INFINITY) return 0;
  return db.collection(collection).countDocuments(closedUpTo(upToMs));
}

const closedUpTo = (upToMs: number) => ({ fechada: true, janela_fim: { $lte: new Date(upToMs) } });

export interface Piece {
  readonly looked: number;
  /** Of those, the ones that have more than one register. */
  readonly candidates: readonly Candidate[];
}

/** Documents of the plan's windows, in the order of these. */
export async function* candidates(
  db: Db,
  collection: string,
  { upToMs }: CompactPlan,
): AsyncGenerator<Piece> {
  if (upToMs === Number.NEGATIVE_INFINITY) return;
  for (let after = ''; ; ) {
    const stages: Document[] = [
      { $match: { _id: { $gt: after }, ...closedUpTo(upToMs) } },
      { $sort: { _id: 1 } },
      { $limit: BATCH },
      { $project: { partes: 1 } },
    ];
    const found = await db.collection(collection).aggregate<Candidate>(stages).toArray();
    const last = found.at(-1);
    if (!last) return;
    after = last._id;
    const several = found.filter(({ partes }) => Object.keys(partes).length > 1);
    yield { looked: found.length, candidates: several };
  }
}

export interface Compaction {
  /** Partitions whose registers the sum takes in. */
  readonly moved: readonly number[];
  readonly sum: CompactedRegisters;
}

/** @returns null when nothing would become less */
export function compactionOf(parts: Parts, partitions: readonly number[]): Compaction | null {
  const before = parts[COMPACTED];
  const moved = partitions.filter((partition) => parts[partition] !== undefined);
  const sums: Omit<StoredRegister, 'ate'>[] = moved.map((partition) => parts[partition]);
  if (before) sums.push(before);
  if (moved.length === 0 || sums.length < 2) return null;
  const final = new Set([...(before?.particoes ?? []), ...partitions].map(Number));
  const sum = {
    particoes: [...final].sort((a, b) => a - b),
    n: sums.reduce((total, { n }) => total + n, 0n),
    centavos: sums.reduce((total, { centavos }) => total + centavos, 0n),
    menor: sums.map(({ menor }) => menor).reduce((a, b) => (b < a ? b : a)),
    maior: sums.map(({ maior }) => maior).reduce((a, b) => (b > a ? b : a)),
  };
  return { moved, sum };
}

/**
 * Writes them, each unless what it takes in has changed since.
 *
 * @returns how many were written
 */
export async function compactAll(
  db: Db,
  collection: string,
  found: readonly Candidate[],
  partitions: readonly number[],
): Promise<number> {
  const operations = found.flatMap(({ _id, partes }) => {
    const compaction = compactionOf(partes, partitions);
    if (!compaction) return [];
    const { moved, sum } = compaction;
    const { n = null } = partes[COMPACTED] ?? {};
    const path = (partition: number) => `partes.${partition}`;
    const filter = {
      _id,
      [`partes.${COMPACTED}.n`]: n ?? { $exists: false },
      // What a register says follows from its partition and its offset.
      ...Object.fromEntries(moved.map((one) => [`${path(one)}.ate`, partes[one].ate])),
    };
    // What the totals say is as before, and so is when they last changed.
    const update = {
      $set: { [`partes.${COMPACTED}`]: sum },
      $unset: Object.fromEntries(moved.map((one) => [path(one), ''])),
    };
    return [{ updateOne: { filter, update } }];
  });
  if (operations.length === 0) return 0;
  const documents = db.collection<TotalsDocument>(collection);
  return (await documents.bulkWrite(operations as never, { ordered: false })).modifiedCount;
}
