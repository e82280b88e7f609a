/** How a connection is made through TLS: the same socket as any, once hands are shaken. */
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import type { TlsFiles } from '../access.ts';
import type { Dialer } from '../broker-socket.ts';
import { readTlsFiles } from './tls-files.ts';

/** Throws when a file cannot be used. */
export function tlsDialer(files: TlsFiles): Dialer {
  const secureContext = readTlsFiles(files);
  return {
    ready: 'secureConnect',
    dial: (options) => {
      // The name that the certificate is to have; an address is compared without being told.
      const name = isIP(options.host) === 0 ? { servername: options.host } : {};
      return connect({ ...options, ...name, secureContext });
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
