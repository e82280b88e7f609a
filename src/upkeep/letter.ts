/**
 * A record of the dead-letter topic, taken apart: a letter with what its record was, or a mark of
 * ours that speaks of letters. Marks lie in the same topic so that they live as long as the letters
 * they speak of: "replayed" is written in one transaction with the record that was sent back, and
 * "reset" says that the letters before it in its partition are of totals that are gone. Pure.
 */
import { DEAD_LETTER_HEADER } from '../kafka/dead-letters.ts';
import { NO_TOPIC_ID } from '../lib/topic-id.ts';
import type { LogRecord } from '../verification/dead-letter.ts';

export type Header = readonly [name: string, value: Buffer];

/** Where a rejected record lies; `item` is which sale of a batch, null for the record as a whole. */
export interface Origin {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly item: number | null;
}

export interface Letter {
  /** The letter's name: its origin, "topic/partition/offset", and "/item" for a sale of a batch. */
  readonly name: string;
  readonly origin: Origin;
  /** Of the topic that the record was in; that of none where it is not known. */
  readonly topicId: string;
  readonly reason: string;
  readonly detail: string;
  /** The record's own Kafka timestamp; -1 for none. */
  readonly timestampMs: number;
  readonly key: Buffer | null;
  /** The record's own, as it had them. */
  readonly headers: readonly Header[];
  readonly value: Buffer | null;
  /** The record was too large to copy, or never readable. */
  readonly isValueOmitted: boolean;
  /** Why the record's headers are left out; empty when they are not. */
  readonly headersOmitted: string;
}

export type TopicRecord =
  | { readonly kind: 'letter'; readonly letter: Letter }
  | { readonly kind: 'replayed'; readonly origin: Origin; readonly topicId: string }
  | { readonly kind: 'reset'; readonly database: string }
  | { readonly kind: 'other' };

const NAME = /^([^/]+)\/(\d{1,10})\/(\d{1,16})(?:\/(\d{1,6}))?$/;
const REPLAYED = 'vendaval/replayed/';
const RESET = 'vendaval/reset/';

/** The key of the mark that says that a letter was sent back. */
export const replayedKey = (name: string) => `${REPLAYED}${name}`;
/** The key of the mark that says that a database's letters before it are of totals that are gone. */
export const resetKey = (database: string) => `${RESET}${database}`;

/** What the mark of a letter that was sent back holds, besides its key. */
export const replayedMark = (topic: string, topicId: string, partition: number) =>
  Buffer.from(JSON.stringify({ sent_back_to: `${topic}/${partition}`, topic_id: topicId }));

function topicIdOfMark(value: Buffer | null): string {
  const known = /"topic_id":"([0-9a-f]{32})"/.exec(value?.toString('latin1') ?? '');
  return known?.[1] ?? NO_TOPIC_ID;
}

export function parseName(name: string): Origin | null {
  const match = NAME.exec(name);
  if (!match) return null;
  return {
    topic: match[1],
    partition: Number(match[2]),
    offset: Number(match[3]),
    item: match[4] === undefined ? null : Number(match[4]),
  };
}

export function readTopicRecord(record: LogRecord): TopicRecord {
  const key = record.key?.toString('utf8') ?? '';
  if (key.startsWith(RESET)) return { kind: 'reset', database: key.slice(RESET.length) };
  if (key.startsWith(REPLAYED)) {
    const origin = parseName(key.slice(REPLAYED.length));
    return origin
      ? { kind: 'replayed', origin, topicId: topicIdOfMark(record.value) }
      : { kind: 'other' };
  }
  const origin = parseName(key);
  return origin ? { kind: 'letter', letter: toLetter(key, origin, record) } : { kind: 'other' };
}

function toLetter(name: string, origin: Origin, { headers, value }: LogRecord): Letter {
  // A record that was sent back and rejected again has such headers among its own.
  const at = headers.findLastIndex(([header]) => header === DEAD_LETTER_HEADER.reason);
  const ours = new Map(at < 0 ? [] : headers.slice(at).map(decoded));
  const textOf = (header: string) => ours.get(header)?.toString('utf8');
  return {
    name,
    origin,
    topicId: textOf(DEAD_LETTER_HEADER.topicId) ?? NO_TOPIC_ID,
    reason: textOf(DEAD_LETTER_HEADER.reason) ?? '(no reason)',
    detail: textOf(DEAD_LETTER_HEADER.detail) ?? '',
    timestampMs: Number(textOf(DEAD_LETTER_HEADER.timestamp) ?? -1),
    key: ours.get(DEAD_LETTER_HEADER.key) ?? null,
    headers: (at < 0 ? headers : headers.slice(0, at)).map(decoded),
    value,
    isValueOmitted: ours.has(DEAD_LETTER_HEADER.valueOmitted),
    headersOmitted: textOf(DEAD_LETTER_HEADER.headersOmitted) ?? '',
  };
}

/** What is no text travels in base 64, under a name that says so. */
function decoded([name, value]: Header): Header {
  const { base64 } = DEAD_LETTER_HEADER;
  if (!name.startsWith(base64)) return [name, value];
  return [name.slice(base64.length), Buffer.from(value.toString('latin1'), 'base64')];
}

/** One name for whoever writes marks of a topic's letters: the newest ends what others left open. */
export const lettersTransaction = (deadLetterTopic: string) => `vendaval/${deadLetterTopic}`;
