import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  BrokerSocket,
  RESPONSE_BYTES_MAX,
  type ResponseReceiver,
} from '../../../src/kafka/broker-socket.ts';
import { connectionError } from '../../../src/kafka/connection-error.ts';
import { VendavalError } from '../../../src/lib/errors.ts';

let server: Server;
let port: number;
const sockets: BrokerSocket[] = [];
const peers = new Set<Socket>();

beforeEach(async () => {
  server = createServer((peer) => peers.add(peer));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const peer of peers) peer.destroy();
  peers.clear();
  server.close();
  await once(server, 'close');
});

/** A connection, and the broker's end of it. */
async function connected(silenceMs = 60_000): Promise<[BrokerSocket, Socket]> {
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const socket = await BrokerSocket.open(
    { host: '127.0.0.1', port },
    { timeouts: { connectMs: 5000, silenceMs } },
  );
  sockets.push(socket);
  const [peer] = await accepted;
  peer.setNoDelay(true);
  peer.on('error', () => {});
  return [socket, peer];
}

const rising = (size: number) => Uint8Array.from({ length: size }, (_, i) => 7 * i + (i >> 8));

function frame(payload: Buffer): Buffer {
  const prefix = Buffer.alloc(4);
  prefix.writeInt32BE(payload.length);
  return Buffer.concat([prefix, payload]);
}

/** Collects responses; `closed` settles when the connection is over. */
function collector() {
  const responses: Buffer[] = [];
  let waiting: { count: number; resolve: () => void } | null = null;
  let end!: (error: VendavalError) => void;
  const closed = new Promise<VendavalError>((resolve) => {
    end = resolve;
  });
  const receiver: ResponseReceiver = {
    allocate: (size) => Buffer.alloc(size + 3, 0xee),
    response: (bytes, size) => {
      responses.push(Buffer.from(bytes.subarray(0, size)));
      if (waiting && responses.length >= waiting.count) waiting.resolve();
    },
    closed: end,
  };
  const received = (count: number) =>
    new Promise<void>((resolve) => {
      if (responses.length >= count) resolve();
      else waiting = { count, resolve };
    });
  return { receiver, responses, received, closed };
}

describe('BrokerSocket framing', () => {
  it('gives the same responses however the stream is cut', async () => {
    const [socket, peer] = await connected();
    const payloads = fc.array(
      fc.oneof(
        fc.uint8Array({ minLength: 4, maxLength: 30 }),
        // Larger than the buffer in which responses begin; no byte like the ones around it.
        fc.integer({ min: 16_000, max: 40_000 }).map(rising),
      ),
      { minLength: 1, maxLength: 6 },
    );
    const cuts = fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(payloads, fc.oneof(cuts, fc.constant([1, 2, 3])), async (list, sizes) => {
        const { receiver, responses, received } = collector();
        socket.receive(receiver);
        const stream = Buffer.concat(list.map((payload) => frame(Buffer.from(payload))));
        for (let at = 0, i = 0; at < stream.length; i++) {
          // The rest in one piece, so that small cuts meet small frames and the run stays short.
          const size = i < 40 ? sizes[i % sizes.length] : stream.length;
          const chunk = stream.subarray(at, at + size);
          await new Promise((resolve) => peer.write(chunk, resolve));
          at += size;
        }
        await received(list.length);
        expect(responses).toHaveLength(list.length);
        // toEqual on long buffers takes seconds.
        expect(list.every((payload, i) => responses[i].equals(payload))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('matches small requests with their answers', async () => {
    const [socket, peer] = await connected();
    peer.on('data', (request) => peer.write(frame(Buffer.concat([request, request]))));
    for (const text of ['ping', 'pong']) {
      const { bytes, size } = await socket.request(Buffer.from(text));
      expect(bytes.toString('utf8', 0, size)).toBe(text + text);
    }
  });

  it.each([
    ['less than a correlation id', 3],
    ['nothing', 0],
    ['a negative number of bytes', -1],
    ['more than any broker sends', RESPONSE_BYTES_MAX + 1],
  ])('closes the connection for a response of %s', async (_, size) => {
    const [socket, peer] = await connected();
    const { receiver, responses, closed } = collector();
    socket.receive(receiver);
    const prefix = Buffer.alloc(4);
    prefix.writeInt32BE(size);
    peer.write(prefix);
    const error = await closed;
    expect(error).toMatchObject({ code: 'E_BROKER_UNREACHABLE', retryable: true });
    expect(error.message).toContain(`a response of ${size} bytes cannot be`);
    expect(responses).toEqual([]);
  });

  it('accepts a response of the greatest size', async () => {
    const [socket, peer] = await connected();
    const sizes: number[] = [];
    const asked = new Promise<void>((resolve) => {
      socket.receive({
        allocate: (size) => {
          sizes.push(size);
          resolve();
          return Buffer.alloc(16);
        },
        response: () => {},
        closed: () => {},
      });
    });
    const prefix = Buffer.alloc(4);
    prefix.writeInt32BE(RESPONSE_BYTES_MAX);
    peer.write(prefix);
    await asked;
    expect(sizes).toEqual([RESPONSE_BYTES_MAX]);
  });

  it('closes the connection for an answer before any question', async () => {
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const opening = BrokerSocket.open({ host: '127.0.0.1', port });
    const [peer] = await accepted;
    peer.on('error', () => {});
    peer.write(frame(Buffer.from('hello')));
    const socket = await opening;
    await once(peer, 'close');
    const { receiver, closed } = collector();
    socket.receive(receiver);
    expect((await closed).message).toContain('an answer without a question');
  });
});

describe('the end of a connection', () => {
  it('is told once, when the broker closes it', async () => {
    const [socket, peer] = await connected();
    let told = 0;
    const { receiver, closed } = collector();
    socket.receive({
      ...receiver,
      closed: (error) => {
        told++;
        receiver.closed(error);
      },
    });
    peer.destroy();
    await closed;
    socket.destroy();
    expect(told).toBe(1);
  });

  it('is told to one who comes later, and fails a later request', async () => {
    const [socket] = await connected();
    socket.destroy(new Error('enough'));
    const { receiver, closed } = collector();
    socket.receive(receiver);
    expect((await closed).message).toContain('enough');
    await expect(socket.request(Buffer.from('ping'))).rejects.toThrow('enough');
  });

  it('fails a request that waits for its answer', async () => {
    const [socket, peer] = await connected();
    peer.once('data', () => peer.destroy());
    await expect(socket.request(Buffer.from('ping'))).rejects.toMatchObject({
      code: 'E_BROKER_UNREACHABLE',
    });
  });

  it('comes when an answer is awaited for too long', async () => {
    const [socket] = await connected(30);
    await expect(socket.request(Buffer.from('ping'))).rejects.toThrow('silent for 30 ms');
  });

  it('does not come for silence when nothing was asked', async () => {
    const [socket, peer] = await connected(20);
    // A later request proves that the connection outlived the limit; the timer of another
    // connection, made after this one went silent, shows that the limit has passed.
    const [other] = await connected(60);
    await expect(other.request(Buffer.from('ping'))).rejects.toThrow('silent for 60 ms');
    peer.on('data', () => peer.write(frame(Buffer.from('pong'))));
    const { bytes } = await socket.request(Buffer.from('ping'));
    expect(bytes.toString()).toBe('pong');
  });
});

describe('a connection that cannot be made', () => {
  it('says where, and what to check, when it is refused', async () => {
    const closed = createServer();
    closed.listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port: unused } = closed.address() as AddressInfo;
    closed.close();
    await once(closed, 'close');
    await expect(BrokerSocket.open({ host: '127.0.0.1', port: unused })).rejects.toMatchObject({
      code: 'E_BROKER_UNREACHABLE',
      retryable: true,
      message: expect.stringContaining(`127.0.0.1:${unused}`),
      hint: expect.stringContaining('Check that Kafka runs'),
    });
  });

  it('says that there was no answer when the time for it is over', async () => {
    // The limit comes before the handshake can end: nothing is read from the event loop before.
    const opening = BrokerSocket.open(
      { host: '127.0.0.1', port },
      { timeouts: { connectMs: 0, silenceMs: 1000 } },
    );
    const until = performance.now() + 5;
    while (performance.now() < until);
    await expect(opening).rejects.toThrow('no answer in 0 ms');
  });

  it('names the host that cannot be resolved, and where the name comes from', () => {
    for (const code of ['ENOTFOUND', 'EAI_AGAIN']) {
      const cause = Object.assign(new Error('getaddrinfo'), { code });
      expect(connectionError('kafka-7', 9092, cause)).toMatchObject({
        code: 'E_BROKER_HOST',
        retryable: true,
        message: expect.stringContaining('"kafka-7"'),
        hint: expect.stringMatching(/advertised\.listeners.*127\.0\.0\.1 kafka-7/s),
      });
    }
  });

  it('keeps an error that says more already', () => {
    const known = new VendavalError('known', { code: 'E_PROTOCOL' });
    expect(connectionError('h', 1, known)).toBe(known);
  });
});
