/**
 * A broker of one partition on 127.0.0.1 that speaks ApiVersions and Fetch and nothing else, over
 * a real socket. It serves a log of batches as a broker does; a test can answer any request
 * otherwise. Shares no code with the client in src/kafka. https://kafka.apache.org/protocol
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { onRequest } from './request-frames.ts';

export const TOPIC_ID = '0123456789abcdef0123456789abcdef';
/** How long a fetch that finds nothing is held, unless something is appended. */
const HOLD_MS = 10;

export interface FetchAsked {
  /** Counts connections from 0. */
  readonly connection: number;
  readonly correlationId: number;
  readonly version: number;
  /** A name up to version 12, then an id in hex. */
  readonly topic: string;
  readonly partition: number;
  readonly leaderEpoch: number;
  readonly isolation: number;
  readonly offset: number;
  /** Of the record before the offset; -1 when it is not told. */
  readonly lastEpoch: number;
  readonly bytesMax: number;
  readonly rack: string;
}

export interface FetchAnswer {
  readonly error?: number;
  readonly records?: Buffer;
  readonly highWatermark?: number;
  readonly lastStableOffset?: number;
  readonly logStartOffset?: number;
  readonly aborted?: readonly { readonly producerId: bigint; readonly firstOffset: number }[];
  readonly preferredReplica?: number;
  readonly divergence?: { readonly epoch: number; readonly endOffset: number };
  readonly correlationId?: number;
}

export type Reply =
  | FetchAnswer
  /** Bytes after the length prefix, whatever they are. */
  | { readonly raw: Buffer }
  /** Bytes with no length prefix of ours; then the connection is closed. */
  | { readonly unframedThenClose: Buffer }
  | 'close'
  | 'never'
  /** As the log says. */
  | 'serve';

const int8 = (value: number) => Buffer.from(Int8Array.of(value).buffer);
export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}
export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
export function int64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}
export function unsignedVarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}
const NO_TAGS = int8(0);
/** A compact array of one element starts with this. */
const ONE = unsignedVarint(2);

/** A Fetch response for one partition, from its correlation id on. */
export function fetchResponse(version: number, topic: string, answer: FetchAnswer): Buffer {
  const records = answer.records ?? Buffer.alloc(0);
  const aborted = answer.aborted ?? [];
  const name = Buffer.from(topic);
  return Buffer.concat([
    int32(answer.correlationId ?? 0),
    NO_TAGS,
    int32(0), // throttle
    int16(0),
    int32(0), // session
    ONE,
    version >= 13
      ? Buffer.from(topic, 'hex')
      : Buffer.concat([unsignedVarint(name.length + 1), name]),
    ONE,
    int32(0), // partition
    int16(answer.error ?? 0),
    int64(answer.highWatermark ?? -1),
    int64(answer.lastStableOffset ?? answer.highWatermark ?? -1),
    int64(answer.logStartOffset ?? -1),
    unsignedVarint(aborted.length + 1),
    ...aborted.flatMap(({ producerId, firstOffset }) => [
      int64(producerId),
      int64(firstOffset),
      NO_TAGS,
    ]),
    int32(answer.preferredReplica ?? -1),
    unsignedVarint(records.length + 1),
    records,
    answer.divergence ? divergenceTag(answer.divergence) : NO_TAGS,
    NO_TAGS,
    NO_TAGS,
  ]);
}

function divergenceTag(divergence: { epoch: number; endOffset: number }): Buffer {
  const content = [int32(divergence.epoch), int64(divergence.endOffset), NO_TAGS];
  const one = unsignedVarint(1);
  return Buffer.concat([one, unsignedVarint(0), unsignedVarint(13), ...content]);
}

/** An ApiVersions v0 response, from its correlation id on. */
export function apiVersionsResponse(
  correlationId: number,
  ranges: readonly (readonly [api: number, min: number, max: number])[],
  error = 0,
): Buffer {
  const list = ranges.map((range) => Buffer.concat(range.map(int16)));
  return Buffer.concat([int32(correlationId), int16(error), int32(ranges.length), ...list]);
}

function parseFetch(frame: Buffer, connection: number): FetchAsked {
  const version = frame.readInt16BE(2);
  const correlationId = frame.readInt32BE(4);
  let at = 10 + frame.readInt16BE(8) + 1; // client id, tags
  at += 12; // replica, wait, least bytes
  at += 4;
  const isolation = frame.readInt8(at);
  at += 1 + 8 + 1; // isolation, session, one topic
  let topic: string;
  if (version >= 13) {
    topic = frame.toString('hex', at, at + 16);
    at += 16;
  } else {
    const length = frame[at] - 1; // test topics have short names
    topic = frame.toString('utf8', at + 1, at + 1 + length);
    at += 1 + length;
  }
  at += 1; // one partition
  return {
    connection,
    correlationId,
    version,
    topic,
    partition: frame.readInt32BE(at),
    leaderEpoch: frame.readInt32BE(at + 4),
    isolation,
    offset: Number(frame.readBigInt64BE(at + 8)),
    lastEpoch: frame.readInt32BE(at + 16),
    bytesMax: frame.readInt32BE(at + 28),
    // Two ends of tags and an empty list stand between, and an end of tags behind it.
    rack: frame.toString('utf8', at + 36, frame.length - 1),
  };
}

export interface FetchServerOptions {
  readonly versions?: readonly (readonly [api: number, min: number, max: number])[];
  /** Answers ApiVersions only by `answerVersions`. */
  readonly mute?: boolean;
}

export class FetchServer {
  /** Batches by offset. */
  readonly log: Buffer[] = [];
  readonly asked: FetchAsked[] = [];
  /** What to say to a request; the log is served by default. */
  reply: (asked: FetchAsked) => Reply = () => 'serve';
  aborted: FetchAnswer['aborted'] = [];
  logStartOffset = 0;
  /** Where open transactions begin; the log's end when there are none. */
  lastStableOffset: number | null = null;
  connections = 0;
  /** How often ApiVersions was asked for. */
  versionsAsked = 0;
  answerVersions = () => {};
  readonly #server: Server;
  readonly #options: FetchServerOptions;
  readonly #sockets = new Set<Socket>();
  readonly #held = new Set<() => void>();

  private constructor(options: FetchServerOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async start(options: FetchServerOptions = {}): Promise<FetchServer> {
    const server = new FetchServer(options);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get endOffset(): number {
    const last = this.log.at(-1);
    return last ? Number(last.readBigInt64BE(0)) + last.readInt32BE(23) + 1 : this.logStartOffset;
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  append(...batches: Buffer[]): void {
    this.log.push(...batches);
    for (const answer of [...this.#held]) answer();
  }

  /** Breaks every connection as a dying broker does. */
  dropConnections(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(socket: Socket): void {
    const connection = this.connections++;
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {});
    onRequest(socket, (frame) => this.#request(socket, frame, connection));
  }

  #request(socket: Socket, frame: Buffer, connection: number): void {
    if (frame.readInt16BE(0) === 18) {
      this.versionsAsked++;
      const versions = this.#options.versions ?? [
        [1, 4, 17],
        [3, 0, 13],
        [18, 0, 4],
      ];
      const answer = () => send(socket, apiVersionsResponse(frame.readInt32BE(4), versions));
      if (this.#options.mute) this.answerVersions = answer;
      else answer();
      return;
    }
    const asked = parseFetch(frame, connection);
    this.asked.push(asked);
    const reply = this.reply(asked);
    if (reply === 'never') return;
    if (reply === 'close') socket.end();
    else if (reply === 'serve') this.#fromLog(socket, asked);
    else if ('raw' in reply) send(socket, reply.raw);
    else if ('unframedThenClose' in reply) socket.end(reply.unframedThenClose);
    else this.#answer(socket, asked, reply);
  }

  #answer(
    socket: Socket,
    { correlationId, version, topic }: FetchAsked,
    answer: FetchAnswer,
  ): void {
    send(socket, fetchResponse(version, topic, { correlationId, ...answer }));
  }

  /** At most `bytesMax` bytes, the last batch cut off: older brokers do so. */
  #fromLog(socket: Socket, asked: FetchAsked): void {
    const stable = this.lastStableOffset ?? this.endOffset;
    const records = Buffer.concat(
      this.log.filter((batch) => {
        const base = Number(batch.readBigInt64BE(0));
        return base + batch.readInt32BE(23) >= asked.offset && base < stable;
      }),
    ).subarray(0, asked.bytesMax);
    const answer = () => {
      this.#held.delete(answer);
      clearTimeout(timer);
      if (records.length === 0 && this.endOffset > asked.offset && stable > asked.offset) {
        return this.#fromLog(socket, asked);
      }
      this.#answer(socket, asked, {
        records,
        aborted: this.aborted ?? [],
        highWatermark: this.endOffset,
        lastStableOffset: this.lastStableOffset ?? this.endOffset,
        logStartOffset: this.logStartOffset,
      });
    };
    const timer = records.length > 0 ? undefined : setTimeout(answer, HOLD_MS);
    if (timer) this.#held.add(answer);
    else answer();
  }
}

function send(socket: Socket, payload: Buffer): void {
  if (!socket.destroyed) socket.write(Buffer.concat([int32(payload.length), payload]));
}
