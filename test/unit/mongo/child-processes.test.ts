import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { findFreePort } from '../../../src/mongo/child-processes.ts';

/** On Linux, which has the lowest, the first that a connection may get as its own. */
const CONNECTIONS_FROM = 32_768;

describe('a free port', () => {
  it('is one that no connection gets meanwhile, nor who asks again', async () => {
    const ports = await Promise.all(Array.from({ length: 200 }, findFreePort));
    expect(new Set(ports).size).toBe(200);
    expect(Math.max(...ports)).toBeLessThan(CONNECTIONS_FROM);
  });

  it('can be listened on', async (t) => {
    const port = await findFreePort();
    const server = createServer().listen(port, '127.0.0.1');
    t.onTestFinished(() => void server.close());
    await once(server, 'listening');
    expect(server.address()).toMatchObject({ port });
  });
});
