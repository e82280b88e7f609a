/** Who counts now, and how far the group has committed. It asks and never joins. */
import type { Settings } from '../config/options.ts';
import type { KafkaAccess } from '../kafka/access.ts';
import { BrokerQuestion } from '../kafka/broker-question.ts';
import { coordinatorOf } from '../kafka/group-members.ts';
import {
  decodeDescribeGroup,
  decodeOffsetFetch,
  encodeDescribeGroup,
  encodeOffsetFetch,
  type GroupInfo,
} from '../kafka/protocol/cluster.ts';
import { KAFKA_ERROR, kafkaErrorName } from '../kafka/protocol/error-codes.ts';
import { formatCount } from '../lib/units.ts';
import type { Cluster } from './cluster-check.ts';
import { type Looked, READ } from './examination.ts';
import { kafkaTool, principalOf } from './kafka-security.ts';
import type { LogEnds } from './topic-checks.ts';

export async function lookAtGroup(
  { group, topic }: Settings,
  cluster: Cluster,
  ends: readonly LogEnds[],
): Promise<Looked<never>> {
  const { access, toldBy, timeouts } = cluster;
  const coordinator = await coordinatorOf(access, toldBy, group, timeouts);
  const isNone = coordinator?.error === KAFKA_ERROR.coordinatorNotAvailable;
  if (!coordinator || isNone) return noneYet(group);
  if (coordinator.error !== KAFKA_ERROR.none) return refused(group, coordinator.error, access);
  const question = await BrokerQuestion.open(coordinator, access.security, timeouts);
  let info: GroupInfo;
  let committed: ReturnType<typeof decodeOffsetFetch>;
  try {
    const described = await question.ask((id) => encodeDescribeGroup(id, group));
    info = decodeDescribeGroup(described.bytes, described.size);
    const fetched = await question.ask((id) => encodeOffsetFetch(id, group));
    committed = decodeOffsetFetch(fetched.bytes, fetched.size, topic);
  } finally {
    question.close();
  }
  const error = info.error || committed.error;
  if (error !== KAFKA_ERROR.none) return refused(group, error, access);
  if (info.state === 'Dead' && committed.offsets.size === 0) return noneYet(group);
  return describe(group, info, committed.offsets, ends);
}

function noneYet(group: string): Looked<never> {
  const found = `"${group}": no engine has counted in this group yet`;
  return { verdict: 'ok', found, data: { group, state: 'none', members: [], lag: null } };
}

function refused(group: string, error: number, access: KafkaAccess): Looked<never> {
  const isForbidden = error === KAFKA_ERROR.groupAuthorizationFailed;
  return {
    verdict: 'fail',
    found: `"${group}": ${isForbidden ? 'this user may not join it' : kafkaErrorName(error)}`,
    data: { group, error },
    problem: {
      code: isForbidden ? 'E_KAFKA_AUTHORIZATION' : 'E_FETCH',
      cause: isForbidden
        ? 'Engines share the partitions through this group, and must be able to join it.'
        : 'The broker that keeps the group is not ready; most often that passes.',
      run: isForbidden
        ? [
            `${kafkaTool('kafka-acls.sh', access)} --add --allow-principal ` +
              `${principalOf(access)} --operation Read --group ${group}`,
          ]
        : [`${kafkaTool('kafka-consumer-groups.sh', access)} --describe --group ${group}`],
      read: READ.kafkaRights,
    },
  };
}

function describe(
  group: string,
  { state, members }: GroupInfo,
  committed: ReadonlyMap<number, number>,
  ends: readonly LogEnds[],
): Looked<never> {
  const partitions = ends.map(({ partition, start, end }) => {
    const offset = committed.get(partition) ?? null;
    return { partition, committed: offset, end, lag: Math.max(0, end - (offset ?? start)) };
  });
  const lag = partitions.reduce((sum, one) => sum + one.lag, 0);
  const engines = members.length === 1 ? '1 engine counts' : `${members.length} engines count`;
  const who = members.length > 0 ? engines : 'nobody counts now';
  return {
    verdict: members.length > 0 || lag === 0 ? 'ok' : 'note',
    found: `"${group}" is ${state.toLowerCase()}: ${who}, lag ${formatCount(lag)} records`,
    lines: [
      ...members.map(({ clientId, host }) => `member  ${clientId} at ${host}`),
      ...partitions.map(
        (one) =>
          `partition ${one.partition}  committed ${one.committed ?? 'nothing'}  ` +
          `end ${one.end}  lag ${formatCount(one.lag)}`,
      ),
    ],
    data: { group, state, members, lag, partitions },
  };
}
