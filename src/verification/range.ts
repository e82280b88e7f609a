/** A range of windows from what a person writes. */
import { EXIT, VendavalError } from '../lib/errors.ts';
import { EventTimes } from './event-time.ts';
import type { WindowRange } from './partition-judge.ts';
import type { Rules } from './rules.ts';

/** Windows that start at `from` or later and before `to`; null leaves a side open. */
export function parseRange(from: string | null, to: string | null, rules: Rules): WindowRange {
  const times = new EventTimes(rules.timeZone);
  const startOf = (flag: string, text: string) => {
    const trimmed = text.trim();
    const eventMs = times.of(/^\d{4}-\d\d-\d\d$/.test(trimmed) ? `${trimmed}T00:00` : trimmed);
    if (Number.isNaN(eventMs)) {
      throw usage(`${flag} "${text}" is no date or time from 1970 to 2106`);
    }
    return Math.ceil(eventMs / rules.windowMs) * rules.windowMs;
  };
  const fromMs = from === null ? Number.NEGATIVE_INFINITY : startOf('--from', from);
  const toMs = to === null ? Number.POSITIVE_INFINITY : startOf('--to', to);
  if (fromMs >= toMs)
    throw usage(`no window starts at --from ${from} or later and before --to ${to}`);
  return { fromMs, toMs };
}

function usage(message: string): VendavalError {
  return new VendavalError(message, {
    code: 'E_CONFIG',
    exitCode: EXIT.usage,
    hint: 'Write it as 2024-11-29, 2024-11-29T10:30 or 2024-11-29T10:30:00-03:00.',
  });
}
