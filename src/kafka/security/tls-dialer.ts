/** How a connection is made through TLS: the same socket as any, once hands are shaken. */
import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import type { TlsFiles } from '../access.ts';
import { type Dialer, Overdue, type Place } from '../broker-socket.ts';
import { connectionError } from '../connection-error.ts';
import { readTlsFiles } from './tls-files.ts';

/** Throws when a file cannot be used. */
export function tlsDialer(files: TlsFiles): Dialer {
  const secureContext = readTlsFiles(files);
  return {
    ready: 'secureConnect',
    dial: (options) => {
      // The name that the certificate is to have; an address is compared without being told.
      const name = isIP(options.host) === 0 ? { servername: options.host } : {};
      // Said here, so that NODE_TLS_REJECT_UNAUTHORIZED=0 cannot take it away.
      return connect({ ...options, ...name, secureContext, rejectUnauthorized: true });
    },
  };
}

/** Whether TLS is spoken there. Nothing is sent and nothing believed, so no certificate matters. */
export function speaksTls(host: string, port: number, limitMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, rejectUnauthorized: false });
    const end = (isTls: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(isTls);
    };
    const timer = setTimeout(() => end(false), limitMs);
    socket.once('secureConnect', () => end(true));
    socket.on('error', () => end(false));
    socket.once('close', () => end(false));
  });
}

export interface PeerCertificate {
  readonly protocol: string;
  readonly subject: string;
  readonly issuer: string;
  readonly validToMs: number;
}

/** The certificate that is shown there, which must be good. */
export function peerCertificate(
  { host, port }: Place,
  files: TlsFiles,
  limitMs: number,
): Promise<PeerCertificate> {
  const { dial, ready } = tlsDialer(files);
  return new Promise((resolve, reject) => {
    const socket = dial({ host, port }) as TLSSocket;
    const fail = (error: Error) => reject(connectionError(host, port, error));
    socket.once(ready, () => {
      const { subject, issuer, valid_to: validTo } = socket.getPeerCertificate();
      resolve({
        protocol: socket.getProtocol() ?? '',
        subject: nameIn(subject),
        issuer: nameIn(issuer),
        validToMs: Date.parse(validTo),
      });
      socket.destroy();
    });
    socket.setTimeout(limitMs, () => socket.destroy(new Overdue(`no answer in ${limitMs} ms`)));
    socket.on('error', fail);
    socket.once('close', () => fail(new Error('closed')));
  });
}

/** The part that people look at; a certificate need not have one. */
function nameIn({ CN: name }: { readonly CN?: string | string[] }): string {
  return [name ?? 'no name'].flat().join(', ');
}
