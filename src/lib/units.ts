/**
 * Numbers as people write and read them: durations ("250ms", "1m"), byte sizes, money, counts.
 * Money comes in as integer centavos and never passes through a float on its way to text.
 */

const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;
const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a text like "250ms", "1.5s", "2m", "1h", "1d"; NaN when it is none. */
export function parseDurationMs(text: string): number {
  const match = DURATION.exec(text.trim());
  if (!match) return Number.NaN;
  // 64.597 seconds are 64596.99999999999 ms to a double.
  const ms = Number((Number(match[1]) * UNIT_MS[match[2]]).toFixed(6));
  return Number.isSafeInteger(ms) ? ms : Number.NaN;
}

/** The shortest text that `parseDurationMs` reads back: 90000 is "90s", 120000 is "2m". */
export function formatDurationMs(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's']) {
    if (ms !== 0 && ms % UNIT_MS[unit] === 0) return `${ms / UNIT_MS[unit]}${unit}`;
  }
  return `${ms}ms`;
}

/** A duration for reading, not for parsing: "320 ms", "4.2 s", "3 min 05 s", "2 h 10 min". */
export function humanDurationMs(ms: number): string {
  const tenths = Math.round(ms / 100);
  if (Math.round(ms) < 1000) return `${Math.round(ms)} ms`;
  if (tenths < 600) return `${(tenths / 10).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** Groups of three digits with dots, as Brazil writes them: 1234567 is "1.234.567". */
function groupThousands(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+(?!\d))/g, '.');
}

/** Centavos as "R$ 1.234,56". Takes a bigint or a safe integer. */
export function formatReais(centavos: bigint | number): string {
  const value = BigInt(centavos);
  const sign = value < 0n ? '-' : '';
  const digits = (value < 0n ? -value : value).toString().padStart(3, '0');
  return `${sign}R$ ${groupThousands(digits.slice(0, -2))},${digits.slice(-2)}`;
}

/** A count with thousands grouped: 1234567 is "1,234,567". */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}
