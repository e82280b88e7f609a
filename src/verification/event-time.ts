/**
 * Event time of a timestamp's text: the calendar is Date's, which must give the same text back;
 * zones are Intl's. Times that a clock change skips count by the clock before it, and of times
 * that come twice the first counts.
 */
import { EVENT_MS_LIMIT } from './sale.ts';

const HOUR_MS = 3_600_000;
const CACHE_MAX = 50_000;

const TIMESTAMP =
  /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(?::(\d\d)(?:\.(\d+))?)?([Zz]|[+-]\d\d(?::?\d\d)?)?$/;

export class EventTimes {
  readonly #zone: LocalTimes | null;
  /** Producers write the same second again and again. */
  readonly #known = new Map<string, number>();

  constructor(timeZone: string) {
    this.#zone = isUtc(timeZone) ? null : new LocalTimes(timeZone);
  }

  /** Milliseconds since the epoch; NaN when it is no time from 1970 to 2106. */
  of(text: string): number {
    let eventMs = this.#known.get(text);
    if (eventMs === undefined) {
      eventMs = this.#read(text);
      if (this.#known.size >= CACHE_MAX) this.#known.clear();
      this.#known.set(text, eventMs);
    }
    return eventMs;
  }

  #read(text: string): number {
    const match = TIMESTAMP.exec(text);
    if (!match) return Number.NaN;
    const [, date, minute, second = '00', fraction = '', zone] = match;
    const local = new Date(`${date}T${minute}:${second}Z`);
    // Date carries 30 February over into March.
    if (Number.isNaN(local.getTime())) return Number.NaN;
    if (!local.toISOString().startsWith(`${date}T${minute}:${second}`)) return Number.NaN;
    const year = local.getUTCFullYear();
    if (year < 1969 || year > 2107) return Number.NaN;
    const localMs = local.getTime() + Number(`${fraction}000`.slice(0, 3));
    const eventMs = zone === undefined ? this.#inZone(localMs) : localMs - offsetMs(zone);
    return eventMs >= 0 && eventMs < EVENT_MS_LIMIT ? eventMs : Number.NaN;
  }

  #inZone(localMs: number): number {
    return this.#zone === null ? localMs : this.#zone.epochMs(localMs);
  }
}

function isUtc(timeZone: string): boolean {
  return new Intl.DateTimeFormat('en-US', { timeZone }).resolvedOptions().timeZone === 'UTC';
}

/** East of Greenwich is positive. */
function offsetMs(zone: string): number {
  if (zone === 'Z' || zone === 'z') return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(3).replace(':', '') || 0);
  if (hours > 23 || minutes > 59) return Number.NaN;
  return (hours * 60 + minutes) * (zone.startsWith('-') ? -60_000 : 60_000);
}

/** Local times of one zone. */
class LocalTimes {
  readonly #clock: Intl.DateTimeFormat;
  /** By local hour: every offset that the zone has within two days around it. */
  readonly #offsets = new Map<number, number[]>();

  constructor(timeZone: string) {
    // Swedish writes dates as ISO does.
    this.#clock = new Intl.DateTimeFormat('sv-SE', {
      timeZone,
      dateStyle: 'short',
      timeStyle: 'medium',
    });
  }

  /** Epoch time of a local time that is given as if it were UTC. */
  epochMs(localMs: number): number {
    const fitting = this.#offsetsAround(Math.floor(localMs / HOUR_MS))
      .map((offset) => localMs - offset)
      .filter((ms) => this.#offsetAt(ms) === localMs - ms);
    // None fits a time that is skipped: then the clock of the day before goes on.
    return fitting.length > 0
      ? Math.min(...fitting)
      : localMs - this.#offsetAt(localMs - 24 * HOUR_MS);
  }

  #offsetsAround(localHour: number): number[] {
    let offsets = this.#offsets.get(localHour);
    if (!offsets) {
      const found = new Set<number>();
      for (let hour = localHour - 48; hour <= localHour + 48; hour++) {
        found.add(this.#offsetAt(hour * HOUR_MS));
      }
      offsets = [...found];
      if (this.#offsets.size >= CACHE_MAX) this.#offsets.clear();
      this.#offsets.set(localHour, offsets);
    }
    return offsets;
  }

  /** How far the zone's clock is ahead of UTC at an instant. */
  #offsetAt(epochMs: number): number {
    const wholeMs = Math.floor(epochMs / 1000) * 1000;
    return Date.parse(`${this.#clock.format(wholeMs).replace(' ', 'T')}Z`) - wholeMs;
  }
}
