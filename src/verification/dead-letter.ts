/**
 * What a dead letter must be: the record's value, its headers, and behind them ours. All of it goes
 * into a fingerprint, made once from the rejected record and once from the letter that was found;
 * the two must be equal. Only the reason is kept beside it, and the sentence of the detail is free.
 */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';

export interface LogRecord {
  readonly offset: number;
  /** Kafka's own; -1 when the record has none. */
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [name: string, value: Buffer])[];
}

/** In place of an item: the record as a whole. */
export const WHOLE_RECORD = -1;

/** Where what was rejected lies. */
export interface Origin {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Index of the sale in its record, or WHOLE_RECORD. */
  readonly item: number;
}

export interface DeadLetter extends Origin {
  /** Empty where the letter does not say it. */
  readonly topicId: string;
  readonly reason: string;
  readonly fingerprint: bigint;
}

/** Of a letter that says that its record was too large to be copied: nothing to compare. */
export const VALUE_OMITTED = 0n;

const HEADERS_OMITTED = 'vendaval-headers-omitted';
/** Which of two topics of one name it is of: what is of the other is nothing to compare with. */
const TOPIC_ID = 'vendaval-topic-id';
const FREE_HEADERS = new Set(['vendaval-reason', 'vendaval-detail', HEADERS_OMITTED]);

/** A letter repeats no original headers if there are more of them, or more bytes in them. */
const HEADERS_MAX = 1000;
const HEADER_BYTES_MAX = 256 * 1024;
/** Of a record with more, and of one whose headers are broken, librdkafka shows none. */
const HEADERS_SHOWN_MAX = 100_000;
const ORIGIN = /^([^/]+)\/(\d{1,10})\/(\d{1,16})(?:\/(\d{1,6}))?$/;

type Header = readonly [name: string, value: string];

/** @param record what was rejected; of a batched sale, with that sale's own value */
export function expectedFingerprint(origin: Origin, record: LogRecord): bigint {
  const { topic, partition, offset, item } = origin;
  const { timestampMs, key, value } = record;
  const areOmitted = areTooLarge(record.headers);
  return fingerprint(value, [
    ...(areOmitted ? [] : record.headers.map(([name, bytes]) => asSent(name, bytes))),
    ['vendaval-reason', ''],
    ['vendaval-detail', ''],
    ['vendaval-topic', topic],
    ['vendaval-partition', String(partition)],
    ['vendaval-offset', String(offset)],
    ['vendaval-timestamp', String(timestampMs)],
    ...(item === WHOLE_RECORD ? [] : [['vendaval-item', String(item)] as const]),
    ...(key === null ? [] : [asSent('vendaval-key', key)]),
    ...(areOmitted ? [[HEADERS_OMITTED, ''] as const] : []),
  ]);
}

function areTooLarge(headers: LogRecord['headers']): boolean {
  if (headers.length > HEADERS_MAX) return true;
  const sizes = headers.map(([name, bytes]) => Buffer.byteLength(name) + bytes.length);
  return sizes.reduce((sum, size) => sum + size, 0) > HEADER_BYTES_MAX;
}

/** Headers of which librdkafka shows none are no headers to us, and cannot be missed. */
function areUnseen(omitted: string): boolean {
  const count = /^(\d+) headers/.exec(omitted)?.[1];
  return count === undefined || Number(count) > HEADERS_SHOWN_MAX;
}

/** Text goes as text, and everything else in base 64 under a name that says so. */
function asSent(name: string, bytes: Buffer): Header {
  const isText = isUtf8(bytes) && !bytes.includes(0);
  if (isText) return [name, bytes.toString('utf8')];
  return [`vendaval-base64-${name}`, bytes.toString('base64')];
}

/** @returns null when the record's key is not that of a dead letter */
export function readLetter(record: LogRecord): DeadLetter | null {
  const match = ORIGIN.exec(record.key?.toString('utf8') ?? '');
  if (!match) return null;
  const headers = record.headers.map(([name, bytes]): Header => [name, bytes.toString('utf8')]);
  // A letter that was sent in again and rejected again has such headers among its original ones.
  const oursFrom = headers.findLastIndex(([name]) => name === 'vendaval-reason');
  const ours = oursFrom < 0 ? [] : headers.slice(oursFrom);
  const isOmitted = ours.some(([name]) => name === 'vendaval-value-omitted');
  const isUnseen = ([name, value]: Header) =>
    name === TOPIC_ID || (name === HEADERS_OMITTED && areUnseen(value));
  const compared = headers
    .filter((header, i) => i < oursFrom || !isUnseen(header))
    .map(
      ([name, value], i): Header => [name, i >= oursFrom && FREE_HEADERS.has(name) ? '' : value],
    );
  return {
    topicId: ours.find(([name]) => name === TOPIC_ID)?.[1] ?? '',
    topic: match[1],
    partition: Number(match[2]),
    offset: Number(match[3]),
    item: match[4] === undefined ? WHOLE_RECORD : Number(match[4]),
    reason: ours[0]?.[1] ?? '(no reason)',
    fingerprint: isOmitted ? VALUE_OMITTED : fingerprint(record.value, compared),
  };
}

const REPLAYED = 'vendaval/replayed/';
const RESET = 'vendaval/reset/';

/**
 * A record beside the letters that speaks of them: one was sent back, or all before it in its
 * partition are of totals of the database that were removed.
 */
export function readMark(record: LogRecord, database: string): 'reset' | 'beside' | null {
  const key = record.key?.toString('utf8') ?? '';
  if (key === `${RESET}${database}`) return 'reset';
  return key.startsWith(REPLAYED) || key.startsWith(RESET) ? 'beside' : null;
}

/** 64 bits; never VALUE_OMITTED. */
function fingerprint(value: Buffer | null, headers: readonly Header[]): bigint {
  const hash = createHash('sha1');
  hash.update(JSON.stringify([value === null ? -1 : value.length, headers]));
  if (value !== null) hash.update(value);
  return hash.digest().readBigUInt64LE(0) || 1n;
}
