/**
 * The OAuth token that somebody else keeps fresh in a file: a sidecar, or Kubernetes itself. Read
 * anew for every connection, so that a new one is used at once.
 */
import { readFileSync } from 'node:fs';
import { messageOf, VendavalError } from '../../lib/errors.ts';
import { humanDurationMs } from '../../lib/units.ts';

/** As RFC 6750 has it; anything else would end the SASL message early. */
const BEARER_TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

/** @returns the token, which has not expired as far as it can be told */
export function readToken(path: string, nowMs = Date.now()): string {
  let token: string;
  try {
    token = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw tokenError(`the token file cannot be read: ${messageOf(error)}`);
  }
  if (token === '') throw tokenError(`the token file ${path} is empty`);
  if (!BEARER_TOKEN.test(token)) throw tokenError(`the token file ${path} holds no bearer token`);
  const expiresMs = expiryOf(token);
  if (expiresMs <= nowMs) {
    const ago = humanDurationMs(nowMs - expiresMs);
    throw tokenError(`the token in ${path} expired ${ago} ago`);
  }
  return token;
}

/** Infinity where the token does not tell. */
function expiryOf(token: string): number {
  const { exp } = claimsOf(token);
  return typeof exp === 'number' ? exp * 1000 : Number.POSITIVE_INFINITY;
}

/** What a JWT says of itself; nothing of another token, which only the broker can read. */
export function claimsOf(token: string): { readonly exp?: unknown; readonly sub?: unknown } {
  const [, payload = ''] = token.split('.');
  try {
    return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) ?? {};
  } catch {
    return {};
  }
}

/** Whoever writes the file may be about to. */
function tokenError(message: string): VendavalError {
  return new VendavalError(message, {
    code: 'E_KAFKA_TOKEN',
    retryable: true,
    hint:
      'KAFKA_TOKEN_FILE names a file with an OAuth access token and nothing else, which whoever ' +
      'gives out tokens keeps fresh.',
  });
}
