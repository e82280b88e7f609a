/** One connection to one broker for a few questions, one after the other. */
import type { VendavalError } from '../lib/errors.ts';
import type { KafkaSecurity } from './access.ts';
import { openBroker } from './broker-connection.ts';
import type { BrokerSocket, Place, SocketTimeouts } from './broker-socket.ts';
import { type ApiRanges, usableVersions } from './protocol/requests.ts';

export interface Answer {
  readonly bytes: Buffer;
  readonly size: number;
}

export class BrokerQuestion {
  readonly ranges: ApiRanges;
  readonly #socket: BrokerSocket;
  /** What a listener may still want that has answered nothing but its versions. */
  #explain: (() => Promise<VendavalError | null>) | null;
  #correlationId = 1;

  private constructor(
    socket: BrokerSocket,
    ranges: ApiRanges,
    explain: (() => Promise<VendavalError | null>) | null,
  ) {
    this.#socket = socket;
    this.ranges = ranges;
    this.#explain = explain;
  }

  /**
   * @param onConnected called between the connection and the first answer, which tells a port that
   *   is closed from one that does not speak Kafka
   */
  static async open(
    place: Place,
    security: KafkaSecurity | null,
    timeouts: SocketTimeouts,
    onConnected: () => void = () => {},
  ): Promise<BrokerQuestion> {
    const { socket, ranges } = await openBroker(place, security, { timeouts, onConnected });
    const explain = async () => {
      const { signInWanted } = await import('./security/listener-check.ts');
      return signInWanted(place, security, timeouts);
    };
    return new BrokerQuestion(socket, ranges, security?.sasl ? null : explain);
  }

  /** What both sides speak; throws when the broker is too old or too new. */
  get versions() {
    return usableVersions(this.ranges);
  }

  /** @param encode makes the request with the number that it is given */
  async ask(encode: (correlationId: number) => Buffer): Promise<Answer> {
    const explain = this.#explain;
    this.#explain = null;
    try {
      return await this.#socket.request(encode(++this.#correlationId));
    } catch (error) {
      throw (await explain?.()) ?? error;
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}
