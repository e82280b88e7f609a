/**
 * How the brokers are reached: one value, from one set of options, for both Kafka clients. It is
 * plain data, so that worker threads and reading processes can be handed it.
 */
import type { Settings } from '../config/options.ts';

/** What the brokers ask of who connects. */
export interface KafkaSecurity {
  readonly tls: null;
}

export interface KafkaAccess {
  /** host:port, several separated by commas. */
  readonly brokers: string;
  /** null: neither TLS nor a sign-in. */
  readonly security: KafkaSecurity | null;
}

export function kafkaAccess({ brokers }: Pick<Settings, 'brokers'>): KafkaAccess {
  return { brokers, security: null };
}
