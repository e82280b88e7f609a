/**
 * A scene whose commands and producer reach the broker by SCRAM-SHA-512 over TLS, and whose
 * commands reach the database by SCRAM over TLS, certificates of an authority that no machine
 * knows. Only what the test itself makes and looks at goes through the broker's plain listener.
 */
import { startEmbeddedDatabase } from '../../src/mongo/embedded-database.ts';
import type { CertificateAuthority } from './certificates.ts';
import type { Ending } from './engine-process.ts';
import { Scene, type SceneOptions } from './scene.ts';
import { SECURE_PASSWORD, SECURE_USER, type SecureBroker } from './secure-broker.ts';

/** @returns its URL, with user, password and the authority's file */
export async function startSecureDatabase(test: Ending, ca: CertificateAuthority): Promise<string> {
  const database = await startEmbeddedDatabase({
    auth: { username: SECURE_USER, password: SECURE_PASSWORD },
    tls: { ...(await ca.issue('IP:127.0.0.1')), caFile: ca.certFile },
  });
  test.onTestFinished(() => database.stop());
  return database.url;
}

export async function makeSecureScene(
  test: Ending,
  kafka: SecureBroker,
  options: Omit<SceneOptions, 'brokers' | 'mongoUrl' | 'env' | 'producer'> = {},
): Promise<Scene> {
  return Scene.make(test, {
    ...options,
    brokers: kafka.broker.brokers,
    mongoUrl: await startSecureDatabase(test, kafka.ca),
    flags: { ...options.flags, brokers: kafka.secure },
    env: {
      ...{ KAFKA_TLS: 'true', KAFKA_CA: kafka.ca.certFile },
      ...{ KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512' },
      ...{ KAFKA_USER: SECURE_USER, KAFKA_PASSWORD: SECURE_PASSWORD },
    },
    producer: {
      'bootstrap.servers': kafka.secure,
      'security.protocol': 'sasl_ssl',
      'ssl.ca.location': kafka.ca.certFile,
      'sasl.mechanism': 'SCRAM-SHA-512',
      'sasl.username': SECURE_USER,
      'sasl.password': SECURE_PASSWORD,
    },
  });
}
