/**
 * The client's side of SCRAM (RFC 5802, RFC 7677): the password never leaves this process, and the
 * server must prove that it knows it, too. Names and passwords are taken as they are written, byte
 * by byte in UTF-8: Kafka's brokers do not prepare them (SASLprep) either.
 */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify(pbkdf2);

const HASHES = {
  'SCRAM-SHA-256': { hash: 'sha256', bytes: 32 },
  'SCRAM-SHA-512': { hash: 'sha512', bytes: 64 },
} as const;

export type ScramMechanism = keyof typeof HASHES;

/** The least of RFC 7677, below which a password is found out too soon. */
export const ITERATIONS_MIN = 4096;
/** A second's work. Kafka's own limit is 16384; a server that asks for more wants to keep us busy. */
export const ITERATIONS_MAX = 1_000_000;

/** "n,,": no channel binding; and the same in base 64. */
const GS2_HEADER = 'n,,';
const CHANNEL_BINDING = 'c=biws';
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

export class ScramClient {
  readonly #mechanism: ScramMechanism;
  readonly #password: string;
  readonly #nonce: string;
  readonly #firstBare: string;
  #serverSignature: Buffer | null = null;

  /** @param nonce only a test gives it: what RFC 5802's own example has */
  constructor(
    mechanism: ScramMechanism,
    user: string,
    password: string,
    nonce = randomBytes(24).toString('base64'),
  ) {
    this.#mechanism = mechanism;
    this.#password = password;
    this.#nonce = nonce;
    const name = user.replaceAll('=', '=3D').replaceAll(',', '=2C');
    this.#firstBare = `n=${name},r=${nonce}`;
  }

  first(): string {
    return GS2_HEADER + this.#firstBare;
  }

  /** Answers the server's first message; throws an Error that says what is wrong with it. */
  async final(serverFirst: string): Promise<string> {
    const { nonce, salt, iterations } = this.#readFirst(serverFirst);
    const { hash, bytes } = HASHES[this.#mechanism];
    const hmac = (key: Buffer, text: string) => createHmac(hash, key).update(text).digest();
    const salted = await derive(this.#password, salt, iterations, bytes, hash);
    const clientKey = hmac(salted, 'Client Key');
    const storedKey = createHash(hash).update(clientKey).digest();
    const withoutProof = `${CHANNEL_BINDING},r=${nonce}`;
    const exchange = `${this.#firstBare},${serverFirst},${withoutProof}`;
    const signature = hmac(storedKey, exchange);
    const proof = clientKey.map((byte, i) => byte ^ signature[i]);
    this.#serverSignature = hmac(hmac(salted, 'Server Key'), exchange);
    return `${withoutProof},p=${Buffer.from(proof).toString('base64')}`;
  }

  /** Throws an Error unless the server has proved that it knows the password. */
  verify(serverFinal: string): void {
    const fields = fieldsOf(serverFinal);
    if (fields.has('e')) throw new Error(`the server ended it with "${fields.get('e')}"`);
    const given = fields.get('v') ?? '';
    const expected = this.#serverSignature;
    const signature = BASE64.test(given) ? Buffer.from(given, 'base64') : Buffer.alloc(0);
    const isProved =
      expected !== null &&
      signature.length === expected.length &&
      timingSafeEqual(signature, expected);
    if (!isProved) throw new Error('the server did not prove that it knows the password');
  }

  #readFirst(serverFirst: string) {
    const fields = fieldsOf(serverFirst);
    if (fields.has('e')) throw new Error(`the server ended it with "${fields.get('e')}"`);
    if (fields.has('m')) throw new Error('the server wants an extension that is not known here');
    const nonce = fields.get('r') ?? '';
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length) {
      throw new Error('the answer belongs to another exchange');
    }
    const salt = fields.get('s') ?? '';
    if (!BASE64.test(salt)) throw new Error('the server sent no salt');
    const count = fields.get('i') ?? '';
    const iterations = /^\d{1,10}$/.test(count) ? Number(count) : Number.NaN;
    if (!(iterations >= ITERATIONS_MIN && iterations <= ITERATIONS_MAX)) {
      const range = `${ITERATIONS_MIN} to ${ITERATIONS_MAX}`;
      throw new Error(`the server asks for "${count}" iterations, and ${range} are taken`);
    }
    return { nonce, salt: Buffer.from(salt, 'base64'), iterations };
  }
}

/** "a=…,b=…": the first of each letter. */
function fieldsOf(message: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const field of message.split(',')) {
    const name = field.slice(0, 1);
    if (field[1] === '=' && !fields.has(name)) fields.set(name, field.slice(2));
  }
  return fields;
}
