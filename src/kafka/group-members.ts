/** Who is in a consumer group now. It asks and never joins. */
import { VendavalError } from '../lib/errors.ts';
import type { KafkaAccess } from './access.ts';
import { type Answer, BrokerQuestion } from './broker-question.ts';
import { DEFAULT_TIMEOUTS } from './broker-socket.ts';
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
  const found = await asking(access, place, (question) =>
    question.ask((id) => encodeFindCoordinator(id, group)),
  );
  const coordinator = found && decodeFindCoordinator(found.bytes, found.size);
  // Before the first group of a cluster there is nobody to ask.
  if (!coordinator || coordinator.error === KAFKA_ERROR.coordinatorNotAvailable) return [];
  if (coordinator.error !== KAFKA_ERROR.none) throw refused(group, coordinator.error);
  const described = await asking(access, coordinator, (question) =>
    question.ask((id) => encodeDescribeGroup(id, group)),
  );
  if (!described) return [];
  const { error, members } = decodeDescribeGroup(described.bytes, described.size);
  if (error !== KAFKA_ERROR.none) throw refused(group, error);
  return members;
}

/** @returns null from a broker that takes no question about groups, as that of the demo */
async function asking(
  { security }: KafkaAccess,
  place: { readonly host: string; readonly port: number },
  ask: (question: BrokerQuestion) => Promise<Answer>,
): Promise<Answer | null> {
  const question = await BrokerQuestion.open(place, security, DEFAULT_TIMEOUTS);
  try {
    return question.ranges.has(API_DESCRIBE_GROUPS) ? await ask(question) : null;
  } finally {
    question.close();
  }
}

function refused(group: string, error: number): VendavalError {
  return new VendavalError(
    `the brokers do not say who is in the group "${group}": ${kafkaErrorName(error)}`,
    {
      code: 'E_KAFKA_AUTHORIZATION',
      hint: `Grant Describe and Read on the group ${group}, or name another: --group.`,
    },
  );
}
