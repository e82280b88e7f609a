/**
 * How the text of an option becomes its value: one reader for each kind of value, which throws an
 * Error that says what is accepted. Where the text came from, and which option it is of, is told by
 * whoever asks (settings.ts).
 */
import { formatDurationMs, parseDurationMs } from '../lib/units.ts';

export function text(pattern: RegExp, accepted: string): (value: string) => string {
  return (value) => {
    const trimmed = value.trim();
    if (!pattern.test(trimmed)) throw new Error(`expected ${accepted}`);
    return trimmed;
  };
}

export function durationMs(minMs: number, maxMs: number): (value: string) => number {
  return (value) => {
    const ms = parseDurationMs(value);
    if (Number.isNaN(ms)) throw new Error('expected a duration such as 250ms, 30s, 1m, 2h or 1d');
    if (ms < minMs || ms > maxMs) {
      throw new Error(
        `expected a duration from ${formatDurationMs(minMs)} to ${formatDurationMs(maxMs)}`,
      );
    }
    return ms;
  };
}

export function wholeNumber(min: number, max: number): (value: string) => number {
  return (value) => {
    const number = /^\d+$/.test(value.trim()) ? Number(value) : Number.NaN;
    if (!(number >= min && number <= max)) {
      throw new Error(`expected a whole number from ${min} to ${max}`);
    }
    return number;
  };
}

/** Whole seconds, because a window's index must fit in 32 bits. */
export function windowMs(value: string): number {
  const ms = durationMs(1000, 86_400_000)(value);
  if (ms % 1000 !== 0) throw new Error('expected a whole number of seconds');
  return ms;
}

const BROKER = /^(\[[0-9a-fA-F:]+\]|[^\s,:[\]]+):(\d{1,5})$/;

export function brokers(value: string): string {
  const list = value.split(',').map((broker) => broker.trim());
  for (const broker of list) {
    const port = Number(BROKER.exec(broker)?.[2]);
    if (!(port >= 1 && port <= 65535)) {
      throw new Error(`expected host:port, several separated by commas; got "${broker}"`);
    }
  }
  return list.join(',');
}

export function mongoUrl(value: string): string {
  if (!/^mongodb(\+srv)?:\/\/\S+$/.test(value)) {
    throw new Error('expected mongodb://user:password@host:port/ or mongodb+srv://…');
  }
  return value;
}

export interface HttpAddress {
  readonly host: string;
  readonly port: number;
}

export function httpAddress(value: string): HttpAddress | null {
  if (value === 'off') return null;
  const match = BROKER.exec(value.trim());
  const port = Number(match?.[2]);
  if (!match || !(port >= 0 && port <= 65535)) throw new Error('expected host:port, or off');
  return { host: match[1].replace(/^\[|\]$/g, ''), port };
}

export function hostNames(value: string): readonly string[] {
  const names = value.split(',').map((name) => name.trim().toLowerCase());
  const wrong = names.find((name) => !/^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/.test(name));
  if (value !== '' && wrong !== undefined) {
    throw new Error(`expected host names without ports, separated by commas; got "${wrong}"`);
  }
  return value === '' ? [] : names;
}

export function timeZone(value: string): string {
  try {
    // An offset is no zone: it knows no daylight saving, and Node versions differ on it.
    if (/^[+-]/.test(value)) throw new RangeError();
    new Intl.DateTimeFormat('en-US', { timeZone: value });
    return value;
  } catch {
    throw new Error('expected a time zone such as UTC or America/Sao_Paulo');
  }
}

export function flagValue(value: string): boolean {
  if (/^(true|1|yes)$/i.test(value)) return true;
  if (/^(false|0|no|)$/i.test(value)) return false;
  throw new Error('expected true or false');
}

export const SASL_MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const;
export type SaslMechanism = (typeof SASL_MECHANISMS)[number];

export function saslMechanism(value: string): SaslMechanism | '' {
  const known = SASL_MECHANISMS.find((name) => name === value.trim().toUpperCase());
  if (known === undefined && value !== '') {
    throw new Error(`expected one of ${SASL_MECHANISMS.join(', ')}`);
  }
  return known ?? '';
}

export const KAFKA_NAME = text(
  /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/,
  'letters, digits, ".", "_" and "-", at most 249 of them',
);

export const same = (value: string) => value;
