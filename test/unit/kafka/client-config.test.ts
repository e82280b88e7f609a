import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import type { KafkaSecurity } from '../../../src/kafka/access.ts';
import { clientConfig, firstToken, missingFeature } from '../../../src/kafka/client-config.ts';
import { CertificateAuthority } from '../../parts/certificates.ts';

const FILES = { ca: '', cert: '', key: '', keyPassword: '' };
const LOGIN = { mechanism: 'SCRAM-SHA-512', user: 'loja', password: 's3nha' } as const;
const configOf = (security: KafkaSecurity | null) => clientConfig({ brokers: 'b:1', security });

it('librdkafka is told nothing of TLS and sign-ins where there are none', () => {
  expect(Object.keys(configOf(null)).filter((name) => /ssl|sasl|security/.test(name))).toEqual([]);
});

it('librdkafka is told to do as our own connections do', async () => {
  const ca = await CertificateAuthority.make({ onTestFinished }, 'ca');
  const own = await ca.issue('DNS:motor');
  expect(configOf({ tls: null, sasl: LOGIN })).toMatchObject({
    'security.protocol': 'sasl_plaintext',
    'sasl.mechanisms': 'SCRAM-SHA-512',
    'sasl.username': 'loja',
    'sasl.password': 's3nha',
  });
  const files = { ...FILES, ca: ca.certFile, cert: own.certFile, key: own.keyFile };
  expect(configOf({ tls: files, sasl: null })).toMatchObject({
    'security.protocol': 'ssl',
    'ssl.ca.location': ca.certFile,
    'ssl.certificate.location': own.certFile,
    'ssl.key.location': own.keyFile,
  });
});

it('librdkafka trusts whom Node trusts, unless a file says otherwise', () => {
  const config = configOf({ tls: FILES, sasl: LOGIN });
  expect(config['security.protocol']).toBe('sasl_ssl');
  expect(config['ssl.ca.pem']).toContain(rootCertificates[0]);
});

it('a file that cannot be used is told in words of ours', () => {
  const tls = { ...FILES, ca: '/nowhere/ca.pem' };
  expect(() => configOf({ tls, sasl: null })).toThrow(
    expect.objectContaining({ code: 'E_CONFIG', message: expect.stringContaining('KAFKA_CA') }),
  );
});

it('a token is no setting: it is read from its file when a client is made', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vendaval-token-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, 'abc\n');
  const security = { tls: null, sasl: { mechanism: 'OAUTHBEARER', tokenFile } } as const;
  expect(JSON.stringify(configOf(security))).not.toContain('abc');
  expect(firstToken({ brokers: 'b:1', security })).toBe('abc');
  expect(firstToken({ brokers: 'b:1', security: { tls: null, sasl: LOGIN } })).toBeUndefined();
});

it('librdkafka has on this machine what TLS and every sign-in take', () => {
  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
    expect(missingFeature({ tls: FILES, sasl: { ...LOGIN, mechanism } })).toBeNull();
  }
  const sasl = { mechanism: 'OAUTHBEARER', tokenFile: 't' } as const;
  expect(missingFeature({ tls: FILES, sasl })).toBeNull();
});
