/**
 * The one table of options: flag, variable, default, unit and text. The command line, the help,
 * `config print` and the reference are all made from it, so none of them can disagree.
 */
import { hostPort } from '../lib/host-port.ts';
import { formatDurationMs } from '../lib/units.ts';
import {
  brokers,
  durationMs,
  flagValue,
  type HttpAddress,
  hostNames,
  httpAddress,
  KAFKA_NAME,
  mongoUrl,
  SASL_MECHANISMS,
  type SaslMechanism,
  same,
  saslMechanism,
  text,
  timeZone,
  wholeNumber,
  windowMs,
} from './option-readers.ts';

export interface OptionSpec<T> {
  readonly flag: string;
  /** Shown in help between angle brackets; absent for a switch. */
  readonly argument?: string;
  readonly env: string;
  readonly defaultText: string;
  readonly text: string;
  /** Reads a text; throws an Error that says what is accepted. */
  readonly parse: (text: string) => T;
  readonly format: (value: T) => string;
  /**
   * Present when the value is a secret, or a URL that can hold one: masked wherever it is shown, and
   * read from a file where the variable's name with _FILE names one.
   */
  readonly secret?: 'whole' | 'url';
  /** No flag is taken: a command line is seen by everybody on the machine. */
  readonly hasNoFlag?: true;
}

function option<T>(spec: OptionSpec<T>): OptionSpec<T> {
  return spec;
}

/** What becomes of a sale that is late for its partition. */
export type LatePolicy = 'reject' | 'count';

export const OPTIONS = {
  brokers: option({
    flag: '--brokers',
    argument: 'host:port,…',
    env: 'KAFKA_BROKERS',
    defaultText: 'localhost:9092',
    text: 'Kafka brokers to start from',
    parse: brokers,
    format: same,
  }),
  topic: option({
    flag: '--topic',
    argument: 'name',
    env: 'KAFKA_TOPIC',
    defaultText: 'black-friday-sales',
    text: 'topic that holds the sales',
    parse: KAFKA_NAME,
    format: same,
  }),
  deadLetterTopic: option({
    flag: '--dlq-topic',
    argument: 'name',
    env: 'KAFKA_DLQ_TOPIC',
    defaultText: '',
    text: 'topic for rejected sales; <topic>.dlq if empty',
    parse: (value: string) => (value === '' ? '' : KAFKA_NAME(value)),
    format: same,
  }),
  group: option({
    flag: '--group',
    argument: 'name',
    env: 'KAFKA_GROUP',
    defaultText: 'vendaval',
    text: 'consumer group; engines of one group share the partitions',
    parse: text(/^\S{1,249}$/, 'a name without spaces'),
    format: same,
  }),
  rack: option({
    flag: '--rack',
    argument: 'name',
    env: 'KAFKA_RACK',
    defaultText: '',
    text: 'where this engine is, so that it can read from replicas nearby (broker.rack)',
    parse: text(/^[^\s]{0,100}$/, 'a name without spaces'),
    format: same,
  }),
  kafkaTls: option({
    flag: '--kafka-tls',
    env: 'KAFKA_TLS',
    defaultText: 'false',
    text: 'speak TLS with the brokers',
    parse: flagValue,
    format: String,
  }),
  kafkaCa: option({
    flag: '--kafka-ca',
    argument: 'file',
    env: 'KAFKA_CA',
    defaultText: '',
    text: "certificates (PEM) of the authorities that the brokers' are of; the usual ones if empty",
    parse: same,
    format: same,
  }),
  kafkaCert: option({
    flag: '--kafka-cert',
    argument: 'file',
    env: 'KAFKA_CERT',
    defaultText: '',
    text: "this side's own certificate (PEM), where the brokers want one",
    parse: same,
    format: same,
  }),
  kafkaKey: option({
    flag: '--kafka-key',
    argument: 'file',
    env: 'KAFKA_KEY',
    defaultText: '',
    text: 'the key (PEM) of that certificate',
    parse: same,
    format: same,
  }),
  kafkaKeyPassword: option({
    flag: '--kafka-key-password',
    hasNoFlag: true,
    env: 'KAFKA_KEY_PASSWORD',
    defaultText: '',
    text: 'password of that key, if it is encrypted',
    parse: same,
    format: same,
    secret: 'whole',
  }),
  kafkaSasl: option<SaslMechanism | ''>({
    flag: '--kafka-sasl',
    argument: 'mechanism',
    env: 'KAFKA_SASL_MECHANISM',
    defaultText: '',
    text: `how to sign in to the brokers: ${SASL_MECHANISMS.join(', ')}; not at all if empty`,
    parse: saslMechanism,
    format: same,
  }),
  kafkaUser: option({
    flag: '--kafka-user',
    argument: 'name',
    env: 'KAFKA_USER',
    defaultText: '',
    text: 'user of PLAIN and SCRAM',
    parse: same,
    format: same,
  }),
  kafkaPassword: option({
    flag: '--kafka-password',
    hasNoFlag: true,
    env: 'KAFKA_PASSWORD',
    defaultText: '',
    text: 'password of PLAIN and SCRAM',
    parse: same,
    format: same,
    secret: 'whole',
  }),
  kafkaTokenFile: option({
    flag: '--kafka-token-file',
    argument: 'file',
    env: 'KAFKA_TOKEN_FILE',
    defaultText: '',
    text: 'file with the token of OAUTHBEARER, read again for each connection',
    parse: same,
    format: same,
  }),
  mongo: option({
    flag: '--mongo',
    argument: 'url',
    env: 'MONGO_URL',
    defaultText: 'mongodb://root:root@localhost:27017/?authSource=admin',
    text: 'MongoDB to write to',
    parse: mongoUrl,
    format: same,
    secret: 'url',
  }),
  database: option({
    flag: '--database',
    argument: 'name',
    env: 'MONGO_DATABASE',
    defaultText: 'black_friday',
    text: 'database for totals, progress and settings',
    parse: text(/^[^\s/\\."$*<>:|?]{1,63}$/, 'a MongoDB database name'),
    format: same,
  }),
  collection: option({
    flag: '--collection',
    argument: 'name',
    env: 'MONGO_COLLECTION',
    defaultText: 'faturamento_tempo_real',
    text: 'collection for the totals',
    parse: text(/^(?!system\.)[^\s$]{1,200}$/, 'a MongoDB collection name'),
    format: same,
  }),
  windowMs: option({
    flag: '--window',
    argument: 'duration',
    env: 'WINDOW',
    defaultText: '1m',
    text: 'length of a window',
    parse: windowMs,
    format: formatDurationMs,
  }),
  watermarkDelayMs: option({
    flag: '--watermark-delay',
    argument: 'duration',
    env: 'WATERMARK_DELAY',
    defaultText: '2m',
    text: 'how far a sale may lag behind the newest of its partition',
    parse: durationMs(0, 30 * 86_400_000),
    format: formatDurationMs,
  }),
  futureToleranceMs: option({
    flag: '--future-tolerance',
    argument: 'duration',
    env: 'FUTURE_TOLERANCE',
    defaultText: '5m',
    text: "how far a sale's time may run ahead of its Kafka timestamp",
    parse: durationMs(0, 30 * 86_400_000),
    format: formatDurationMs,
  }),
  timeZone: option({
    flag: '--time-zone',
    argument: 'zone',
    env: 'TIME_ZONE',
    defaultText: 'UTC',
    text: 'zone of timestamps that name none',
    parse: timeZone,
    format: same,
  }),
  maxCategories: option({
    flag: '--max-categories',
    argument: 'count',
    env: 'MAX_CATEGORIES',
    defaultText: '10000',
    text: 'different categories admitted in one partition',
    parse: wholeNumber(1, 50_000),
    format: String,
  }),
  late: option<LatePolicy>({
    flag: '--late',
    argument: 'reject|count',
    env: 'LATE',
    defaultText: 'reject',
    text: 'sales whose window has closed for their partition: reject, or count them too',
    parse: (value) => {
      if (value !== 'reject' && value !== 'count') throw new Error('expected reject or count');
      return value;
    },
    format: same,
  }),
  onCorrupt: option<'stop' | 'skip'>({
    flag: '--on-corrupt',
    argument: 'stop|skip',
    env: 'ON_CORRUPT',
    defaultText: 'stop',
    text: 'at a batch that cannot be read: stop, or pass over its offsets',
    parse: (value) => {
      if (value !== 'stop' && value !== 'skip') throw new Error('expected stop or skip');
      return value;
    },
    format: same,
  }),
  flushIntervalMs: option({
    flag: '--flush-interval',
    argument: 'duration',
    env: 'FLUSH_INTERVAL',
    defaultText: '250ms',
    text: 'time from one checkpoint to the next',
    parse: durationMs(10, 3_600_000),
    format: formatDurationMs,
  }),
  http: option<HttpAddress | null>({
    flag: '--http',
    argument: 'host:port',
    env: 'HTTP_ADDRESS',
    defaultText: '127.0.0.1:4040',
    text: 'address of the live page, the API and the metrics, or off',
    parse: httpAddress,
    format: (value) => (value === null ? 'off' : hostPort(value)),
  }),
  httpHosts: option<readonly string[]>({
    flag: '--http-hosts',
    argument: 'name,…',
    env: 'HTTP_HOSTS',
    defaultText: '',
    text: 'host names by which the page may be asked for, besides localhost and addresses',
    parse: hostNames,
    format: (names) => names.join(','),
  }),
  threads: option({
    flag: '--threads',
    argument: 'count',
    env: 'THREADS',
    defaultText: '0',
    text: 'worker threads; 0 is two for each core (load: one), at most one for each partition',
    parse: wholeNumber(0, 256),
    format: String,
  }),
  json: option({
    flag: '--json',
    env: 'VENDAVAL_JSON',
    defaultText: 'false',
    text: 'print JSON lines',
    parse: flagValue,
    format: String,
  }),
} as const;

export type OptionKey = keyof typeof OPTIONS;

/** One typed value for each row of the table. */
export type Settings = {
  readonly [Key in OptionKey]: ReturnType<(typeof OPTIONS)[Key]['parse']>;
};

/** What belongs to brokers that ask for nothing. */
export const NO_KAFKA_SECURITY = {
  kafkaTls: false,
  kafkaCa: '',
  kafkaCert: '',
  kafkaKey: '',
  kafkaKeyPassword: '',
  kafkaSasl: '',
  kafkaUser: '',
  kafkaPassword: '',
  kafkaTokenFile: '',
} as const satisfies Partial<Settings>;
