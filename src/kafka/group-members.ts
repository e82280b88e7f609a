/** Who is in a consumer group now. It asks and never joins. */
import { VendavalError } from '../lib/errors.ts';
import type { KafkaAccess } from './access.ts';
import { BrokerQuestion } from './broker-question.ts';
import { DEFAULT_TIMEOUTS } from './broker-socket.ts';
import { topicMetadata } from './metadata.ts';
import {
  decodeDescribeGroup,
  decodeFindCoordinator,
  encodeDescribeGroup,
  encodeFindCoordinator,
  type GroupMemberInfo,
} from './protocol/cluster.ts';
import { KAFKA_ERROR, kafkaErrorName } from './protocol/error-codes.ts';

/** @returns none also for a group that never was */
export async function groupMembers(
  access: KafkaAccess,
  group: string,
  topic: string,
): Promise<readonly GroupMemberInfo[]> {
  // Any broker knows the coordinator; those that metadata names are known to be there.
  const [place] = (await topicMetadata(access, topic)).brokers.values();
  const coordinator = await answerOf(access, place, (id) => encodeFindCoordinator(id, group)).then(
    ({ bytes, size }) => decodeFindCoordinator(bytes, size),
  );
  // Before the first group of a cluster there is nobody to ask.
  if (coordinator.error === KAFKA_ERROR.coordinatorNotAvailable) return [];
  if (coordinator.error !== KAFKA_ERROR.none) throw refused(group, coordinator.error);
  const { bytes, size } = await answerOf(access, coordinator, (id) =>
    encodeDescribeGroup(id, group),
  );
  const { error, members } = decodeDescribeGroup(bytes, size);
  if (error !== KAFKA_ERROR.none) throw refused(group, error);
  return members;
}

async function answerOf(
  { security }: KafkaAccess,
  place: { readonly host: string; readonly port: number },
  encode: (correlationId: number) => Buffer,
) {
  const question = await BrokerQuestion.open(place, security, DEFAULT_TIMEOUTS);
  try {
    return await question.ask(encode);
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
