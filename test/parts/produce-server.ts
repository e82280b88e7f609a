/**
 * A broker of one topic with one partition on 127.0.0.1 that takes batches of idempotent producers
 * as Kafka does: by sequence numbers, of which it remembers the last five batches of a producer,
 * and only the last one after a restart. A test can answer any Produce otherwise, before or after
 * the batch was appended. Shares no code with the client in src. https://kafka.apache.org/protocol
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { apiVersionsResponse, unsignedVarint } from './fetch-server.ts';
import { onRequest } from './request-frames.ts';

export const PRODUCE_TOPIC = 'vendas';
const REMEMBERED = 5;

export type ProduceReply =
  | 'serve'
  /** The connection ends, and the batch is not in the log; or it is. */
  | 'close-before'
  | 'close-after'
  /** Appended, and no answer comes. */
  | 'unanswered'
  /** An error instead of appending. */
  | { readonly error: number; readonly message?: string; readonly messageOfRecord?: string }
  /** Another answer than the right one, after the batch was appended. */
  | { readonly baseOffset: number }
  /** Bytes that are no answer. */
  | { readonly raw: Buffer };

export interface AppendedBatch {
  readonly baseOffset: number;
  readonly count: number;
  readonly baseSequence: number;
  /** As it was sent. */
  readonly bytes: Buffer;
}

interface Remembered {
  readonly baseSequence: number;
  readonly lastSequence: number;
  readonly baseOffset: number;
}

const int = (bytes: number) => (value: number) => {
  const buffer = Buffer.alloc(bytes);
  buffer.writeIntBE(value, 0, bytes);
  return buffer;
};
const [int8, int16, int32] = [int(1), int(2), int(4)];
function int64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}
const compactText = (text: string) =>
  Buffer.concat([unsignedVarint(text.length + 1), Buffer.from(text)]);
const text = (value: string | undefined) =>
  value === undefined ? int16(-1) : Buffer.concat([int16(value.length), Buffer.from(value)]);
const list = (items: readonly Buffer[]) =>
  Buffer.concat([unsignedVarint(items.length + 1), ...items]);
const NO_TAGS = int8(0);

export class ProduceServer {
  readonly log: AppendedBatch[] = [];
  /** Produce requests so far, those that were answered otherwise too. */
  requests = 0;
  reply: (request: number) => ProduceReply = () => 'serve';
  /** Answers to the first InitProducerId requests, before an id is given. */
  initErrors: number[] = [];
  describeError = 0;
  topicError = 0;
  connections = 0;
  endOffset = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #nextProducerId = 4000n;
  readonly #producers = new Map<bigint, Remembered[]>();

  private constructor() {
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async start(): Promise<ProduceServer> {
    const server = new ProduceServer();
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get brokers(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Breaks every connection and forgets, as a broker that comes back from a snapshot. */
  restart(): void {
    for (const [id, batches] of this.#producers) this.#producers.set(id, batches.slice(-1));
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** A record that somebody else writes. */
  appendForeign(count = 1): void {
    this.endOffset += count;
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
    onRequest(socket, (frame) => this.#request(socket, frame));
  }

  #request(socket: Socket, frame: Buffer): void {
    const api = frame.readInt16BE(0);
    const id = int32(frame.readInt32BE(4));
    const send = (...parts: Buffer[]) => {
      const body = Buffer.concat(parts);
      if (!socket.destroyed) socket.write(Buffer.concat([int32(body.length), body]));
    };
    if (api === 18) {
      const ranges = [
        [1, 4, 13],
        [3, 0, 12],
      ] as const;
      send(apiVersionsResponse(id.readInt32BE(0), ranges));
    } else if (api === 3) send(id, this.#metadata());
    else if (api === 22) {
      const error = this.initErrors.shift() ?? 0;
      send(id, int32(0), int16(error), int64(error ? -1 : this.#nextProducerId++), int16(0));
    } else if (api === 61) send(id, NO_TAGS, int32(0), this.#describe());
    else if (api === 0) this.#produce(socket, frame, (...parts) => send(id, ...parts));
    else throw new Error(`API ${api} is not expected`);
  }

  #metadata(): Buffer {
    const { port } = this.#server.address() as AddressInfo;
    const broker = [int32(1), compactText('127.0.0.1'), int32(port), int8(0), NO_TAGS];
    const ids = list([int32(1)]);
    const partition = [int16(0), int32(0), int32(1), int32(3), ids, ids, list([]), NO_TAGS];
    const topic = [
      int16(this.topicError),
      compactText(PRODUCE_TOPIC),
      Buffer.alloc(16, 7),
      int8(0),
    ];
    return Buffer.concat([
      ...[NO_TAGS, int32(0), list([Buffer.concat(broker)]), int8(0), int32(1)],
      list([Buffer.concat([...topic, list([Buffer.concat(partition)]), int32(0), NO_TAGS])]),
      NO_TAGS,
    ]);
  }

  #describe(): Buffer {
    const producers = [...this.#producers].map(([id, batches]) =>
      Buffer.concat([
        ...[int64(id), int32(0), int32(batches.at(-1)!.lastSequence), int64(0), int32(-1)],
        ...[int64(-1), NO_TAGS],
      ]),
    );
    const partition = [int32(0), int16(this.describeError), int8(0), list(producers), NO_TAGS];
    const topic = [compactText(PRODUCE_TOPIC), list([Buffer.concat(partition)]), NO_TAGS];
    return Buffer.concat([list([Buffer.concat(topic)]), NO_TAGS]);
  }

  #produce(socket: Socket, frame: Buffer, send: (...parts: Buffer[]) => void): void {
    const reply = this.reply(this.requests++);
    if (reply === 'close-before') return void socket.resetAndDestroy();
    let answer = { error: 0, baseOffset: -1, message: '', messageOfRecord: '' };
    if (typeof reply === 'object' && 'error' in reply) answer = { ...answer, ...reply };
    else answer = { ...answer, ...this.#append(frame) };
    if (reply === 'close-after') return void socket.resetAndDestroy();
    if (reply === 'unanswered') return;
    if (typeof reply === 'object' && 'raw' in reply) return send(reply.raw);
    if (typeof reply === 'object' && 'baseOffset' in reply) answer.baseOffset = reply.baseOffset;
    const { error, baseOffset, message, messageOfRecord } = answer;
    const ofRecords = messageOfRecord ? [int32(1), int32(0), text(messageOfRecord)] : [int32(0)];
    send(
      ...[int32(1), text(PRODUCE_TOPIC), int32(1), int32(0), int16(error), int64(baseOffset)],
      ...[int64(-1), int64(0), ...ofRecords, text(message || undefined), int32(0)],
    );
  }

  #append(frame: Buffer): { error: number; baseOffset: number } {
    let at = 10 + frame.readInt16BE(8); // client id
    at += 2 + 2 + 4 + 4; // no transaction, acks, timeout, one topic
    at += 2 + frame.readInt16BE(at) + 4 + 4; // its name, one partition, its number
    const batch = Buffer.from(frame.subarray(at + 4, at + 4 + frame.readInt32BE(at)));
    const producer = batch.readBigInt64BE(43);
    const baseSequence = batch.readInt32BE(53);
    const count = batch.readInt32BE(57);
    const lastSequence = (baseSequence + count - 1) % 2 ** 31;
    const known = this.#producers.get(producer) ?? [];
    const repeated = known.find(
      (one) => one.baseSequence === baseSequence && one.lastSequence === lastSequence,
    );
    if (repeated) return { error: 0, baseOffset: repeated.baseOffset };
    const expected = known.length === 0 ? 0 : (known.at(-1)!.lastSequence + 1) % 2 ** 31;
    if (baseSequence !== expected) return { error: 45, baseOffset: -1 };
    const baseOffset = this.endOffset;
    this.endOffset += count;
    this.log.push({ baseOffset, count, baseSequence, bytes: batch });
    const remembered = [...known, { baseSequence, lastSequence, baseOffset }];
    this.#producers.set(producer, remembered.slice(-REMEMBERED));
    return { error: 0, baseOffset };
  }
}
