/**
 * Finds the source text of a top-level member's value in JSON that JSON.parse has accepted: the
 * number that JSON.parse returns has already been rounded to a double. Iterative, so nesting
 * cannot exhaust the stack. What is not valid JSON is the caller's mistake.
 */

/** Source text of the last top-level member called `name`, as JSON.parse counts duplicates. */
export function memberSource(json: string, name: string): string {
  let source = '';
  let position = skipSpace(json, skipSpace(json, 0) + 1);
  while (json[position] !== '}') {
    const keyEnd = skipString(json, position);
    const isNamed = keyText(json.slice(position, keyEnd)) === name;
    position = skipSpace(json, skipSpace(json, keyEnd) + 1);
    const valueEnd = skipValue(json, position);
    if (isNamed) source = json.slice(position, valueEnd);
    position = skipSpace(json, valueEnd);
    if (json[position] === ',') position = skipSpace(json, position + 1);
  }
  return source;
}

/** A key may be spelled with escapes, such as "v\u0061lor". */
function keyText(quoted: string): string {
  return quoted.includes('\\') ? JSON.parse(quoted) : quoted.slice(1, -1);
}

function skipSpace(json: string, from: number): number {
  let position = from;
  while (' \t\n\r'.includes(json[position])) position++;
  return position;
}

function skipString(json: string, from: number): number {
  let position = from + 1;
  while (json[position] !== '"') position += json[position] === '\\' ? 2 : 1;
  return position + 1;
}

function skipValue(json: string, from: number): number {
  let position = from;
  let depth = 0;
  do {
    const character = json[position];
    if (character === '"') {
      position = skipString(json, position);
    } else if (character === '{' || character === '[') {
      depth++;
      position++;
    } else if (character === '}' || character === ']') {
      depth--;
      position++;
    } else if (depth > 0) {
      position++;
    } else {
      while (!',}] \t\n\r'.includes(json[position])) position++;
    }
  } while (depth > 0);
  return position;
}
