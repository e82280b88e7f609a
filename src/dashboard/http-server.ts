/**
 * HTTP on Node's own server: an exact table of paths, the guard before it, and the same strict
 * headers on every answer. What a path answers is its handler's business; whatever a handler
 * throws ends that request only, never the engine.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HttpAddress } from '../config/option-readers.ts';
import { codeOf, messageOf, VendavalError } from '../lib/errors.ts';
import { hostPort } from '../lib/host-port.ts';
import { errorAnswer, HttpError, type HttpFailure } from './http-failure.ts';
import { judgeRequest } from './request-guard.ts';

const HEADERS_TIMEOUT_MS = 5000;
const HEADER_BYTES_MAX = 8192;
/** Above the viewers that the feed takes, so that probes still get through. */
const CONNECTIONS_MAX = 1200;

const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
    "require-trusted-types-for 'script'; trusted-types 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

export interface HttpRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly message: IncomingMessage;
}

export type Handler = (request: HttpRequest, response: ServerResponse) => void | Promise<void>;

export interface HttpServerOptions {
  readonly address: HttpAddress;
  /** Names that a request may ask for besides localhost and addresses. */
  readonly hostNames: readonly string[];
  readonly routes: ReadonlyMap<string, Handler>;
  readonly onTrouble: (code: string, message: string) => void;
}

export interface HttpServer {
  /** http://host:port as it listens. */
  readonly url: string;
  close(): Promise<void>;
}

export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { address } = options;
  const hostNames = new Set([...options.hostNames, address.host].map((name) => name.toLowerCase()));
  const server = createServer({ maxHeaderSize: HEADER_BYTES_MAX }, (request, response) => {
    void serve(request, response, options, hostNames);
  });
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = HEADERS_TIMEOUT_MS;
  server.maxConnections = CONNECTIONS_MAX;
  await listen(server, address);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${hostPort({ host: address.host, port })}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, address: HttpAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const isTaken = codeOf(error) === 'EADDRINUSE';
      reject(
        new VendavalError(
          `no page on ${hostPort(address)}: ${isTaken ? 'the address is taken' : messageOf(error)}`,
          {
            code: 'E_HTTP_ADDRESS',
            cause: error,
            hint: 'Choose another address: --http 127.0.0.1:4041, or --http off',
          },
        ),
      );
    });
    server.listen(address.port, address.host, resolve);
  });
}

async function serve(
  message: IncomingMessage,
  response: ServerResponse,
  { routes, onTrouble }: HttpServerOptions,
  hostNames: ReadonlySet<string>,
): Promise<void> {
  // A client that goes away in the middle is none of our business.
  response.on('error', () => {});
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  // Not parsed as a URL: "//" is none.
  const [path, search] = (message.url ?? '/').split(/\?(.*)/s, 2);
  const failure = judgeRequest(headOf(message, path), hostNames);
  if (failure) return sendFailure(response, failure);
  const handler = routes.get(path);
  if (!handler) return sendFailure(response, unknownPath(path, routes));
  try {
    await handler({ path, query: new URLSearchParams(search), message }, response);
  } catch (error) {
    if (error instanceof HttpError) return sendFailure(response, error.failure);
    const { code, message: text } =
      error instanceof VendavalError ? error : { code: 'E_INTERNAL', message: messageOf(error) };
    onTrouble(code, `${path} was not served: ${text}`);
    sendFailure(response, {
      status: 503,
      code,
      message: text,
      hint: 'See the log of the engine, and docs/OPERATIONS.md for the code.',
    });
  }
}

function headOf({ method = '', headers }: IncomingMessage, path: string) {
  const { host, origin } = headers;
  const text = (name: string) => headers[name] as string | undefined;
  return {
    method,
    path,
    host,
    origin,
    fetchSite: text('sec-fetch-site'),
    fetchMode: text('sec-fetch-mode'),
  };
}

function unknownPath(path: string, routes: ReadonlyMap<string, Handler>): HttpFailure {
  const known = [...routes.keys()].filter((key) => !/\.(js|css|svg)$/.test(key)).sort();
  return {
    status: 404,
    code: 'E_HTTP_NOT_FOUND',
    message: `nothing at ${path.slice(0, 100)}`,
    hint: `There are: ${known.join(', ')}`,
  };
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, 'application/json; charset=utf-8', `${JSON.stringify(body)}\n`);
}

export function send(
  response: ServerResponse,
  status: number,
  type: string,
  body: string | Buffer,
): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  // Node leaves the body of an answer to HEAD out.
  response.end(body);
}

function sendFailure(response: ServerResponse, failure: HttpFailure): void {
  // In the middle of an answer nothing can be said any more; a cut answer shows as one.
  if (response.headersSent) {
    response.destroy();
    return;
  }
  if (failure.status === 405) response.setHeader('allow', 'GET, HEAD');
  if (failure.status === 503) response.setHeader('retry-after', '1');
  sendJson(response, failure.status, errorAnswer(failure));
}
