/**
 * What a librdkafka client of ours gets while it lives, and its end. Invariant: from the moment it
 * begins to end, nothing of ours calls it. The binding holds its lock for all of that time and frees
 * the client at its end: a new token would wait for the lock while the end waits for our answer to
 * the last rebalance, both for ever, and a poll would read memory that is gone.
 */
import type Kafka from 'node-rdkafka';
import type { KafkaAccess } from './access.ts';
import { readToken } from './security/token-file.ts';

const TOKEN_LOOK_MS = 5000;
const END_LIMIT_MS = 5000;

type Client = Kafka.KafkaConsumer | Kafka.Producer;

const tokenTimers = new WeakMap<Client, NodeJS.Timeout>();

/** Gives a client the token of OAUTHBEARER, and each new one, until it ends. */
export function supplyToken(client: Client, { security }: KafkaAccess): void {
  const login = security?.sasl;
  if (login?.mechanism !== 'OAUTHBEARER') return;
  let given = '';
  const look = () => {
    const token = readToken(login.tokenFile);
    if (token === given) return;
    client.setOauthBearerToken(token);
    given = token;
  };
  look();
  const timer = setInterval(() => {
    try {
      look();
    } catch (error) {
      client.emit('event.error', error as Kafka.LibrdKafkaError);
    }
  }, TOKEN_LOOK_MS).unref();
  tokenTimers.set(client, timer);
}

/** Resolves when it is over, or after the time. What it has not sent by now is not sent. */
export function endClient(client: Client, timeoutMs = END_LIMIT_MS): Promise<void> {
  clearInterval(tokenTimers.get(client));
  if (!client.isConnected()) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeoutMs);
    const ended = () => {
      clearTimeout(timer);
      resolve();
    };
    if ('setPollInterval' in client) {
      client.setPollInterval(0);
      client.disconnect(0, ended);
    } else {
      client.disconnect(ended);
    }
  });
}
