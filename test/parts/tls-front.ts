/** A server's TLS in front of one that speaks none. Ends with its test. */
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import type { ServerCertificate } from './certificates.ts';
import type { Ending } from './engine-process.ts';

/** @returns the port of 127.0.0.1 where it listens */
export async function startTlsFront(
  test: Ending,
  targetPort: number,
  certificate: ServerCertificate,
): Promise<number> {
  const open = new Set<TLSSocket>();
  const server = createServer({ ...certificate }, (near) => {
    open.add(near);
    const far = connect(targetPort, '127.0.0.1');
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
    near.once('close', () => {
      open.delete(near);
      far.destroy();
    });
    far.once('close', () => near.destroySoon());
    near.pipe(far).pipe(near);
  });
  // A client that refuses the certificate says so and goes.
  server.on('tlsClientError', () => {});
  await once(server.listen(0, '127.0.0.1'), 'listening');
  test.onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
