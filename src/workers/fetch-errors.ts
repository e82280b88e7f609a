/** What a Fetch response that brings no records means, as errors that say what to do. */
import { KAFKA_ERROR, kafkaErrorName } from '../kafka/protocol/error-codes.ts';
import type { FetchResponse, LogDivergence } from '../kafka/protocol/requests.ts';
import { corruptBatch } from '../kafka/record-batch.ts';
import { EXIT, NEW_DATABASE, VendavalError } from '../lib/errors.ts';

const RESTORE_HINT =
  'Nothing was skipped. Restore the records, or count what is left of the topic ' +
  `into another database: ${NEW_DATABASE}.`;

/** @param offset of the next record to count */
export function fetchError(
  response: FetchResponse,
  topic: string,
  partition: number,
  offset: number,
): VendavalError {
  const { error, logStartOffset, highWatermark } = response;
  const where = `${topic}/${partition}`;
  if (error === KAFKA_ERROR.offsetOutOfRange) {
    return outOfRange(where, offset, logStartOffset, highWatermark);
  }
  if (error === KAFKA_ERROR.corruptMessage) {
    return corruptBatch(offset, 'the broker itself cannot read it');
  }
  if (error === KAFKA_ERROR.topicAuthorizationFailed) {
    return new VendavalError(`this user may not read ${where}`, {
      code: 'E_KAFKA_AUTHORIZATION',
      hint: `Grant it: bin/kafka-acls.sh --add --operation Read --topic ${topic} …`,
    });
  }
  return new VendavalError(`fetching ${where} failed: ${kafkaErrorName(error)}`, {
    code: 'E_FETCH',
    retryable: error !== KAFKA_ERROR.unsupportedVersion,
    hint: 'The engine asks for the leader again and goes on by itself.',
  });
}

function outOfRange(where: string, offset: number, start: number, end: number): VendavalError {
  const isRewound = end >= 0 && offset > end;
  const next = `${where}: the next record to count is at offset ${offset}`;
  // Brokers leave the log's bounds out (-1) of this error.
  const found =
    start > offset
      ? `the log now starts at ${start}: ${start - offset} records were deleted before they were counted`
      : isRewound
        ? `the log ends at ${end}: it was cut back or made anew`
        : 'the log does not have it: it was deleted before it was counted, or the log was cut back';
  return new VendavalError(`${next}, but ${found}`, {
    code: isRewound ? 'E_LOG_REWOUND' : 'E_LOG_TRUNCATED',
    exitCode: EXIT.dataLossGuard,
    hint: RESTORE_HINT,
  });
}

/** What was read last is no longer in the log: an unclean election, or a restored disk. */
export function logDiverged(
  topic: string,
  partition: number,
  offset: number,
  { endOffset }: LogDivergence,
): VendavalError {
  return new VendavalError(
    `${topic}/${partition}: everything below offset ${offset} was counted, but the log was cut ` +
      `back to offset ${endOffset}, and what is there now came later`,
    { code: 'E_LOG_REWOUND', exitCode: EXIT.dataLossGuard, hint: RESTORE_HINT },
  );
}

/** Where a cluster has no topic ids, the batch before the position tells one topic from another. */
export function otherLog(topic: string, partition: number, offset: number): VendavalError {
  return new VendavalError(
    `${topic}/${partition}: the record before offset ${offset} is not the one that was counted: ` +
      'the topic was deleted and made anew, or its log was replaced',
    {
      code: 'E_TOPIC_RECREATED',
      exitCode: EXIT.dataLossGuard,
      hint:
        'The old totals are complete up to that offset. Count the new topic into another ' +
        `database: ${NEW_DATABASE}.`,
    },
  );
}
