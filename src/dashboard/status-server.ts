/**
 * The engine's state over HTTP, read-only: `/livez` and `/readyz` for probes, `/api/live` for
 * everything that the terminal shows. An address that is taken is told and lived without: several
 * engines on one machine are the usual way to share partitions.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HttpAddress } from '../config/options.ts';
import type { EngineStatus } from '../coordinator/engine-events.ts';
import { codeOf, messageOf, VendavalError } from '../lib/errors.ts';

const HEADERS_TIMEOUT_MS = 5000;

export interface StatusServer {
  /** http://host:port as it listens. */
  readonly url: string;
  close(): Promise<void>;
}

export async function startStatusServer(
  address: HttpAddress,
  status: () => EngineStatus,
): Promise<StatusServer> {
  const server = createServer((request, response) => answer(request, response, status()));
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = HEADERS_TIMEOUT_MS;
  await listen(server, address);
  const { port } = server.address() as AddressInfo;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return {
    url: `http://${host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, { host, port }: HttpAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const isTaken = codeOf(error) === 'EADDRINUSE';
      reject(
        new VendavalError(
          `no status page on ${host}:${port}: ${isTaken ? 'the address is taken' : messageOf(error)}`,
          {
            code: 'E_HTTP_ADDRESS',
            cause: error,
            hint: 'Choose another address: --http 127.0.0.1:4041, or --http off',
          },
        ),
      );
    });
    server.listen(port, host, resolve);
  });
}

function answer(request: IncomingMessage, response: ServerResponse, status: EngineStatus): void {
  // Not parsed as a URL: "//" is none, and what is thrown here would end the engine.
  const path = (request.url ?? '/').split('?', 1)[0];
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return send(response, 405, { error: 'this is read-only' });
  }
  if (path === '/livez') return send(response, 200, { state: status.state });
  if (path === '/readyz') {
    const isReady = status.state === 'running';
    return send(response, isReady ? 200 : 503, { state: status.state, problem: status.problem });
  }
  if (path === '/' || path === '/api/live') return send(response, 200, status);
  send(response, 404, { error: 'known: /livez, /readyz, /api/live' });
}

function send(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'",
  });
  response.end(`${JSON.stringify(body)}\n`);
}
