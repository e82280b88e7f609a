/** What every librdkafka client of ours is told, from the access; one place for both sides. */
import * as tls from 'node:tls';
import Kafka from 'node-rdkafka';
import { VendavalError } from '../lib/errors.ts';
import type { KafkaAccess, KafkaSecurity, SaslLogin } from './access.ts';
import { DEFAULT_TIMEOUTS } from './broker-socket.ts';
import { readTlsFiles } from './security/tls-files.ts';
import { readToken } from './security/token-file.ts';

export function clientConfig({ brokers, security }: KafkaAccess): Record<string, unknown> {
  return {
    'client.id': 'vendaval',
    'metadata.broker.list': brokers,
    'socket.keepalive.enable': true,
    'socket.connection.setup.timeout.ms': 5000,
    // A connection whose other end has gone without a word; 60 s would hold a checkpoint as long.
    'socket.timeout.ms': DEFAULT_TIMEOUTS.silenceMs,
    'reconnect.backoff.ms': 100,
    'reconnect.backoff.max.ms': 5000,
    // New partitions must be seen well within the watermark delay.
    'topic.metadata.refresh.interval.ms': 5000,
    'log.connection.close': false,
    ...(security ? securityConfig(security) : {}),
  };
}

function securityConfig({ tls: files, sasl }: KafkaSecurity): Record<string, unknown> {
  const config: Record<string, unknown> = {
    'security.protocol': `${sasl ? 'sasl_' : ''}${files ? 'ssl' : 'plaintext'}`,
  };
  const missing = missingFeature({ tls: files, sasl });
  if (missing !== null) throw notCompiled(missing);
  if (files) {
    // Its own complaints say neither which file nor what to do.
    readTlsFiles(files);
    // Those that Node trusts, so that both clients trust the same.
    if (files.ca === '') config['ssl.ca.pem'] = trustedByNode().join('\n');
    else config['ssl.ca.location'] = files.ca;
    if (files.cert !== '') {
      config['ssl.certificate.location'] = files.cert;
      config['ssl.key.location'] = files.key;
    }
    if (files.keyPassword !== '') config['ssl.key.password'] = files.keyPassword;
  }
  if (sasl) {
    config['sasl.mechanisms'] = sasl.mechanism;
    if (sasl.mechanism !== 'OAUTHBEARER') {
      config['sasl.username'] = sasl.user;
      config['sasl.password'] = sasl.password;
    }
  }
  return config;
}

const FEATURE_OF: Record<SaslLogin['mechanism'], string> = {
  PLAIN: 'sasl_plain',
  'SCRAM-SHA-256': 'sasl_scram',
  'SCRAM-SHA-512': 'sasl_scram',
  OAUTHBEARER: 'sasl_oauthbearer',
};

/** With what NODE_EXTRA_CA_CERTS adds, where this Node tells it (22.15 and up). */
function trustedByNode(): readonly string[] {
  const { getCACertificates } = tls as { getCACertificates?: (which: 'default') => string[] };
  return getCACertificates?.('default') ?? tls.rootCertificates;
}

/** What of it librdkafka was compiled without on this machine; null for nothing. */
export function missingFeature(security: KafkaSecurity | null): string | null {
  const { tls: files = null, sasl = null } = security ?? {};
  const needed = [...(files ? ['ssl'] : []), ...(sasl ? [FEATURE_OF[sasl.mechanism]] : [])];
  return needed.find((feature) => !Kafka.features.includes(feature)) ?? null;
}

function notCompiled(feature: string): VendavalError {
  return new VendavalError(`the Kafka client was compiled without "${feature}" on this machine`, {
    code: 'E_KAFKA_LIBRARY',
    hint:
      "TLS and SCRAM take OpenSSL's headers as it is compiled: install libssl-dev (Fedora: " +
      'openssl-devel, Alpine: openssl-dev), then npm rebuild node-rdkafka.',
  });
}

/** For an admin client, which takes it at its making; undefined where there is none. */
export function firstToken({ security }: KafkaAccess): string | undefined {
  const login = security?.sasl;
  return login?.mechanism === 'OAUTHBEARER' ? readToken(login.tokenFile) : undefined;
}
