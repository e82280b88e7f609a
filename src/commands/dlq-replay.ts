/** `vendaval dlq replay`: what would become of letters that are sent back; with --yes, sends them. */
import { readFileSync } from 'node:fs';
import type { ResolvedSettings } from '../config/settings.ts';
import { topicMadeAnew } from '../coordinator/recovery.ts';
import { kafkaAccess } from '../kafka/access.ts';
import { existingTopic } from '../kafka/metadata.ts';
import { TransactionalProducer } from '../kafka/transactions.ts';
import { EXIT, messageOf, VendavalError } from '../lib/errors.ts';
import { areOtherTopics } from '../lib/topic-id.ts';
import { ProgressReader } from '../mongo/progress-reader.ts';
import type { PinnedSettings } from '../mongo/settings-store.ts';
import { Forecast, type PartitionState } from '../upkeep/forecast.ts';
import { lettersTransaction } from '../upkeep/letter.ts';
import { nameOf } from '../upkeep/letter-index.ts';
import { parseRepairs, type Repair } from '../upkeep/letter-json.ts';
import type { LetterTopic } from '../upkeep/letter-topic.ts';
import {
  contentsOf,
  findSentBack,
  hasValue,
  MarkWatch,
  type Outgoing,
  planReplay,
  type ReplayPlan,
  sendBack,
} from '../upkeep/replay.ts';
import { logBounds } from '../verification/log-bounds.ts';
import { choose, type LetterChoice, openLetters } from './dlq.ts';
import { ReplayView } from './dlq-replay-view.ts';
import { type PinnedDatabase, requirePinned, withPinned } from './pinned.ts';
import type { Shell } from './shell.ts';

export interface ReplayOptions extends LetterChoice {
  readonly all: boolean;
  /** A file of `dlq show --json`, edited. */
  readonly from?: string;
  readonly yes: boolean;
}

export function runDlqReplay(
  resolved: ResolvedSettings,
  options: ReplayOptions,
  shell: Shell,
): Promise<void> {
  const repairs = readRepairs(options);
  return withPinned(resolved, (database) => run(database, options, repairs, shell));
}

/** Letters are sent back on purpose: which, must be said. */
function readRepairs({ names, reason, all, from }: ReplayOptions): Map<string, Repair> | null {
  const ways = [names.length > 0, reason !== undefined, all, from !== undefined];
  const isOne = ways.filter(Boolean).length === 1 || (!all && !from && ways.includes(true));
  if (!isOne) {
    throw new VendavalError('which letters should be sent back?', {
      code: 'E_USAGE',
      exitCode: EXIT.usage,
      hint: 'Name some, or a --reason, or --from a file, or --all.',
    });
  }
  if (from === undefined) return null;
  let text: string;
  try {
    text = readFileSync(from, 'utf8');
  } catch (error) {
    throw new VendavalError(`the file ${from} cannot be read: ${messageOf(error)}`, {
      code: 'E_LETTER_FILE',
      exitCode: EXIT.usage,
      hint: 'Make it with vendaval dlq show --json, and edit it.',
    });
  }
  return new Map(parseRepairs(text, from).map((repair) => [repair.name, repair]));
}

async function run(
  database: PinnedDatabase,
  options: ReplayOptions,
  repairs: ReadonlyMap<string, Repair> | null,
  shell: Shell,
): Promise<void> {
  const { settings } = database;
  const { deadLetterTopic } = settings;
  const pinned = requirePinned(database);
  const view = new ReplayView(settings, options.yes, shell);
  const access = kafkaAccess(settings);
  // Ends what a replay before this one has left open, so that what is read next is all of it.
  const producer = options.yes
    ? await TransactionalProducer.open(access, lettersTransaction(deadLetterTopic))
    : null;
  try {
    const letters = await openLetters(settings, shell);
    const plan = await planFor(letters, database, pinned, options, repairs, shell);
    const forecast = new Forecast(pinned, await statesOf(database));
    for await (const piece of contentsOf(letters, plan.letters, repairs)) {
      if (shell.signal.aborted) break;
      const filled = piece.filter(hasValue);
      const sendable = filled.filter((one) => isOfUse(one, forecast));
      if (producer) await sendBack(producer, letters.source, sendable);
      const lateAgain = filled.length - sendable.length;
      const without = piece.length - filled.length;
      view.piece({ sent: sendable.length, without, lateAgain }, plan.letters.length);
    }
    if (shell.signal.aborted) view.stopped(plan.letters.length);
    view.done(plan.obstacles, forecast.outcomes, pinned.atrasadas);
  } finally {
    await producer?.close();
  }
}

/**
 * Judges it, and adds what comes of it to the forecast, unless it was repaired but not in its time.
 * Only the late are passed over: another's copy is another sale.
 */
function isOfUse({ indexed, content }: Outgoing, forecast: Forecast): boolean {
  const outcomes = forecast.judge(indexed.origin.partition, content.value, Date.now());
  const isLateAgain = outcomes.length > 0 && outcomes.every((outcome) => outcome === 'late');
  if (indexed.reason === 'late' && isLateAgain) return false;
  forecast.add(outcomes);
  return true;
}

async function planFor(
  letters: LetterTopic,
  { settings }: PinnedDatabase,
  { atrasadas }: PinnedSettings,
  options: ReplayOptions,
  repairs: ReadonlyMap<string, Repair> | null,
  shell: Shell,
): Promise<ReplayPlan> {
  const watch = new MarkWatch((partition) => letters.isWhole(partition));
  const index = await letters.index(watch);
  const names = repairs ? [...repairs.keys()] : options.names;
  const isNothing = repairs?.size === 0;
  const chosen = isNothing ? [] : choose(index, { ...options, names }, settings.deadLetterTopic);
  const suspects = chosen.filter(({ origin }) => watch.suspects.has(nameOf(origin)));
  let sentBack: ReadonlySet<string> = new Set();
  if (suspects.length > 0) {
    const access = kafkaAccess(settings);
    if (!shell.json) shell.err.write('looking through the log of sales for letters sent back…\n');
    sentBack = await findSentBack(access, settings.topic, await salesBounds(settings), suspects);
  }
  return planReplay(chosen, sentBack, atrasadas, repairs !== null);
}

async function salesBounds(settings: PinnedDatabase['settings']) {
  const access = kafkaAccess(settings);
  const { partitions } = await existingTopic(access, settings.topic);
  return logBounds(access, settings.topic, partitions.length);
}

async function statesOf({ mongo, settings }: PinnedDatabase) {
  const { partitions, topicId } = await existingTopic(kafkaAccess(settings), settings.topic);
  const reader = new ProgressReader(mongo.db, settings.topic);
  const states = new Map<number, PartitionState>();
  for (const progress of await reader.readAll(partitions.length)) {
    // What was rejected from the old one belongs to no count of this one.
    if (areOtherTopics(progress.topicId, topicId)) throw topicMadeAnew(progress.topicId, topicId);
    states.set(progress.partition, progress);
  }
  return states;
}
