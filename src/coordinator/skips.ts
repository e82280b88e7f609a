/** The dead letter of what was passed over: its place and why, for its bytes mean nothing. */
import type { DeadLetter } from '../kafka/dead-letters.ts';
import type { Skip } from '../mongo/progress-store.ts';
import { REASON } from '../sale/reasons.ts';
import { WHOLE_RECORD } from '../state/reject-log.ts';

export function skipLetter(partition: number, { from, to, why }: Skip): DeadLetter {
  return {
    partition,
    record: {
      offset: from,
      item: WHOLE_RECORD,
      timestampMs: -1,
      reason: REASON.corrupt_batch,
      detail: `offsets ${from} to ${to - 1}: ${why}`,
      key: null,
      value: null,
      valueOmitted: true,
      rawHeaders: Buffer.alloc(0),
    },
  };
}
