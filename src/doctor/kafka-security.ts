/**
 * What went wrong with TLS or the sign-in, with what mends it; and how Kafka's own programs are
 * called by who must sign in.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { KafkaAccess } from '../kafka/access.ts';
import type { Place } from '../kafka/broker-socket.ts';
import { claimsOf, readToken } from '../kafka/security/token-file.ts';
import { isCertificateCode } from '../lib/certificate-codes.ts';
import { codeOf, type VendavalError } from '../lib/errors.ts';
import { hostPort } from '../lib/host-port.ts';
import { type Problem, READ } from './examination.ts';

const CODES = new Set(['E_KAFKA_TLS', 'E_KAFKA_AUTH', 'E_KAFKA_SASL', 'E_KAFKA_TOKEN', 'E_CONFIG']);

/** A command line of Kafka's own, up to where its words begin. */
export function kafkaTool(program: string, { brokers, security }: KafkaAccess): string {
  const signIn = security ? ' --command-config admin.properties' : '';
  return `bin/${program} --bootstrap-server ${brokers}${signIn}`;
}

/** Who the brokers take this side for, as an argument of kafka-acls.sh. */
export function principalOf({ security }: KafkaAccess): string {
  const { tls = null, sasl = null } = security ?? {};
  if (sasl?.mechanism === 'OAUTHBEARER') return quoted(subjectOfToken(sasl.tokenFile));
  if (sasl) return quoted(sasl.user);
  if (tls && tls.cert !== '') return quoted(subjectOfCertificate(tls.cert));
  return 'User:ANONYMOUS';
}

const quoted = (name: string) =>
  /^[\w.@-]+$/.test(name) ? `User:${name}` : `'User:${name.replaceAll("'", "'\\''")}'`;

function subjectOfToken(file: string): string {
  try {
    return String(claimsOf(readToken(file)).sub ?? 'SUBJECT');
  } catch {
    return 'SUBJECT'; // What is wrong with the file is told where it is needed.
  }
}

/** As Kafka writes it: the last part of the name first. */
function subjectOfCertificate(file: string): string {
  try {
    return new X509Certificate(readFileSync(file)).subject.split('\n').reverse().join(',');
  } catch {
    return 'CN=…'; // As above.
  }
}

/** What to do about an error of TLS or the sign-in; null for any other. */
export function securityProblem(
  error: VendavalError | null,
  place: Place,
  access: KafkaAccess,
): Problem | null {
  if (!error || !CODES.has(error.code)) return null;
  return {
    code: error.code,
    cause: error.hint ?? '',
    run: commandsFor(error, place, access),
    read: READ.security,
    exitCode: error.exitCode,
  };
}

function commandsFor(error: VendavalError, place: Place, access: KafkaAccess): string[] {
  const { tls = null, sasl = null } = access.security ?? {};
  if (error.code === 'E_KAFKA_TOKEN' && sasl?.mechanism === 'OAUTHBEARER') {
    return [`ls -l ${sasl.tokenFile}`];
  }
  if (error.code === 'E_KAFKA_TLS') return commandsForTls(error, place, tls !== null);
  if (error.code === 'E_KAFKA_AUTH' && sasl) {
    if (sasl.mechanism === 'OAUTHBEARER') {
      return [`cut -d. -f2 ${sasl.tokenFile} | tr _- /+ | base64 -d  # what the token says`];
    }
    if (sasl.mechanism === 'PLAIN') {
      return ["grep -n 'plain.*jaas' config/server.properties  # on the broker: its users"];
    }
    const user = `--entity-type users --entity-name ${sasl.user}`;
    const tool = kafkaTool('kafka-configs.sh', access);
    return [
      `${tool} --describe ${user}  # has it a password for ${sasl.mechanism}?`,
      `${tool} --alter ${user} --add-config '${sasl.mechanism}=[password=…]'`,
    ];
  }
  if (error.code === 'E_KAFKA_SASL') {
    return sasl
      ? ["grep -n 'sasl.enabled.mechanisms\\|^listeners' config/server.properties  # on the broker"]
      : ['export KAFKA_SASL_MECHANISM=SCRAM-SHA-512 KAFKA_USER=… KAFKA_PASSWORD_FILE=…'];
  }
  return [];
}

function commandsForTls(error: VendavalError, place: Place, isTls: boolean): string[] {
  const code = codeOf(error.cause);
  if (isCertificateCode(code)) {
    const shown = '-noout -subject -issuer -dates -ext subjectAltName';
    return [
      `openssl s_client -connect ${hostPort(place)} </dev/null 2>/dev/null | openssl x509 ${shown}`,
    ];
  }
  if (code.startsWith('ERR_SSL_')) return ['export KAFKA_CERT=… KAFKA_KEY=…'];
  return [isTls ? 'unset KAFKA_TLS KAFKA_CA' : 'export KAFKA_TLS=true KAFKA_CA=…'];
}
