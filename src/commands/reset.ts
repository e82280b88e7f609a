/** `vendaval reset`: what counting anew would remove and lose; with --yes, removes it. */
import type { Settings } from '../config/options.ts';
import type { ResolvedSettings } from '../config/settings.ts';
import { kafkaAccess } from '../kafka/access.ts';
import { existingTopic } from '../kafka/metadata.ts';
import { TransactionalProducer } from '../kafka/transactions.ts';
import { codeOf, EXIT, NEW_DATABASE, VendavalError } from '../lib/errors.ts';
import { formatCount } from '../lib/units.ts';
import { PROGRESS_COLLECTION } from '../mongo/progress-document.ts';
import { ProgressReader } from '../mongo/progress-reader.ts';
import { SETTINGS_COLLECTION } from '../mongo/settings-store.ts';
import { lettersTransaction } from '../upkeep/letter.ts';
import { engineAlive, liveEngine } from '../upkeep/live-engines.ts';
import { type PresentLog, planReset, type ResetPlan, reset } from '../upkeep/reset.ts';
import { logBounds } from '../verification/log-bounds.ts';
import { outColour as pc } from './colour.ts';
import { openLetters } from './dlq.ts';
import { jsonLine } from './json-line.ts';
import { type PinnedDatabase, withPinned } from './pinned.ts';
import type { Shell } from './shell.ts';

export interface ResetOptions {
  readonly yes: boolean;
  /** Although records that were counted are no longer in the log. */
  readonly acceptLoss: boolean;
}

export function runReset(
  resolved: ResolvedSettings,
  options: ResetOptions,
  shell: Shell,
): Promise<void> {
  return withPinned(resolved, (database) => run(database, options, shell));
}

async function run(
  { mongo, settings }: PinnedDatabase,
  { yes, acceptLoss }: ResetOptions,
  shell: Shell,
): Promise<void> {
  const { db } = mongo;
  const { topic, collection } = settings;
  const plan = await planReset(db, collection, topic, await presentLog(settings));
  if (!plan.pinned) refuseUnpinned(plan, settings);
  const partitionCount = Math.max(plan.partitions, 1);
  const progress = new ProgressReader(db, topic);
  const who = await liveEngine(settings, progress, partitionCount, shell.signal);
  if (who !== null && yes) throw engineAlive(who);
  const sentBack = await countSentBack(settings, shell);
  showPlan(plan, settings, { yes, who, sentBack }, shell);
  if (!yes) return;
  if (plan.losses.length > 0 && !acceptLoss) throw wouldLose(plan, settings);
  const letters = await openMarks(settings);
  try {
    await reset(db, collection, letters, {
      removed: (what, count) => {
        if (shell.json) jsonLine(shell, 'removed', { from: what, documents: count });
        else shell.out.write(`${pc.green('removed')}  ${what}: ${formatCount(count)} documents\n`);
      },
    });
  } finally {
    await letters?.producer.close();
  }
}

async function presentLog(settings: Settings): Promise<PresentLog | null> {
  const { topic } = settings;
  const access = kafkaAccess(settings);
  const metadata = await whereItIs(() => existingTopic(access, topic));
  if (!metadata) return null;
  const { topicId, partitions } = metadata;
  return { topicId, bounds: await logBounds(access, topic, partitions.length) };
}

async function whereItIs<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (codeOf(error) === 'E_TOPIC_MISSING') return null;
    throw error;
  }
}

/** Letters whose records were sent back to the topic, by their marks. */
async function countSentBack(settings: Settings, shell: Shell): Promise<number> {
  const letters = await whereItIs(() => openLetters(settings, shell));
  return letters ? (await letters.index()).sentBack : 0;
}

async function openMarks(settings: Settings) {
  const { deadLetterTopic: topic } = settings;
  const access = kafkaAccess(settings);
  const metadata = await whereItIs(() => existingTopic(access, topic));
  if (!metadata) return null;
  const producer = await TransactionalProducer.open(access, lettersTransaction(topic));
  return { producer, topic, partitions: metadata.partitions.length };
}

function showPlan(
  { pinned, documents, others, partitions, losses }: ResetPlan,
  { database, collection, topic, deadLetterTopic, group }: Settings,
  { yes, who, sentBack }: { yes: boolean; who: string | null; sentBack: number },
  shell: Shell,
): void {
  if (shell.json) {
    const names = { database, collection, topic };
    const counts = { documents, others, partitions, settings: pinned !== null };
    const found = { losses, sentBack, engineAlive: who };
    jsonLine(shell, 'reset', { dryRun: !yes, ...names, ...counts, ...found });
    return;
  }
  const { out } = shell;
  const row = (name: string, what: string) => out.write(`  ${name.padEnd(24)} ${what}\n`);
  out.write(`${pc.bold(yes ? 'Removes' : 'Would remove')} from ${database}\n`);
  row(collection, `${formatCount(documents)} documents: the totals`);
  row(PROGRESS_COLLECTION, `${formatCount(partitions)} documents: how far each partition is`);
  row(SETTINGS_COLLECTION, pinned ? 'the pinned settings: others may follow' : 'nothing is pinned');
  out.write(`${pc.bold('Leaves')}\n`);
  if (others > 0) row(collection, `${formatCount(others)} documents that no engine has written`);
  row('in MongoDB', 'the collections, their indexes, and everything else');
  row('in Kafka', `${topic}, and ${deadLetterTopic} with a mark behind the letters so far`);
  row('', `what the group "${group}" has committed: the next checkpoint commits anew`);
  const lost = losses.reduce((sum, { records }) => sum + records, 0);
  if (lost === 0)
    out.write(`${pc.green('loses nothing')}: the log still holds all that was counted\n`);
  for (const { partition, logStart, records } of losses) {
    const why = logStart === null ? 'its log is gone' : `its log begins at ${logStart} now`;
    out.write(
      `${pc.red('would lose')} partition ${partition}: ${formatCount(records)} records, ${why}\n`,
    );
  }
  if (sentBack > 0) {
    out.write(
      `${pc.yellow('note:')} ${formatCount(sentBack)} rejected records were sent back, and lie in ${topic} ` +
        'beside their originals:\n      rules that accept the originals (--late count, more categories) ' +
        'count both\n',
    );
  }
  if (who !== null) out.write(`${pc.yellow('note:')} an engine is at work: ${who}\n`);
  if (!yes) out.write(`Nothing was removed. ${pc.bold('--yes')} removes it.\n`);
}

/**
 * The settings are pinned before the first document is written, and removed last: what lies there
 * without them is another program's, or of an engine that was never this one.
 */
function refuseUnpinned(
  { documents, others, partitions }: ResetPlan,
  { database, collection }: Settings,
): void {
  const found = documents + others;
  if (found === 0 && partitions === 0) return;
  throw new VendavalError(
    `no engine has counted into the database "${database}": it pins no settings, and so its ` +
      `${formatCount(found)} documents in "${collection}" are not known to be totals`,
    {
      code: 'E_NOTHING_COUNTED',
      hint:
        'Nothing was removed. Name the database that the engine writes to: --database <name>; to ' +
        'count here beside what there is, another --collection.',
    },
  );
}

function wouldLose({ losses }: ResetPlan, { topic }: Settings): VendavalError {
  const lost = losses.reduce((sum, { records }) => sum + records, 0);
  return new VendavalError(
    `${formatCount(lost)} records of "${topic}" were counted and are no longer in its log: their ` +
      'totals could not be made again',
    {
      code: 'E_RESET_LOSES',
      exitCode: EXIT.dataLossGuard,
      hint: `Keep this one and count into another: ${NEW_DATABASE}; or give them up: --accept-loss.`,
    },
  );
}
