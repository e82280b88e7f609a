/** `vendaval compact`: which old documents would become smaller; with --yes, makes them so. */

import type { Db } from 'mongodb';
import type { ResolvedSettings } from '../config/settings.ts';
import { NEW_DATABASE, VendavalError } from '../lib/errors.ts';
import { differingFields, type PinnedSettings, readPinned } from '../mongo/settings-store.ts';
import {
  type CompactPlan,
  candidates,
  compactAll,
  compactionOf,
  countOld,
  planCompact,
} from '../upkeep/compact.ts';
import { type CompactCounts, showDone, showProgress, showStopped } from './compact-view.ts';
import { type PinnedDatabase, requirePinned, withPinned } from './pinned.ts';
import type { Shell } from './shell.ts';

export interface CompactOptions {
  /** How far behind the slowest partition's watermark, in ms. */
  readonly olderThan: number;
  readonly yes: boolean;
}

export function runCompact(
  resolved: ResolvedSettings,
  options: CompactOptions,
  shell: Shell,
): Promise<void> {
  return withPinned(resolved, (database) => run(database, options, shell));
}

async function run(
  database: PinnedDatabase,
  { olderThan, yes }: CompactOptions,
  shell: Shell,
): Promise<void> {
  const { mongo, settings } = database;
  const { db } = mongo;
  const { topic, collection } = settings;
  const pinned = requirePinned(database);
  if (pinned.atrasadas === 'count') throw neverFinal(settings.database);
  const plan = await planCompact(db, topic, Number(pinned.atraso_ms), olderThan);
  const of = await countOld(db, collection, plan);
  const counts: CompactCounts = { looked: 0, documents: 0, registers: 0, missed: 0 };
  for await (const piece of candidates(db, collection, plan)) {
    if (shell.signal.aborted) {
      showStopped(counts, of, shell);
      break;
    }
    counts.looked += piece.looked;
    let wanted = 0;
    for (const { partes } of piece.candidates) {
      const compaction = compactionOf(partes, plan.partitions);
      if (!compaction) continue;
      wanted++;
      counts.registers += compaction.moved.length;
    }
    if (yes) {
      await judgeAgain(db, pinned, olderThan, plan);
      const written = await compactAll(db, collection, piece.candidates, plan.partitions);
      counts.missed += wanted - written;
    }
    counts.documents += wanted;
    showProgress(counts, of, shell);
  }
  showDone(plan, counts, { yes, olderThan, collection }, shell);
}

/**
 * To be asked before each piece: a database that is reset meanwhile has no progress, or that of a
 * count by other rules, by which nothing may be final.
 */
export async function judgeAgain(
  db: Db,
  pinned: PinnedSettings,
  olderThan: number,
  plan: CompactPlan,
): Promise<void> {
  const now = await planCompact(db, pinned.topico, Number(pinned.atraso_ms), olderThan);
  // After the progress: a new count pins its rules before it makes any.
  const rules = differingFields(await readPinned(db), pinned);
  if (rules.length === 0 && holds(now, plan)) return;
  const what = rules.length > 0 ? `the rules of "${db.databaseName}" are others now` : null;
  throw changedMeanwhile(what ?? `progress in "${db.databaseName}" went back`);
}

/** What was final is so still. */
function holds(now: CompactPlan, plan: CompactPlan): boolean {
  const isFar = now.upToMs >= plan.upToMs;
  return isFar && plan.partitions.every((partition) => now.partitions.includes(partition));
}

function neverFinal(database: string): VendavalError {
  return new VendavalError(
    `the totals in "${database}" count late sales, so every window can still change`,
    {
      code: 'E_COMPACT_LATE',
      hint:
        'Their registers are what a late sale is added to. To free the space, copy old windows ' +
        `elsewhere and count from where they end into another database: ${NEW_DATABASE}.`,
    },
  );
}

function changedMeanwhile(what: string): VendavalError {
  return new VendavalError(`${what}, since it began to be compacted`, {
    code: 'E_COMPACT_STOPPED',
    hint: 'It was reset or restored meanwhile. What is compacted is right; run it again later.',
  });
}
