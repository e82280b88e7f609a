import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTlsFiles } from '../../../../src/kafka/security/tls-files.ts';
import { readToken } from '../../../../src/kafka/security/token-file.ts';
import { EXIT } from '../../../../src/lib/errors.ts';
import { CertificateAuthority, type ServerCertificate } from '../../../parts/certificates.ts';
import { unsignedToken } from '../../../parts/secure-broker.ts';

const endings: (() => Promise<void> | void)[] = [];
let folder: string;
let ca: CertificateAuthority;
let own: ServerCertificate;
let other: ServerCertificate;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vendaval-files-'));
  endings.push(() => rmSync(folder, { recursive: true, force: true }));
  ca = await CertificateAuthority.make({ onTestFinished: (end) => endings.push(end) }, 'ca');
  own = await ca.issue('DNS:motor');
  other = await ca.issue('DNS:outro');
});
afterAll(async () => {
  for (const end of endings) await end();
});

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe('the files of TLS', () => {
  const read = (files: { ca?: string; cert?: string; key?: string; keyPassword?: string }) =>
    readTlsFiles({ ca: '', cert: '', key: '', keyPassword: '', ...files });

  it('are none, an authority, and a certificate with its key', () => {
    read({});
    read({ ca: ca.certFile });
    read({ ca: ca.certFile, cert: own.certFile, key: own.keyFile });
    const text = `Bag Attributes\n  friendlyName: loja\n${own.cert}${other.cert}`;
    read({ ca: file('bag.pem', text) });
  });

  const unusable = (...texts: string[]) =>
    expect.objectContaining({
      code: 'E_CONFIG',
      exitCode: EXIT.usage,
      message: expect.stringMatching(new RegExp(texts.join('.*'), 's')),
    });

  it('are refused when they are not there, and are named', () => {
    const gone = join(folder, 'gone.pem');
    expect(() => read({ ca: gone })).toThrow(unusable('KAFKA_CA', 'cannot be read', 'gone.pem'));
    expect(() => read({ ca: folder })).toThrow(unusable('KAFKA_CA', 'cannot be read'));
    expect(() => read({ cert: own.certFile, key: gone })).toThrow(unusable('KAFKA_KEY', 'gone'));
  });

  it.each<[string, string | Buffer, string, string]>([
    ['a text', 'no certificate', 'no certificate in PEM form', '-----BEGIN CERTIFICATE-----'],
    ['nothing', '', 'no certificate in PEM form', '-----BEGIN CERTIFICATE-----'],
    ["Java's key store", Buffer.from('feedfeed0002', 'hex'), 'Java key store', 'keytool'],
    ['PKCS#12', Buffer.from('3082091a0201', 'hex'), 'PKCS#12 or DER', 'openssl pkcs12'],
  ])('are refused when they are %s, with what makes PEM of it', (_, content, message, hint) => {
    const path = file('wrong', content);
    expect(() => read({ ca: path })).toThrow(unusable('KAFKA_CA', message));
    expect(() => read({ ca: path })).toThrow(
      expect.objectContaining({ hint: expect.stringContaining(hint) }),
    );
  });

  it('are refused when a certificate is damaged', () => {
    const damaged = file(
      'damaged.pem',
      String(own.cert).replace(/\n[A-Za-z0-9+/]{10}/, '\nAAAAAAAAAA'),
    );
    const both = file('both.pem', `${other.cert}${String(own.cert).slice(0, 200)}`);
    expect(() => read({ ca: damaged })).toThrow(unusable('certificate 1 of 1', 'cannot be read'));
    read({ ca: both }); // A second one that was cut off has no end, and is none.
  });

  it('are refused when the key is of another certificate, or is none', () => {
    expect(() => read({ cert: own.certFile, key: other.keyFile })).toThrow(
      unusable('is not the key of the certificate'),
    );
    expect(() => read({ cert: own.certFile, key: own.certFile })).toThrow(
      unusable('KAFKA_KEY', 'no private key in PEM form'),
    );
  });

  it('say what an encrypted key lacks', async () => {
    const { createPrivateKey } = await import('node:crypto');
    const encrypted = createPrivateKey(own.key).export({
      ...{ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'senha' },
    } as never) as string;
    const key = file('encrypted.key', encrypted);
    read({ cert: own.certFile, key, keyPassword: 'senha' });
    const hint = (text: string) => expect.objectContaining({ hint: expect.stringContaining(text) });
    expect(() => read({ cert: own.certFile, key })).toThrow(hint('KAFKA_KEY_PASSWORD_FILE'));
    expect(() => read({ cert: own.certFile, key, keyPassword: 'errada' })).toThrow(
      hint('Check KAFKA_KEY_PASSWORD'),
    );
  });
});

describe('the token file', () => {
  const NOW_MS = Date.UTC(2026, 10, 27);
  const token = (ms: number) => file('token', `${unsignedToken(ms)}\n`);

  it('gives a token until it expires', () => {
    expect(readToken(token(NOW_MS + 1000), NOW_MS)).toBe(unsignedToken(NOW_MS + 1000));
    expect(() => readToken(token(NOW_MS), NOW_MS)).toThrow('expired');
  });

  it('takes what is no JWT as it is', () => {
    expect(readToken(file('opaque', 'abc-._~+/123==\n'), NOW_MS)).toBe('abc-._~+/123==');
    expect(readToken(file('dots', 'a.bm9wZQ.c'), NOW_MS)).toBe('a.bm9wZQ.c');
    expect(readToken(file('null', 'a.bnVsbA.c'), NOW_MS)).toBe('a.bnVsbA.c');
  });

  it.each([
    ['is empty', ' \n', 'is empty'],
    ['holds two lines', 'a\nb', 'no bearer token'],
    ['holds what would end the message', 'a\x01b', 'no bearer token'],
  ])('is waited for when it %s', (_, content, message) => {
    expect(() => readToken(file('wrong-token', content), NOW_MS)).toThrow(
      expect.objectContaining({
        code: 'E_KAFKA_TOKEN',
        retryable: true,
        message: expect.stringContaining(message),
      }),
    );
  });

  it('is waited for when it is not there', () => {
    expect(() => readToken(join(folder, 'gone'))).toThrow(
      expect.objectContaining({ code: 'E_KAFKA_TOKEN', retryable: true }),
    );
  });
});
