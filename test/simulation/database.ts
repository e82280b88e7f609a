/**
 * The database as one process reaches it: what of the driver's Db the product calls, over a
 * network that loses, delays and repeats. Honours the read and write concern and the causal
 * sessions that the product asks for, and nothing that it does not ask for.
 */
import {
  type AnyBulkWriteOperation,
  type Db,
  MongoBulkWriteError,
  type MongoClient,
  MongoNetworkError,
  MongoServerError,
} from 'mongodb';
import { MAJORITY, type MongoConnection } from '../../src/mongo/connection.ts';
import { changesBy, type Document, matches, type Operation } from './documents.ts';
import type { Weather } from './plan.ts';
import type { Node, ReplicaSet } from './replica-set.ts';
import { type Actor, EPOCH_MS, type World } from './world.ts';

const DUPLICATE_KEY = 11000;
/** How long a client waits for an answer that does not come. */
const NO_ANSWER_MS = 1000;
/** A repeat may come when everybody has forgotten the original. */
const REPEAT_MS_MAX = 15_000;

type Update = Document | readonly Document[];

interface WriteResult {
  matchedCount: number;
  modifiedCount: number;
  upsertedCount: number;
  readonly errors: { index: number; code: number; errmsg: string }[];
}

/** A write on its way through one server. */
interface BulkWrite {
  readonly node: Node;
  readonly collection: string;
  readonly operations: readonly Operation[];
  readonly result: WriteResult;
  readonly written: () => void;
  readonly fail: Fail;
}

interface Session {
  readonly isCausal: boolean;
  sequence: number;
}

/** All servers, and the network's state. */
export interface Cluster {
  readonly world: World;
  weather: Weather;
  isDown: boolean;
  setOf(collection: string): ReplicaSet;
  /** A process is about to hear the times of this many partitions. */
  onTimes(process: string, partitions: number): void;
  /** A process closes windows up to here. */
  onClose(process: string, watermarkMs: number): void;
}

/** Each tells up to where the server's clock was, for the session. */
type Reply<T> = (result: T, sequence: number) => void;
type Fail = (error: Error, sequence?: number) => void;

interface Request<T> {
  readonly label: string;
  readonly collection: string;
  readonly isWrite: boolean;
  readonly session: Session | undefined;
  readonly onReply?: () => void;
  readonly serve: (node: Node, reply: Reply<T>, fail: Fail) => void;
}

/** What the product's reads ask for. */
const LEVEL = (MAJORITY.readConcern.level as string) === 'majority' ? 'committed' : 'head';

const networkError = (why: string) => new MongoNetworkError(why);
const steppedDown = () =>
  new MongoServerError({ message: 'interrupted: this node is no longer primary', code: 11602 });

export class SimDatabase {
  readonly connection: MongoConnection;
  readonly #cluster: Cluster;
  readonly #actor: Actor;
  /** Which server this client takes for the primary of each set. */
  readonly #known = new Map<ReplicaSet, Node>();

  constructor(cluster: Cluster, actor: Actor) {
    this.#cluster = cluster;
    this.#actor = actor;
    const client = {
      startSession: ({ causalConsistency }: { causalConsistency?: boolean }) => ({
        isCausal: causalConsistency !== false,
        sequence: 0,
        endSession: async () => {},
      }),
    };
    const db = { databaseName: 'sim', collection: (name: string) => this.#collection(name) };
    this.connection = {
      client: client as unknown as MongoClient,
      db: db as unknown as Db,
      close: async () => {},
    };
  }

  #collection(name: string) {
    const find = (filter: Document, options: { session?: Session; projection?: Document } = {}) => {
      const fetch = (projection: Document | undefined) =>
        this.#read(name, filter, options.session, projection);
      const cursor = (projection: Document | undefined) => ({
        project: (fields: Document) => cursor(fields),
        toArray: () => fetch(projection),
        async *[Symbol.asyncIterator]() {
          yield* await fetch(projection);
        },
      });
      return cursor(options.projection);
    };
    return {
      createIndex: () => this.#world.pause(this.#world.delayMs(), this.#actor, 'index'),
      find,
      findOne: async (filter: Document, options: { session?: Session } = {}) =>
        (await find(filter, options).toArray())[0] ?? null,
      countDocuments: async (filter: Document, options: { session?: Session } = {}) =>
        (await find(filter, options).toArray()).length,
      updateOne: (
        filter: Document,
        update: Update,
        options: { upsert?: boolean; session?: Session } = {},
      ) =>
        this.#write(
          name,
          [{ filter, update, isUpsert: options.upsert === true, isMany: false }],
          options.session,
        ),
      updateMany: (filter: Document, update: Update) => {
        if ('janela_fim' in filter) {
          this.#cluster.onClose(this.#actor.machine.name, closedUpTo(filter));
        }
        return this.#write(name, [{ filter, update, isUpsert: false, isMany: true }]);
      },
      bulkWrite: (operations: AnyBulkWriteOperation[], options: { session?: Session } = {}) =>
        this.#write(name, operations.map(toOperation), options.session),
    };
  }

  get #world(): World {
    return this.#cluster.world;
  }

  // --- the way there and back ---------------------------------------------------------------

  #call<T>({ label, collection, isWrite, session, onReply, serve }: Request<T>): Promise<T> {
    const cluster = this.#cluster;
    const { world, weather } = cluster;
    const { random } = world;
    const actor = this.#actor;
    world.tell(actor.name, () => `${label}: sent`);
    return new Promise<T>((resolve, reject) => {
      let isOver = false;
      const end = (delayMs: number, what: string, action: () => void) => {
        if (isOver) return;
        isOver = true;
        world.after(delayMs, actor, `${label} ${what}`, action);
      };
      const lose = (why: string) =>
        end(random.between(5, NO_ANSWER_MS), 'lost', () => {
          world.tell(actor.name, `${label}: ${why}`);
          reject(networkError(why));
        });
      const learn = (sequence: number) => {
        if (session?.isCausal) session.sequence = Math.max(session.sequence, sequence);
      };
      const fail: Fail = (error, sequence = 0) => {
        end(world.delayMs(weather.slowMs), 'error', () => {
          world.tell(actor.name, () => `${label}: ${error.message}`);
          learn(sequence);
          reject(error);
        });
      };
      const arrive = (reply: Reply<T>) => {
        // What a dead process had not sent whole is nothing.
        if (!actor.isAlive && random.chance(0.3)) return;
        if (cluster.isDown) return lose('the server does not answer');
        serve(this.#route(cluster.setOf(collection)), reply, fail);
      };
      if (random.chance(weather.lostRequest)) {
        lose('the request was lost');
      } else {
        world.after(world.delayMs(weather.slowMs), null, `${label} arrives`, () =>
          arrive((result, sequence) => {
            if (random.chance(weather.lostReply)) return lose('the reply was lost');
            end(world.delayMs(weather.slowMs), 'done', () => {
              world.tell(actor.name, () => `${label}: answered`);
              learn(sequence);
              onReply?.();
              resolve(result);
            });
          }),
        );
      }
      if (isWrite && random.chance(weather.repeated)) {
        world.after(random.between(1, REPEAT_MS_MAX), null, `${label} again`, () => {
          world.tell(actor.name, `${label} comes once more`);
          if (!cluster.isDown) arrive(() => {});
        });
      }
    });
  }

  /** A client keeps to the primary that it knows until that one is gone, or it hears of another. */
  #route(set: ReplicaSet): Node {
    const known = this.#known.get(set);
    if (known && !known.isOver && (known === set.primary || this.#world.random.chance(0.8))) {
      return known;
    }
    this.#known.set(set, set.primary);
    return set.primary;
  }

  // --- reads --------------------------------------------------------------------------------

  #read(
    collection: string,
    filter: Document,
    session: Session | undefined,
    projection: Document | undefined,
  ): Promise<Document[]> {
    const isOfTimes = projection !== undefined && 'marca_dagua' in projection;
    return this.#call<Document[]>({
      label: `read ${collection}`,
      collection,
      isWrite: false,
      session,
      onReply: () => {
        if (isOfTimes) {
          const { $in: ids } = filter._id as { $in: string[] };
          this.#cluster.onTimes(this.#actor.machine.name, ids.length);
        }
      },
      serve: (node, reply, fail) => {
        const look = () => {
          const { headSequence, committedSequence } = node;
          const sequence = LEVEL === 'committed' ? committedSequence : headSequence;
          this.#scan(node, collection, filter, (documents) =>
            reply(
              documents.map((document) => projected(document, projection)),
              sequence,
            ),
          );
        };
        if (!session?.isCausal) return look();
        const set = this.#cluster.setOf(collection);
        this.#whenCaughtUp(node, set, session.sequence, look, () => fail(steppedDown()));
      },
    });
  }

  /** Documents in two batches, between which time passes, as a cursor reads them. */
  #scan(
    node: Node,
    collection: string,
    filter: Document,
    done: (documents: Document[]) => void,
  ): void {
    const { world } = this.#cluster;
    const found = [...node.collection(LEVEL, collection)].filter(([, d]) => matches(d, filter));
    const documents = found.map(([, document]) => document);
    if (found.length < 2 || world.random.chance(0.7)) return done(documents);
    const half = found.length >> 1;
    world.after(world.delayMs(50), null, 'next batch', () => {
      const rest = found.slice(half).flatMap(([id]) => {
        const now = node.collection(LEVEL, collection).get(id);
        return now && matches(now, filter) ? [now] : [];
      });
      done([...documents.slice(0, half), ...rest]);
    });
  }

  /** afterClusterTime: nothing older than what the session has seen. */
  #whenCaughtUp(
    node: Node,
    set: ReplicaSet,
    sequence: number,
    done: () => void,
    failed: () => void,
  ): void {
    if (node.headSequence < sequence) {
      node.note();
      set.replicate();
    }
    if (LEVEL === 'head') return done();
    node.whenCommitted(sequence, done, failed);
  }

  // --- writes -------------------------------------------------------------------------------

  async #write(
    collection: string,
    operations: readonly Operation[],
    session?: Session,
  ): Promise<WriteResult> {
    const label = `write ${operations.length} ${collection}`;
    return this.#call<WriteResult>({
      label,
      collection,
      isWrite: true,
      session,
      serve: (node, reply, fail) => {
        const result: WriteResult = {
          matchedCount: 0,
          modifiedCount: 0,
          upsertedCount: 0,
          errors: [],
        };
        const written = () => this.#acknowledge(node, result, reply, fail);
        const write = { node, collection, operations, result, written, fail };
        this.#applyFrom(0, write);
      },
    });
  }

  /** Unordered: each on its own, some now and the rest a little later. */
  #applyFrom(start: number, write: BulkWrite, hasLooked = false): void {
    const { world, weather } = this.#cluster;
    const { random } = world;
    const { node, operations, result } = write;
    if (node.isOver) return write.fail(steppedDown());
    const goOn = (index: number, looked: boolean) =>
      world.after(world.delayMs(weather.slowMs), null, 'goes on', () =>
        this.#applyFrom(index, write, looked),
      );
    for (let index = start; index < operations.length; index++) {
      if (index > start && random.chance(0.05)) return void goOn(index, false);
      if (random.chance(weather.refusedUpdate)) {
        result.errors.push({ index, code: 10334, errmsg: 'refused by the simulation' });
      } else if (!this.#apply(write, index, hasLooked && index === start)) {
        return void goOn(index, true);
      }
    }
    write.written();
  }

  /** @returns false when an upsert has found nothing, and is to insert a little later */
  #apply(write: BulkWrite, index: number, hasLooked: boolean): boolean {
    const { world } = this.#cluster;
    const { node, collection, operations, result } = write;
    const now = new Date(EPOCH_MS + world.nowMs);
    const documents = node.collection('head', collection);
    const { matched, changed, inserted } = changesBy(operations[index], documents, now);
    if (hasLooked && matched > 0) {
      // Another upsert has made it since.
      result.errors.push({ index, code: DUPLICATE_KEY, errmsg: 'E11000 duplicate key' });
      return true;
    }
    if (inserted && !hasLooked && world.random.chance(0.1)) return false;
    for (const document of changed) node.write(collection, document._id as string, document);
    if (inserted) node.write(collection, inserted._id as string, inserted);
    this.#cluster.setOf(collection).replicate();
    result.matchedCount += matched;
    result.modifiedCount += changed.length;
    if (inserted) result.upsertedCount++;
    return true;
  }

  #acknowledge(node: Node, result: WriteResult, reply: Reply<WriteResult>, fail: Fail): void {
    const { world, weather } = this.#cluster;
    const { headSequence } = node;
    const answer = () => {
      const isUnsure = world.random.chance(weather.writeConcernError);
      if (result.errors.length === 0 && !isUnsure) reply(result, headSequence);
      else fail(bulkError(result, isUnsure), headSequence);
    };
    // Also a write that changed nothing waits: what it found must not be taken back.
    if ((MAJORITY.writeConcern.w as unknown) !== 'majority') return answer();
    node.whenCommitted(headSequence, answer, () => fail(steppedDown()));
  }
}

function toOperation(operation: AnyBulkWriteOperation): Operation {
  if (!('updateOne' in operation)) throw new Error('the simulated bulk takes updateOne only');
  const { filter, update, upsert } = operation.updateOne;
  return {
    filter: filter as Document,
    update: update as Update,
    isUpsert: upsert === true,
    isMany: false,
  };
}

function closedUpTo(filter: Document): number {
  return ((filter.janela_fim as Document).$lte as Date).getTime();
}

function projected(document: Document, fields: Document | undefined): Document {
  if (!fields) return document;
  const result: Record<string, unknown> = { _id: document._id };
  for (const path of Object.keys(fields)) {
    const [name, part] = path.split('.');
    const value = document[name];
    if (value === undefined) continue;
    const inner = value as Document;
    result[name] = part === undefined ? value : part in inner ? { [part]: inner[part] } : {};
  }
  return result;
}

function bulkError({ errors }: WriteResult, isUnsure: boolean): Error {
  const [first] = errors;
  const message = first?.errmsg ?? 'waiting for replication timed out';
  const error = new MongoBulkWriteError({ message, code: first?.code ?? 64 }, {
    getWriteConcernError: () => (isUnsure ? { code: 64, errmsg: message } : undefined),
  } as never);
  return Object.assign(error, { writeErrors: errors });
}
