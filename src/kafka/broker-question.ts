/** One connection to one broker for a few questions, one after the other. */
import type { KafkaSecurity } from './access.ts';
import { BrokerSocket, type SocketTimeouts } from './broker-socket.ts';
import {
  type ApiRanges,
  decodeApiRanges,
  encodeApiVersions,
  usableVersions,
} from './protocol/requests.ts';

export interface Answer {
  readonly bytes: Buffer;
  readonly size: number;
}

export class BrokerQuestion {
  readonly ranges: ApiRanges;
  readonly #socket: BrokerSocket;
  #correlationId = 1;

  private constructor(socket: BrokerSocket, ranges: ApiRanges) {
    this.#socket = socket;
    this.ranges = ranges;
  }

  /**
   * @param onConnected called between the connection and the first answer, which tells a port that
   *   is closed from one that does not speak Kafka
   */
  static async open(
    { host, port }: { host: string; port: number },
    _security: KafkaSecurity | null,
    timeouts: SocketTimeouts,
    onConnected: () => void = () => {},
  ): Promise<BrokerQuestion> {
    const socket = await BrokerSocket.open(host, port, false, timeouts);
    onConnected();
    try {
      const { bytes, size } = await socket.request(encodeApiVersions(1));
      return new BrokerQuestion(socket, decodeApiRanges(bytes, size));
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /** What both sides speak; throws when the broker is too old or too new. */
  get versions() {
    return usableVersions(this.ranges);
  }

  /** @param encode makes the request with the number that it is given */
  ask(encode: (correlationId: number) => Buffer): Promise<Answer> {
    return this.#socket.request(encode(++this.#correlationId));
  }

  close(): void {
    this.#socket.destroy();
  }
}
