/** A TCP connection's middle man that a test can cut and mend. Ends with its test. */
import { createServer, type Server, type Socket, connect as tcpConnect } from 'node:net';
import type { Ending } from './engine-process.ts';

export class TcpProxy {
  readonly port: number;
  readonly #targetPort: number;
  readonly #sockets: Set<Socket>;
  #server: Server;

  private constructor(server: Server, port: number, targetPort: number, sockets: Set<Socket>) {
    this.#server = server;
    this.port = port;
    this.#targetPort = targetPort;
    this.#sockets = sockets;
  }

  /** Listens on a free port of 127.0.0.1 and passes everything on to `targetPort` there. */
  static async start(test: Ending, targetPort: number): Promise<TcpProxy> {
    const sockets = new Set<Socket>();
    const server = await listen(targetPort, 0, sockets);
    const { port } = server.address() as { port: number };
    const proxy = new TcpProxy(server, port, targetPort, sockets);
    test.onTestFinished(() => proxy.cut());
    return proxy;
  }

  /** Resets every connection and refuses new ones. */
  cut(): Promise<void> {
    for (const socket of this.#sockets) socket.resetAndDestroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  async mend(): Promise<void> {
    this.#server = await listen(this.#targetPort, this.port, this.#sockets);
  }
}

function listen(targetPort: number, port: number, sockets: Set<Socket>): Promise<Server> {
  const server = createServer((near) => {
    const far = tcpConnect(targetPort, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ]) {
      sockets.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
