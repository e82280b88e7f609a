import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ITERATIONS_MAX,
  ITERATIONS_MIN,
  ScramClient,
  type ScramMechanism,
} from '../../../../src/kafka/security/scram.ts';

/** The server's side, from the RFC and none of the client's code. */
class Server {
  readonly #hash: string;
  readonly #bytes: number;
  readonly #password: string;
  #exchange = '';
  #salted = Buffer.alloc(0);

  constructor(mechanism: ScramMechanism, password: string) {
    this.#hash = mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512';
    this.#bytes = mechanism === 'SCRAM-SHA-256' ? 32 : 64;
    this.#password = password;
  }

  first(clientFirst: string): string {
    const bare = clientFirst.slice('n,,'.length);
    const nonce = bare.slice(bare.indexOf(',r=') + 3);
    const first = `r=${nonce}do servidor,s=${Buffer.from('sal').toString('base64')},i=4096`;
    this.#exchange = `${bare},${first}`;
    this.#salted = pbkdf2Sync(this.#password, 'sal', 4096, this.#bytes, this.#hash);
    return first;
  }

  /** Null for a wrong password. */
  final(clientFinal: string): string | null {
    const hmac = (key: Buffer, text: string) => createHmac(this.#hash, key).update(text).digest();
    const at = clientFinal.indexOf(',p=');
    const exchange = `${this.#exchange},${clientFinal.slice(0, at)}`;
    const proof = Buffer.from(clientFinal.slice(at + 3), 'base64');
    const clientKey = hmac(this.#salted, 'Client Key');
    const stored = createHash(this.#hash).update(clientKey).digest();
    const signature = hmac(stored, exchange);
    if (!proof.equals(Buffer.from(clientKey.map((byte, i) => byte ^ signature[i])))) return null;
    return `v=${hmac(hmac(this.#salted, 'Server Key'), exchange).toString('base64')}`;
  }
}

const MECHANISMS = ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;

describe('SCRAM', () => {
  it('says what the example of RFC 7677 says', async () => {
    const client = new ScramClient('SCRAM-SHA-256', 'user', 'pencil', 'rOprNGfwEbeRWgbNEkqO');
    expect(client.first()).toBe('n,,n=user,r=rOprNGfwEbeRWgbNEkqO');
    const nonce = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
    expect(await client.final(`r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`)).toBe(
      `c=biws,r=${nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`,
    );
    client.verify('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
  });

  it.each(MECHANISMS)('by %s takes any user and password, and only the right one', async (by) => {
    const words = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(words, words, words, async (user, password, other) => {
        const client = new ScramClient(by, user, password);
        const server = new Server(by, password);
        const final = await client.final(server.first(client.first()));
        client.verify(server.final(final)!);
        fc.pre(Buffer.from(other).compare(Buffer.from(password)) !== 0);
        const stranger = new Server(by, other);
        const attempt = new ScramClient(by, user, password);
        expect(stranger.final(await attempt.final(stranger.first(attempt.first())))).toBeNull();
      }),
      { numRuns: 30 },
    );
  });

  it('keeps a comma and an equals sign in a name apart from what they mean here', () => {
    expect(new ScramClient('SCRAM-SHA-256', 'a=b,c', 'x', 'r').first()).toBe('n,,n=a=3Db=2Cc,r=r');
  });

  it('believes no server that does not know the password', async () => {
    const client = new ScramClient('SCRAM-SHA-512', 'loja', 'senha');
    const server = new Server('SCRAM-SHA-512', 'senha');
    expect(() => client.verify('v=')).toThrow('did not prove');
    const proof = server.final(await client.final(server.first(client.first())))!;
    const other = new Server('SCRAM-SHA-512', 'outra');
    other.first(client.first());
    for (const wrong of ['v=', 'v=AAAA', `v=${'A'.repeat(86)}==`, proof.replace('v=', 'x='), '']) {
      expect(() => client.verify(wrong)).toThrow('did not prove');
    }
    expect(() => client.verify('e=invalid-proof')).toThrow('"invalid-proof"');
    client.verify(proof);
  });

  const salt = 's=c2Fs';
  it.each([
    ['too few iterations', `r=NONCEx,${salt},i=${ITERATIONS_MIN - 1}`, 'iterations'],
    ['more than a second of them', `r=NONCEx,${salt},i=${ITERATIONS_MAX + 1}`, 'iterations'],
    ['endless ones', `r=NONCEx,${salt},i=99999999999999999999`, 'iterations'],
    ['a number that is none', `r=NONCEx,${salt},i=0x1000`, 'iterations'],
    ['none', `r=NONCEx,${salt}`, 'iterations'],
    ["another client's nonce", `r=OTHERx,${salt},i=4096`, 'another exchange'],
    ['a nonce with nothing of its own', `r=NONCE,${salt},i=4096`, 'another exchange'],
    ['no salt', 'r=NONCEx,i=4096', 'no salt'],
    ['a salt that is no base 64', 'r=NONCEx,s=!,i=4096', 'no salt'],
    ['an extension', `m=x,r=NONCEx,${salt},i=4096`, 'extension'],
    ['an error', 'e=unknown-user', 'unknown-user'],
    ['nothing', '', 'another exchange'],
  ])('refuses a server that sends %s', async (_, first, message) => {
    const client = new ScramClient('SCRAM-SHA-256', 'loja', 'senha', 'NONCE');
    await expect(client.final(first)).rejects.toThrow(message);
  });

  it('takes the least and the most iterations', async () => {
    for (const iterations of [ITERATIONS_MIN, ITERATIONS_MAX]) {
      const client = new ScramClient('SCRAM-SHA-256', 'loja', 'senha', 'NONCE');
      expect(await client.final(`r=NONCEx,${salt},i=${iterations}`)).toMatch(/^c=biws,r=NONCEx,p=/);
    }
  });
});
