/**
 * One connection to a partition's leader, from connect to close: asks for the versions once, then
 * sends one Fetch at a time. Two response buffers take turns, so that the next response can
 * arrive while this one is scanned. Knows nothing of records.
 */
import type { KafkaSecurity } from '../kafka/access.ts';
import { type BrokerConnection, openBroker } from '../kafka/broker-connection.ts';
import type { BrokerSocket, ResponseReceiver } from '../kafka/broker-socket.ts';
import {
  decodeFetch,
  type FetchRequest,
  type FetchResponse,
  type FetchTarget,
  prepareFetch,
  usableVersions,
} from '../kafka/protocol/requests.ts';
import type { VendavalError } from '../lib/errors.ts';
import type { BrokerPlace } from './lease-protocol.ts';

/** Longest time that the broker holds a fetch for which it has nothing. */
export const FETCH_WAIT_MS = 500;

/** A response's memory with its view; reused by every second response. */
export interface ResponseBuffer {
  bytes: Buffer;
  view: DataView;
}

export function responseBuffer(size: number): ResponseBuffer {
  const bytes = Buffer.allocUnsafeSlow(size);
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
}

export interface FetchHandler {
  /** A whole response; `buffer` stays untouched until the one after the next `fetch`. */
  fetched(response: FetchResponse, buffer: ResponseBuffer): void;
  /** The connection is over. Not called for `close`, nor before `open` has returned. */
  closed(error: VendavalError): void;
}

/** What a lease asks of its connection. */
export interface LeaseSession {
  /** When the broker ends it unless that is done first, on the monotonic clock. */
  readonly endsAtMs: number;
  /**
   * Asks for what comes at `offset`. One at a time: only after the last answer came.
   *
   * @param lastEpoch as in FetchRequest.set
   */
  fetch(offset: number, bytesMax: number, lastEpoch?: number): void;
  close(): void;
}

export type OpenSession = (
  place: BrokerPlace,
  target: FetchTarget,
  buffers: readonly [ResponseBuffer, ResponseBuffer],
  usualBytes: number,
  handler: FetchHandler,
) => Promise<LeaseSession>;

export class FetchSession implements ResponseReceiver, LeaseSession {
  readonly endsAtMs: number;
  readonly #socket: BrokerSocket;
  readonly #request: FetchRequest;
  readonly #buffers: readonly [ResponseBuffer, ResponseBuffer];
  readonly #handler: FetchHandler;
  readonly #usualBytes: number;
  #turn = 0;
  #correlationId = 1;
  #isClosed = false;

  private constructor(
    { socket, endsAtMs }: BrokerConnection,
    request: FetchRequest,
    buffers: readonly [ResponseBuffer, ResponseBuffer],
    usualBytes: number,
    handler: FetchHandler,
  ) {
    this.#usualBytes = usualBytes;
    this.#socket = socket;
    this.endsAtMs = endsAtMs;
    this.#request = request;
    this.#buffers = buffers;
    this.#handler = handler;
  }

  /** @returns how to open one with brokers that ask for this */
  static opener(security: KafkaSecurity | null): OpenSession {
    return (...args) => FetchSession.#open(security, ...args);
  }

  /**
   * @param buffers grown in place when a response needs more
   * @param usualBytes what they go back to after that
   */
  static async #open(
    security: KafkaSecurity | null,
    place: BrokerPlace,
    target: FetchTarget,
    buffers: readonly [ResponseBuffer, ResponseBuffer],
    usualBytes: number,
    handler: FetchHandler,
  ): Promise<FetchSession> {
    const connection = await openBroker(place, security);
    const { socket } = connection;
    try {
      const versions = usableVersions(connection.ranges);
      const request = prepareFetch(target, versions, FETCH_WAIT_MS);
      const session = new FetchSession(connection, request, buffers, usualBytes, handler);
      socket.receive(session);
      return session;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  fetch(offset: number, bytesMax: number, lastEpoch = -1): void {
    this.#turn ^= 1;
    this.#request.set(++this.#correlationId, offset, lastEpoch, bytesMax);
    this.#socket.send(this.#request.bytes);
  }

  allocate(size: number): Buffer {
    const buffer = this.#buffers[this.#turn];
    const isTooLarge = size <= this.#usualBytes && buffer.bytes.length > 4 * this.#usualBytes;
    if (buffer.bytes.length < size || isTooLarge) {
      Object.assign(buffer, responseBuffer(Math.max(size, this.#usualBytes)));
    }
    return buffer.bytes;
  }

  response(bytes: Buffer, size: number): void {
    if (bytes.readInt32BE(0) !== this.#correlationId) {
      this.#socket.destroy(new Error('the answer belongs to another request'));
      return;
    }
    let response: FetchResponse;
    try {
      response = decodeFetch(bytes, size, this.#request.version);
    } catch (error) {
      // Thrown on from here, in the socket's callback, it would end the thread.
      this.#socket.destroy(error);
      return;
    }
    this.#handler.fetched(response, this.#buffers[this.#turn]);
  }

  closed(error: VendavalError): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Later, so that an error in the middle of `open` or `fetch` finds its handler ready.
    queueMicrotask(() => this.#handler.closed(error));
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }
}
