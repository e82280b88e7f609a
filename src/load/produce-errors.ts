/** What goes wrong when batches are written, in words: what it was and what to do about it. */
import { KAFKA_ERROR, kafkaErrorName } from '../kafka/protocol/error-codes.ts';
import type { ProduceResponse } from '../kafka/protocol/produce.ts';
import { VendavalError } from '../lib/errors.ts';

/** Answers after which the same request may succeed without anybody changing anything. */
const PASSING: ReadonlySet<number> = new Set([
  KAFKA_ERROR.corruptMessage,
  KAFKA_ERROR.unknownTopicOrPartition,
  KAFKA_ERROR.leaderNotAvailable,
  KAFKA_ERROR.notLeaderOrFollower,
  KAFKA_ERROR.requestTimedOut,
  KAFKA_ERROR.coordinatorLoadInProgress,
  KAFKA_ERROR.coordinatorNotAvailable,
  KAFKA_ERROR.notCoordinator,
  KAFKA_ERROR.notEnoughReplicas,
  KAFKA_ERROR.notEnoughReplicasAfterAppend,
  KAFKA_ERROR.concurrentTransactions,
  KAFKA_ERROR.kafkaStorageError,
  KAFKA_ERROR.throttlingQuotaExceeded,
]);

const NOT_AUTHORIZED: ReadonlySet<number> = new Set([
  KAFKA_ERROR.topicAuthorizationFailed,
  KAFKA_ERROR.clusterAuthorizationFailed,
]);

const TOO_LARGE: ReadonlySet<number> = new Set([
  KAFKA_ERROR.messageTooLarge,
  KAFKA_ERROR.recordListTooLarge,
]);

/** What the broker has does not go on to what is sent, though all of that was acknowledged. */
const LOG_LOST: ReadonlySet<number> = new Set([
  KAFKA_ERROR.outOfOrderSequenceNumber,
  KAFKA_ERROR.unknownProducerId,
]);

/** An answer to a Produce that is an error, for a batch of so many bytes. */
export function refusal(where: string, answer: ProduceResponse, bytes: number): VendavalError {
  const { error, message } = answer;
  const name = kafkaErrorName(error);
  const what = message === '' ? name : `${name}: ${message}`;
  if (NOT_AUTHORIZED.has(error)) return notAuthorized(where, name);
  if (TOO_LARGE.has(error)) {
    return new VendavalError(`a batch of ${bytes} bytes is too large for ${where}: ${what}`, {
      code: 'E_MESSAGE_TOO_LARGE',
      hint: "Lower --batch-bytes, or raise the topic's max.message.bytes.",
    });
  }
  if (LOG_LOST.has(error)) return logLost(where, what);
  const retryable = PASSING.has(error);
  return new VendavalError(`the broker does not take sales for ${where}: ${what}`, {
    code: 'E_PRODUCE_FAILED',
    retryable,
    hint: retryable
      ? 'It is tried again by itself; check the state of the cluster if it stays so.'
      : "Check the topic's configuration and the broker's log.",
  });
}

function notAuthorized(where: string, name: string): VendavalError {
  return new VendavalError(`this user may not write to ${where}: ${name}`, {
    code: 'E_KAFKA_AUTHORIZATION',
    hint: 'Grant Write on the topic; brokers before 2.8 also want IdempotentWrite on the cluster.',
  });
}

export function noProducerId(where: string, error: number): VendavalError {
  if (NOT_AUTHORIZED.has(error)) return notAuthorized(where, kafkaErrorName(error));
  const why = kafkaErrorName(error);
  return new VendavalError(`the broker gives no producer id for ${where}: ${why}`, {
    code: 'E_PRODUCE_FAILED',
    retryable: PASSING.has(error),
    hint: 'Check the state of the cluster.',
  });
}

/** It can't be told which of the batches in flight are in the log. */
export function unknownState(where: string, error: number): VendavalError {
  const why = kafkaErrorName(error);
  return new VendavalError(`the broker does not say what ${where} has of this load: ${why}`, {
    code: NOT_AUTHORIZED.has(error) ? 'E_KAFKA_AUTHORIZATION' : 'E_PRODUCE_FAILED',
    retryable: PASSING.has(error),
    hint: 'Grant Read on the topic as well; without it a lost connection leaves sales unknown.',
  });
}

export function noLeader(where: string): VendavalError {
  return new VendavalError(`${where} has no leader`, {
    code: 'E_PRODUCE_FAILED',
    retryable: true,
    hint: 'A broker may be down; it is tried again by itself.',
  });
}

export function gaveUp(where: string, seconds: number, last: VendavalError): VendavalError {
  return new VendavalError(
    `nothing could be written to ${where} in ${seconds} s: ${last.message}`,
    {
      code: last.code,
      hint: `${last.hint ?? 'Check the broker.'} What was on its way then is unknown.`,
      cause: last,
    },
  );
}

/** The log has lost acknowledged sales, or belongs to another topic now. */
export function logLost(where: string, what: string): VendavalError {
  return new VendavalError(`the log of ${where} has lost sales that it acknowledged: ${what}`, {
    code: 'E_LOAD_LOG_LOST',
    hint:
      'The topic was deleted or made anew, or a leader without all data took over ' +
      '(unclean.leader.election.enable). The oracle does not hold.',
  });
}
