/**
 * The files of TLS: whose certificates are trusted, and this side's own where brokers want one.
 * Read anew for every connection of ours, so that a renewed one is used without a restart;
 * librdkafka reads them once, when a client of it is made.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';
import { EXIT, messageOf, VendavalError } from '../../lib/errors.ts';
import type { TlsFiles } from '../access.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const PRIVATE_KEY = /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----/;

/** Throws what to do about a file that cannot be used. */
export function readTlsFiles({ ca, cert, key, keyPassword }: TlsFiles): SecureContext {
  const authorities = ca === '' ? {} : { ca: certificatesOf('KAFKA_CA', ca) };
  if (cert === '') return createSecureContext(authorities);
  const own = certificatesOf('KAFKA_CERT', cert).join('\n');
  const ownKey = privateKeyOf(key);
  const passphrase = keyPassword === '' ? {} : { passphrase: keyPassword };
  try {
    return createSecureContext({ ...authorities, cert: own, key: ownKey, ...passphrase });
  } catch (error) {
    const why = messageOf(error);
    if (/mismatch/i.test(why)) {
      throw unusable(
        `KAFKA_KEY (${key}) is not the key of the certificate in KAFKA_CERT (${cert})`,
        'Name the two files that were made together.',
      );
    }
    throw unusable(
      `the key in KAFKA_KEY (${key}) cannot be used: ${why}`,
      keyPassword === ''
        ? 'If it is encrypted, its password goes into KAFKA_KEY_PASSWORD or a file that ' +
            'KAFKA_KEY_PASSWORD_FILE names.'
        : 'Check KAFKA_KEY_PASSWORD.',
    );
  }
}

function certificatesOf(variable: string, path: string): string[] {
  const blocks = read(variable, path).toString('latin1').match(CERTIFICATE) ?? [];
  if (blocks.length === 0) throw notPem(variable, path, 'certificate');
  for (const [i, block] of blocks.entries()) {
    try {
      new X509Certificate(block);
    } catch {
      throw unusable(
        `certificate ${i + 1} of ${blocks.length} in ${variable} (${path}) cannot be read`,
        `Look at it: openssl x509 -in ${path} -noout -text`,
      );
    }
  }
  return blocks;
}

function privateKeyOf(path: string): Buffer {
  const bytes = read('KAFKA_KEY', path);
  // Not only for encrypted PKCS#8 is a word in front.
  if (!PRIVATE_KEY.test(bytes.toString('latin1'))) throw notPem('KAFKA_KEY', path, 'private key');
  return bytes;
}

function read(variable: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw unusable(
      `the file of ${variable} cannot be read: ${messageOf(error)}`,
      `${variable} is the path of a PEM file that this user may read.`,
    );
  }
}

/** Kafka's own clients take Java's key stores; people have those at hand. */
function notPem(variable: string, path: string, what: string): VendavalError {
  const head = read(variable, path).subarray(0, 4).toString('hex');
  const isJava = head === 'feedfeed';
  const isBinary = head.startsWith('30');
  const kind = isJava
    ? ': it is a Java key store'
    : isBinary
      ? ': it is a PKCS#12 or DER file'
      : '';
  const first = isJava
    ? `keytool -importkeystore -srckeystore ${path} -destkeystore store.p12 -deststoretype PKCS12; `
    : '';
  const store = isJava ? 'store.p12' : path;
  const part = what === 'certificate' ? '-nokeys' : '-nocerts -nodes';
  return unusable(
    `${variable} (${path}) has no ${what} in PEM form${kind}`,
    isJava || isBinary
      ? `Make PEM of it: ${first}openssl pkcs12 -in ${store} ${part} -out ${variable.toLowerCase()}.pem`
      : `A PEM file has a line -----BEGIN ${what.toUpperCase()}-----.`,
  );
}

function unusable(message: string, hint: string): VendavalError {
  return new VendavalError(message, { code: 'E_CONFIG', exitCode: EXIT.usage, hint });
}
