/**
 * A letter as one JSON object, and back: what `dlq show --json` prints, people edit, and
 * `dlq replay --from` reads. Text stays text; what is none is `{"base64": "…"}`.
 */
import { isUtf8 } from 'node:buffer';
import { EXIT, messageOf, VendavalError } from '../lib/errors.ts';
import { type Header, type Letter, parseName } from './letter.ts';

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

/** What a line of a file says should be sent in a letter's place. */
export interface Repair {
  readonly name: string;
  readonly key: Buffer | null;
  readonly headers: readonly Header[];
  readonly value: Buffer | null;
}

/** Reads lines that `toJson` made, edited or not; what is wrong is told with its line. */
export function parseRepairs(text: string, file: string): Repair[] {
  const repairs: Repair[] = [];
  const names = new Set<string>();
  text.split('\n').forEach((line, i) => {
    if (line.trim() === '') return;
    const repair = parseRepair(line);
    const what = typeof repair === 'string' ? repair : names.has(repair.name) && 'a second time';
    if (typeof repair === 'string' || what) {
      throw new VendavalError(`${file}, line ${i + 1}: ${what}`, {
        code: 'E_LETTER_FILE',
        exitCode: EXIT.usage,
        hint: 'Each line is one object as vendaval dlq show --json prints it; edit key, headers, value.',
      });
    }
    names.add(repair.name);
    repairs.push(repair);
  });
  return repairs;
}

const BYTES = 'a text, {"base64": "…"} or null';

/** @returns a sentence for what cannot be used */
function parseRepair(line: string): Repair | string {
  let given: unknown;
  try {
    given = JSON.parse(line);
  } catch (error) {
    return `no JSON: ${messageOf(error)}`;
  }
  const {
    letter: name,
    key = null,
    headers = [],
    value,
  } = Object(given) as Record<string, unknown>;
  if (typeof name !== 'string' || !parseName(name)) return '"letter" is no name like "topic/0/17"';
  const [keyBytes, valueBytes] = [bytesIn(key), bytesIn(value)];
  if (keyBytes === undefined) return `"key" must be ${BYTES}`;
  if (valueBytes === undefined) return `"value" must be ${BYTES}`;
  const pairs = Array.isArray(headers) ? headers.map(headerIn) : [undefined];
  if (pairs.includes(undefined)) return '"headers" must be a list of [name, value]';
  return { name, key: keyBytes, headers: pairs as Header[], value: valueBytes };
}

function headerIn(given: unknown): Header | undefined {
  if (!Array.isArray(given) || given.length !== 2) return undefined;
  const [name, value] = given;
  const bytes = bytesIn(value);
  return typeof name === 'string' && bytes ? [name, bytes] : undefined;
}

/** undefined for what is neither of BYTES. */
function bytesIn(given: unknown): Buffer | null | undefined {
  if (given === null) return null;
  if (typeof given === 'string') return Buffer.from(given);
  const { base64 } = Object(given) as { base64?: unknown };
  return typeof base64 === 'string' ? Buffer.from(base64, 'base64') : undefined;
}
