import { expect, it, vi } from 'vitest';
import { peerCertificate } from '../../../../src/kafka/security/tls-dialer.ts';
import { CertificateAuthority } from '../../../parts/certificates.ts';
import { startTlsFront } from '../../../parts/tls-front.ts';

const FILES = { ca: '', cert: '', key: '', keyPassword: '' };
const LIMIT_MS = 10_000;

it('refuses an unknown authority, also where Node was told by its environment not to look', async (t) => {
  const [own, other] = await Promise.all(
    ['own', 'other'].map((name) => CertificateAuthority.make(t, name)),
  );
  const port = await startTlsFront(t, 1, await other.issue('IP:127.0.0.1'));
  const place = { host: '127.0.0.1', port };
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  t.onTestFinished(() => void vi.unstubAllEnvs());
  await expect(
    peerCertificate(place, { ...FILES, ca: own.certFile }, LIMIT_MS),
  ).rejects.toMatchObject({ code: 'E_KAFKA_TLS' });
  expect(await peerCertificate(place, { ...FILES, ca: other.certFile }, LIMIT_MS)).toMatchObject({
    issuer: 'other',
  });
});
