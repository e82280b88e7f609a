/**
 * A broker on 127.0.0.1 that knows one user, and takes sign-ins by PLAIN, SCRAM and OAUTHBEARER; a
 * test can have it answer otherwise. Shares no code with src/kafka. https://kafka.apache.org/protocol
 */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { apiVersionsResponse, int16, int32, int64, unsignedVarint } from './fetch-server.ts';
import { onRequest } from './request-frames.ts';

export const HANDSHAKE = 17;
export const AUTHENTICATE = 36;
const API_VERSIONS = 18;

export interface SaslAsked {
  readonly api: number;
  readonly correlationId: number;
  /** The mechanism's name, or its message. */
  readonly message: Buffer;
  readonly socket: Socket;
}

export function handshakeAnswer(id: number, error: number, mechanisms: readonly string[]): Buffer {
  const names = mechanisms.map((name) =>
    Buffer.concat([int16(Buffer.byteLength(name)), Buffer.from(name)]),
  );
  return Buffer.concat([int32(id), int16(error), int32(names.length), ...names]);
}

export function authenticateAnswer(
  id: number,
  { error = 0, reason = '', message = '', lifetimeMs = 0 },
): Buffer {
  const text = Buffer.from(reason);
  const bytes = Buffer.from(message);
  return Buffer.concat([
    ...[int32(id), Buffer.alloc(1), int16(error)],
    ...[unsignedVarint(text.length + 1), text, unsignedVarint(bytes.length + 1), bytes],
    ...[int64(lifetimeMs), Buffer.alloc(1)],
  ]);
}

export class SaslServer {
  user = 'loja';
  password = 's3nha';
  iterations = 4096;
  lifetimeMs = 0;
  mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'];
  /** From the correlation id on; null leaves it to the server, 'never' is no answer at all. */
  reply: (asked: SaslAsked) => Buffer | 'never' | null = () => null;
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async start(): Promise<SaslServer> {
    const server = new SaslServer();
    await once(server.#server.listen(0, '127.0.0.1'), 'listening');
    return server;
  }

  get place() {
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port };
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(socket: Socket): void {
    this.connections++;
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {});
    const session = new Session(this);
    onRequest(socket, (frame) => {
      const answer = this.#answer(frame, session, socket);
      if (answer) socket.write(Buffer.concat([int32(answer.length), answer]));
    });
  }

  #answer(frame: Buffer, session: Session, socket: Socket): Buffer | null {
    const api = frame.readInt16BE(0);
    const correlationId = frame.readInt32BE(4);
    const at = 10 + frame.readInt16BE(8);
    const message = api === HANDSHAKE ? frame.subarray(at + 2) : compactBytes(frame, at + 1);
    const asked = { api, correlationId, message, socket };
    const own = this.reply(asked);
    if (own === 'never') return null;
    return own ?? session.answer(asked);
  }
}

function compactBytes(frame: Buffer, at: number): Buffer {
  let length = 0;
  let position = at;
  for (let shift = 0; position < frame.length; shift += 7) {
    const byte = frame[position++];
    length += (byte & 127) * 2 ** shift;
    if (byte < 128) break;
  }
  return frame.subarray(position, position + length - 1);
}

/** What one connection has said so far. */
class Session {
  readonly #server: SaslServer;
  #mechanism = '';
  #firstBare = '';
  #serverFirst = '';

  constructor(server: SaslServer) {
    this.#server = server;
  }

  answer({ api, correlationId: id, message }: SaslAsked): Buffer {
    const { mechanisms, lifetimeMs } = this.#server;
    if (api === HANDSHAKE) {
      this.#mechanism = message.toString();
      const isOffered = mechanisms.includes(this.#mechanism);
      return handshakeAnswer(id, isOffered ? 0 : 33, mechanisms);
    }
    if (api === API_VERSIONS) {
      return apiVersionsResponse(id, [
        [1, 0, 13],
        [3, 0, 12],
      ]);
    }
    const answer = this.#next(message.toString());
    if (answer === null) {
      return authenticateAnswer(id, { error: 58, reason: 'Invalid credentials' });
    }
    return authenticateAnswer(id, { message: answer, lifetimeMs });
  }

  #next(message: string): string | null {
    const { user, password } = this.#server;
    if (this.#mechanism === 'PLAIN') return message === `\0${user}\0${password}` ? '' : null;
    if (this.#mechanism === 'OAUTHBEARER') {
      const isGood = message === `n,,\x01auth=Bearer ${password}\x01\x01`;
      return isGood ? '' : '{"status":"invalid_token"}';
    }
    return message.startsWith('n,,') ? this.#first(message) : this.#final(message);
  }

  #first(message: string): string {
    this.#firstBare = message.slice(3);
    const nonce = /r=(.*)$/.exec(message)![1];
    const salt = Buffer.from('sal').toString('base64');
    this.#serverFirst = `r=${nonce}servidor,s=${salt},i=${this.#server.iterations}`;
    return this.#serverFirst;
  }

  #final(message: string): string | null {
    const { user, password, iterations } = this.#server;
    const [hash, bytes] = this.#mechanism.endsWith('256') ? ['sha256', 32] : ['sha512', 64];
    const hmac = (key: Buffer, text: string) =>
      createHmac(hash as string, key)
        .update(text)
        .digest();
    const [withoutProof, proof] = message.split(',p=');
    const exchange = `${this.#firstBare},${this.#serverFirst},${withoutProof}`;
    const salted = pbkdf2Sync(password, 'sal', iterations, bytes as number, hash as string);
    const clientKey = hmac(salted, 'Client Key');
    const stored = createHash(hash as string)
      .update(clientKey)
      .digest();
    const signature = hmac(stored, exchange);
    const expected = Buffer.from(clientKey.map((byte, i) => byte ^ signature[i]));
    const isKnown = this.#firstBare.startsWith(`n=${user},`);
    if (!isKnown || proof !== expected.toString('base64')) return null;
    return `v=${hmac(hmac(salted, 'Server Key'), exchange).toString('base64')}`;
  }
}
