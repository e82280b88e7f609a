import { connect } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { HttpError } from '../../../src/dashboard/http-failure.ts';
import { type Handler, sendJson, startHttpServer } from '../../../src/dashboard/http-server.ts';
import { VendavalError } from '../../../src/lib/errors.ts';

const ROUTES = new Map<string, Handler>([
  ['/', (_, response) => sendJson(response, 200, { page: true })],
  ['/livez', (_, response) => sendJson(response, 200, { state: 'running' })],
  ['/query', ({ query }, response) => sendJson(response, 200, Object.fromEntries(query))],
  [
    '/database',
    () => {
      throw new VendavalError('MongoDB does not answer', { code: 'E_MONGO_UNREACHABLE' });
    },
  ],
  [
    '/wrong',
    () => {
      throw new HttpError({ status: 400, code: 'E_X', message: 'no', hint: 'yes', parameter: 'p' });
    },
  ],
  [
    '/torn',
    async (_, response) => {
      response.writeHead(200);
      await new Promise((sent) => response.write('half', sent));
      throw new Error('a bug');
    },
  ],
]);

interface Answer {
  readonly status: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** What comes back for a request that is sent as it is written. */
async function ask(lines: readonly string[], troubles: string[] = []): Promise<Answer> {
  const server = await startHttpServer({
    address: { host: '127.0.0.1', port: 0 },
    hostNames: ['Vendaval.Loja.example'],
    routes: ROUTES,
    onTrouble: (code, message) => troubles.push(`${code}: ${message}`),
  });
  onTestFinished(() => server.close());
  const port = new URL(server.url).port;
  return new Promise((resolve, reject) => {
    const text = lines.map((line) => line.replace('PORT', port)).join('\r\n');
    const socket = connect(Number(port), '127.0.0.1', () =>
      socket.write(`${text}\r\nConnection: close\r\n\r\n`),
    );
    let answer = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      answer += chunk;
    });
    socket.on('error', reject).on('close', () => {
      const [head, body = ''] = answer.split('\r\n\r\n');
      const [first, ...rest] = head.split('\r\n');
      const headers = Object.fromEntries(rest.map((line) => line.toLowerCase().split(': ')));
      resolve({ status: first.replace('HTTP/1.1 ', ''), headers, body });
    });
  });
}

const get = (target: string, host = 'localhost:PORT', more: string[] = []) =>
  ask([`GET ${target} HTTP/1.1`, `Host: ${host}`, ...more]);
const codeOf = ({ body }: Answer) => JSON.parse(body).error.code;

test.each([
  ['/livez', '200 OK'],
  ['/?anything', '200 OK'],
  ['/nothing', '404 Not Found'],
  ['//', '404 Not Found'],
  ['http://[', '404 Not Found'],
  ['/%', '404 Not Found'],
  ['/../package.json', '404 Not Found'],
])('a request for %s is answered with %s', async (target, expected) => {
  expect((await get(target)).status).toBe(expected);
});

test('a query is decoded, and what stands after a second question mark belongs to it', async () => {
  const { body } = await get('/query?categoria=A%26B+C&x=1?2');
  expect(JSON.parse(body)).toEqual({ categoria: 'A&B C', x: '1?2' });
});

test('every answer has the strict headers, a failure too', async () => {
  for (const target of ['/', '/nothing', '/database']) {
    const { headers } = await get(target);
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'deny',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
    });
    const policy = headers['content-security-policy'];
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(headers).not.toHaveProperty('access-control-allow-origin');
  }
});

describe('only this page may ask', () => {
  test.each([
    'localhost:PORT',
    '127.0.0.1:PORT',
    '[::1]:PORT',
    '10.1.2.3',
    'vendaval.loja.example',
  ])('the host %s is served', async (host) => {
    expect((await get('/', host)).status).toBe('200 OK');
  });

  test.each(['evil.example:PORT', 'localhost.evil.example', '127.0.0.1.evil.example:PORT', ''])(
    'the host "%s" is refused, since a name can be pointed at this address',
    async (host) => {
      const answer = await get('/', host);
      expect(answer.status).toBe('421 Misdirected Request');
      expect(codeOf(answer)).toBe('E_HTTP_HOST');
    },
  );

  test('probes are answered by any name', async () => {
    expect((await get('/livez', 'pod-7.cluster.local')).status).toBe('200 OK');
  });

  test.each([
    [['Origin: https://evil.example'], '403 Forbidden'],
    [['Origin: null'], '403 Forbidden'],
    [['Origin: http://localhost:1'], '403 Forbidden'],
    [['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: no-cors'], '403 Forbidden'],
    [['Sec-Fetch-Site: same-site', 'Sec-Fetch-Mode: cors'], '403 Forbidden'],
    [['Origin: http://localhost:PORT', 'Sec-Fetch-Site: same-origin'], '200 OK'],
    [['Sec-Fetch-Site: none', 'Sec-Fetch-Mode: navigate'], '200 OK'],
    // Somebody followed a link.
    [['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate'], '200 OK'],
  ])('%j is answered with %s', async (headers, expected) => {
    expect((await get('/', 'localhost:PORT', headers)).status).toBe(expected);
  });
});

test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])('%s is refused', async (method) => {
  const answer = await ask([`${method} / HTTP/1.1`, 'Host: localhost']);
  expect(answer.status).toBe('405 Method Not Allowed');
  expect(answer.headers.allow).toBe('get, head');
});

test('HEAD has the head of GET, and no body', async () => {
  const head = await ask(['HEAD / HTTP/1.1', 'Host: localhost']);
  expect(head.status).toBe('200 OK');
  expect(head.body).toBe('');
  expect(head.headers['content-length']).toBe(String(Buffer.byteLength('{"page":true}\n')));
});

test('a wrong parameter is told with its name and what to do', async () => {
  const answer = await get('/wrong');
  expect(answer.status).toBe('400 Bad Request');
  expect(JSON.parse(answer.body)).toEqual({
    error: { code: 'E_X', message: 'no', hint: 'yes', parameter: 'p' },
  });
});

test('what a handler throws ends one request, is told, and nothing else', async () => {
  const troubles: string[] = [];
  const answer = await ask(['GET /database HTTP/1.1', 'Host: localhost'], troubles);
  expect(answer.status).toBe('503 Service Unavailable');
  expect(codeOf(answer)).toBe('E_MONGO_UNREACHABLE');
  expect(troubles).toEqual([
    'E_MONGO_UNREACHABLE: /database was not served: MongoDB does not answer',
  ]);
});

test('an answer that breaks in its middle is cut, so that nobody takes it for whole', async () => {
  const { headers, body } = await ask(['GET /torn HTTP/1.1', 'Host: localhost']);
  expect(headers['transfer-encoding']).toBe('chunked');
  expect(body).toContain('half');
  // The last chunk, which says that there is no more, never comes.
  expect(body).not.toContain('\r\n0\r\n');
});

test('a request with headers beyond the limit is refused', async () => {
  const { status } = await get('/', 'localhost:PORT', [`X-Long: ${'x'.repeat(9000)}`]);
  expect(status).toBe('431 Request Header Fields Too Large');
});
