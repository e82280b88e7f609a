/** Who is in a consumer group now. It asks and never joins. */
import { VendavalError } from '../lib/errors.ts';
import type { KafkaAccess } from './access.ts';
import { type Answer, BrokerQuestion } from './broker-question.ts';
import { DEFAULT_TIMEOUTS, type Place, type SocketTimeouts } from './broker-socket.ts';
import { topicMetadata } from './metadata.ts';
import {
  API_DESCRIBE_GROUPS,
  decodeDescribeGroup,
  decodeFindCoordinator,
  encodeDescribeGroup,
  encodeFindCoordinator,
  type GroupMemberInfo,
} from './protocol/cluster.ts';
import { KAFKA_ERROR, kafkaErrorName } from './protocol/error-codes.ts';

/** @returns none also for a group that never was, and where the brokers do not tell */
export async function groupMembers(
  access: KafkaAccess,
  group: string,
  topic: string,
): Promise<readonly GroupMemberInfo[]> {
  // Any broker knows the coordinator; those that metadata names are known to be there.
  const [place] = (await topicMetadata(access, topic)).brokers.values();
  const coordinator = await coordinatorOf(access, place, group, DEFAULT_TIMEOUTS);
  // Before the first group of a cluster there is nobody to ask.
  if (!coordinator || coordinator.error === KAFKA_ERROR.coordinatorNotAvailable) return [];
  if (coordinator.error !== KAFKA_ERROR.none) throw refused(group, coordinator.error);
  const encode = (id: number) => encodeDescribeGroup(id, group);
  const described = await answerTo(encode, access, coordinator, DEFAULT_TIMEOUTS);
  if (!described) return [];
  const { error, members } = decodeDescribeGroup(described.bytes, described.size);
  if (error !== KAFKA_ERROR.none) throw refused(group, error);
  return members;
}

/** Throws when this user may not even know of the group; who may read it may. */
export async function mayReadGroup(
  access: KafkaAccess,
  group: string,
  topic: string,
): Promise<void> {
  const [place] = (await topicMetadata(access, topic)).brokers.values();
  const coordinator = await coordinatorOf(access, place, group, DEFAULT_TIMEOUTS);
  if (coordinator?.error !== KAFKA_ERROR.groupAuthorizationFailed) return;
  throw new VendavalError(`this user may not read the group "${group}"`, {
    code: 'E_KAFKA_AUTHORIZATION',
    hint: `Grant it: bin/kafka-acls.sh --add --operation Read --group ${group} …`,
  });
}

/**
 * Which broker keeps the group, or an error of the one that was asked.
 *
 * @returns null from a broker that takes no question about groups, as that of the demo
 */
export async function coordinatorOf(
  access: KafkaAccess,
  place: Place,
  group: string,
  timeouts: SocketTimeouts,
): Promise<ReturnType<typeof decodeFindCoordinator> | null> {
  const encode = (id: number) => encodeFindCoordinator(id, group);
  const found = await answerTo(encode, access, place, timeouts);
  return found && decodeFindCoordinator(found.bytes, found.size);
}

async function answerTo(
  encode: (id: number) => Buffer,
  { security }: KafkaAccess,
  place: Place,
  timeouts: SocketTimeouts,
): Promise<Answer | null> {
  const question = await BrokerQuestion.open(place, security, timeouts);
  try {
    return question.ranges.has(API_DESCRIBE_GROUPS) ? await question.ask(encode) : null;
  } finally {
    question.close();
  }
}

function refused(group: string, error: number): VendavalError {
  const isForbidden = error === KAFKA_ERROR.groupAuthorizationFailed;
  return new VendavalError(
    `the brokers do not say who is in the group "${group}": ${kafkaErrorName(error)}`,
    {
      code: isForbidden ? 'E_KAFKA_AUTHORIZATION' : 'E_FETCH',
      retryable: !isForbidden,
      hint: isForbidden
        ? `Grant Describe and Read on the group ${group}, or name another: --group.`
        : 'The broker that keeps the group is not ready; most often that passes: try again.',
    },
  );
}
