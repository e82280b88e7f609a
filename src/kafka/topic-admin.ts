/** Creates topics, with errors that say what to do. */
import Kafka from 'node-rdkafka';
import { VendavalError } from '../lib/errors.ts';
import type { KafkaAccess } from './access.ts';
import { clientConfig, firstToken } from './client-config.ts';

const ADMIN_TIMEOUT_MS = 10_000;

export const DEAD_LETTER_TOPIC_CONFIG = {
  /** A dead letter is the original and our headers: the greatest original must fit with them. */
  'max.message.bytes': String(2 * 1024 * 1024),
  /**
   * A broker takes no timestamp of a client's that is an hour ahead of its clock, so checkpoints of
   * an engine whose clock is wrong would never hold.
   */
  'message.timestamp.type': 'LogAppendTime',
} as const;

export interface TopicSpec {
  readonly topic: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly config?: Readonly<Record<string, string>>;
}

/** @returns 'created', or 'exists' when it was there already (with whatever shape it has) */
export function createTopic(access: KafkaAccess, spec: TopicSpec): Promise<'created' | 'exists'> {
  const admin = Kafka.AdminClient.create(
    clientConfig(access) as Kafka.GlobalConfig,
    firstToken(access),
  );
  return new Promise<'created' | 'exists'>((resolve, reject) => {
    admin.createTopic(
      {
        topic: spec.topic,
        num_partitions: spec.partitions,
        replication_factor: spec.replicationFactor,
        config: { ...spec.config },
      } as Kafka.NewTopic,
      ADMIN_TIMEOUT_MS,
      (error) => {
        if (!error) return resolve('created');
        if (error.code === Kafka.CODES.ERRORS.ERR_TOPIC_ALREADY_EXISTS) return resolve('exists');
        reject(
          new VendavalError(`the topic "${spec.topic}" was not created: ${error.message}`, {
            code: 'E_TOPIC_CREATE',
            cause: error,
            hint:
              'Check that the brokers can be reached, that there are at least as many as ' +
              'replicas, and that this user may create topics.',
          }),
        );
      },
    );
  }).finally(() => admin.disconnect());
}
