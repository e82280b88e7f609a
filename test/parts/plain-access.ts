import type { KafkaAccess } from '../../src/kafka/access.ts';

/** Brokers that ask for nothing. */
export const plainAccess = (brokers: string): KafkaAccess => ({ brokers, security: null });
