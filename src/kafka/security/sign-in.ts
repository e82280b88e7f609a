/**
 * Signing in on a new connection, before anything else is asked on it. Everything that a broker
 * answers is bounded by the caller's time limit, and told in words of ours.
 */
import { messageOf, VendavalError } from '../../lib/errors.ts';
import type { SaslLogin } from '../access.ts';
import { malformedResponse } from '../protocol/bytes.ts';
import { KAFKA_ERROR, kafkaErrorName } from '../protocol/error-codes.ts';
import {
  decodeSaslAuthenticate,
  decodeSaslHandshake,
  encodeSaslAuthenticate,
  encodeSaslHandshake,
} from '../protocol/sasl.ts';
import { ScramClient } from './scram.ts';
import { readToken } from './token-file.ts';

export type Ask = (request: Buffer) => Promise<{ readonly bytes: Buffer; readonly size: number }>;

const REASON_LENGTH_MAX = 200;

/**
 * @param where host:port, for what is said of it
 * @returns how long the broker takes requests on this connection, in ms; 0 for ever
 */
export async function signIn(where: string, login: SaslLogin, ask: Ask): Promise<number> {
  const exchange = new Exchange(where, login.mechanism, ask);
  await exchange.begin();
  if (login.mechanism === 'OAUTHBEARER') {
    const token = readToken(login.tokenFile);
    const answer = await exchange.send(`n,,\x01auth=Bearer ${token}\x01\x01`);
    // What is wrong with it, as JSON; a success says nothing.
    if (answer !== '') throw exchange.refused(answer);
  } else if (login.mechanism === 'PLAIN') {
    await exchange.send(`\0${login.user}\0${login.password}`);
  } else {
    const scram = new ScramClient(login.mechanism, login.user, login.password);
    const serverFirst = await exchange.send(scram.first());
    const final = await exchange.trust(() => scram.final(serverFirst));
    const serverFinal = await exchange.send(final);
    await exchange.trust(() => scram.verify(serverFinal));
  }
  return exchange.lifetimeMs;
}

/** The listener's mechanisms; null for one that takes no sign-in. */
export async function mechanismsOf(ask: Ask): Promise<readonly string[] | null> {
  // None has this name, so that nothing begins.
  const { bytes, size } = await ask(encodeSaslHandshake(1, 'VENDAVAL-ASKS'));
  const { error, mechanisms } = decodeSaslHandshake(bytes, size);
  return error === KAFKA_ERROR.unsupportedSaslMechanism ? mechanisms : null;
}

class Exchange {
  lifetimeMs = 0;
  readonly #where: string;
  readonly #mechanism: string;
  readonly #ask: Ask;
  #correlationId = 0;

  constructor(where: string, mechanism: string, ask: Ask) {
    this.#where = where;
    this.#mechanism = mechanism;
    this.#ask = ask;
  }

  async begin(): Promise<void> {
    const answer = await this.#request((id) => encodeSaslHandshake(id, this.#mechanism));
    const { error, mechanisms } = decodeSaslHandshake(answer.bytes, answer.size);
    if (error === KAFKA_ERROR.none) return;
    if (error === KAFKA_ERROR.unsupportedSaslMechanism) {
      throw notOffered(this.#where, this.#mechanism, mechanisms);
    }
    if (error === KAFKA_ERROR.illegalSaslState) throw takesNoSignIn(this.#where);
    throw this.refused(kafkaErrorName(error));
  }

  /** @returns the mechanism's answer */
  async send(message: string): Promise<string> {
    const bytes = Buffer.from(message, 'utf8');
    const answer = await this.#request((id) => encodeSaslAuthenticate(id, bytes));
    const { error, reason, ...rest } = decodeSaslAuthenticate(answer.bytes, answer.size);
    if (error !== KAFKA_ERROR.none) throw this.refused(reason || kafkaErrorName(error));
    this.lifetimeMs = rest.lifetimeMs;
    return rest.message.toString('utf8');
  }

  /** What the mechanism does not like about the broker's side. */
  async trust<T>(judge: () => T | Promise<T>): Promise<T> {
    try {
      return await judge();
    } catch (error) {
      const why = printable(messageOf(error));
      throw new VendavalError(
        `the sign-in at ${this.#where} by ${this.#mechanism} was broken off: ${why}`,
        {
          code: 'E_KAFKA_AUTH',
          cause: error,
          hint: 'What listens there may be no broker of yours: check the address, and use TLS.',
        },
      );
    }
  }

  refused(reason: string): VendavalError {
    const isToken = this.#mechanism === 'OAUTHBEARER';
    const what = isToken ? 'token' : 'user or password';
    return new VendavalError(
      `the broker at ${this.#where} refuses the ${what} (${this.#mechanism}): ${printable(reason)}`,
      {
        code: 'E_KAFKA_AUTH',
        hint: isToken
          ? "Check the token's issuer, audience, scope and time against what the brokers expect."
          : 'Check KAFKA_USER and KAFKA_PASSWORD (or the file that KAFKA_PASSWORD_FILE names), and ' +
            `that the user has a password for ${this.#mechanism}: each mechanism has its own.`,
      },
    );
  }

  async #request(encode: (correlationId: number) => Buffer) {
    const id = ++this.#correlationId;
    const answer = await this.#ask(encode(id));
    if (answer.bytes.readInt32BE(0) !== id) {
      throw malformedResponse('the answer belongs to another request');
    }
    return answer;
  }
}

function notOffered(where: string, mechanism: string, offered: readonly string[]): VendavalError {
  const list = offered.join(', ') || 'none that is known here';
  return new VendavalError(`the broker at ${where} takes no ${mechanism}, but ${list}`, {
    code: 'E_KAFKA_SASL',
    hint:
      'Set KAFKA_SASL_MECHANISM to one of those, or switch yours on: sasl.enabled.mechanisms in ' +
      "the broker's server.properties.",
  });
}

function takesNoSignIn(where: string): VendavalError {
  return new VendavalError(`the broker at ${where} takes no sign-in on this port`, {
    code: 'E_KAFKA_SASL',
    hint: 'Use the port of its SASL_SSL listener, or leave KAFKA_SASL_MECHANISM unset.',
  });
}

/** The safest first. */
const PREFERRED = ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'OAUTHBEARER', 'PLAIN'];

export function wantsSignIn(where: string, offered: readonly string[]): VendavalError {
  const best = PREFERRED.find((name) => offered.includes(name)) ?? PREFERRED[0];
  return new VendavalError(
    `the broker at ${where} wants a sign-in by ${offered.join(' or ')}, and none is set`,
    {
      code: 'E_KAFKA_SASL',
      hint:
        `Set KAFKA_SASL_MECHANISM=${best}` +
        (best === 'OAUTHBEARER'
          ? ' and KAFKA_TOKEN_FILE: docs/SECURITY.md.'
          : ', KAFKA_USER and KAFKA_PASSWORD_FILE: docs/SECURITY.md.'),
    },
  );
}

/** A text of the other side's, without what could change a terminal, and not endless. */
function printable(text: string): string {
  return text.replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '?').slice(0, REASON_LENGTH_MAX);
}
