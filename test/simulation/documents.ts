/**
 * What the database does with one document: filters, updates and the aggregation expressions that
 * the product sends, and no others. Anything else throws, so that a new operator is learnt here
 * before it is simulated. Held against a real server by test/integration/simulated-database.test.ts.
 */

export type Value = unknown;
export type Document = Readonly<Record<string, Value>>;

const REMOVE = Symbol('$$REMOVE');

type Variables = Readonly<Record<string, Value>>;

// --- filters --------------------------------------------------------------------------------

export function matches(document: Document, filter: Document): boolean {
  return Object.entries(filter).every(([path, condition]) => {
    const value = at(document, path);
    if (!isPlain(condition)) return isEqual(value, condition);
    return Object.entries(condition).every(([operator, operand]) => {
      if (operator === '$in') return (operand as Value[]).some((one) => isEqual(value, one));
      if (operator === '$exists') return (value !== undefined) === operand;
      if (value === undefined || value === null) return false;
      if (operator === '$lte') return compare(value, operand) <= 0;
      if (operator === '$lt') return compare(value, operand) < 0;
      if (operator === '$gt') return compare(value, operand) > 0;
      if (operator === '$gte') return compare(value, operand) >= 0;
      throw unknown('filter', operator);
    });
  });
}

// --- updates --------------------------------------------------------------------------------

/** @returns the new document; the same object when nothing changes */
function updated(document: Document, update: Document | readonly Document[], now: Date): Document {
  if (Array.isArray(update)) {
    return (update as Document[]).reduce((before, stage) => replaced(before, stage, now), document);
  }
  const after: Record<string, Value> = { ...document };
  for (const [operator, fields] of Object.entries(update)) {
    for (const [name, value] of Object.entries(fields as Document)) {
      if (operator === '$set') Object.assign(after, withPath(after, name, value));
      else if (operator === '$unset') Object.assign(after, withPath(after, name, undefined));
      else if (name.includes('.')) throw unknown('update of', name);
      else if (operator === '$currentDate') after[name] = now;
      else if (operator === '$max') {
        const known = after[name];
        if (known === undefined || known === null || compare(value, known) > 0) after[name] = value;
      } else if (operator !== '$setOnInsert') throw unknown('update', operator);
    }
  }
  return isSame(document, after) ? document : after;
}

/** With a field set, or taken out where the value is undefined; at most one level deep. */
function withPath(document: Document, path: string, value: Value): Document {
  const [name, part, ...deeper] = path.split('.');
  if (deeper.length > 0) throw unknown('update of', path);
  if (part === undefined) return { [name]: value };
  const { [part]: _, ...rest } = document[name] as Document;
  return { [name]: value === undefined ? rest : { ...rest, [part]: value } };
}

/** The document that an upsert makes, where the filter found none. */
function inserted(filter: Document, update: Document | readonly Document[], now: Date): Document {
  const seed = { _id: filter._id };
  const document = updated(seed, update, now);
  if (Array.isArray(update)) return document;
  return { ...document, ...((update as Document).$setOnInsert as Document | undefined) };
}

function replaced(document: Document, stage: Document, now: Date): Document {
  const [operator, ...more] = Object.keys(stage);
  if (operator !== '$replaceWith' || more.length > 0) throw unknown('stage', operator);
  return evaluate(stage.$replaceWith, document, { NOW: now, ROOT: document }) as Document;
}

export interface Operation {
  readonly filter: Document;
  readonly update: Document | readonly Document[];
  readonly isUpsert: boolean;
  readonly isMany: boolean;
}

export interface Changes {
  readonly matched: number;
  /** Of those, the ones that are not what they were. */
  readonly changed: readonly Document[];
  /** What an upsert makes when nothing matched. */
  readonly inserted: Document | null;
}

/** What an update does to a collection. Without an `_id` in its filter it goes over all. */
export function changesBy(
  operation: Operation,
  collection: ReadonlyMap<string, Document>,
  now: Date,
): Changes {
  const { filter, update, isUpsert, isMany } = operation;
  const { _id: id } = filter;
  if (!isMany && typeof id !== 'string') throw unknown('update of', JSON.stringify(id));
  const one = typeof id === 'string' ? collection.get(id) : undefined;
  const candidates = typeof id === 'string' ? (one ? [one] : []) : [...collection.values()];
  const matched = candidates.filter((document) => matches(document, filter));
  const changed = matched.flatMap((before) => {
    const after = updated(before, update, now);
    return after === before ? [] : [after];
  });
  const isNew = isUpsert && matched.length === 0;
  return {
    matched: matched.length,
    changed,
    inserted: isNew ? inserted(filter, update, now) : null,
  };
}

// --- expressions ----------------------------------------------------------------------------

function evaluate(expression: Value, root: Document, variables: Variables): Value {
  if (typeof expression === 'string') {
    if (expression.startsWith('$$')) return variable(expression.slice(2), variables);
    return expression.startsWith('$') ? at(root, expression.slice(1)) : expression;
  }
  if (!isPlain(expression)) return expression;
  const names = Object.keys(expression);
  const [first] = names;
  if (first?.startsWith('$')) {
    const run = OPERATORS[first];
    if (!run || names.length > 1) throw unknown('expression', first);
    return run(expression[first] as never, (part, more) =>
      evaluate(part, root, more ? { ...variables, ...more } : variables),
    );
  }
  const result: Record<string, Value> = {};
  for (const name of names) {
    const value = evaluate(expression[name], root, variables);
    if (value !== REMOVE && value !== undefined) result[name] = value;
  }
  return result;
}

type Evaluate = (expression: Value, variables?: Variables) => Value;

const OPERATORS: Readonly<Record<string, (operand: never, evaluate: Evaluate) => Value>> = {
  $literal: (value: Value) => value,
  $cond: ([condition, yes, no]: Value[], evaluate) => evaluate(evaluate(condition) ? yes : no),
  $or: (conditions: Value[], evaluate) => conditions.some((condition) => evaluate(condition)),
  $and: (conditions: Value[], evaluate) => conditions.every((condition) => evaluate(condition)),
  $not: ([condition]: Value[], evaluate) => !evaluate(condition),
  $in: ([value, list]: Value[], evaluate) =>
    (evaluate(list) as Value[]).some((one) => isEqual(one, evaluate(value))),
  $ne: ([a, b]: Value[], evaluate) => !isEqual(evaluate(a), evaluate(b)),
  $eq: ([a, b]: Value[], evaluate) => isEqual(evaluate(a), evaluate(b)),
  $gt: ([a, b]: Value[], evaluate) => compare(evaluate(a), evaluate(b)) > 0,
  $gte: ([a, b]: Value[], evaluate) => compare(evaluate(a), evaluate(b)) >= 0,
  $ifNull: ([value, otherwise]: Value[], evaluate) => evaluate(value) ?? evaluate(otherwise),
  $let: ({ vars, in: body }: { vars: Document; in: Value }, evaluate) =>
    evaluate(
      body,
      Object.fromEntries(Object.entries(vars).map(([name, value]) => [name, evaluate(value)])),
    ),
  $mergeObjects: (parts: Value[], evaluate) =>
    Object.assign({}, ...parts.map((part) => evaluate(part))),
  $objectToArray: (object: Value, evaluate) =>
    Object.entries(evaluate(object) as Document).map(([k, v]) => ({ k, v })),
  $map: ({ input, as, in: body }: { input: Value; as: string; in: Value }, evaluate) =>
    (evaluate(input) as Value[]).map((item) => evaluate(body, { [as]: item })),
  $sum: (list: Value, evaluate) => (evaluate(list) as Value[]).reduce(add, 0),
  $min: (list: Value, evaluate) =>
    (evaluate(list) as Value[]).reduce((a, b) => (compare(b, a) < 0 ? b : a)),
  $max: (list: Value, evaluate) =>
    (evaluate(list) as Value[]).reduce((a, b) => (compare(b, a) > 0 ? b : a)),
  $add: (parts: Value[], evaluate) => parts.map((part) => evaluate(part)).reduce(add),
  $multiply: (parts: Value[], evaluate) =>
    parts
      .map((part) => evaluate(part))
      .reduce((a, b) => {
        return isWhole(a) && isWhole(b) ? BigInt(a) * BigInt(b) : Number(a) * Number(b);
      }),
  $divide: ([a, b]: Value[], evaluate) => Number(evaluate(a)) / Number(evaluate(b)),
  $floor: (value: Value, evaluate) => Math.floor(Number(evaluate(value))),
};

/** A number without a fraction, which the server keeps as an integer. */
const isWhole = (value: Value): value is bigint | number =>
  typeof value === 'bigint' || Number.isInteger(value);

function add(a: Value, b: Value): Value {
  return isWhole(a) && isWhole(b) ? BigInt(a) + BigInt(b) : Number(a) + Number(b);
}

function variable(path: string, variables: Variables): Value {
  const [name, ...rest] = path.split('.');
  if (name === 'REMOVE') return REMOVE;
  if (!(name in variables)) throw unknown('variable', name);
  return rest.length === 0 ? variables[name] : at(variables[name] as Document, rest.join('.'));
}

// --- values ---------------------------------------------------------------------------------

function at(document: Document | undefined, path: string): Value {
  const dot = path.indexOf('.');
  if (dot < 0) return document?.[path];
  return at(document?.[path.slice(0, dot)] as Document | undefined, path.slice(dot + 1));
}

function isPlain(value: Value): value is Document {
  return (
    typeof value === 'object' && value !== null && !(value instanceof Date) && !Array.isArray(value)
  );
}

function isSame(a: Value, b: Value): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, i) => isSame(item, b[i]));
  }
  if (!isPlain(a) || !isPlain(b)) return isEqual(a, b);
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => isSame(a[name], b[name]));
}

function isEqual(a: Value, b: Value): boolean {
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
  // biome-ignore lint/suspicious/noDoubleEquals: an int64 equals a double of the same value
  return a === b || (isNumeric(a) && isNumeric(b) && a == b);
}

const isNumeric = (value: Value): value is number | bigint =>
  typeof value === 'number' || typeof value === 'bigint';

/** Numbers and dates only: of other types the server's order is not known here. */
function compare(a: Value, b: Value): number {
  const [x, y] = [a, b].map((value) => (value instanceof Date ? value.getTime() : value));
  if (!isNumeric(x) || !isNumeric(y)) throw new Error(`compares ${String(a)} with ${String(b)}`);
  return x < y ? -1 : x > y ? 1 : 0;
}

function unknown(what: string, name: string): Error {
  return new Error(`the simulated database does not know the ${what} ${name}: teach it`);
}
