import { connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { EngineStatus } from '../../../src/coordinator/engine-events.ts';
import { startStatusServer } from '../../../src/dashboard/status-server.ts';

const STATUS = { state: 'running', problem: null } as EngineStatus;

/** The status line of the answer to a request for this target, sent as it is. */
async function statusLine(target: string): Promise<string> {
  const server = await startStatusServer({ host: '127.0.0.1', port: 0 }, () => STATUS);
  onTestFinished(() => server.close());
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1', () =>
      socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
    );
    let answer = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      answer += chunk;
    });
    socket.on('error', reject).on('close', () => resolve(answer.split('\r\n')[0]));
  });
}

test.each([
  ['/livez', '200 OK'],
  ['/readyz?verbose', '200 OK'],
  ['/nothing', '404 Not Found'],
  ['//', '404 Not Found'],
  ['http://[', '404 Not Found'],
  ['/%', '404 Not Found'],
])('a request for %s is answered with %s', async (target, expected) => {
  expect(await statusLine(target)).toBe(`HTTP/1.1 ${expected}`);
});
