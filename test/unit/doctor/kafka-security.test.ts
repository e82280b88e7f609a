import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createPlainServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { resolveSettings } from '../../../src/config/settings.ts';
import type { Cluster } from '../../../src/doctor/cluster-check.ts';
import { kafkaTool, principalOf, securityProblem } from '../../../src/doctor/kafka-security.ts';
import { lookAtSecurity } from '../../../src/doctor/security-check.ts';
import type { KafkaAccess, KafkaSecurity } from '../../../src/kafka/access.ts';
import { VendavalError } from '../../../src/lib/errors.ts';
import { CertificateAuthority } from '../../parts/certificates.ts';
import { unsignedToken } from '../../parts/secure-broker.ts';
import { startTlsFront } from '../../parts/tls-front.ts';

const PLACE = { host: 'kafka.loja', port: 9094 };
const FILES = { ca: '', cert: '', key: '', keyPassword: '' };
const login = (mechanism: 'PLAIN' | 'SCRAM-SHA-512', user = 'loja') => ({
  ...{ mechanism, user, password: 's3nha' },
});
const access = (security: KafkaSecurity | null): KafkaAccess => ({ brokers: 'b:1', security });

function tokenFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vendaval-token-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'token');
  writeFileSync(path, unsignedToken(Date.now() + 60_000, "d'or"));
  return path;
}

it('names who signs in, as the brokers do, and as a shell takes it', async () => {
  const ca = await CertificateAuthority.make({ onTestFinished }, 'ca');
  const { certFile: cert, keyFile: key } = await ca.issue('DNS:motor');
  expect(principalOf(access(null))).toBe('User:ANONYMOUS');
  expect(principalOf(access({ tls: FILES, sasl: null }))).toBe('User:ANONYMOUS');
  expect(principalOf(access({ tls: { ...FILES, cert, key }, sasl: null }))).toBe(
    "'User:CN=server-1'",
  );
  expect(principalOf(access({ tls: FILES, sasl: login('PLAIN') }))).toBe('User:loja');
  expect(principalOf(access({ tls: null, sasl: login('PLAIN', 'a b') }))).toBe("'User:a b'");
  const sasl = { mechanism: 'OAUTHBEARER', tokenFile: tokenFile() } as const;
  expect(principalOf(access({ tls: null, sasl }))).toBe("'User:d'\\''or'");
});

it("calls Kafka's own programs with what they sign in with", () => {
  expect(kafkaTool('kafka-acls.sh', access(null))).toBe('bin/kafka-acls.sh --bootstrap-server b:1');
  expect(kafkaTool('kafka-acls.sh', access({ tls: FILES, sasl: null }))).toBe(
    'bin/kafka-acls.sh --bootstrap-server b:1 --command-config admin.properties',
  );
});

it('has a command for each thing that goes wrong, and none with a password', () => {
  const caused = (code: string) => Object.assign(new Error('x'), { code });
  const sasl = login('SCRAM-SHA-512');
  const token = { mechanism: 'OAUTHBEARER', tokenFile: '/run/token' } as const;
  const cases: [string, Error | undefined, KafkaSecurity | null, RegExp][] = [
    [
      'E_KAFKA_TLS',
      caused('CERT_HAS_EXPIRED'),
      { tls: FILES, sasl },
      /openssl s_client -connect kafka/,
    ],
    [
      'E_KAFKA_TLS',
      caused('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'),
      { tls: FILES, sasl },
      /KAFKA_CERT/,
    ],
    ['E_KAFKA_TLS', undefined, null, /export KAFKA_TLS=true/],
    ['E_KAFKA_TLS', undefined, { tls: FILES, sasl }, /unset KAFKA_TLS/],
    ['E_KAFKA_AUTH', undefined, { tls: FILES, sasl }, /kafka-configs.sh .* --entity-name loja/],
    ['E_KAFKA_AUTH', undefined, { tls: FILES, sasl: login('PLAIN') }, /server.properties/],
    ['E_KAFKA_AUTH', undefined, { tls: FILES, sasl: token }, /\/run\/token/],
    ['E_KAFKA_SASL', undefined, null, /export KAFKA_SASL_MECHANISM/],
    ['E_KAFKA_SASL', undefined, { tls: FILES, sasl }, /sasl.enabled.mechanisms/],
    ['E_KAFKA_TOKEN', undefined, { tls: FILES, sasl: token }, /ls -l \/run\/token/],
  ];
  for (const [code, cause, security, expected] of cases) {
    const error = new VendavalError('wrong', { code, hint: 'do this', cause });
    const problem = securityProblem(error, PLACE, access(security));
    expect(problem).toMatchObject({ code, cause: 'do this', exitCode: 1 });
    expect(problem!.run.join('\n')).toMatch(expected);
    expect(problem!.run.join('\n')).not.toContain('s3nha');
  }
  const other = new VendavalError('away', { code: 'E_BROKER_UNREACHABLE' });
  expect(securityProblem(other, PLACE, access(null))).toBeNull();
});

/** A cluster of one broker there, as the check before this one finds it. */
const cluster = (port: number, security: KafkaSecurity): Cluster =>
  ({
    access: access(security),
    metadata: { brokers: new Map([[1, { id: 1, host: '127.0.0.1', port }]]) },
    reachable: new Set([1]),
    toldBy: PLACE,
    timeouts: { connectMs: 10_000, silenceMs: 10_000 },
  }) as never;

it('says for how long certificates hold, and warns a month before', async () => {
  const test = { onTestFinished };
  const ca = await CertificateAuthority.make(test, 'loja-ca');
  const silent = createPlainServer(() => {});
  silent.listen(0, '127.0.0.1');
  onTestFinished(() => void silent.close());
  const { settings } = resolveSettings({ flags: {}, env: { KAFKA_TLS: 'true' } });
  const tls = { ...FILES, ca: ca.certFile };
  const look = async (end: Date) => {
    const certificate = await ca.issue('IP:127.0.0.1', false, end);
    const port = await startTlsFront(
      test,
      (silent.address() as { port: number }).port,
      certificate,
    );
    return lookAtSecurity(settings, cluster(port, { tls, sasl: login('SCRAM-SHA-512') }));
  };
  const DAY_MS = 86_400_000;
  const inDays = (days: number) => new Date(Date.now() + days * DAY_MS + 60_000);
  const fine = await look(inDays(31));
  expect(fine).toMatchObject({ verdict: 'ok', data: { tls: true, mechanism: 'SCRAM-SHA-512' } });
  expect(fine.found).toMatch(/^TLSv1.3, certificates hold until .*, signed in as User:loja by/);
  expect(fine.lines![0]).toMatch(/^127.0.0.1:\d+ {2}server-1, of loja-ca, until /);
  const soon = await look(inDays(29));
  expect(soon).toMatchObject({ verdict: 'warn', problem: { code: 'E_KAFKA_TLS' } });
  expect(soon.problem!.cause).toContain('expires in 29 days');
});

it('warns of a sign-in that others can read', async () => {
  const away = { KAFKA_BROKERS: 'kafka.loja:9092', KAFKA_SASL_MECHANISM: 'PLAIN' };
  const env = { ...away, KAFKA_USER: 'loja', KAFKA_PASSWORD: 's3nha' };
  const { settings } = resolveSettings({ flags: {}, env });
  const found = await lookAtSecurity(settings, cluster(1, { tls: null, sasl: login('PLAIN') }));
  expect(found).toMatchObject({ verdict: 'warn', problem: { code: 'E_KAFKA_CLEAR_TEXT' } });
  const plain = resolveSettings({ flags: {}, env: {} }).settings;
  expect(
    await lookAtSecurity(plain, { ...cluster(1, { tls: null, sasl: null }), access: access(null) }),
  ).toMatchObject({ verdict: 'ok', found: 'no TLS, no sign-in' });
});
