/**
 * What of the outside the engine meets besides the database: made here for Kafka and threads, and
 * by the simulation for its own world.
 */
import type { Settings } from '../config/options.ts';
import { kafkaAccess } from '../kafka/access.ts';
import { DeadLetterProducer } from '../kafka/dead-letters.ts';
import { type GroupHandler, GroupMember } from '../kafka/group-member.ts';
import { DEFAULT_LIMITS, type TableLimits } from '../state/layout.ts';
import type { LeaseThreads } from './lease-handle.ts';
import { TopicWatch, type TopicWatcher } from './topic-watch.ts';
import { WorkerPool } from './worker-pool.ts';

export type Topic = Pick<
  TopicWatch,
  'topicId' | 'partitionCount' | 'cluster' | 'leaderOf' | 'replicaOf' | 'refreshSoon' | 'stop'
>;
export type Group = Pick<GroupMember, 'join' | 'commit' | 'leave' | 'logRange'>;
export type DeadLetters = Pick<DeadLetterProducer, 'connect' | 'send' | 'close'>;

export interface Outside {
  readonly limits: TableLimits;
  watchTopic(watcher: TopicWatcher): Promise<Topic>;
  group(handler: GroupHandler): Group;
  deadLetters(onTrouble: (code: string, message: string) => void): DeadLetters;
  threads(partitionCount: number): LeaseThreads;
}

export function kafkaAndThreads(settings: Settings): Outside {
  const { topic, deadLetterTopic, group, threads } = settings;
  const access = kafkaAccess(settings);
  return {
    limits: DEFAULT_LIMITS,
    watchTopic: (watcher) => TopicWatch.start(access, topic, watcher),
    group: (handler) => new GroupMember(access, topic, group, handler),
    deadLetters: (onTrouble) => new DeadLetterProducer(access, topic, deadLetterTopic, onTrouble),
    threads: (partitionCount) => new WorkerPool(threads, partitionCount, access.security),
  };
}
