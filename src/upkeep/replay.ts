/**
 * Letters sent back to the topic that they came from, each to its own partition, once. The record
 * and the mark that says so, behind the letter in the dead-letter topic, go in one transaction: a
 * replay that is cut off at any place has done both or neither, and the next one, which ends what
 * it left open before it looks, passes over what is done.
 *
 * A mark is missing only when it was deleted with the oldest records of its partition, and its letter
 * is there all the same: the engine has sent that one anew, since its record was counted again from
 * the log's beginning. Where that can be, the log of sales itself is looked through.
 */
import type { LatePolicy } from '../config/options.ts';
import type { KafkaAccess } from '../kafka/access.ts';
import type { OutgoingRecord, TransactionalProducer } from '../kafka/transactions.ts';
import type { LogBounds } from '../verification/log-bounds.ts';
import { readSection } from '../verification/log-reader.ts';
import { type Header, type Letter, replayedKey, replayedMark } from './letter.ts';
import { type IndexedLetter, nameOf, type Place } from './letter-index.ts';
import type { Repair } from './letter-json.ts';
import type { LetterListener, LetterSource, LetterTopic } from './letter-topic.ts';

/** Of a record that was sent back: the name of its letter. */
export const REPLAY_HEADER = 'vendaval-replay-of';

const BATCH_LETTERS = 1000;
const BATCH_BYTES = 8 * 1024 * 1024;
/** By how much the clocks of producers and brokers are trusted to agree. */
const CLOCK_SLACK_MS = 3_600_000;

/** What is sent in a letter's place, and where the letter lies. */
export interface Outgoing {
  readonly indexed: IndexedLetter;
  readonly content: Repair;
}

/** Why a letter is passed over. */
export type Obstacle = 'already sent' | 'without value' | 'counted here' | 'would be late again';

export interface ReplayPlan {
  /** Those that can be sent, in the order of their places. */
  readonly letters: readonly IndexedLetter[];
  readonly obstacles: ReadonlyMap<Obstacle, number>;
}

/**
 * @param sentBack names that the log of sales holds, of letters whose mark may be gone
 * @param policy under `count` a late letter's record is counted here, whoever rejected it; under
 *   `reject` it would be late again, and its copy in the log a second sale for rules that count both
 * @param isRepaired what is sent is no copy, and is judged when it is read
 */
export function planReplay(
  chosen: readonly IndexedLetter[],
  sentBack: ReadonlySet<string>,
  policy: LatePolicy,
  isRepaired: boolean,
): ReplayPlan {
  const obstacles = new Map<Obstacle, number>();
  const pass = (obstacle: Obstacle) => {
    obstacles.set(obstacle, (obstacles.get(obstacle) ?? 0) + 1);
    return false;
  };
  const letters = chosen.filter((letter) => {
    if (letter.isReplayed || sentBack.has(nameOf(letter.origin))) return pass('already sent');
    if (letter.reason !== 'late') return true;
    if (policy === 'count') return pass('counted here');
    return isRepaired || pass('would be late again');
  });
  letters.sort((a, b) => a.at.partition - b.at.partition || a.at.offset - b.at.offset);
  return { letters, obstacles };
}

/**
 * Gives the contents of letters, in pieces that fit in memory.
 *
 * @param repairs what to send instead, by name; where there are any, letters have one each
 */
export async function* contentsOf(
  topic: LetterTopic,
  letters: readonly IndexedLetter[],
  repairs: ReadonlyMap<string, Repair> | null,
): AsyncGenerator<Outgoing[]> {
  for (let start = 0; start < letters.length; ) {
    const piece = letters.slice(start, start + BATCH_LETTERS);
    if (repairs) {
      yield piece.map((indexed) => ({ indexed, content: repairs.get(nameOf(indexed.origin))! }));
      start += piece.length;
      continue;
    }
    const byName = new Map(piece.map((indexed) => [nameOf(indexed.origin), indexed]));
    const read: Outgoing[] = [];
    let bytes = 0;
    const places = piece.map(({ at }) => at);
    await topic.read(places, (letter) => {
      const indexed = byName.get(letter.name);
      if (indexed) read.push({ indexed, content: letter });
      bytes += letter.value?.length ?? 0;
      return bytes < BATCH_BYTES;
    });
    // In order; one that retention has deleted meanwhile is passed over.
    const last = bytes < BATCH_BYTES ? undefined : read.at(-1);
    start += last ? piece.indexOf(last.indexed) + 1 : piece.length;
    yield read;
  }
}

/** A letter without a value may be one of a record that was too large to copy. */
export const hasValue = ({ content }: Outgoing) => content.value !== null;

/** Sends them, all or none. */
export async function sendBack(
  producer: TransactionalProducer,
  { topic, topicId, deadLetterTopic }: Pick<LetterSource, 'topic' | 'topicId' | 'deadLetterTopic'>,
  outgoing: readonly Outgoing[],
): Promise<void> {
  if (outgoing.length === 0) return;
  const records = outgoing.flatMap(({ indexed, content }): OutgoingRecord[] => {
    const { origin, at } = indexed;
    const name = nameOf(origin);
    const own = content.headers.filter(([header]) => header !== REPLAY_HEADER);
    const headers: Header[] = [...own, [REPLAY_HEADER, Buffer.from(name)]];
    const { partition } = origin;
    const mark = replayedMark(topic, topicId, partition);
    const key = Buffer.from(replayedKey(name));
    return [
      { topic, partition, key: content.key, value: content.value, headers },
      // Behind its letter, so that retention never deletes the mark first.
      { topic: deadLetterTopic, partition: at.partition, key, value: mark, headers: [] },
    ];
  });
  await producer.send(records);
}

/**
 * Names letters whose mark may have been deleted: those of records from before the oldest that their
 * partition of the dead-letter topic still holds.
 */
export class MarkWatch implements LetterListener {
  readonly suspects = new Set<string>();
  readonly #isWhole: (partition: number) => boolean;
  readonly #firstMs = new Map<number, number>();

  /** @param isWhole whether nothing was ever deleted from a partition */
  constructor(isWhole: (partition: number) => boolean) {
    this.#isWhole = isWhole;
  }

  letter({ name, timestampMs }: Letter, { partition }: Place, atMs: number): void {
    if (this.#isWhole(partition)) return;
    const firstMs = this.#firstMs.get(partition) ?? atMs;
    this.#firstMs.set(partition, firstMs);
    if (atMs < 0 || timestampMs <= firstMs + CLOCK_SLACK_MS) this.suspects.add(name);
  }

  reset(): void {}
}

/** Which of these letters' records the log of sales holds: looked for behind each one's origin. */
export async function findSentBack(
  access: KafkaAccess,
  topic: string,
  bounds: readonly LogBounds[],
  letters: readonly IndexedLetter[],
): Promise<Set<string>> {
  const found = new Set<string>();
  for (const { partition, start, end } of bounds) {
    const offsets = letters.flatMap(({ origin }) =>
      origin.partition === partition ? origin.offset : [],
    );
    if (offsets.length === 0) continue;
    const first = offsets.reduce((least, offset) => Math.min(least, offset));
    const section = { topic, partition, from: Math.max(start, first), to: end };
    await readSection(access, section, ({ headers }) => {
      for (const [name, value] of headers) {
        if (name === REPLAY_HEADER) found.add(value.toString('utf8'));
      }
      return true;
    });
  }
  return found;
}
