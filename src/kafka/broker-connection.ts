/**
 * A connection to a broker that is ready for questions: TLS and the sign-in are over, and what it
 * speaks is known. When it does not come to that, the listener is asked what it wants, so that the
 * error can name it. Invariant: it opens or throws within the time limits, whatever is there.
 *
 * What TLS and sign-ins need is loaded with the first of them: most threads need neither.
 */
import { systemClock } from '../lib/clock.ts';
import { VendavalError } from '../lib/errors.ts';
import type { KafkaSecurity } from './access.ts';
import {
  BrokerSocket,
  DEFAULT_TIMEOUTS,
  type Dialer,
  Overdue,
  type Place,
  type SocketTimeouts,
} from './broker-socket.ts';
import { type ApiRanges, decodeApiRanges, encodeApiVersions } from './protocol/requests.ts';

/** Of the time that a broker takes requests after a sign-in, what is used. */
const LIFETIME_SHARE = 0.85;

export interface OpenOptions {
  readonly timeouts?: SocketTimeouts;
  /** Called when something has been found to listen there. */
  readonly onConnected?: () => void;
}

export interface BrokerConnection {
  readonly socket: BrokerSocket;
  readonly ranges: ApiRanges;
  /** When the broker wants to be convinced anew, on the monotonic clock; Infinity for never. */
  readonly endsAtMs: number;
}

export async function openBroker(
  place: Place,
  security: KafkaSecurity | null,
  options: OpenOptions = {},
): Promise<BrokerConnection> {
  const { timeouts = DEFAULT_TIMEOUTS } = options;
  const dialer = await dialerOf(security);
  let isConnected = false;
  const onConnected = () => {
    isConnected = true;
    options.onConnected?.();
  };
  try {
    return await open(place, security, dialer, { ...options, timeouts, onConnected });
  } catch (error) {
    // What speaks otherwise says so at once, by closing; what is slow is only asked again.
    const isUnclear =
      error instanceof VendavalError &&
      error.code === 'E_BROKER_UNREACHABLE' &&
      !(error.cause instanceof Overdue);
    if (!isConnected || !isUnclear) throw error;
    const { otherTls } = await import('./security/listener-check.ts');
    throw (await otherTls(place, security?.tls != null, timeouts)) ?? error;
  }
}

/** @returns undefined for plain TCP */
async function dialerOf(security: KafkaSecurity | null): Promise<Dialer | undefined> {
  if (!security?.tls) return undefined;
  const { tlsDialer } = await import('./security/tls-dialer.ts');
  return tlsDialer(security.tls);
}

async function open(
  place: Place,
  security: KafkaSecurity | null,
  dialer: Dialer | undefined,
  options: OpenOptions & { readonly timeouts: SocketTimeouts },
): Promise<BrokerConnection> {
  const socket = await BrokerSocket.open(place, { ...options, dialer });
  return socket.ready(async () => {
    const login = security?.sasl;
    const startMs = systemClock.monotonicMs();
    let lifetimeMs = 0;
    if (login) {
      const { signIn } = await import('./security/sign-in.ts');
      lifetimeMs = await signIn(socket.where, login, (request) => socket.request(request));
    }
    const answer = await socket.request(encodeApiVersions(0));
    const ranges = decodeApiRanges(answer.bytes, answer.size);
    const usableMs = lifetimeMs > 0 ? lifetimeMs * LIFETIME_SHARE : Number.POSITIVE_INFINITY;
    return { socket, ranges, endsAtMs: startMs + usableMs };
  });
}
