/**
 * A broker on 127.0.0.1 that speaks ApiVersions and Metadata v12 about one topic, and says as its
 * coordinator who is in a group.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { apiVersionsResponse, unsignedVarint } from './fetch-server.ts';

export interface TopicDescription {
  error: number;
  /** Hex. */
  topicId: string;
  /** Each partition's leader, by broker id; -1 for none. */
  leaders: number[];
  inSync: number[];
  /** Of partition 0; the others have one more each. */
  epoch: number;
  /** Ids of those that it knows. */
  brokers: number[];
  /** Where brokers listen; else host-<id>:900<id>. */
  hosts: Map<number, { host: string; port: number }>;
}

export interface GroupDescription {
  /** To the question who keeps the group. */
  coordinatorError: number;
  error: number;
  /** Client ids. */
  members: string[];
}

const int = (bytes: number) => (value: number) => {
  const buffer = Buffer.alloc(bytes);
  buffer.writeIntBE(value, 0, bytes);
  return buffer;
};
const [int8, int16, int32] = [int(1), int(2), int(4)];
const text = (value: string) =>
  Buffer.concat([unsignedVarint(value.length + 1), Buffer.from(value)]);
const list = (items: readonly Buffer[]) =>
  Buffer.concat([unsignedVarint(items.length + 1), ...items]);
const NO_TAGS = int8(0);
const NULL = int8(0);
const SPOKEN = [
  [1, 0, 13],
  [3, 0, 12],
  [10, 0, 3],
  [15, 0, 5],
] as const;

export class MetadataServer {
  topic: TopicDescription = {
    error: 0,
    topicId: '11'.repeat(16),
    leaders: [1, 2],
    inSync: [1, 2],
    epoch: 40,
    brokers: [1, 2],
    hosts: new Map(),
  };
  group: GroupDescription = { coordinatorError: 0, error: 0, members: [] };
  /** About the topic. */
  answers = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
      // The client sends one short request at a time.
      socket.on('data', (request) => socket.write(this.#answer(request)));
    });
  }

  static async start(port = 0): Promise<MetadataServer> {
    const server = new MetadataServer();
    server.#server.listen(port, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #answer(request: Buffer): Buffer {
    const body = this.#bodyOf(request.readInt16BE(4), request.readInt32BE(8));
    return Buffer.concat([int32(body.length), body]);
  }

  #bodyOf(api: number, correlationId: number): Buffer {
    if (api === 10) return this.#coordinator(correlationId);
    if (api === 15) return this.#members(correlationId);
    if (api !== 3) return apiVersionsResponse(correlationId, SPOKEN);
    this.answers++;
    return this.#metadata(correlationId);
  }

  #coordinator(correlationId: number): Buffer {
    const place = [int32(1), text('127.0.0.1'), int32(this.port), NO_TAGS];
    const error = int16(this.group.coordinatorError);
    return Buffer.concat([int32(correlationId), NO_TAGS, int32(0), error, NULL, ...place]);
  }

  #members(correlationId: number): Buffer {
    const { error, members } = this.group;
    const nothing = text('');
    const who = members.map((clientId) =>
      Buffer.concat([
        ...[text('id'), NULL, text(clientId), text('/127.0.0.1'), nothing, nothing, NO_TAGS],
      ]),
    );
    const group = Buffer.concat([
      ...[int16(error), text('motor'), text('Stable'), nothing, nothing],
      ...[list(who), int32(0), NO_TAGS],
    ]);
    return Buffer.concat([int32(correlationId), NO_TAGS, int32(0), list([group]), NO_TAGS]);
  }

  #metadata(correlationId: number): Buffer {
    const { error, topicId, leaders, inSync, epoch, brokers, hosts } = this.topic;
    const broker = (id: number) => {
      const { host, port } = hosts.get(id) ?? { host: `host-${id}`, port: 9000 + id };
      return Buffer.concat([int32(id), text(host), int32(port), NULL, NO_TAGS]);
    };
    const partitions = leaders.map((leader, partition) =>
      Buffer.concat([
        int16(leader < 0 ? 5 : 0),
        int32(partition),
        int32(leader),
        int32(epoch + partition),
        list([int32(1), int32(2)]),
        list(inSync.map(int32)),
        list([]),
        NO_TAGS,
      ]),
    );
    const topic = [
      int16(error),
      text('vendas'),
      Buffer.from(topicId, 'hex'),
      int8(0),
      list(partitions),
      int32(0),
      NO_TAGS,
    ];
    return Buffer.concat([
      int32(correlationId),
      NO_TAGS,
      int32(0),
      list(brokers.map(broker)),
      NULL,
      int32(1),
      list([Buffer.concat(topic)]),
      NO_TAGS,
    ]);
  }
}
