/**
 * The epoch time of a timestamp's first sixteen bytes, `YYYY-MM-DDTHH:MM`, remembered by those
 * bytes: what the calendar and the zone's rules say is looked up once a minute of event time,
 * by the code in time.ts, and nothing here knows either. A direct-mapped cache.
 */
import { calendarMinuteMs, type Zone } from './time.ts';

const SLOT_BITS = 11;
const SLOTS = 1 << SLOT_BITS;

/** Bytes of a timestamp that the cache is keyed on. */
export const MINUTE_BYTES = 16;

/** 2^11 slots: four words of key, and the two times in milliseconds. */
export interface MinuteTables {
  readonly keys: Int32Array;
  readonly utcMs: Float64Array;
  readonly zonedMs: Float64Array;
}

export class KnownMinutes {
  readonly #zone: Zone;
  readonly #keys: Int32Array;
  readonly #utcMs: Float64Array;
  readonly #zonedMs: Float64Array;

  /** @param tables zeroed ones that others read too, by the same rule of slots */
  constructor(zone: Zone, tables?: MinuteTables) {
    this.#zone = zone;
    this.#keys = tables?.keys ?? new Int32Array(4 * SLOTS);
    this.#utcMs = tables?.utcMs ?? new Float64Array(SLOTS);
    this.#zonedMs = tables?.zonedMs ?? new Float64Array(SLOTS);
  }

  /** Slot of the minute that is spelled at `at`, or -1 when it is none. */
  find(bytes: Buffer, view: DataView, at: number): number {
    const w0 = view.getInt32(at, true);
    const w1 = view.getInt32(at + 4, true);
    const w2 = view.getInt32(at + 8, true);
    const w3 = view.getInt32(at + 12, true);
    const hash = Math.imul(w2 ^ Math.imul(w3 ^ w1, 0x85ebca6b), 0x9e3779b1);
    const slot = hash >>> (32 - SLOT_BITS);
    const keys = this.#keys;
    const key = 4 * slot;
    // An unused slot's key is four zero words, which no timestamp spells.
    if (keys[key] === w0 && keys[key + 1] === w1 && keys[key + 2] === w2 && keys[key + 3] === w3) {
      return w0 !== 0 ? slot : -1;
    }
    return this.#learn(bytes, view, at, slot);
  }

  #learn(bytes: Buffer, view: DataView, at: number, slot: number): number {
    const ms = calendarMinuteMs(bytes.toString('latin1', at, at + MINUTE_BYTES));
    if (Number.isNaN(ms)) return -1;
    for (let i = 0; i < 4; i++) this.#keys[4 * slot + i] = view.getInt32(at + 4 * i, true);
    this.#utcMs[slot] = ms;
    this.#zonedMs[slot] = this.#zone.minuteStartMs(ms);
    return slot;
  }

  /** Start of the minute read as UTC. */
  utcMs(slot: number): number {
    return this.#utcMs[slot];
  }

  /** Start of the minute read in the zone; NaN when a clock change falls into it. */
  zonedMs(slot: number): number {
    return this.#zonedMs[slot];
  }
}
