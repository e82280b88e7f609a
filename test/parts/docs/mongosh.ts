/**
 * mongosh's words for the queries of the documents, put to the driver: mongosh itself is in no
 * registry. The text is evaluated as it stands; a projection is the second argument of find, and
 * a query is a list of documents when it is awaited.
 */
import { runInNewContext } from 'node:vm';
import type { Collection, Db, Document, FindCursor } from 'mongodb';
import { Long } from 'mongodb';

/** What mongosh and Mongo Express know besides JavaScript. */
const WORDS = {
  ISODate: (text?: string) => (text === undefined ? new Date() : new Date(text)),
  Long: (text: string) => Long.fromString(String(text)),
  NumberLong: (text: string) => Long.fromString(String(text)),
};

class Query {
  readonly #cursor: FindCursor<Document>;

  constructor(cursor: FindCursor<Document>) {
    this.#cursor = cursor;
  }

  sort = (by: Document) => new Query(this.#cursor.sort(by as never));
  limit = (count: number) => new Query(this.#cursor.limit(count));
  skip = (count: number) => new Query(this.#cursor.skip(count));
  toArray = () => this.#cursor.toArray();
}

function words(collection: Collection) {
  return {
    find: (filter: Document = {}, projection: Document = {}) =>
      new Query(collection.find(filter, { projection })),
    findOne: (filter: Document = {}, projection: Document = {}) =>
      collection.findOne(filter, { projection }),
    aggregate: (steps: Document[]) => collection.aggregate(steps),
    renameCollection: async (name: string) => {
      await collection.rename(name);
      return { ok: 1 };
    },
  };
}

function database(db: Db): object {
  const own: Readonly<Record<string, unknown>> = {
    getSiblingDB: (name: string) => database(db.client.db(name)),
    createUser: ({ user, ...more }: Document) => db.command({ createUser: user, ...more }),
  };
  return new Proxy(own, {
    get: (_, name: string) => own[name] ?? words(db.collection(name)),
  });
}

/** The documents that a query gives. @param more further words, such as those that ask */
export async function mongosh(db: Db, text: string, more: object = {}): Promise<Document[]> {
  // Objects of another context are none of the driver's: dates must be of this one.
  const result = runInNewContext(`(${text})`, { db: database(db), Date, ...WORDS, ...more });
  if (typeof result?.toArray === 'function') return result.toArray();
  const one = await result;
  return one === null || one === undefined ? [] : [one];
}

/** What is typed into Mongo Express: a query, or a list of steps with "Aggregate query" ticked. */
export function mongoExpress(collection: Collection, text: string, projection: Document = {}) {
  const value = runInNewContext(`(${text})`, { Date, ...WORDS });
  return Array.isArray(value) || text.trim().startsWith('[')
    ? collection.aggregate([...value]).toArray()
    : collection.find(value, { projection }).toArray();
}
