/** What /api/windows was asked for, or an error that says which parameter is wrong. Pure. */
import { parseDurationMs } from '../lib/units.ts';
import { EVENT_TIME_MS_LIMIT } from '../sale/rules.ts';
import { BAD_TIMESTAMP, eventMsOf, zoneOf } from '../sale/time.ts';
import { badParameter } from './http-failure.ts';

const PARAMETERS = ['from', 'to', 'categoria', 'step', 'limit', 'after', 'format', 'sep'];
const ROWS_DEFAULT = 500;
const ROWS_MAX = 5000;
/** Points of a chart: a day of minutes fits. */
export const BUCKETS_MAX = 1500;
const DAY_MS = 86_400_000;
const CATEGORY_CHARS_MAX = 128;

export interface WindowsQuery {
  readonly fromMs: number;
  readonly toMs: number;
  readonly categoria: string | undefined;
  /** Adds windows up in steps of this length; null for single windows. */
  readonly stepMs: number | null;
  readonly limit: number;
  readonly after: string | null;
  readonly format: 'json' | 'csv';
  readonly separator: ';' | ',';
}

export interface QueryContext {
  readonly timeZone: string;
  readonly windowMs: number;
  /** End of the newest window; what `to` means when it is not given. */
  readonly newestEndMs: number;
}

export function parseWindowsQuery(query: URLSearchParams, context: QueryContext): WindowsQuery {
  for (const name of query.keys()) {
    if (!PARAMETERS.includes(name)) {
      throw badParameter(name, `unknown parameter "${name}"`, `Known: ${PARAMETERS.join(', ')}.`);
    }
    if (query.getAll(name).length > 1) {
      throw badParameter(name, `"${name}" is given more than once`, 'Give it once.');
    }
  }
  const toMs = time(query, 'to', context.timeZone) ?? context.newestEndMs;
  const fromMs = time(query, 'from', context.timeZone) ?? Math.max(0, toMs - DAY_MS);
  if (fromMs >= toMs) {
    throw badParameter('from', '"from" is not before "to"', 'The range holds from <= start < to.');
  }
  const stepMs = step(query, toMs - fromMs, context.windowMs);
  const format = oneOf(query, 'format', ['json', 'csv']);
  if (stepMs !== null && format === 'csv') {
    throw badParameter('step', 'a CSV has single windows', 'Leave out "step" or "format".');
  }
  return {
    fromMs,
    toMs,
    categoria: category(query),
    stepMs,
    limit: limit(query),
    after: after(query),
    format,
    separator: oneOf(query, 'sep', [';', ',']),
  };
}

const TIME_HINT =
  'Write it as 2024-11-29, 2024-11-29T10:30, 2024-11-29T10:30:00Z, with an offset, or in ms since 1970.';

function time(query: URLSearchParams, name: string, timeZone: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (/^\d{1,13}$/.test(text)) {
    const ms = Number(text);
    if (ms < EVENT_TIME_MS_LIMIT) return ms;
  }
  const full = /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00` : text;
  const ms = eventMsOf(full, zoneOf(timeZone));
  if (ms !== BAD_TIMESTAMP) return ms;
  // A plus sign in a query is a space, and so 10:30+03:00 comes as "10:30 03:00".
  const hint = / \d\d:?\d\d$/.test(text) ? 'Write the offset\'s "+" as %2B.' : TIME_HINT;
  throw badParameter(name, `"${name}" is no time: "${text.slice(0, 40)}"`, hint);
}

function step(query: URLSearchParams, rangeMs: number, windowMs: number): number | null {
  const text = query.get('step');
  if (text === null || text === '') return null;
  const ms = parseDurationMs(text);
  if (Number.isNaN(ms) || ms < windowMs || ms % windowMs !== 0) {
    throw badParameter(
      'step',
      `"step" is no multiple of the window: "${text.slice(0, 40)}"`,
      `Write it as 5m, 1h or 1d; a window has ${windowMs / 1000} s.`,
    );
  }
  if (Math.ceil(rangeMs / ms) > BUCKETS_MAX) {
    throw badParameter(
      'step',
      `the range has ${Math.ceil(rangeMs / ms)} steps, more than ${BUCKETS_MAX}`,
      'Choose a longer step or a shorter range.',
    );
  }
  return ms;
}

function limit(query: URLSearchParams): number {
  const text = query.get('limit');
  if (text === null || text === '') return ROWS_DEFAULT;
  const count = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (count >= 1 && count <= ROWS_MAX) return count;
  throw badParameter(
    'limit',
    `"limit" is not from 1 to ${ROWS_MAX}: "${text.slice(0, 40)}"`,
    'For more rows follow "next", or use format=csv.',
  );
}

function after(query: URLSearchParams): string | null {
  const text = query.get('after');
  if (text === null || text === '') return null;
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\|./s.test(text)) return text;
  throw badParameter('after', '"after" is not from an answer\'s "next"', 'Follow "next" as it is.');
}

function category(query: URLSearchParams): string | undefined {
  const text = query.get('categoria');
  if (text === null || text === '') return undefined;
  if (text.length <= CATEGORY_CHARS_MAX) return text;
  throw badParameter(
    'categoria',
    `"categoria" is longer than ${CATEGORY_CHARS_MAX} characters`,
    'Give one category as the documents spell it.',
  );
}

/** The first one is what an absent parameter means. */
function oneOf<T extends string>(query: URLSearchParams, name: string, known: readonly T[]): T {
  const text = query.get(name);
  if (text === null || text === '') return known[0];
  const found = known.find((one) => one === text);
  if (found !== undefined) return found;
  throw badParameter(name, `"${name}" is "${text.slice(0, 40)}"`, `Known: ${known.join(' or ')}`);
}
