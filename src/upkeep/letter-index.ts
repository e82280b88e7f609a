/**
 * Which letters the dead-letter topic holds, each once however often it was sent, and which of them
 * were sent back already. A few bytes a letter, so that millions of them are looked through; the
 * letters themselves are read again where they are wanted.
 */
import { areOtherTopics } from '../lib/topic-id.ts';
import { WHOLE_RECORD } from '../verification/dead-letter.ts';
import {
  inOrder,
  type LetterRows,
  LetterRowsBuilder,
  mergeRows,
} from '../verification/letter-rows.ts';
import type { Origin, TopicRecord } from './letter.ts';

/** Where a record of the dead-letter topic lies. */
export interface Place {
  readonly partition: number;
  readonly offset: number;
}

export interface IndexedLetter {
  readonly origin: Origin;
  readonly reason: string;
  /** Its first copy. */
  readonly at: Place;
  /** 1 unless the engine sent it again, as after a crash. */
  readonly copies: number;
  readonly isReplayed: boolean;
}

const REPLAYED = '(replayed)';
const PARTITION_SHIFT = 48n;
const OFFSET_MASK = (1n << PARTITION_SHIFT) - 1n;

const rowItem = ({ item }: Origin) => item ?? WHOLE_RECORD;

export class LetterIndex {
  readonly #topic: string;
  readonly #topicId: string;
  readonly #database: string;
  /** By partition of the dead-letter topic, then of the records. */
  readonly #letters = new Map<number, Map<number, LetterRowsBuilder>>();
  readonly #replayed = new Map<number, LetterRowsBuilder>();
  /** Records that were sent back, by the marks that are still there. */
  sentBack = 0;
  /** Letters of other topics, also of one that had the same name before. */
  foreign = 0;
  /** Records that are neither letters nor marks. */
  others = 0;

  /**
   * @param topic whose letters are wanted, as rejected from the totals of this database
   * @param topicId its id now: letters and marks of another one of its name are not its
   */
  constructor(topic: string, topicId: string, database: string) {
    this.#topic = topic;
    this.#topicId = topicId;
    this.#database = database;
  }

  /** Records of one partition come in the order of their offsets. */
  add(record: TopicRecord, at: Place): void {
    if (record.kind === 'other') this.others++;
    else if (record.kind === 'reset') this.#reset(record.database, at.partition);
    else this.#addOf(record, at);
  }

  #reset(database: string, partition: number): void {
    if (database === this.#database) this.#letters.delete(partition);
  }

  #addOf(record: Extract<TopicRecord, { kind: 'letter' | 'replayed' }>, at: Place): void {
    const { origin, topicId } = record.kind === 'letter' ? record.letter : record;
    if (origin.topic !== this.#topic || areOtherTopics(topicId, this.#topicId)) {
      this.foreign++;
      return;
    }
    if (record.kind === 'replayed') this.sentBack++;
    const reason = record.kind === 'letter' ? record.letter.reason : REPLAYED;
    const rows = record.kind === 'letter' ? this.#lettersAt(at.partition) : this.#replayed;
    let builder = rows.get(origin.partition);
    if (!builder) {
      builder = new LetterRowsBuilder();
      rows.set(origin.partition, builder);
    }
    const place = (BigInt(at.partition) << PARTITION_SHIFT) | BigInt(at.offset);
    builder.push(origin.offset, rowItem(origin), reason, place);
  }

  #lettersAt(partition: number): Map<number, LetterRowsBuilder> {
    let rows = this.#letters.get(partition);
    if (!rows) {
      rows = new Map();
      this.#letters.set(partition, rows);
    }
    return rows;
  }

  /** In the order of the records in the log. */
  *letters(): Generator<IndexedLetter> {
    const byPartition = new Map<number, LetterRows[]>();
    for (const rows of this.#letters.values()) {
      for (const [partition, builder] of rows) {
        byPartition.set(partition, [...(byPartition.get(partition) ?? []), builder.rows()]);
      }
    }
    for (const partition of [...byPartition.keys()].sort((a, b) => a - b)) {
      const replayed = this.#replayed.get(partition)?.rows();
      const parts = byPartition.get(partition)!;
      yield* this.#lettersOf(partition, mergeRows(replayed ? [...parts, replayed] : parts));
    }
  }

  *#lettersOf(partition: number, rows: LetterRows): Generator<IndexedLetter> {
    const { offsets, items, reasons, reasonNames, fingerprints: places } = rows;
    const order = inOrder(rows);
    for (let i = 0; i < order.length; ) {
      const [offset, item] = [offsets[order[i]], items[order[i]]];
      const copies: number[] = [];
      let isReplayed = false;
      for (; i < order.length && offsets[order[i]] === offset && items[order[i]] === item; i++) {
        if (reasonNames[reasons[order[i]]] === REPLAYED) isReplayed = true;
        else copies.push(order[i]);
      }
      if (copies.length === 0) continue;
      const first = copies.reduce((a, b) => (places[b] < places[a] ? b : a));
      yield {
        origin: {
          topic: this.#topic,
          partition,
          offset,
          item: item === WHOLE_RECORD ? null : item,
        },
        reason: reasonNames[reasons[first]],
        at: {
          partition: Number(places[first] >> PARTITION_SHIFT),
          offset: Number(places[first] & OFFSET_MASK),
        },
        copies: copies.length,
        isReplayed,
      };
    }
  }
}

export function nameOf({ topic, partition, offset, item }: Origin): string {
  return `${topic}/${partition}/${offset}${item === null ? '' : `/${item}`}`;
}
