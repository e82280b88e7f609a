/**
 * The one MongoDB client of a process. Everything is read and written with the majority: a write
 * that a failover could undo must never count as done.
 */
import {
  type Db,
  MongoBulkWriteError,
  MongoClient,
  type MongoClientOptions,
  MongoError,
  MongoServerError,
  MongoServerSelectionError,
  ReadConcern,
} from 'mongodb';
import { isCertificateCode } from '../lib/certificate-codes.ts';
import { codeOf, EXIT, messageOf, VendavalError } from '../lib/errors.ts';

const CONNECT_TIMEOUT_MS = 5000;
const SOCKET_TIMEOUT_MS = 60_000;

/** What every read and write of the process asks of the server. */
export const MAJORITY = {
  readPreference: 'primary',
  readConcern: new ReadConcern('majority'),
  writeConcern: { w: 'majority', journal: true },
} as const satisfies MongoClientOptions;

const UNAUTHORIZED = 13;
const AUTHENTICATION_FAILED = 18;

export interface MongoConnection {
  readonly client: MongoClient;
  readonly db: Db;
  close(): Promise<void>;
}

/** Connects, signs in and asks for an answer; one attempt. */
export async function connectMongo(url: string, database: string): Promise<MongoConnection> {
  let client: MongoClient;
  try {
    client = new MongoClient(url, {
      appName: 'vendaval',
      serverSelectionTimeoutMS: CONNECT_TIMEOUT_MS,
      connectTimeoutMS: CONNECT_TIMEOUT_MS,
      socketTimeoutMS: SOCKET_TIMEOUT_MS,
      ...MAJORITY,
      // Registers are summed exactly; a Long that became a double would not be.
      useBigInt64: true,
    });
  } catch (error) {
    throw urlError(error);
  }
  try {
    await client.connect();
    // Once more, since a URL's readConcernLevel and journal win over the client's options.
    const db = client.db(database, MAJORITY);
    await db.command({ ping: 1 });
    return { client, db, close: () => client.close() };
  } catch (error) {
    await client.close().catch(() => {});
    // A certificate's file, which the driver opens only now, and what is in it.
    const isFile =
      !(error instanceof MongoError) && /^E(NOENT|ACCES|ISDIR|RR_)/.test(codeOf(error));
    throw isFile ? urlError(error) : mongoError(error, url);
  }
}

function urlError(error: unknown): VendavalError {
  // The driver quotes what it takes for a host, which in a URL without "@" is the password.
  const why = messageOf(error).replace(/parse .* with URL/s, 'parse its hosts');
  return new VendavalError(`the MongoDB URL cannot be used: ${why}`, {
    code: 'E_MONGO_URL',
    exitCode: EXIT.usage,
    hint: 'Write it as mongodb://user:password@host:27017/?authSource=admin',
  });
}

/** host:port list of a MongoDB URL, without user and password. */
export function mongoHosts(url: string): string {
  return /^mongodb(?:\+srv)?:\/\/(?:.*@)?([^/?]*)/.exec(url)?.[1] ?? '?';
}

/** Makes what the driver throws into an error of ours, with a hint. */
export function mongoError(error: unknown, url: string): VendavalError {
  if (error instanceof VendavalError) return error;
  const hosts = mongoHosts(url);
  const code = error instanceof MongoServerError ? error.code : undefined;
  if (code === AUTHENTICATION_FAILED) {
    return new VendavalError(`MongoDB at ${hosts} refuses the user or password`, {
      code: 'E_MONGO_AUTH',
      cause: error,
      hint: 'Check user, password and authSource in MONGO_URL; special characters are %-encoded.',
    });
  }
  if (code === UNAUTHORIZED) {
    return new VendavalError(`MongoDB at ${hosts} forbids it: ${messageOf(error)}`, {
      code: 'E_MONGO_RIGHTS',
      cause: error,
      hint: 'Give the user the readWrite role on the database.',
    });
  }
  const refusal = certificateRefusal(error);
  if (refusal !== null) {
    return new VendavalError(
      `MongoDB at ${hosts} shows a certificate that is not good: ${refusal}`,
      {
        code: 'E_MONGO_TLS',
        cause: error,
        hint:
          "Check the server's certificate (openssl s_client -connect …), and that tlsCAFile in " +
          'MONGO_URL is of the authority that signed it. To switch the check off is no remedy.',
      },
    );
  }
  if (error instanceof MongoServerSelectionError || isNetwork(error) || isLookup(error)) {
    return new VendavalError(`MongoDB at ${hosts} does not answer: ${messageOf(error)}`, {
      code: 'E_MONGO_UNREACHABLE',
      retryable: true,
      cause: error,
      hint: `Check that mongod runs and listens on ${hosts}, and that no firewall is between.`,
    });
  }
  if (!(error instanceof MongoError)) {
    return new VendavalError(`a bug: ${messageOf(error)}`, {
      code: 'E_INTERNAL',
      cause: error,
      hint: 'Please report it, with the log around it.',
    });
  }
  return new VendavalError(`MongoDB at ${hosts}: ${messageOf(error)}`, {
    code: 'E_MONGO',
    retryable: true,
    cause: error,
    hint: "See the server's log.",
  });
}

/** What this side did not like about the server's certificate; OpenSSL's and Node's own codes. */
function certificateRefusal(error: unknown): string | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (isCertificateCode(codeOf(cause))) return cause.message;
  }
  return null;
}

/** Looking up mongodb+srv:// fails as Node's DNS does, without an error of the driver's. */
function isLookup(error: unknown): boolean {
  return error instanceof Error && /^query/.test((error as NodeJS.ErrnoException).syscall ?? '');
}

function isNetwork(error: unknown): boolean {
  if (!(error instanceof MongoError)) return false;
  // A bulk write hides what stopped it; without a code, that was not a server's answer.
  if (error instanceof MongoBulkWriteError && error.code === undefined) return true;
  return /Network|PoolCleared|Timeout/.test(error.name) || codeOf(error).startsWith('ECONN');
}
