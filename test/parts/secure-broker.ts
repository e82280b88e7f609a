/**
 * A real broker with every kind of listener that asks for something, its certificate of an authority
 * made for the test, and rights that must be granted. Its plain listener stays, with all rights, for
 * what tests make and look at.
 */
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import kafkajs from 'kafkajs';
import { CertificateAuthority } from './certificates.ts';
import type { Ending } from './engine-process.ts';
import { type KafkaBroker, type KafkaBrokerOptions, startKafkaBroker } from './kafka-broker.ts';
import { until, withAdmin } from './topic.ts';

/** With what file formats, shells and URLs give a meaning to. */
export const SECURE_USER = 'loja';
export const SECURE_PASSWORD = 'g:1/s@2?d$3%&ã "\\=,';
/** The subject of the tokens that it takes. */
export const TOKEN_SUBJECT = 'loja-oauth';
const ITERATIONS = 4096;
const LISTENERS = { SECURE: 'SASL_SSL', MUTUAL: 'SSL', BARE: 'SASL_PLAINTEXT' } as const;

export interface SecureBroker {
  readonly broker: KafkaBroker;
  readonly ca: CertificateAuthority;
  /** The same for SASL_SSL, for SSL that wants a certificate, and for SASL_PLAINTEXT. */
  readonly secure: string;
  readonly mutual: string;
  readonly bare: string;
}

export interface SecureBrokerOptions {
  /** How long a sign-in by SCRAM-SHA-256 holds. */
  readonly sessionMs?: number;
  readonly properties?: KafkaBrokerOptions['properties'];
}

export async function startSecureBroker(
  test: Ending,
  options: SecureBrokerOptions = {},
): Promise<SecureBroker> {
  const ca = await CertificateAuthority.make(test, 'loja');
  const certificate = await ca.issue('IP:127.0.0.1');
  const store = `${certificate.certFile}.store`;
  await writeFile(store, Buffer.concat([certificate.key, certificate.cert]));
  const broker = await startKafkaBroker({
    listeners: LISTENERS,
    scram: [scramUser('SCRAM-SHA-256', 'sha256', 32), scramUser('SCRAM-SHA-512', 'sha512', 64)],
    properties: {
      ...keyStore('secure', store),
      ...keyStore('mutual', store),
      ...signIns('secure', options.sessionMs ?? 0),
      ...signIns('bare', 0),
      'listener.name.mutual.ssl.client.auth': 'required',
      'listener.name.mutual.ssl.truststore.type': 'PEM',
      'listener.name.mutual.ssl.truststore.location': ca.certFile,
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS',
      ...options.properties,
    },
  });
  test.onTestFinished(() => broker.stop());
  const at = (name: keyof typeof LISTENERS) => `127.0.0.1:${broker.ports[name]}`;
  return { broker, ca, secure: at('SECURE'), mutual: at('MUTUAL'), bare: at('BARE') };
}

/** A token as Kafka's handler for development takes it: signed by nobody. */
export function unsignedToken(expiresMs: number, subject = TOKEN_SUBJECT): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const issuedS = Math.floor(Date.now() / 1000) - 60;
  const claims = { sub: subject, iat: issuedS, exp: Math.floor(expiresMs / 1000) };
  return `${encode({ alg: 'none' })}.${encode(claims)}.`;
}

export interface Grant {
  readonly resource: 'topic' | 'group' | 'transactional-id';
  readonly name: string;
  readonly operation: 'READ' | 'WRITE' | 'CREATE' | 'DESCRIBE' | 'ALL';
}

const RESOURCES = {
  topic: kafkajs.AclResourceTypes.TOPIC,
  group: kafkajs.AclResourceTypes.GROUP,
  'transactional-id': kafkajs.AclResourceTypes.TRANSACTIONAL_ID,
} as const;

/** As `kafka-acls.sh --add` does. */
export async function grant(
  { broker }: SecureBroker,
  principal: string,
  grants: readonly Grant[],
): Promise<void> {
  const acl = grants.map(({ resource, name, operation }) => ({
    resourceType: RESOURCES[resource],
    resourceName: name,
    resourcePatternType: kafkajs.ResourcePatternTypes.LITERAL,
    principal,
    host: '*',
    operation: kafkajs.AclOperationTypes[operation],
    permissionType: kafkajs.AclPermissionTypes.ALLOW,
  }));
  await withAdmin(broker.brokers, async (admin) => {
    await admin.createAcls({ acl });
    // The controller has taken them; the broker hears of them a moment later, in their order.
    const isHeard = async () => (await admin.describeAcls(acl.at(-1)!)).resources.length > 0;
    await until(isHeard, `the rights of ${principal} hold`);
  });
}

/** Takes all rights on a group away, from everybody. */
export async function withdrawGroup({ broker }: SecureBroker, group: string): Promise<void> {
  await withAdmin(broker.brokers, (admin) =>
    admin.deleteAcls({
      filters: [
        {
          resourceType: RESOURCES.group,
          resourceName: group,
          resourcePatternType: kafkajs.ResourcePatternTypes.LITERAL,
          operation: kafkajs.AclOperationTypes.ANY,
          permissionType: kafkajs.AclPermissionTypes.ANY,
        },
      ],
    }),
  );
}

/** Everything, on every topic and group. */
export function grantAll(kafka: SecureBroker, principal: string): Promise<void> {
  return grant(kafka, principal, [
    { resource: 'topic', name: '*', operation: 'ALL' },
    { resource: 'group', name: '*', operation: 'ALL' },
  ]);
}

/** Salted here: on a command line other letters than English ones depend on the locale. */
function scramUser(mechanism: string, hash: string, bytes: number): string {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(SECURE_PASSWORD, salt, ITERATIONS, bytes, hash).toString('base64');
  const fields = [
    `name=${SECURE_USER}`,
    `iterations=${ITERATIONS}`,
    `salt="${salt.toString('base64')}"`,
    `saltedpassword="${salted}"`,
  ];
  return `${mechanism}=[${fields.join(',')}]`;
}

function keyStore(listener: string, file: string): Record<string, string> {
  return {
    [`listener.name.${listener}.ssl.keystore.type`]: 'PEM',
    [`listener.name.${listener}.ssl.keystore.location`]: file,
  };
}

function signIns(listener: string, sessionMs: number): Record<string, string> {
  const mechanisms = ['SCRAM-SHA-256', 'SCRAM-SHA-512', 'PLAIN', 'OAUTHBEARER'];
  const of = (mechanism: string) => `listener.name.${listener}.${mechanism.toLowerCase()}`;
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  const password = SECURE_PASSWORD.replace(/["\\]/g, '\\$&');
  return {
    [`listener.name.${listener}.sasl.enabled.mechanisms`]: mechanisms.join(),
    [`${of('SCRAM-SHA-256')}.sasl.jaas.config`]: scram,
    [`${of('SCRAM-SHA-256')}.connections.max.reauth.ms`]: String(sessionMs),
    [`${of('SCRAM-SHA-512')}.sasl.jaas.config`]: scram,
    [`${of('PLAIN')}.sasl.jaas.config`]: asProperty(
      'org.apache.kafka.common.security.plain.PlainLoginModule required ' +
        `user_${SECURE_USER}="${password}";`,
    ),
    [`${of('OAUTHBEARER')}.sasl.jaas.config`]:
      'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required ' +
      'unsecuredLoginStringClaim_sub="broker";',
  };
}

/** Java reads property files as Latin 1, and a backslash as the start of something. */
function asProperty(value: string): string {
  return value
    .replaceAll('\\', '\\\\')
    .replace(/[^ -~]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
