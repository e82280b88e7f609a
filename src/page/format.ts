/**
 * Numbers, money and times as each language writes them. Money is whole centavos all the way and
 * reaches the formatter as decimal text, so that no float takes part. Pure: also runs in Node.
 */
import type { WireCentavos } from '../dashboard/api.ts';

export type Language = 'pt' | 'en';

/** The first of the browser's preferences that the page has; English where it has none. */
export function languageOf(preferred: readonly string[]): Language {
  const known = preferred.map((tag) => tag.slice(0, 2).toLowerCase());
  const first = known.find((tag) => tag === 'pt' || tag === 'en');
  return first === 'pt' ? 'pt' : 'en';
}

const LOCALES: Readonly<Record<Language, string>> = { pt: 'pt-BR', en: 'en-US' };
/** What a value that is not known looks like. */
export const UNKNOWN = '–';

export class Format {
  readonly language: Language;
  readonly locale: string;
  readonly #money: Intl.NumberFormat;
  readonly #short: Intl.NumberFormat;
  readonly #count: Intl.NumberFormat;
  readonly #decimal: Intl.NumberFormat;
  readonly #percent: Intl.NumberFormat;
  readonly #time: Intl.DateTimeFormat;
  readonly #minute: Intl.DateTimeFormat;
  readonly #dateTime: Intl.DateTimeFormat;

  /** @param timeZone the viewer's own by default */
  constructor(language: Language, timeZone?: string) {
    this.language = language;
    const locale = LOCALES[language];
    this.locale = locale;
    const brl = { style: 'currency', currency: 'BRL' } as const;
    this.#money = new Intl.NumberFormat(locale, brl);
    const short = { notation: 'compact', maximumFractionDigits: 1 } as const;
    this.#short = new Intl.NumberFormat(locale, { ...brl, ...short, minimumFractionDigits: 0 });
    this.#count = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
    this.#decimal = new Intl.NumberFormat(locale, {
      minimumFractionDigits: 1,
      maximumFractionDigits: 1,
    });
    this.#percent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 });
    const clock = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
    const zone = timeZone === undefined ? {} : { timeZone };
    this.#time = new Intl.DateTimeFormat(locale, { ...clock, second: '2-digit', ...zone });
    this.#minute = new Intl.DateTimeFormat(locale, { ...clock, ...zone });
    const day = { day: '2-digit', month: 'short', year: 'numeric' } as const;
    this.#dateTime = new Intl.DateTimeFormat(locale, { ...day, ...clock, ...zone });
  }

  money(centavos: WireCentavos | bigint): string {
    return this.#money.format(decimalText(centavos) as never);
  }

  /** "R$ 1,2 mi": for axes and places too small for every centavo. */
  moneyShort(reais: number): string {
    return this.#short.format(reais);
  }

  count(value: number): string {
    return this.#count.format(value);
  }

  /** A rate: with one decimal while it is small. */
  rate(value: number): string {
    return value < 100 ? this.#decimal.format(value) : this.#count.format(value);
  }

  percent(share: number): string {
    return this.#percent.format(share);
  }

  /** "320 ms", "4,2 s", "2 min", "3 min 05 s", "2 h 10 min", "3 d 04 h". */
  duration(ms: number): string {
    if (ms < 999.5) return `${this.#count.format(ms)} ms`;
    if (ms < 59_950) return `${this.#decimal.format(ms / 1000)} s`;
    const seconds = Math.round(ms / 1000);
    const minutes = Math.floor(seconds / 60);
    if (minutes < 60) return twoUnits(minutes, 'min', seconds % 60, 's');
    const hours = Math.floor(minutes / 60);
    if (hours < 48) return twoUnits(hours, 'h', minutes % 60, 'min');
    return twoUnits(Math.floor(hours / 24), 'd', hours % 24, 'h');
  }

  bytes(bytes: number): string {
    return `${this.#count.format(bytes / 2 ** 20)} MB`;
  }

  /** Hours, minutes and seconds. */
  time(ms: number): string {
    return this.#time.format(ms);
  }

  /** A window's start: with seconds only where windows are shorter than a minute. */
  windowTime(ms: number, windowMs: number): string {
    return (windowMs % 60_000 === 0 ? this.#minute : this.#time).format(ms);
  }

  dateTime(ms: number): string {
    return this.#dateTime.format(ms);
  }
}

function twoUnits(great: number, greatUnit: string, small: number, smallUnit: string): string {
  if (small === 0) return `${great} ${greatUnit}`;
  return `${great} ${greatUnit} ${String(small).padStart(2, '0')} ${smallUnit}`;
}

/** "-1234.05" of -123405. */
export function decimalText(centavos: WireCentavos | bigint): string {
  const value = BigInt(centavos);
  const digits = (value < 0n ? -value : value).toString().padStart(3, '0');
  return `${value < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** The mean of so many sales, to the nearest centavo, half up. */
export function meanCentavos(centavos: WireCentavos | bigint, sales: number): bigint {
  if (sales === 0) return 0n;
  const count = BigInt(sales);
  return (BigInt(centavos) * 2n + count) / (2n * count);
}

/** For drawing and for shares only. */
export function toReais(centavos: WireCentavos | bigint): number {
  return Number(centavos) / 100;
}
