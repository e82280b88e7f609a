/**
 * One connection to a broker, by TCP or through TLS: frames in, frames out. A response begins in a
 * small buffer; once its size is known, the socket reads the rest of it straight into memory that the
 * receiver chooses (`onread`). 'data' events would cost a third of the rate, and a copy of all bytes a
 * twentieth. Holds no queue: callers send one request at a time and match answers themselves.
 */
import { connect, type Socket, type TcpSocketConnectOpts } from 'node:net';
import type { VendavalError } from '../lib/errors.ts';
import { hostPort } from '../lib/host-port.ts';
import { connectionError } from './connection-error.ts';

/** A response larger than this is refused: brokers accept no batch of more than 100 MiB. */
export const RESPONSE_BYTES_MAX = 128 * 1024 * 1024;
/** Of the buffer in which responses begin. */
const FIRST_BYTES = 16 * 1024;

export interface SocketTimeouts {
  readonly connectMs: number;
  /** Longest silence while an answer is awaited. */
  readonly silenceMs: number;
}

export const DEFAULT_TIMEOUTS: SocketTimeouts = { connectMs: 5000, silenceMs: 15_000 };

/** The cause of an end that this side made because the other was too slow. */
export class Overdue extends Error {}

export interface Place {
  readonly host: string;
  readonly port: number;
}

/** How a socket is made, and which event says that it can be written to. */
export interface Dialer {
  readonly ready: 'connect' | 'secureConnect';
  dial(options: TcpSocketConnectOpts & { readonly host: string }): Socket;
}

const TCP: Dialer = { ready: 'connect', dial: connect };

export interface SocketOptions {
  readonly timeouts?: SocketTimeouts;
  /** Plain TCP unless TLS's is given. */
  readonly dialer?: Dialer | undefined;
  /** Called when something has been found to listen there, before hands are shaken. */
  readonly onConnected?: () => void;
}

export interface ResponseReceiver {
  /** Memory for a response of `size` bytes without its length prefix; at least that long. */
  allocate(size: number): Buffer;
  /** The response is whole; `bytes` is what `allocate` returned. */
  response(bytes: Buffer, size: number): void;
  /** The connection is over, once, for whatever reason. */
  closed(error: VendavalError): void;
}

export class BrokerSocket {
  /** host:port */
  readonly where: string;
  readonly #place: Place;
  readonly #socket: Socket;
  readonly #timeouts: SocketTimeouts;
  readonly #first = Buffer.allocUnsafeSlow(FIRST_BYTES);
  /** The socket reads into the response's own memory. */
  #isDirect = false;
  #receiver: ResponseReceiver | null = null;
  #prefix = Buffer.alloc(4);
  #prefixLength = 0;
  #target: Buffer | null = null;
  #size = 0;
  #have = 0;
  #awaiting = 0;
  #closed: VendavalError | null = null;

  private constructor(place: Place, timeouts: SocketTimeouts, dialer: Dialer) {
    const { host, port } = place;
    this.#place = place;
    this.where = hostPort(place);
    this.#timeouts = timeouts;
    this.#socket = dialer.dial({
      host,
      port,
      noDelay: true,
      onread: {
        buffer: () => this.#room(),
        callback: (length, chunk) => {
          if (!this.#isDirect) this.#feed(chunk as Buffer, length);
          else if (!this.#closed) this.#arrived(length);
          return true;
        },
      },
    });
    this.#socket.on('error', (error) => this.#close(connectionError(host, port, error)));
    this.#socket.on('close', () => this.#close(connectionError(host, port, new Error('closed'))));
  }

  static open(place: Place, options: SocketOptions = {}): Promise<BrokerSocket> {
    const { timeouts = DEFAULT_TIMEOUTS, dialer = TCP, onConnected } = options;
    return new Promise((resolve, reject) => {
      const broker = new BrokerSocket(place, timeouts, dialer);
      const timer = setTimeout(
        () => broker.destroy(new Overdue(`no answer in ${timeouts.connectMs} ms`)),
        timeouts.connectMs,
      );
      broker.#receiver = {
        allocate: (size) => Buffer.allocUnsafeSlow(size),
        response: () => broker.destroy(new Error('an answer without a question')),
        closed: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      if (onConnected) broker.#socket.once('connect', onConnected);
      broker.#socket.once(dialer.ready, () => {
        clearTimeout(timer);
        broker.#socket.setTimeout(timeouts.silenceMs, () => broker.#silent());
        resolve(broker);
      });
    });
  }

  /** From now on answers go to `receiver`. One that is closed already tells it so at once. */
  receive(receiver: ResponseReceiver): void {
    this.#receiver = receiver;
    if (this.#closed) receiver.closed(this.#closed);
  }

  send(request: Buffer): void {
    this.#awaiting++;
    this.#socket.write(request);
  }

  /** Sends one request and waits for its answer; for the small ones. */
  request(bytes: Buffer): Promise<{ bytes: Buffer; size: number }> {
    return new Promise((resolve, reject) => {
      this.receive({
        allocate: (size) => Buffer.allocUnsafeSlow(size),
        response: (answer, size) => resolve({ bytes: answer, size }),
        closed: reject,
      });
      if (!this.#closed) this.send(bytes);
    });
  }

  /**
   * What must be over before the connection is of use. A server that gives a byte now and then is
   * never silent; it may do so only for so long. When it fails, the connection is closed.
   */
  async ready<T>(work: () => Promise<T>): Promise<T> {
    const limitMs = this.#timeouts.connectMs + this.#timeouts.silenceMs;
    const timer = setTimeout(
      () => this.destroy(new Overdue(`not ready in ${limitMs} ms`)),
      limitMs,
    );
    try {
      return await work();
    } catch (error) {
      this.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  destroy(cause?: unknown): void {
    this.#socket.destroy();
    const { host, port } = this.#place;
    this.#close(connectionError(host, port, cause ?? new Error('closed by this side')));
  }

  #silent(): void {
    if (this.#awaiting > 0) {
      this.destroy(new Overdue(`silent for ${this.#timeouts.silenceMs} ms`));
    }
  }

  #close(error: VendavalError): void {
    if (this.#closed) return;
    this.#closed = error;
    this.#socket.destroy();
    this.#receiver?.closed(error);
  }

  /** Where the socket is to put what it reads next. */
  #room(): Buffer {
    this.#isDirect = this.#target !== null;
    return this.#target?.subarray(this.#have, this.#size) ?? this.#first;
  }

  #feed(chunk: Buffer, length: number): void {
    let position = 0;
    while (position < length && !this.#closed) {
      if (this.#target === null) {
        const take = Math.min(4 - this.#prefixLength, length - position);
        chunk.copy(this.#prefix, this.#prefixLength, position, position + take);
        this.#prefixLength += take;
        position += take;
        if (this.#prefixLength < 4) return;
        this.#prefixLength = 0;
        if (!this.#begin(this.#prefix.readInt32BE(0))) return;
      }
      const target = this.#target!;
      const take = Math.min(this.#size - this.#have, length - position);
      chunk.copy(target, this.#have, position, position + take);
      position += take;
      this.#arrived(take);
    }
  }

  #arrived(length: number): void {
    const target = this.#target!;
    this.#have += length;
    if (this.#have < this.#size) return;
    this.#target = null;
    this.#awaiting--;
    this.#receiver!.response(target, this.#size);
  }

  #begin(size: number): boolean {
    if (size < 4 || size > RESPONSE_BYTES_MAX) {
      this.destroy(new Error(`a response of ${size} bytes cannot be`));
      return false;
    }
    this.#target = this.#receiver!.allocate(size);
    this.#size = size;
    this.#have = 0;
    return true;
  }
}
