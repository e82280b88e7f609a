/** The database after signing in: version, rights, a write to the majority, indexes, settings. */
import { randomUUID } from 'node:crypto';
import { type Db, type Document, MongoServerError } from 'mongodb';
import { OPTIONS, type OptionSpec, type Settings } from '../config/options.ts';
import { EXIT, messageOf, VendavalError } from '../lib/errors.ts';
import { formatCount } from '../lib/units.ts';
import {
  connectMongo,
  MAJORITY,
  type MongoConnection,
  mongoError,
  mongoHosts,
} from '../mongo/connection.ts';
import { PROGRESS_COLLECTION } from '../mongo/progress-document.ts';
import {
  differingFields,
  PINNED_OPTIONS,
  readPinned,
  SETTINGS_COLLECTION,
  toPin,
} from '../mongo/settings-store.ts';
import { TOTALS_INDEXES } from '../mongo/totals-store.ts';
import { type Finding, type Looked, READ } from './examination.ts';
import { countAnew } from './place-check.ts';

/** Of its own, made for a moment and dropped again. */
const PROBE_COLLECTION = 'diagnostico_vendaval';
const PROBE_LIMIT_MS = 5000;
const UNAUTHORIZED = 13;
const NAMESPACE_NOT_FOUND = 26;
/** No longer maintained below it. */
const MAINTAINED_FROM = 6;

/** @param onOpen takes it at once, so that it is closed whatever becomes of the check */
export async function signIn(
  settings: Settings,
  onOpen: (connection: MongoConnection) => void,
): Promise<Looked<MongoConnection>> {
  let connection: MongoConnection;
  try {
    connection = await connectMongo(settings.mongo, settings.database);
  } catch (error) {
    if (error instanceof VendavalError) return refusedLogin(settings, error);
    throw error;
  }
  onOpen(connection);
  const { authInfo } = await connection.db.command({ connectionStatus: 1 });
  const [user] = authInfo.authenticatedUsers;
  const who = user ? `as "${user.user}" of "${user.db}"` : 'without a user';
  return {
    verdict: 'ok',
    found: `${who}, database "${settings.database}"`,
    data: { user: user?.user ?? null, authSource: user?.db ?? null, database: settings.database },
    value: connection,
  };
}

function refusedLogin({ mongo }: Settings, error: VendavalError): Finding {
  const { code, message, hint, exitCode } = error;
  if (code !== 'E_MONGO_AUTH') {
    const problem = { code, cause: hint ?? '', run: [], read: READ.database, exitCode };
    return { verdict: 'fail', found: message, problem };
  }
  const hosts = mongoHosts(mongo);
  const user = /^mongodb(?:\+srv)?:\/\/([^:@/]*)/.exec(mongo)?.[1] ?? 'USER';
  return {
    verdict: 'fail',
    found: message,
    problem: {
      code,
      cause:
        `The password is wrong, or "${decodeURIComponent(user)}" is a user of another database ` +
        'than authSource says. In a URL, special characters are %-encoded.',
      run: [
        `export MONGO_URL='mongodb://${user}:PASSWORD@${hosts}/?authSource=admin'`,
        `mongosh 'mongodb://ADMIN@${hosts}/admin' --eval ` +
          `'db.changeUserPassword("${decodeURIComponent(user)}", passwordPrompt())'`,
      ],
      read: READ.login,
    },
  };
}

export async function lookAtVersion({ db }: MongoConnection): Promise<Looked<never>> {
  const { version } = await db.command({ buildInfo: 1 });
  const isOld = Number.parseInt(version, 10) < MAINTAINED_FROM;
  const found = isOld ? `${version}, which is no longer maintained` : version;
  return { verdict: isOld ? 'note' : 'ok', found, data: { version } };
}

/** What the server says to one attempt: null when it may be done. */
async function forbidden(attempt: () => Promise<unknown>): Promise<string | null> {
  try {
    await attempt();
    return null;
  } catch (error) {
    if (!(error instanceof MongoServerError)) throw error;
    if (error.code === UNAUTHORIZED) return error.message;
    if (error.code === NAMESPACE_NOT_FOUND) return null;
    throw error;
  }
}

/** Reads and updates that change nothing, where the engine reads and writes. */
export async function lookAtRights(
  { mongo, database, collection }: Settings,
  { db }: MongoConnection,
): Promise<Looked<true>> {
  const refusals: string[] = [];
  const names = [collection, PROGRESS_COLLECTION, SETTINGS_COLLECTION];
  try {
    for (const name of names) {
      const one = db.collection<{ _id: string }>(name);
      const nothing = { _id: `vendaval doctor ${randomUUID()}` };
      const set = { $set: { diagnostico: true } };
      if (await forbidden(() => one.findOne(nothing))) refusals.push(`find in ${name}`);
      if (await forbidden(() => one.updateOne(nothing, set))) refusals.push(`update in ${name}`);
    }
  } catch (error) {
    throw mongoError(error, mongo);
  }
  const { authInfo } = await db.command({ connectionStatus: 1 });
  const roles = authInfo.authenticatedUserRoles.map((r: Document) => `${r.role} on ${r.db}`);
  const data = { roles, refused: refusals };
  if (refusals.length === 0) {
    const found = roles.length === 0 ? 'everybody may read and write' : roles.join(', ');
    return { verdict: 'ok', found, data, value: true };
  }
  const [user] = authInfo.authenticatedUsers;
  const grant = `grantRolesToUser("${user?.user}", [{role: "readWrite", db: "${database}"}])`;
  return {
    verdict: 'fail',
    found: `may not ${refusals.join(', ')}`,
    data,
    problem: {
      code: 'E_MONGO_RIGHTS',
      cause:
        `"${user?.user}" has ${roles.join(', ') || 'no role'}; the engine reads, writes and makes ` +
        `indexes in "${database}", as the role readWrite allows.`,
      run: [
        `mongosh 'mongodb://ADMIN@${mongoHosts(mongo)}/admin' --eval ` +
          `'db.getSiblingDB("${user?.db}").${grant}'`,
      ],
      read: READ.mongoRights,
    },
  };
}

/** One document written as totals are, waited for, and taken away with its collection. */
export async function probeDatabase({ db }: MongoConnection): Promise<Looked<never>> {
  const collection = db.collection<{ _id: string }>(PROBE_COLLECTION);
  const _id = randomUUID();
  const writeConcern = { ...MAJORITY.writeConcern, wtimeoutMS: PROBE_LIMIT_MS };
  const startedMs = performance.now();
  try {
    await collection.insertOne({ _id }, { writeConcern });
    const tookMs = Math.round(performance.now() - startedMs);
    const read = await collection.findOne({ _id });
    if (read?._id !== _id) return probeFailure('what was acknowledged cannot be read');
    return {
      verdict: 'ok',
      found: `w: majority, j: true acknowledged in ${tookMs} ms, and read back`,
      data: { w: 'majority', j: true, tookMs },
    };
  } catch (error) {
    if (error instanceof MongoServerError && error.code === UNAUTHORIZED) {
      return { verdict: 'skip', found: `this user may not write to "${PROBE_COLLECTION}"` };
    }
    return probeFailure(messageOf(error));
  } finally {
    // A probe that stays is no harm; who may not drop a collection leaves it empty.
    await collection.drop().catch(() => collection.deleteOne({ _id }).catch(() => {}));
  }
}

function probeFailure(why: string): Finding {
  return {
    verdict: 'fail',
    found: `a write to the majority is not acknowledged: ${why}`,
    problem: {
      code: 'E_MONGO',
      cause: 'Most often the majority of a replica set is down; without it nothing is durable.',
      run: ["mongosh --eval 'rs.status().members.map(m => [m.name, m.stateStr])'"],
      read: READ.topology,
    },
  };
}

export async function lookAtIndexes(
  { collection }: Settings,
  { db }: MongoConnection,
): Promise<Looked<never>> {
  const totals = db.collection(collection);
  const documents = await totals.estimatedDocumentCount();
  const existing = await totals.indexes().catch((error) => {
    if (error instanceof MongoServerError && error.code === NAMESPACE_NOT_FOUND) return null;
    throw error;
  });
  if (existing === null) {
    const found = `"${collection}" does not exist yet; the engine makes it and its indexes`;
    return { verdict: 'ok', found, data: { exists: false, documents: 0 } };
  }
  const keys = existing.map(({ key }) => JSON.stringify(plain(key)));
  const missing = TOTALS_INDEXES.map((index) => JSON.stringify(index)).filter(
    (index) => !keys.includes(index),
  );
  const data = { documents, indexes: keys, missing };
  const count = `${formatCount(documents)} totals`;
  if (missing.length === 0)
    return { verdict: 'ok', found: `${count}, ${keys.length} indexes`, data };
  return {
    verdict: 'warn',
    found: `${count}, without the index ${missing.join(' and ')}`,
    data,
    problem: {
      code: 'E_MONGO_INDEX',
      cause: 'Closing windows and starting read the whole collection; the next start makes it.',
      run: missing.map(
        (index) =>
          `mongosh "$MONGO_URL" --eval 'db.getSiblingDB("${db.databaseName}").` +
          `${collection}.createIndex(${index})'`,
      ),
      read: READ.indexes,
    },
  };
}

/** Servers give numbers in several types. */
const plain = (key: Document) =>
  Object.fromEntries(Object.entries(key).map(([name, way]) => [name, Number(way)]));

export async function lookAtSettings(
  settings: Settings,
  { db }: { db: Db },
): Promise<Looked<never>> {
  const stored = await readPinned(db);
  if (stored === null) {
    return {
      verdict: 'ok',
      found: 'none pinned yet; the first engine does it',
      data: { pinned: null },
    };
  }
  const wanted = toPin(settings);
  const differing = differingFields(stored, wanted);
  const data = { pinned: stored, differing };
  if (differing.length === 0) return { verdict: 'ok', found: 'as pinned', data };
  const flags = differing.flatMap((field) => {
    if (field === 'versao_regras') return [];
    const spec = OPTIONS[PINNED_OPTIONS[field]] as OptionSpec<unknown>;
    const value = stored[field];
    return [`${spec.flag} ${spec.format(typeof value === 'bigint' ? Number(value) : value)}`];
  });
  return {
    verdict: 'fail',
    found: differing.map((f) => `${f} is ${wanted[f]}, pinned is ${stored[f]}`).join('; '),
    data,
    problem: {
      code: 'E_SETTINGS_CHANGED',
      cause: 'The totals in this database were made with other settings; the engine will not mix.',
      run: [...(flags.length > 0 ? [`vendaval ${flags.join(' ')}`] : []), countAnew(settings)],
      read: READ.guard,
      exitCode: EXIT.dataLossGuard,
    },
  };
}
