/**
 * A letter as one JSON object, and back: what `dlq show --json` prints, people edit, and
 * `dlq replay --from` reads. Text stays text; what is none is `{"base64": "…"}`.
 */
import { isUtf8 } from 'node:buffer';
import type { Letter } from './letter.ts';

type Bytes = string | { readonly base64: string };

export interface LetterJson {
  readonly letter: string;
  readonly reason: string;
  readonly detail: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly item?: number;
  /** The record's own Kafka timestamp; null for none. */
  readonly timestamp: string | null;
  readonly key: Bytes | null;
  readonly headers: readonly (readonly [name: string, value: Bytes])[];
  readonly headersOmitted?: string;
  readonly value: Bytes | null;
  readonly valueOmitted?: true;
  readonly replayed: boolean;
}

export function toJson(letter: Letter, isReplayed: boolean): LetterJson {
  const { name, origin, reason, detail, timestampMs, key, headers, value } = letter;
  const { topic, partition, offset, item } = origin;
  return {
    letter: name,
    reason,
    detail,
    topic,
    partition,
    offset,
    ...(item === null ? {} : { item }),
    timestamp: timestampMs < 0 ? null : new Date(timestampMs).toISOString(),
    key: key && bytesOut(key),
    headers: headers.map(([header, bytes]) => [header, bytesOut(bytes)]),
    ...(letter.headersOmitted === '' ? {} : { headersOmitted: letter.headersOmitted }),
    value: value && bytesOut(value),
    ...(letter.isValueOmitted ? { valueOmitted: true } : {}),
    replayed: isReplayed,
  };
}

function bytesOut(bytes: Buffer): Bytes {
  return isUtf8(bytes) ? bytes.toString('utf8') : { base64: bytes.toString('base64') };
}
