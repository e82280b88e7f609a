/** The database as commands beside the engine open it: what it holds says which topic it is of. */
import type { Settings } from '../config/options.ts';
import type { ResolvedSettings } from '../config/settings.ts';
import { EXIT, VendavalError } from '../lib/errors.ts';
import { connectMongo, type MongoConnection, mongoError } from '../mongo/connection.ts';
import { PINNED_OPTIONS, type PinnedSettings, readPinned } from '../mongo/settings-store.ts';

export interface PinnedDatabase {
  readonly mongo: MongoConnection;
  /** null where no engine has counted. */
  readonly pinned: PinnedSettings | null;
  /** As given, with topic and collection as they are pinned. */
  readonly settings: Settings;
}

/** Opens the database for `work`; its errors are told as those of the database. */
export async function withPinned<T>(
  { settings, origins }: ResolvedSettings,
  work: (database: PinnedDatabase) => Promise<T>,
): Promise<T> {
  const mongo = await connectMongo(settings.mongo, settings.database);
  try {
    const pinned = await readPinned(mongo.db);
    if (!pinned) return await work({ mongo, pinned, settings });
    for (const field of ['topico', 'colecao'] as const) {
      const key = PINNED_OPTIONS[field];
      if (origins[key] === 'default' || settings[key] === pinned[field]) continue;
      throw otherTotals(settings.database, key, pinned[field], settings[key]);
    }
    const { topico: topic, colecao: collection } = pinned;
    const { deadLetterTopic } = settings;
    const letters = origins.deadLetterTopic === 'default' ? `${topic}.dlq` : deadLetterTopic;
    const effective = { ...settings, topic, collection, deadLetterTopic: letters };
    return await work({ mongo, pinned, settings: effective });
  } catch (error) {
    throw mongoError(error, settings.mongo);
  } finally {
    await mongo.close();
  }
}

/** What is pinned; throws where nothing is. */
export function requirePinned({ mongo, pinned }: PinnedDatabase): PinnedSettings {
  if (pinned) return pinned;
  const { databaseName } = mongo.db;
  throw new VendavalError(`no engine has counted into the database "${databaseName}"`, {
    code: 'E_NOTHING_COUNTED',
    hint: 'Name the database that the engine writes to: --database <name>.',
  });
}

function otherTotals(database: string, name: string, is: string, asked: string): VendavalError {
  return new VendavalError(
    `the database "${database}" holds totals of the ${name} "${is}", not "${asked}"`,
    {
      code: 'E_OTHER_TOTALS',
      exitCode: EXIT.usage,
      hint: `Leave --${name} out, or name the database that holds its totals: --database <name>.`,
    },
  );
}
