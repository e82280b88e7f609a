/** `vendaval dlq list|show`: what was rejected, by reason, and letter by letter. */
import type { Settings } from '../config/options.ts';
import { type KafkaAccess, kafkaAccess } from '../kafka/access.ts';
import { existingTopic } from '../kafka/metadata.ts';
import { codeOf, VendavalError } from '../lib/errors.ts';
import { NO_TOPIC_ID } from '../lib/topic-id.ts';
import { parseName } from '../upkeep/letter.ts';
import { type IndexedLetter, type LetterIndex, nameOf } from '../upkeep/letter-index.ts';
import { LetterSummary } from '../upkeep/letter-summary.ts';
import { LetterTopic } from '../upkeep/letter-topic.ts';
import { showLetter, showReasons } from './dlq-view.ts';
import type { Shell } from './shell.ts';

export interface DlqListOptions {
  /** Of each reason. */
  readonly samples: number;
}

/** Which letters: by name, or by reason; all of them when neither is given. */
export interface LetterChoice {
  readonly names: readonly string[];
  readonly reason?: string;
}

export async function openLetters(settings: Settings, { signal }: Shell): Promise<LetterTopic> {
  const { topic, deadLetterTopic, database } = settings;
  const access = kafkaAccess(settings);
  const topicId = await idOf(access, topic);
  return LetterTopic.open({ access, topic, topicId, deadLetterTopic, database, signal });
}

/** The letters of a topic that is gone, or that this user may not see, can be looked at all the same. */
async function idOf(access: KafkaAccess, topic: string): Promise<string> {
  try {
    return (await existingTopic(access, topic)).topicId;
  } catch (error) {
    if (!['E_TOPIC_MISSING', 'E_TOPIC_METADATA'].includes(codeOf(error))) throw error;
    return NO_TOPIC_ID;
  }
}

export async function runDlqList(
  settings: Settings,
  { samples }: DlqListOptions,
  shell: Shell,
): Promise<void> {
  const letters = await openLetters(settings, shell);
  const summary = new LetterSummary(samples);
  const index = await letters.index(summary);
  showReasons(summary.reasons(index), index, settings, shell);
}

export async function runDlqShow(
  settings: Settings,
  { limit, ...choice }: LetterChoice & { readonly limit: number },
  shell: Shell,
): Promise<void> {
  const topic = await openLetters(settings, shell);
  const chosen = choose(await topic.index(), choice, settings.deadLetterTopic);
  // Who names letters wants these, however many.
  const shown = choice.names.length > 0 ? chosen : chosen.slice(0, limit);
  const replayed = new Set(shown.filter(({ isReplayed }) => isReplayed).map(toName));
  await topic.read(
    shown.map(({ at }) => at),
    (letter, at, timestampMs) => {
      const isReplayed = replayed.has(letter.name);
      showLetter(letter, { at, timestampMs, isReplayed }, settings, shell);
      return true;
    },
  );
  if (shown.length < chosen.length && !shell.json) {
    shell.err.write(`${chosen.length - shown.length} more: --limit ${chosen.length} shows all\n`);
  }
}

const toName = ({ origin }: IndexedLetter) => nameOf(origin);

/** In the order of the records in the log. */
export function choose(
  index: LetterIndex,
  { names, reason }: LetterChoice,
  deadLetterTopic: string,
): IndexedLetter[] {
  const wrong = names.find((name) => parseName(name) === null);
  if (wrong !== undefined) throw missing(`"${wrong}" is no letter's name`);
  const wanted = new Set(names);
  const chosen: IndexedLetter[] = [];
  for (const letter of index.letters()) {
    const isNamed = names.length === 0 || wanted.delete(toName(letter));
    if (isNamed && (reason === undefined || letter.reason === reason)) chosen.push(letter);
  }
  const [absent] = names.length === 0 ? [] : wanted;
  if (absent !== undefined) throw missing(`"${deadLetterTopic}" holds no letter of ${absent}`);
  return chosen;
}

function missing(message: string): VendavalError {
  return new VendavalError(message, {
    code: 'E_LETTER_MISSING',
    hint:
      'A letter has the name of its record, topic/partition/offset, with /item behind it for a ' +
      'sale of a batch: vendaval dlq list shows some.',
  });
}
