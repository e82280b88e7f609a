/**
 * How the brokers are reached: one value, from one set of options, for both Kafka clients. It is
 * plain data, so that worker threads and reading processes can be handed it; files that it names
 * are read where connections are made.
 */
import type { SaslMechanism } from '../config/option-readers.ts';
import type { Settings } from '../config/options.ts';

/** PEM files; empty for none. */
export interface TlsFiles {
  /** Without authorities of its own those that Node knows are trusted. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** Of an encrypted key; empty for none. */
  readonly keyPassword: string;
}

export type SaslLogin =
  | {
      readonly mechanism: Exclude<SaslMechanism, 'OAUTHBEARER'>;
      readonly user: string;
      readonly password: string;
    }
  | { readonly mechanism: 'OAUTHBEARER'; readonly tokenFile: string };

/** What the brokers ask of who connects. */
export interface KafkaSecurity {
  readonly tls: TlsFiles | null;
  readonly sasl: SaslLogin | null;
}

export interface KafkaAccess {
  /** host:port, several separated by commas. */
  readonly brokers: string;
  /** null: neither TLS nor a sign-in. */
  readonly security: KafkaSecurity | null;
}

export function kafkaAccess(settings: Settings): KafkaAccess {
  const { brokers, kafkaTls, kafkaCa, kafkaCert, kafkaKey, kafkaKeyPassword } = settings;
  const { kafkaSasl: mechanism, kafkaUser, kafkaPassword, kafkaTokenFile } = settings;
  const files = { ca: kafkaCa, cert: kafkaCert, key: kafkaKey, keyPassword: kafkaKeyPassword };
  const tls = kafkaTls ? files : null;
  let sasl: SaslLogin | null = null;
  if (mechanism === 'OAUTHBEARER') sasl = { mechanism, tokenFile: kafkaTokenFile };
  else if (mechanism !== '') sasl = { mechanism, user: kafkaUser, password: kafkaPassword };
  return { brokers, security: tls || sasl ? { tls, sasl } : null };
}
