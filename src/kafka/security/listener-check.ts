/**
 * What a listener wants that did not answer as expected: found out by asking it otherwise, on a
 * connection of its own. Only errors come of it, and only where it is certain.
 */
import { VendavalError } from '../../lib/errors.ts';
import { hostPort } from '../../lib/host-port.ts';
import type { KafkaSecurity } from '../access.ts';
import { BrokerSocket, type Dialer, type Place, type SocketTimeouts } from '../broker-socket.ts';
import { decodeApiRanges, encodeApiVersions } from '../protocol/requests.ts';
import { mechanismsOf, wantsSignIn } from './sign-in.ts';
import { speaksTls, tlsDialer } from './tls-dialer.ts';

/** Whether the listener speaks TLS where this side does not, or the other way round. */
export async function otherTls(
  place: Place,
  isTls: boolean,
  timeouts: SocketTimeouts,
): Promise<VendavalError | null> {
  const where = hostPort(place);
  if (isTls) {
    const isPlainKafka = await asked(place, undefined, timeouts, async (socket) => {
      const answer = await socket.request(encodeApiVersions(0));
      return decodeApiRanges(answer.bytes, answer.size).size > 0;
    });
    if (!isPlainKafka) return null;
    return new VendavalError(`the broker at ${where} speaks no TLS on this port`, {
      code: 'E_KAFKA_TLS',
      hint: 'Use the port of its SSL or SASL_SSL listener; without TLS, leave KAFKA_TLS unset.',
    });
  }
  if (!(await speaksTls(place.host, place.port, timeouts.connectMs))) return null;
  return new VendavalError(`what listens on ${where} speaks TLS, and this side does not`, {
    code: 'E_KAFKA_TLS',
    hint: 'Set KAFKA_TLS=true (--kafka-tls), and KAFKA_CA if it is of an authority of your own.',
  });
}

/**
 * A broker that wants a sign-in answers which versions it speaks, and to the first question that
 * comes without one closes the connection without a word.
 */
export async function signInWanted(
  place: Place,
  security: KafkaSecurity | null,
  timeouts: SocketTimeouts,
): Promise<VendavalError | null> {
  const offered = await asked(
    place,
    security?.tls ? tlsDialer(security.tls) : undefined,
    timeouts,
    (socket) => mechanismsOf((request) => socket.request(request)),
  );
  return offered ? wantsSignIn(hostPort(place), offered) : null;
}

/** One question on a connection of its own; null when it comes to nothing. */
async function asked<T>(
  place: Place,
  dialer: Dialer | undefined,
  timeouts: SocketTimeouts,
  question: (socket: BrokerSocket) => Promise<T>,
): Promise<T | null> {
  try {
    const socket = await BrokerSocket.open(place, { timeouts, dialer });
    return await socket.ready(() => question(socket)).finally(() => socket.destroy());
  } catch {
    return null; // Then that is not the reason, and the first error stands.
  }
}
