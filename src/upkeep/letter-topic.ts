/**
 * The dead-letter topic read from its beginning to its present end, rolled-back records left out:
 * all of it for the index, and then the letters that are wanted.
 */
import type { KafkaAccess } from '../kafka/access.ts';
import { existingTopic } from '../kafka/metadata.ts';
import { EXIT, VendavalError } from '../lib/errors.ts';
import { areOtherTopics } from '../lib/topic-id.ts';
import { type LogBounds, logBounds } from '../verification/log-bounds.ts';
import { readSection } from '../verification/log-reader.ts';
import { type Letter, readTopicRecord, type TopicRecord } from './letter.ts';
import { LetterIndex, type Place } from './letter-index.ts';

export interface LetterSource {
  readonly access: KafkaAccess;
  /** Whose letters are wanted. */
  readonly topic: string;
  /** Its id now; that of none where it is not known. */
  readonly topicId: string;
  readonly deadLetterTopic: string;
  /** From whose totals they were rejected. */
  readonly database: string;
  readonly signal: AbortSignal;
}

/** @param timestampMs when the dead-letter topic's broker got it, or its producer sent it */
type OnLetter = (letter: Letter, at: Place, timestampMs: number) => void;
/** @returns false when nothing more is wanted */
type TakeLetter = (letter: Letter, at: Place, timestampMs: number) => boolean;

/** What is told while all of it is read. */
export interface LetterListener {
  /** Of the topic, copies included. */
  letter: OnLetter;
  /** The letters that this partition gave so far are of totals that are gone. */
  reset(partition: number): void;
}

export class LetterTopic {
  readonly source: LetterSource;
  readonly #bounds: readonly LogBounds[];

  private constructor(source: LetterSource, bounds: readonly LogBounds[]) {
    this.source = source;
    this.#bounds = bounds;
  }

  /** Its end is noted now: what comes later is not read. */
  static async open(source: LetterSource): Promise<LetterTopic> {
    const { access, deadLetterTopic } = source;
    const { partitions } = await existingTopic(access, deadLetterTopic);
    const bounds = await logBounds(access, deadLetterTopic, partitions.length);
    return new LetterTopic(source, bounds);
  }

  /** Records between beginning and end, gaps included. */
  get size(): number {
    return this.#bounds.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  async index(listener?: LetterListener): Promise<LetterIndex> {
    const { topic, topicId, database } = this.source;
    const index = new LetterIndex(topic, topicId, database);
    for (const bounds of this.#bounds) {
      await this.#read(bounds, bounds.start, (record, at, timestampMs) => {
        index.add(record, at);
        if (record.kind === 'reset' && record.database === database) listener?.reset(at.partition);
        if (record.kind === 'letter' && isOf(record.letter, topic, topicId)) {
          listener?.letter(record.letter, at, timestampMs);
        }
        return true;
      });
    }
    return index;
  }

  /** Whether nothing was ever deleted from a partition. */
  isWhole(partition: number): boolean {
    return this.#bounds.find((bounds) => bounds.partition === partition)?.start === 0;
  }

  /** The letters at these places, in the order of partitions and offsets. */
  async read(places: readonly Place[], take: TakeLetter): Promise<void> {
    let goesOn = true;
    for (const bounds of this.#bounds) {
      if (!goesOn) return;
      const here = places.filter(({ partition }) => partition === bounds.partition);
      const wanted = new Set(here.map(({ offset }) => offset));
      if (wanted.size === 0) continue;
      const first = here.reduce((least, { offset }) => Math.min(least, offset), bounds.end);
      await this.#read(bounds, first, (record, at, timestampMs) => {
        if (record.kind !== 'letter' || !wanted.delete(at.offset)) return true;
        goesOn = take(record.letter, at, timestampMs);
        return goesOn && wanted.size > 0;
      });
    }
  }

  async #read(
    { partition, end }: LogBounds,
    from: number,
    take: (record: TopicRecord, at: Place, timestampMs: number) => boolean,
  ): Promise<void> {
    const { access, deadLetterTopic: topic, signal } = this.source;
    await readSection(access, { topic, partition, from, to: end }, (record) => {
      const { offset, timestampMs } = record;
      return !signal.aborted && take(readTopicRecord(record), { partition, offset }, timestampMs);
    });
    if (!signal.aborted) return;
    throw new VendavalError('stopped before all letters were read', {
      code: 'E_STOPPED',
      exitCode: EXIT.done,
    });
  }
}

const isOf = (letter: Letter, topic: string, topicId: string) =>
  letter.origin.topic === topic && !areOtherTopics(letter.topicId, topicId);
