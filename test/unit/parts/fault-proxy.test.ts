/** The proxy that chaos rests on: a fault that did not happen would show everything survived. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { describe, expect, it, type TestContext } from 'vitest';
import { BOTH_WAYS, FaultProxy, MONGO_FRAMING } from '../../parts/fault-proxy.ts';
import { forReplies, MONGO, type MongoRequest } from '../../parts/proxied-requests.ts';

/** As MongoDB frames it: a length that counts itself, request id, what it answers, OP_MSG. */
function message(requestId: number, responseTo: number, body: string): Buffer {
  const bson = Buffer.concat([
    Buffer.from([0, 0, 0, 0, 2]),
    Buffer.from(`${body}\0`),
    Buffer.from([7, 0, 0, 0]),
    Buffer.from('totals\0\0'),
  ]);
  const head = Buffer.alloc(21);
  head.writeInt32LE(21 + bson.length, 0);
  head.writeInt32LE(requestId, 4);
  head.writeInt32LE(responseTo, 8);
  head.writeInt32LE(2013, 12);
  return Buffer.concat([head, bson]);
}

/** A server that sends back what it gets, each message as an answer to itself. */
async function echo(t: TestContext): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      chunk.copy(chunk, 8, 4, 8);
      socket.write(chunk);
    });
  });
  t.onTestFinished(() => void server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as { port: number }).port;
}

interface Client {
  readonly socket: Socket;
  readonly chunks: Buffer[];
  readonly closed: Promise<string>;
  text(): string;
}

async function client(t: TestContext, port: number): Promise<Client> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  let code = 'no error';
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', (error: NodeJS.ErrnoException) => {
    code = error.code!;
  });
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(code)));
  t.onTestFinished(() => void socket.destroy());
  const connected = new Promise((resolve) => socket.once('connect', resolve));
  await Promise.race([connected, closed]);
  return { socket, chunks, closed, text: () => Buffer.concat(chunks).toString('latin1') };
}

const start = async (t: TestContext) =>
  FaultProxy.start(t, await echo(t), { framing: MONGO_FRAMING });

const polled = <T>(value: () => T) => expect.poll(value);

/** Long enough for what should not arrive to have arrived; nothing is inferred from it alone. */
const aWhile = () => new Promise((resolve) => setTimeout(resolve, 60));

describe('the fault proxy', () => {
  it('passes messages on, split and joined as they come', async (t) => {
    const proxy = await start(t);
    const { socket, chunks } = await client(t, proxy.port);
    const bytes = Buffer.concat([message(1, 0, 'ping'), message(2, 0, 'update')]);
    for (const byte of bytes) socket.write(Buffer.of(byte));
    const have = () => chunks.reduce((sum, { length }) => sum + length, 0);
    await polled(have).toBe(bytes.length);
    expect(proxy.open).toBe(1);
  });

  it('resets connections, and a cut one refuses new ones until it is healed', async (t) => {
    const proxy = await start(t);
    const first = await client(t, proxy.port);
    await polled(() => proxy.open).toBe(1);
    proxy.reset();
    expect(await first.closed).toBe('ECONNRESET');
    const second = await client(t, proxy.port);
    await proxy.cut();
    expect(await second.closed).toBe('ECONNRESET');
    expect(await (await client(t, proxy.port)).closed).toBe('ECONNREFUSED');
    await proxy.heal();
    const third = await client(t, proxy.port);
    third.socket.write(message(1, 0, 'ping'));
    await polled(third.text).toContain('ping');
    expect(proxy.open).toBe(1);
  });

  it('holds what comes, on new connections too, and passes it on when healed', async (t) => {
    const proxy = await start(t);
    const before = await client(t, proxy.port);
    for (const ways of [BOTH_WAYS, ['up'], ['down']] as const) {
      proxy.hold(...ways);
      before.chunks.length = 0;
      const after = await client(t, proxy.port);
      for (const { socket } of [before, after]) socket.write(message(1, 0, 'ping'));
      await aWhile();
      expect(before.text() + after.text()).toBe('');
      await proxy.heal();
      await polled(before.text).toContain('ping');
      await polled(after.text).toContain('ping');
    }
  });

  it('delays, and throttles', async (t) => {
    const proxy = await start(t);
    const { socket, text, chunks } = await client(t, proxy.port);
    proxy.delay(100, 'down');
    const startMs = performance.now();
    socket.write(message(1, 0, 'ping'));
    await polled(text).toContain('ping');
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(99);
    await proxy.heal();
    chunks.length = 0;
    proxy.throttle(500, 'up');
    socket.write(message(1, 0, 'x'.repeat(100)));
    const throttledMs = performance.now();
    await polled(() => Buffer.concat(chunks).length).toBeGreaterThan(100);
    // At 500 bytes a second, of which a fiftieth is sent at once.
    expect(performance.now() - throttledMs).toBeGreaterThan(200);
  });

  it('drops, tears and replaces the replies to the requests that it is told', async (t) => {
    const proxy = await start(t);
    const isUpdate = ({ command, collection }: MongoRequest) =>
      command === 'update' && collection === 'totals';
    const { socket, text } = await client(t, proxy.port);
    proxy.rule = forReplies(MONGO, isUpdate, () => 'drop');
    socket.write(message(1, 0, 'update'));
    socket.write(message(2, 0, 'find'));
    await polled(text).toContain('find');
    expect(text()).not.toContain('update');
    proxy.rule = forReplies(MONGO, isUpdate, ({ bytes }) => ({ instead: bytes.fill(1, 40) }));
    socket.write(message(3, 0, 'update'));
    await polled(text).toContain('\x01\x01\x01');
    proxy.rule = forReplies(MONGO, isUpdate, () => 'tear');
    const torn = await client(t, proxy.port);
    torn.socket.write(message(4, 0, 'update'));
    // A kernel may tell of the reset as an end when there was something left to read.
    expect(await torn.closed).toMatch(/ECONNRESET|no error/);
    expect(torn.text()).toHaveLength(message(4, 0, 'update').length >> 1);
    expect(torn.text()).not.toContain('totals');
    proxy.rule = forReplies(MONGO, isUpdate, () => 'reset');
    const reset = await client(t, proxy.port);
    reset.socket.write(message(5, 0, 'update'));
    expect(await reset.closed).toBe('ECONNRESET');
    expect(reset.text()).toBe('');
  });

  it('strands the connections there are, and passes new ones', async (t) => {
    const proxy = await start(t);
    const old = await client(t, proxy.port);
    await polled(() => proxy.open).toBe(1);
    proxy.strand();
    const young = await client(t, proxy.port);
    for (const { socket } of [old, young]) socket.write(message(1, 0, 'ping'));
    await polled(young.text).toContain('ping');
    await proxy.heal();
    await aWhile();
    expect(old.text()).toBe('');
    expect(proxy.struck).toBe(1);
  });
});
