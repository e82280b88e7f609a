/** How the options are put together in a command's help, in the reference and in the demo. */
import type { OptionKey } from './options.ts';

const KAFKA_SECURITY = 'Kafka, TLS and sign-in (KAFKA_PASSWORD or KAFKA_PASSWORD_FILE besides):';

/** Under which heading of a command's help each stands. */
export const OPTION_GROUPS: Readonly<Record<OptionKey, string>> = {
  brokers: 'Kafka:',
  topic: 'Kafka:',
  deadLetterTopic: 'Kafka:',
  group: 'Kafka:',
  rack: 'Kafka:',
  kafkaTls: KAFKA_SECURITY,
  kafkaCa: KAFKA_SECURITY,
  kafkaCert: KAFKA_SECURITY,
  kafkaKey: KAFKA_SECURITY,
  kafkaKeyPassword: KAFKA_SECURITY,
  kafkaSasl: KAFKA_SECURITY,
  kafkaUser: KAFKA_SECURITY,
  kafkaPassword: KAFKA_SECURITY,
  kafkaTokenFile: KAFKA_SECURITY,
  mongo: 'MongoDB:',
  database: 'MongoDB:',
  collection: 'MongoDB:',
  windowMs: 'Rules (pinned in the database at first use):',
  watermarkDelayMs: 'Rules (pinned in the database at first use):',
  futureToleranceMs: 'Rules (pinned in the database at first use):',
  timeZone: 'Rules (pinned in the database at first use):',
  maxCategories: 'Rules (pinned in the database at first use):',
  late: 'Rules (pinned in the database at first use):',
  onCorrupt: 'Process:',
  flushIntervalMs: 'Process:',
  http: 'Process:',
  httpHosts: 'Process:',
  threads: 'Process:',
  json: 'Output:',
};
