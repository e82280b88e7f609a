/**
 * What a MongoDB request asks for, as far as a fault needs it: which command, on which collection.
 * https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
 */
import type { Message, Rule, Verdict } from './fault-proxy.ts';

const OP_MSG = 2013;
const HEADER_BYTES = 16;
/** Flags, the kind of the first section, the body's length, the type of its first element. */
const COMMAND_AT = HEADER_BYTES + 4 + 1 + 4 + 1;
const STRING = 2;

export interface MongoRequest {
  /** "link/requestId". */
  readonly id: string;
  readonly command: string;
  /** '' where the command names none. */
  readonly collection: string;
}

export function readRequest({ bytes, link }: Message): MongoRequest | null {
  if (bytes.readInt32LE(12) !== OP_MSG || bytes[COMMAND_AT - 6] !== 0) return null;
  const end = bytes.indexOf(0, COMMAND_AT);
  const command = bytes.toString('utf8', COMMAND_AT, end);
  const isNamed = bytes[COMMAND_AT - 1] === STRING;
  const size = isNamed ? bytes.readInt32LE(end + 1) : 1;
  const collection = isNamed ? bytes.toString('utf8', end + 5, end + 4 + size) : '';
  return { id: `${link}/${bytes.readInt32LE(4)}`, command, collection };
}

/** A rule for the replies to those requests that `asks` is true for. */
export function forReplies(
  asks: (request: MongoRequest) => boolean,
  verdict: (message: Message) => Verdict,
): Rule {
  const asked = new Set<string>();
  return (message) => {
    const { bytes, way, link } = message;
    if (way === 'up') {
      const request = readRequest(message);
      if (request && asks(request)) asked.add(request.id);
      return 'pass';
    }
    return asked.delete(`${link}/${bytes.readInt32LE(8)}`) ? verdict(message) : 'pass';
  };
}
