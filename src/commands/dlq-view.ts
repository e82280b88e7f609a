/** What `vendaval dlq` shows of letters: tables and sheets for people, one object a line for programs. */
import { isUtf8 } from 'node:buffer';
import Table from 'cli-table3';
import type { Settings } from '../config/options.ts';
import { formatCount } from '../lib/units.ts';
import type { Letter } from '../upkeep/letter.ts';
import type { LetterIndex, Place } from '../upkeep/letter-index.ts';
import { toJson } from '../upkeep/letter-json.ts';
import type { ReasonSummary } from '../upkeep/letter-summary.ts';
import { outColour as pc, TABLE_STYLE } from './colour.ts';
import { jsonLine } from './json-line.ts';
import type { Shell } from './shell.ts';

const SAMPLE_LENGTH = 72;
const SAMPLE_LENGTH_MIN = 30;
/** What the other columns take of a terminal's width. */
const COLUMNS_BESIDE = 92;

export function showReasons(
  reasons: readonly ReasonSummary[],
  { foreign, others }: LetterIndex,
  { deadLetterTopic }: Settings,
  shell: Shell,
): void {
  const letters = reasons.reduce((sum, one) => sum + one.letters, 0);
  const replayed = reasons.reduce((sum, one) => sum + one.replayed, 0);
  if (shell.json) {
    for (const { oldestMs, newestMs, samples, ...counts } of reasons) {
      jsonLine(shell, 'reason', {
        ...counts,
        oldest: isoOrNull(oldestMs),
        newest: isoOrNull(newestMs),
        samples: samples.map((letter) => ({
          letter: letter.name,
          detail: letter.detail,
          value: excerpt(letter, SAMPLE_LENGTH),
        })),
      });
    }
    jsonLine(shell, 'letters', { topic: deadLetterTopic, letters, replayed, foreign, others });
    return;
  }
  const room = (shell.out.columns ?? Number.POSITIVE_INFINITY) - COLUMNS_BESIDE;
  const length = Math.min(SAMPLE_LENGTH, Math.max(SAMPLE_LENGTH_MIN, room));
  if (reasons.length > 0) shell.out.write(`${reasonTable(reasons, length)}\n`);
  const more = [
    `${formatCount(letters)} letters in ${deadLetterTopic}`,
    ...(replayed > 0 ? [`${formatCount(replayed)} sent back already`] : []),
    ...(foreign > 0
      ? [`${formatCount(foreign)} more of other topics, or of one that had this name before`]
      : []),
    ...(others > 0 ? [`${formatCount(others)} records that are no letters`] : []),
  ];
  shell.out.write(`${more.join(', ')}\n`);
}

function reasonTable(reasons: readonly ReasonSummary[], length: number): string {
  const head = ['reason', 'letters', 'sent back', 'oldest', 'newest', 'for example'];
  const table = new Table({ head: head.map((text) => pc.bold(text)), style: TABLE_STYLE });
  for (const { reason, letters, replayed, oldestMs, newestMs, samples } of reasons) {
    table.push([
      pc.yellow(reason),
      { content: formatCount(letters), hAlign: 'right' },
      { content: formatCount(replayed), hAlign: 'right' },
      shortTime(oldestMs),
      shortTime(newestMs),
      samples.map((letter) => sampleText(letter, length)).join('\n'),
    ]);
  }
  return table.toString();
}

function sampleText(letter: Letter, length: number): string {
  const lines = [excerpt(letter, length), cut(letter.detail, length)];
  return [letter.name, ...lines.map((line) => pc.dim(line))].join('\n');
}

const isoOrNull = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
const shortTime = (ms: number | null) =>
  ms === null ? '-' : new Date(ms).toISOString().slice(0, 19).replace('T', ' ');

function excerpt({ value, isValueOmitted }: Letter, length: number): string {
  if (isValueOmitted) return '(too large to copy, or never readable)';
  if (value === null) return '(no value)';
  return isUtf8(value) ? cut(value.toString('utf8'), length) : `(${value.length} bytes, no text)`;
}

function cut(text: string, length: number): string {
  const line = text.replace(/\p{Cc}+/gu, ' ');
  return line.length <= length ? line : `${line.slice(0, length - 1)}…`;
}

export interface ShownLetter {
  /** Where it lies in the dead-letter topic, and when it came there. */
  readonly at: Place;
  readonly timestampMs: number;
  readonly isReplayed: boolean;
}

export function showLetter(
  letter: Letter,
  { at, timestampMs, isReplayed }: ShownLetter,
  { deadLetterTopic }: Settings,
  shell: Shell,
): void {
  if (shell.json) return jsonLine(shell, 'letter', toJson(letter, isReplayed));
  const { name, origin, reason, detail, key, headers } = letter;
  const line = (label: string, text: string) => `  ${pc.dim(label.padEnd(9))} ${text}`;
  const item = origin.item === null ? '' : `, sale ${origin.item} of its batch`;
  const time = letter.timestampMs < 0 ? 'no time' : new Date(letter.timestampMs).toISOString();
  const came = timestampMs < 0 ? '' : `, ${new Date(timestampMs).toISOString()}`;
  const lines = [
    `${pc.bold(name)}  ${pc.yellow(reason)}${isReplayed ? `  ${pc.green('sent back')}` : ''}`,
    line('why', detail),
    line('record', `partition ${origin.partition}, offset ${origin.offset}${item}, ${time}`),
    line('letter', `${deadLetterTopic}/${at.partition}/${at.offset}${came}`),
    ...(key === null ? [] : [line('key', whole(key))]),
    ...headers.map(([header, value]) => line('header', `${header}: ${whole(value)}`)),
    ...(letter.headersOmitted === ''
      ? []
      : [line('headers', `left out: ${letter.headersOmitted}`)]),
    line('value', letter.value === null ? excerpt(letter, SAMPLE_LENGTH) : whole(letter.value)),
  ];
  shell.out.write(`${lines.join('\n')}\n\n`);
}

/** All of it: text as it is but for control characters, anything else in hex. */
function whole(bytes: Buffer): string {
  if (!isUtf8(bytes)) return `${bytes.length} bytes: ${bytes.toString('hex')}`;
  return bytes
    .toString('utf8')
    .replace(/[^\P{Cc}\n\t]/gu, (character) => JSON.stringify(character).slice(1, -1));
}
