/**
 * What follows from a lease that failed: decided from what is known, and done by the manager.
 * Invariant: nothing is passed over that its recovery knew to be counted, nor where it was not asked
 * for. What no recovery reads is looked at before it is made durable (skips.ts).
 */
import { VendavalError } from '../lib/errors.ts';
import type { Skip } from '../mongo/progress-document.ts';
import { skipConflict } from '../mongo/progress-store.ts';
import type { LeaseResult, OffsetRange } from '../workers/lease-protocol.ts';

/** Batches passed over in one partition; a log with more of them is not worth counting on. */
const SKIPS_MAX = 1000;

export type LeaseFailure = Extract<LeaseResult, { outcome: 'failed' }>;

export type AfterFailure =
  /** Once all before it is durable. */
  | { readonly kind: 'pass-over'; readonly skip: Skip }
  /** Somebody may have counted what is gone from the log; if not, this is the end. */
  | { readonly kind: 'look-again'; readonly error: VendavalError }
  | { readonly kind: 'give-up'; readonly error: VendavalError };

export interface FailedPartition {
  readonly partition: number;
  readonly onCorrupt: 'stop' | 'skip';
  /** Of what is durable. */
  readonly skips: number;
  /** Up to where somebody before the lease has counted; 0 for not ahead. */
  readonly countedTo: number;
}

export function afterFailure(
  { partition, onCorrupt, skips, countedTo }: FailedPartition,
  { code, message, corrupt, options }: LeaseFailure,
): AfterFailure {
  const isCounted = corrupt !== null && countedTo > corrupt.from;
  const canSkip = corrupt !== null && skips < SKIPS_MAX && !isCounted;
  if (isCounted && onCorrupt === 'skip') {
    const found = `partition ${partition}: ${message}; it cannot be passed over`;
    const why = `totals say that offsets up to ${countedTo - 1} were read and counted`;
    return { kind: 'give-up', error: skipConflict(`${found}: ${why}`) };
  }
  if (canSkip && onCorrupt === 'skip') {
    return { kind: 'pass-over', skip: { ...corrupt, code, why: message, isReported: false } };
  }
  const error = new VendavalError(`partition ${partition}: ${message}`, {
    code,
    ...options,
    hint: `${options.hint ?? ''}${canSkip ? skipHint(corrupt) : ''}`,
  });
  return { kind: code === 'E_LOG_TRUNCATED' ? 'look-again' : 'give-up', error };
}

function skipHint({ from, to }: OffsetRange): string {
  return ` Or pass over offsets ${from} to ${to - 1}, to be counted as rejected: --on-corrupt skip.`;
}
