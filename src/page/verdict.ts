/**
 * What is the matter, in one word and a level: the first line that somebody sees at 00:01 on Black
 * Friday. Takes the worst thing that is true. Pure; the words are in texts.ts.
 */
import type { LiveSnapshot, PartitionView } from '../dashboard/api.ts';

export type Level = 'ok' | 'info' | 'warn' | 'bad';

export type Verdict =
  | { readonly kind: 'counting'; readonly level: 'ok'; readonly durableAgoMs: number | null }
  | { readonly kind: 'no-sales'; readonly level: 'info' }
  | { readonly kind: 'starting'; readonly level: 'info' }
  | { readonly kind: 'stopping'; readonly level: 'info' }
  | {
      readonly kind: 'catching-up';
      readonly level: 'info';
      readonly lag: number;
      readonly etaMs: number | null;
    }
  | { readonly kind: 'falling-behind'; readonly level: 'warn'; readonly lag: number }
  | {
      readonly kind: 'rejecting';
      readonly level: 'warn';
      readonly count: number;
      readonly share: number;
      readonly reason: string | null;
    }
  | {
      readonly kind: 'held';
      readonly level: 'warn';
      readonly partition: number;
      readonly behindMs: number;
    }
  | {
      readonly kind: 'transaction';
      readonly level: 'warn';
      readonly partition: number;
      readonly forMs: number;
    }
  | { readonly kind: 'unread'; readonly level: 'bad'; readonly partition: number }
  | {
      readonly kind: 'database-unread';
      readonly level: 'warn';
      readonly code: string;
      readonly message: string;
      readonly hint: string | null;
    }
  | {
      readonly kind: 'kafka';
      readonly level: 'bad';
      readonly partitions: readonly number[];
      readonly message: string | null;
    }
  | {
      readonly kind: 'not-durable';
      readonly level: 'bad';
      readonly code: string;
      readonly message: string;
      readonly hint: string | null;
      readonly forMs: number | null;
    }
  | { readonly kind: 'stalled'; readonly level: 'warn'; readonly forMs: number };

/** A checkpoint comes at least once a second; one that takes longer than this is stuck or slow. */
const CHECKPOINT_MS_MAX = 10_000;
/** Lag that is worth a word: below, a checkpoint's worth of records is always under way. */
const LAG_MIN = 5000;
const LAG_MS_MIN = 10_000;
/** How long a start may take: a group gives a dead member's partitions on after ten seconds. */
const START_MS = 20_000;
/** Transactions are short; one that is open for longer is stuck. */
const TRANSACTION_MS_MIN = 10_000;
/** From this share of all records on, rejects are the first thing to know. */
const REJECT_SHARE = 0.01;
/** How far one partition may hold the rest back beyond what windows and delay explain. */
const HELD_MS_MIN = 60_000;

/** @param lagBefore the lag about half a minute ago; undefined when that is not known */
export function judge(snapshot: LiveSnapshot, lagBefore: number | undefined): Verdict {
  return (
    trouble(snapshot) ??
    stalled(snapshot) ??
    transaction(snapshot) ??
    behind(snapshot, lagBefore) ??
    held(snapshot) ??
    rejecting(snapshot) ??
    quiet(snapshot)
  );
}

function trouble({
  engine,
  kafka,
  partitions,
  watermark,
  database,
  nowMs,
}: LiveSnapshot): Verdict | null {
  const { state, problem } = engine;
  if (state === 'retrying' && problem) {
    const { code, message, hint, sinceMs } = problem;
    const forMs = sinceMs === null ? null : nowMs - sinceMs;
    return { kind: 'not-durable', level: 'bad', code, message, hint, forMs };
  }
  if (state === 'starting') return { kind: 'starting', level: 'info' };
  if (state === 'draining' || state === 'stopped') return { kind: 'stopping', level: 'info' };
  const cut = partitions.filter((one) => one.state === 'backing-off');
  if (cut.length > 0) {
    const message = kafka.problem?.message ?? null;
    return { kind: 'kafka', level: 'bad', partitions: cut.map((one) => one.partition), message };
  }
  const { hold } = watermark;
  if (hold?.kind === 'no-document' && hold.partition !== null) {
    // An engine that has just started has not been given its partitions yet.
    if (nowMs - engine.startedAtMs < START_MS) return { kind: 'starting', level: 'info' };
    return { kind: 'unread', level: 'bad', partition: hold.partition };
  }
  if (database.problem) {
    const { code, message, hint } = database.problem;
    return { kind: 'database-unread', level: 'warn', code, message, hint };
  }
  return null;
}

/** A database that hangs gives no error for a minute. */
function stalled({ engine, partitions, checkpoint, nowMs }: LiveSnapshot): Verdict | null {
  const forMs = nowMs - (checkpoint.durableAtMs ?? nowMs);
  const ownsSome = partitions.some(({ owner }) => owner === engine.owner);
  if (!ownsSome || forMs < CHECKPOINT_MS_MAX + engine.flushIntervalMs) return null;
  return { kind: 'stalled', level: 'warn', forMs };
}

/** Records behind an open transaction must not be read: lag that no engine can work off. */
function transaction({ partitions }: LiveSnapshot): Verdict | null {
  const held = partitions.find(
    ({ openTransactionAt, lagMs }) =>
      openTransactionAt !== null && (lagMs ?? 0) > TRANSACTION_MS_MIN,
  );
  if (!held) return null;
  const { partition, lagMs } = held;
  return { kind: 'transaction', level: 'warn', partition, forMs: lagMs ?? 0 };
}

function behind({ stream }: LiveSnapshot, lagBefore: number | undefined): Verdict | null {
  const { lag, lagMs, salesPerSecond } = stream;
  if (lag < LAG_MIN || (lagMs ?? 0) < LAG_MS_MIN) return null;
  if (lagBefore !== undefined && lag > lagBefore * 1.05) {
    return { kind: 'falling-behind', level: 'warn', lag };
  }
  const etaMs = salesPerSecond > 0 ? (lag * 1000) / salesPerSecond : null;
  return { kind: 'catching-up', level: 'info', lag, etaMs };
}

function held({ watermark, partitions, engine }: LiveSnapshot): Verdict | null {
  const { hold } = watermark;
  if (hold?.kind !== 'slowest' || hold.partition === null) return null;
  const behindMs = holdsBackMs(partitions, hold.partition);
  if (behindMs < HELD_MS_MIN + engine.windowMs) return null;
  return { kind: 'held', level: 'warn', partition: hold.partition, behindMs };
}

/** How much further the watermark would be without this partition. */
export function holdsBackMs(partitions: readonly PartitionView[], partition: number): number {
  const own = partitions[partition]?.watermarkMs;
  const others = partitions
    .filter((one) => one.partition !== partition)
    .flatMap(({ watermarkMs }) => watermarkMs ?? []);
  if (own === null || own === undefined || others.length === 0) return 0;
  return Math.max(0, Math.min(...others) - own);
}

function rejecting({ stream, rejected }: LiveSnapshot): Verdict | null {
  const count = stream.rejectedLastMinute;
  if (count === 0) return null;
  const share = count / (count + stream.salesPerSecond * 60);
  if (share < REJECT_SHARE) return null;
  return { kind: 'rejecting', level: 'warn', count, share, reason: rejected[0]?.reason ?? null };
}

function quiet({ stream, checkpoint, nowMs }: LiveSnapshot): Verdict {
  if (stream.counted === 0 && stream.rejected === 0) return { kind: 'no-sales', level: 'info' };
  const { durableAtMs } = checkpoint;
  const durableAgoMs = durableAtMs === null ? null : Math.max(0, nowMs - durableAtMs);
  return { kind: 'counting', level: 'ok', durableAgoMs };
}
