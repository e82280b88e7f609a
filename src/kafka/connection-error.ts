/** Why a connection to a broker was not made, or ended, and what to do about it. */
import { isCertificateCode } from '../lib/certificate-codes.ts';
import { codeOf, messageOf, VendavalError } from '../lib/errors.ts';
import { hostPort } from '../lib/host-port.ts';

export function connectionError(host: string, port: number, cause: unknown): VendavalError {
  if (cause instanceof VendavalError) return cause;
  const code = codeOf(cause);
  const where = hostPort({ host, port });
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return new VendavalError(`the broker's host name "${host}" cannot be resolved`, {
      code: 'E_BROKER_HOST',
      retryable: true,
      cause,
      hint:
        `The broker tells clients to use ${where} (its advertised.listeners). Set that to a name ` +
        `this machine knows, or add the name to the hosts file: 127.0.0.1 ${host}`,
    });
  }
  if (isCertificateCode(code)) return badCertificate(host, where, code, cause);
  if (/^ERR_SSL_.*ALERT/.test(code)) return refusedByTls(where, code, cause);
  return new VendavalError(`no connection to the broker at ${where}: ${messageOf(cause)}`, {
    code: 'E_BROKER_UNREACHABLE',
    retryable: true,
    cause,
    hint: `Check that Kafka runs, that it listens on ${where}, and that no firewall is between.`,
  });
}

function badCertificate(host: string, where: string, code: string, cause: unknown): VendavalError {
  const ask = `openssl s_client -connect ${where} </dev/null | openssl x509 -noout`;
  const isName = code === 'ERR_TLS_CERT_ALTNAME_INVALID';
  const isTime = code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID';
  return new VendavalError(
    `the broker at ${where} shows a certificate that is not good: ${messageOf(cause)}`,
    {
      code: 'E_KAFKA_TLS',
      cause,
      hint: isName
        ? `Have one issued for "${host}" (subjectAltName), or name the broker as its certificate ` +
          `does, in --brokers and in its advertised.listeners: ${ask} -ext subjectAltName`
        : isTime
          ? `Have the broker's certificate renewed: ${ask} -dates`
          : `Name the file with the certificate of its authority as KAFKA_CA: ${ask} -issuer`,
    },
  );
}

function refusedByTls(where: string, code: string, cause: unknown): VendavalError {
  const alert = code
    .replace(/^.*ALERT_/, '')
    .replaceAll('_', ' ')
    .toLowerCase();
  return new VendavalError(`the broker at ${where} refuses this side's TLS: ${alert}`, {
    code: 'E_KAFKA_TLS',
    cause,
    hint:
      'It wants a certificate of this side, or another one: KAFKA_CERT and KAFKA_KEY, of an ' +
      "authority that is in the broker's ssl.truststore.",
  });
}
