/**
 * The two requests of a sign-in, which come before all others on a connection: which mechanism, and
 * then its messages. Layouts: https://kafka.apache.org/protocol
 */
import { RequestWriter, ResponseReader } from './bytes.ts';

const API_SASL_HANDSHAKE = 17;
const API_SASL_AUTHENTICATE = 36;
/** The first after which a mechanism's messages are requests of their own, and not bare bytes. */
const HANDSHAKE_VERSION = 1;
/** Kafka 2.5 and up. */
const AUTHENTICATE_VERSION = 2;
const CLIENT_ID = 'vendaval';
const HEAD_BYTES = 64;
/** As RFC 4422 has mechanisms' names; what is none is not shown to anybody. */
const MECHANISM_NAME = /^[A-Z0-9_-]{1,20}$/;

export function encodeSaslHandshake(correlationId: number, mechanism: string): Buffer {
  return new RequestWriter()
    .int16(API_SASL_HANDSHAKE)
    .int16(HANDSHAKE_VERSION)
    .int32(correlationId)
    .string(CLIENT_ID)
    .string(mechanism)
    .finish();
}

export interface SaslHandshakeAnswer {
  readonly error: number;
  /** That the listener has switched on. */
  readonly mechanisms: readonly string[];
}

export function decodeSaslHandshake(bytes: Buffer, size: number): SaslHandshakeAnswer {
  const reader = new ResponseReader(bytes, 4, size);
  const error = reader.int16();
  const mechanisms: string[] = [];
  for (let rest = reader.int32(); rest > 0; rest--) mechanisms.push(reader.string());
  return { error, mechanisms: mechanisms.filter((name) => MECHANISM_NAME.test(name)) };
}

/** @param message of the mechanism */
export function encodeSaslAuthenticate(correlationId: number, message: Buffer): Buffer {
  return new RequestWriter(HEAD_BYTES + message.length)
    .int16(API_SASL_AUTHENTICATE)
    .int16(AUTHENTICATE_VERSION)
    .int32(correlationId)
    .string(CLIENT_ID)
    .noTags()
    .unsignedVarint(message.length + 1)
    .raw(message)
    .noTags()
    .finish();
}

export interface SaslAuthenticateAnswer {
  readonly error: number;
  /** The broker's own words; empty for none. */
  readonly reason: string;
  /** The mechanism's message. */
  readonly message: Buffer;
  /** How long the broker takes requests before it wants to be convinced again; 0 for ever. */
  readonly lifetimeMs: number;
}

export function decodeSaslAuthenticate(bytes: Buffer, size: number): SaslAuthenticateAnswer {
  const reader = new ResponseReader(bytes, 4, size);
  reader.skipTags();
  const error = reader.int16();
  const reason = reader.compactString() ?? '';
  const length = Math.max(0, reader.compactLength());
  const at = reader.position;
  reader.skip(length);
  const message = bytes.subarray(at, at + length);
  return { error, reason, message, lifetimeMs: Math.max(0, reader.int64()) };
}
