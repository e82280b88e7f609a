/**
 * Requests and replies on their way through a FaultProxy, as far as a fault needs to tell them
 * apart: what a request asks for, and which reply is its.
 * https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
 * https://kafka.apache.org/protocol
 */
import type { Message, Rule, Verdict } from './fault-proxy.ts';

export interface Protocol<Request> {
  /** null where it is not to be known. */
  requestOf(bytes: Buffer): Request | null;
  requestId(bytes: Buffer): number;
  replyTo(bytes: Buffer): number;
}

export interface MongoRequest {
  readonly command: string;
  /** '' where the command names none. */
  readonly collection: string;
}

const OP_MSG = 2013;
const BODY = 0;
const BSON_STRING = 2;
/** Of OP_MSG: 16 bytes of header and 4 of flags; then the kind, the body's length, its elements. */
const SECTION_AT = 20;
const ELEMENT_AT = SECTION_AT + 1 + 4;

export const MONGO: Protocol<MongoRequest> = {
  requestOf(bytes) {
    if (bytes.readInt32LE(12) !== OP_MSG || bytes[SECTION_AT] !== BODY) return null;
    const end = bytes.indexOf(0, ELEMENT_AT);
    const command = bytes.toString('utf8', ELEMENT_AT + 1, end);
    if (bytes[ELEMENT_AT] !== BSON_STRING) return { command, collection: '' };
    const size = bytes.readInt32LE(end + 1);
    return { command, collection: bytes.toString('utf8', end + 5, end + 4 + size) };
  },
  requestId: (bytes) => bytes.readInt32LE(4),
  replyTo: (bytes) => bytes.readInt32LE(8),
};

export const KAFKA_API = { produce: 0, fetch: 1 } as const;

/** A request is its API's key. */
export const KAFKA: Protocol<number> = {
  requestOf: (bytes) => bytes.readInt16BE(4),
  requestId: (bytes) => bytes.readInt32BE(8),
  replyTo: (bytes) => bytes.readInt32BE(4),
};

/** A rule for the replies to those requests that `asks` is true for. */
export function forReplies<Request>(
  protocol: Protocol<Request>,
  asks: (request: Request) => boolean,
  verdict: (reply: Message) => Verdict,
): Rule {
  const asked = new Set<string>();
  return (message) => {
    const { bytes, way, link } = message;
    if (way === 'down') {
      const isIts = asked.delete(`${link}/${protocol.replyTo(bytes)}`);
      return isIts ? verdict(message) : 'pass';
    }
    const request = protocol.requestOf(bytes);
    if (request !== null && asks(request)) asked.add(`${link}/${protocol.requestId(bytes)}`);
    return 'pass';
  };
}
