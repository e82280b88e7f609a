/**
 * Finds the source text of a top-level number in an object that JSON.parse has accepted: what
 * JSON.parse returns has already been rounded to a double. Works on the bytes, since all that
 * it looks for is ASCII. Iterative, so nesting cannot exhaust the stack. To ask for a member
 * that is not there or no number, or in what is not a valid object, is the caller's mistake.
 */

const QUOTE = 34;
const COMMA = 44;
const BACKSLASH = 92;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
const SPACE = 32;

/** Source text of the last top-level member called `name`, as JSON.parse counts duplicates. */
export function memberSource(json: Buffer, name: string): string {
  let source = '';
  let position = skipSpace(json, skipSpace(json, 0) + 1);
  while (json[position] !== CLOSE_BRACE) {
    const keyEnd = skipString(json, position);
    const isNamed = isKey(json, position, keyEnd, name);
    position = skipSpace(json, skipSpace(json, keyEnd) + 1);
    const valueEnd = skipValue(json, position);
    if (isNamed) source = json.toString('latin1', position, valueEnd);
    position = skipSpace(json, valueEnd);
    if (json[position] === COMMA) position = skipSpace(json, position + 1);
  }
  return source;
}

/** `name` is ASCII. A key may be spelled with escapes, such as "v\u0061lor". */
function isKey(json: Buffer, quote: number, end: number, name: string): boolean {
  const length = end - quote - 2;
  for (let i = 0; i < length; i++) {
    const byte = json[quote + 1 + i];
    if (byte === BACKSLASH) return JSON.parse(json.toString('utf8', quote, end)) === name;
    if (byte !== name.charCodeAt(i)) return false;
  }
  return length === name.length;
}

/** Inside valid JSON, whatever is not above the space is white space. */
function skipSpace(json: Buffer, from: number): number {
  let position = from;
  while (json[position] <= SPACE) position++;
  return position;
}

function skipString(json: Buffer, from: number): number {
  let position = from + 1;
  for (;;) {
    const byte = json[position];
    if (byte === QUOTE) return position + 1;
    position += byte === BACKSLASH ? 2 : 1;
  }
}

function skipValue(json: Buffer, from: number): number {
  let position = from;
  let depth = 0;
  do {
    const byte = json[position];
    if (byte === QUOTE) {
      position = skipString(json, position);
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth++;
      position++;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth--;
      position++;
    } else if (depth > 0) {
      position++;
    } else {
      position = skipScalar(json, position);
    }
  } while (depth > 0);
  return position;
}

function skipScalar(json: Buffer, from: number): number {
  let position = from;
  for (;;) {
    const byte = json[position];
    if (byte <= SPACE || byte === COMMA || byte === CLOSE_BRACE) return position;
    position++;
  }
}
