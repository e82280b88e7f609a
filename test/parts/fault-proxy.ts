/**
 * The network between an engine and a server, which a test can make bad: cut, reset, half-open,
 * slow, thin, or lossy for one message. Invariant: as TCP does, it passes on every byte in order
 * or ends the connection; only a `rule` may drop or change a whole message. Ends with its test.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket, connect as tcpConnect } from 'node:net';
import { sleep } from '../../src/lib/clock.ts';
import type { Ending } from './engine-process.ts';

/** `up` is from the client to the server. */
export type Way = 'up' | 'down';
export const BOTH_WAYS: readonly Way[] = ['up', 'down'];

/** A whole message, with its length. */
export interface Message {
  readonly bytes: Buffer;
  readonly way: Way;
  /** Counts connections from 0. */
  readonly link: number;
}

export type Verdict =
  | 'pass'
  /** The message never arrives; the connection stays. */
  | 'drop'
  /** Nor does it here, and the connection is reset. */
  | 'reset'
  /** Its first half arrives, and the connection is reset. */
  | 'tear'
  | { readonly delayMs: number }
  | { readonly instead: Buffer };

export type Rule = (message: Message) => Verdict;

export interface Framing {
  readonly headBytes: number;
  /** The whole message's length, from its first `headBytes`. */
  lengthOf(head: Buffer): number;
}

export const MONGO_FRAMING: Framing = { headBytes: 4, lengthOf: (head) => head.readInt32LE(0) };
export const KAFKA_FRAMING: Framing = { headBytes: 4, lengthOf: (head) => 4 + head.readInt32BE(0) };

export interface FaultProxyOptions {
  /** Where to listen; a free port by default. */
  readonly port?: number;
  /** Needed for a `rule`. */
  readonly framing?: Framing;
}

/** A throttled lane writes this often. */
const SLICES_PER_S = 50;

/** Whether one way is held, and how slow it is. */
class Lane {
  delayMs = 0;
  bytesPerS = Number.POSITIVE_INFINITY;
  #open = Promise.resolve();
  #release: (() => void) | undefined;

  hold(): void {
    if (this.#release) return;
    this.#open = new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  heal(): void {
    this.delayMs = 0;
    this.bytesPerS = Number.POSITIVE_INFINITY;
    this.#release?.();
    this.#release = undefined;
  }

  get isFaulty(): boolean {
    return this.#release !== undefined || this.delayMs > 0 || Number.isFinite(this.bytesPerS);
  }

  /** Until this way is not held. */
  passable(): Promise<void> {
    return this.#open;
  }
}

export class FaultProxy {
  readonly port: number;
  /** Looks at each whole message; none by default. */
  rule: Rule | undefined;
  /** Connections that were accepted, ever. */
  accepted = 0;
  /** Connections and messages that a fault has struck. */
  struck = 0;
  readonly #targetPort: number;
  readonly #framing: Framing | undefined;
  readonly #lanes: Readonly<Record<Way, Lane>> = { up: new Lane(), down: new Lane() };
  readonly #links = new Set<Link>();
  #server: Server | null = null;

  private constructor(targetPort: number, port: number, framing: Framing | undefined) {
    this.#targetPort = targetPort;
    this.port = port;
    this.#framing = framing;
  }

  /** Listens on 127.0.0.1 and passes everything on to `targetPort` there. */
  static async start(
    test: Ending,
    targetPort: number,
    options: FaultProxyOptions = {},
  ): Promise<FaultProxy> {
    const server = await listen(options.port ?? 0);
    const { port } = server.address() as { port: number };
    const proxy = new FaultProxy(targetPort, port, options.framing);
    proxy.#serve(server);
    test.onTestFinished(() => proxy.cut());
    return proxy;
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#links.size;
  }

  /** Resets every connection and refuses new ones. */
  async cut(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    const closed = server ? once(server.close(), 'close') : undefined;
    this.reset();
    await closed;
  }

  /** Resets every connection; new ones are welcome. */
  reset(): void {
    this.struck += this.#links.size;
    for (const link of this.#links) link.reset();
  }

  /** Connections that are open now stay so and never pass anything again; new ones are welcome. */
  strand(): void {
    this.struck += this.#links.size;
    for (const link of this.#links) link.strand();
  }

  /** Connections stay open, new ones too, and pass nothing; healed, they pass on what they held. */
  hold(...ways: readonly Way[]): void {
    for (const way of ways) this.#lanes[way].hold();
  }

  /** Each piece that arrives waits that long. */
  delay(ms: number, ...ways: readonly Way[]): void {
    for (const way of ways) this.#lanes[way].delayMs = ms;
  }

  throttle(bytesPerS: number, ...ways: readonly Way[]): void {
    for (const way of ways) this.#lanes[way].bytesPerS = bytesPerS;
  }

  /** Ends every fault, and listens again. */
  async heal(): Promise<void> {
    this.rule = undefined;
    for (const lane of Object.values(this.#lanes)) lane.heal();
    if (!this.#server) this.#serve(await listen(this.port));
  }

  #serve(server: Server): void {
    this.#server = server;
    server.on('connection', (near) => {
      const link = new Link(near, tcpConnect(this.#targetPort, '127.0.0.1'));
      const number = this.accepted++;
      this.#links.add(link);
      void Promise.all([
        this.#carry(link, 'up', number),
        this.#carry(link, 'down', number),
        link.ended,
      ]).then(() => this.#links.delete(link));
    });
  }

  async #carry(link: Link, way: Way, number: number): Promise<void> {
    const lane = this.#lanes[way];
    const [from, to] = way === 'up' ? [link.near, link.far] : [link.far, link.near];
    const splitter = this.#framing && new Splitter(this.#framing);
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        for (const bytes of splitter ? splitter.split(chunk) : [chunk]) {
          if (lane.isFaulty) this.struck++;
          await Promise.race([lane.passable(), link.ended]);
          if (link.isStranded) await link.ended;
          if (link.signal.aborted) return;
          if (lane.delayMs > 0) await sleep(lane.delayMs, link.signal);
          const verdict = this.rule?.({ bytes, way, link: number }) ?? 'pass';
          if (verdict !== 'pass') this.struck++;
          await pass(bytes, verdict, to, lane, link);
        }
      }
      to.end();
    } catch {
      // A connection that breaks on one side breaks on the other, which `ended` sees to.
    }
  }
}

async function pass(
  bytes: Buffer,
  verdict: Verdict,
  to: Socket,
  lane: Lane,
  link: Link,
): Promise<void> {
  if (verdict === 'drop') return;
  if (verdict === 'reset') return link.reset();
  if (verdict === 'tear') {
    await write(to, bytes.subarray(0, bytes.length >> 1), lane, link);
    return link.reset();
  }
  if (typeof verdict === 'object' && 'delayMs' in verdict) {
    await sleep(verdict.delayMs, link.signal);
  }
  const isReplaced = typeof verdict === 'object' && 'instead' in verdict;
  await write(to, isReplaced ? verdict.instead : bytes, lane, link);
}

async function write(to: Socket, bytes: Buffer, lane: Lane, link: Link): Promise<void> {
  for (let start = 0; start < bytes.length && !link.signal.aborted; ) {
    const size = Math.max(1, Math.floor(lane.bytesPerS / SLICES_PER_S));
    const slice = bytes.subarray(start, start + size);
    start += slice.length;
    if (!to.write(slice)) await once(to, 'drain', { signal: link.signal });
    if (Number.isFinite(lane.bytesPerS)) await sleep(1000 / SLICES_PER_S, link.signal);
  }
}

/** One connection of a client and the one to the server that belongs to it. */
class Link {
  readonly near: Socket;
  readonly far: Socket;
  readonly ended: Promise<void>;
  isStranded = false;
  readonly #over = new AbortController();

  constructor(near: Socket, far: Socket) {
    this.near = near;
    this.far = far;
    const sides = [near, far].map((side) => {
      side.setNoDelay(true);
      side.on('error', () => this.reset());
      return new Promise<void>((resolve) => side.once('close', () => resolve()));
    });
    // A server that has gone is gone for the client as well.
    far.once('close', () => near.destroySoon());
    near.once('close', () => far.destroy());
    this.ended = Promise.all(sides).then(() => this.#over.abort());
  }

  /** Aborted when both sides are over. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  strand(): void {
    this.isStranded = true;
  }

  reset(): void {
    this.#over.abort();
    for (const side of [this.near, this.far]) {
      // What resetAndDestroy does, which says a polite goodbye (FIN) first.
      Object.assign(side, { resetAndClosing: true });
      side.destroy();
    }
  }
}

/** Puts a stream's chunks together to whole messages. */
class Splitter {
  readonly #framing: Framing;
  #pieces: Buffer[] = [];
  #have = 0;

  constructor(framing: Framing) {
    this.#framing = framing;
  }

  /** The messages that this chunk completes. */
  *split(chunk: Buffer): Generator<Buffer> {
    this.#pieces.push(chunk);
    this.#have += chunk.length;
    for (let size = this.#size(); this.#have >= size; size = this.#size()) {
      const all = this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces);
      this.#pieces = [all.subarray(size)];
      this.#have -= size;
      yield all.subarray(0, size);
    }
  }

  #size(): number {
    const { headBytes, lengthOf } = this.#framing;
    if (this.#have < headBytes) return Number.POSITIVE_INFINITY;
    if (this.#pieces[0].length < headBytes) {
      this.#pieces = [Buffer.concat(this.#pieces, this.#have)];
    }
    return lengthOf(this.#pieces[0]);
  }
}

function listen(port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
