/**
 * Event time from the text of a timestamp: milliseconds since the epoch, a pure function of the
 * text and the configured zone. Accepted is `YYYY-MM-DD(T|t| )HH:MM[:SS[.fraction]][zone]` with
 * zone `Z`, `z`, `±HH:MM`, `±HHMM` or `±HH`; any number of fraction digits, floored to the
 * millisecond. The calendar is real: no 30 February, no 24:00, no leap second. Zone rules come
 * from the tz database inside Node's ICU.
 */
import { EVENT_TIME_MS_LIMIT } from './rules.ts';

/** What `eventMsOf` returns for a text that is not a time in [0, EVENT_TIME_MS_LIMIT). */
export const BAD_TIMESTAMP = -1;

const TIMESTAMP =
  /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::(\d\d)(?:\.(\d+))?)?([Zz]|[+-]\d\d(?::?\d\d)?)?$/;
const MINUTE = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d$/;

/** Years that no zone or offset (less than a day) can bring into the accepted range. */
const YEAR_MIN = 1969;
const YEAR_MAX = 2107;

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Milliseconds since the epoch, or BAD_TIMESTAMP. */
export function eventMsOf(text: string, zone: Zone): number {
  const match = TIMESTAMP.exec(text);
  if (match === null) return BAD_TIMESTAMP;
  const secondMs = match[1] === undefined ? 0 : 1000 * twoDigits(match[1], 0);
  if (secondMs >= MINUTE_MS) return BAD_TIMESTAMP;
  const fraction = match[2] === undefined ? 0 : fractionMs(match[2]);
  const localMs = minuteMs(text) + secondMs + fraction;
  const eventMs = match[3] === undefined ? zone.epochMs(localMs) : localMs - offsetMs(match[3]);
  // NaN, from a date or an offset that does not exist, fails the comparison as well.
  return eventMs >= 0 && eventMs < EVENT_TIME_MS_LIMIT ? eventMs : BAD_TIMESTAMP;
}

/** `YYYY-MM-DD(T|t| )HH:MM` read as UTC; NaN when it is none or far outside the range. */
export function calendarMinuteMs(text: string): number {
  return MINUTE.test(text) ? minuteMs(text) : Number.NaN;
}

/** The same for a text that starts with digits and separators in the right places. */
function minuteMs(text: string): number {
  const year = 100 * twoDigits(text, 0) + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  if (year < YEAR_MIN || year > YEAR_MAX || hour > 23 || minute > 59) return Number.NaN;
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return Number.NaN;
  return Date.UTC(year, month - 1, day, hour, minute);
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function twoDigits(text: string, at: number): number {
  return 10 * (text.charCodeAt(at) - 48) + text.charCodeAt(at + 1) - 48;
}

/** Whole milliseconds of the digits after the point. */
function fractionMs(digits: string): number {
  if (digits.length >= 3) return Number(digits.slice(0, 3));
  return Number(digits) * (digits.length === 1 ? 100 : 10);
}

/** East of Greenwich is positive; NaN when hours or minutes do not exist. */
function offsetMs(text: string): number {
  if (text === 'Z' || text === 'z') return 0;
  const hours = Number(text.slice(1, 3));
  const minutes = Number(text.slice(3).replace(':', ''));
  if (hours > 23 || minutes > 59) return Number.NaN;
  return (text[0] === '-' ? -1 : 1) * (hours * 60 + minutes) * MINUTE_MS;
}

/** Whether `name` is a zone that Intl knows. Offsets such as "+03:00" are no zone names. */
export function isTimeZone(name: string): boolean {
  if (/^[+-]/.test(name)) return false; // newer Node versions would take them
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const zones = new Map<string, Zone>();

/** The one Zone for a name, because making a DateTimeFormat is dear. */
export function zoneOf(name: string): Zone {
  let zone = zones.get(name);
  if (zone === undefined) {
    zone = new Zone(name);
    zones.set(name, zone);
  }
  return zone;
}

/**
 * Local time in an IANA zone to epoch time. A time that a clock change skips counts as if the
 * clock had not changed yet, and one that comes twice as its first: Temporal's 'compatible'.
 */
export class Zone {
  static readonly #CACHED_MINUTES_MAX = 10_000;
  /** null is UTC, which needs no look-up. */
  readonly #format: Intl.DateTimeFormat | null;
  readonly #starts = new Map<number, number>();

  /** Throws a RangeError for a name that `isTimeZone` refuses. */
  constructor(name: string) {
    if (!isTimeZone(name)) throw new RangeError(`unknown time zone "${name}"`);
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    this.#format = format.resolvedOptions().timeZone === 'UTC' ? null : format;
  }

  /** Epoch milliseconds of a local time given as if it were UTC. */
  epochMs(localMs: number): number {
    if (this.#format === null || Number.isNaN(localMs)) return localMs;
    const minuteMs = Math.floor(localMs / MINUTE_MS) * MINUTE_MS;
    const startMs = this.minuteStartMs(minuteMs);
    return Number.isNaN(startMs) ? this.#resolve(localMs) : startMs + (localMs - minuteMs);
  }

  /**
   * Epoch milliseconds at which the local minute starts, when the whole minute follows from
   * that by adding; else NaN. Monrovia's clock jumped by 44 min 30 s in 1972, so a minute can
   * be half skipped.
   */
  minuteStartMs(minuteMs: number): number {
    if (this.#format === null) return minuteMs;
    let startMs = this.#starts.get(minuteMs);
    if (startMs === undefined) {
      startMs = this.#resolve(minuteMs);
      const lastMs = this.#resolve(minuteMs + MINUTE_MS - 1);
      if (lastMs - startMs !== MINUTE_MS - 1) startMs = Number.NaN;
      if (this.#starts.size >= Zone.#CACHED_MINUTES_MAX) this.#starts.clear();
      this.#starts.set(minuteMs, startMs);
    }
    return startMs;
  }

  #resolve(localMs: number): number {
    // No zone is a day or more from UTC by more than Samoa's skipped day, so a day to either
    // side has the offsets before and after any change near this local time.
    const before = this.#offsetMs(localMs - DAY_MS);
    const after = this.#offsetMs(localMs + DAY_MS);
    const candidates = [localMs - before, localMs - after].filter(
      (ms) => this.#offsetMs(ms) === localMs - ms,
    );
    return candidates.length > 0 ? Math.min(...candidates) : localMs - before;
  }

  #offsetMs(epochMs: number): number {
    const wholeMs = Math.floor(epochMs / 1000) * 1000;
    const part: Record<string, number> = {};
    const format = this.#format as Intl.DateTimeFormat;
    for (const { type, value } of format.formatToParts(wholeMs)) part[type] = Number(value);
    const { year, month, day, hour, minute, second } = part;
    return Date.UTC(year, month - 1, day, hour, minute, second) - wholeMs;
  }
}
