/**
 * The settings document: what every verdict in a database depends on, pinned at first use. An
 * engine whose settings differ would judge replays otherwise than the totals were made, so it is
 * refused. Insert only; never changed.
 */
import type { ClientSession, Db } from 'mongodb';
import type { LatePolicy, OptionKey, Settings } from '../config/options.ts';
import { EXIT, NEW_DATABASE, VendavalError } from '../lib/errors.ts';
import { RULES_VERSION, RULES_VERSION_LATE_COUNTED } from '../sale/rules.ts';

export const SETTINGS_COLLECTION = 'configuracao_vendaval';
const ID = 'configuracao';

export interface PinnedSettings {
  readonly versao_regras: number;
  readonly topico: string;
  readonly colecao: string;
  readonly janela_ms: number;
  readonly atraso_ms: number;
  readonly tolerancia_futuro_ms: number;
  readonly fuso_horario: string;
  readonly limite_categorias: number;
  readonly atrasadas: LatePolicy;
}

/** The options behind the pinned fields; the version of the rules has none. */
export const PINNED_OPTIONS = {
  topico: 'topic',
  colecao: 'collection',
  janela_ms: 'windowMs',
  atraso_ms: 'watermarkDelayMs',
  tolerancia_futuro_ms: 'futureToleranceMs',
  fuso_horario: 'timeZone',
  limite_categorias: 'maxCategories',
  atrasadas: 'late',
} as const satisfies Record<Exclude<keyof PinnedSettings, 'versao_regras'>, OptionKey>;

export function toPin(settings: Settings): PinnedSettings {
  return {
    versao_regras: settings.late === 'count' ? RULES_VERSION_LATE_COUNTED : RULES_VERSION,
    topico: settings.topic,
    colecao: settings.collection,
    janela_ms: settings.windowMs,
    atraso_ms: settings.watermarkDelayMs,
    tolerancia_futuro_ms: settings.futureToleranceMs,
    fuso_horario: settings.timeZone,
    limite_categorias: settings.maxCategories,
    atrasadas: settings.late,
  };
}

const FLAG_OF: Readonly<Record<keyof PinnedSettings, string>> = {
  versao_regras: 'version of the rules',
  topico: '--topic',
  colecao: '--collection',
  janela_ms: '--window (ms)',
  atraso_ms: '--watermark-delay (ms)',
  tolerancia_futuro_ms: '--future-tolerance (ms)',
  fuso_horario: '--time-zone',
  limite_categorias: '--max-categories',
  atrasadas: '--late',
};

interface SettingsDocument extends PinnedSettings {
  readonly _id: string;
  readonly criada_em: Date;
}

/** Pins the settings if none are pinned yet; throws when others are. */
export async function pinSettings(db: Db, settings: PinnedSettings): Promise<void> {
  const collection = db.collection<SettingsDocument>(SETTINGS_COLLECTION);
  try {
    await collection.updateOne(
      { _id: ID },
      { $setOnInsert: { ...settings, criada_em: new Date() } },
      { upsert: true },
    );
  } catch (error) {
    // Another process won the race to insert; what it wrote is read back below.
    if ((error as { code?: unknown }).code !== 11000) throw error;
  }
  const stored = await readPinned(db);
  const differing = differingFields(stored, settings);
  if (differing.length === 0) return;
  throw new VendavalError(
    `the totals in "${db.databaseName}" were made with other settings: ` +
      listOf(differing, settings, stored),
    {
      code: 'E_SETTINGS_CHANGED',
      exitCode: EXIT.dataLossGuard,
      hint:
        `Use the pinned settings again, or another database: ${NEW_DATABASE}. To count this ` +
        'one anew by other settings: vendaval reset.',
    },
  );
}

/**
 * Throws when others are pinned by now, or none: a reset has removed what this process pinned or
 * found at its start.
 *
 * @param session one that has read progress: a count pins its settings before it makes any, so what
 *   is read here is no older
 */
export async function judgePinned(
  db: Db,
  settings: PinnedSettings,
  session: ClientSession,
): Promise<void> {
  const stored = await readPinned(db, session);
  const differing = differingFields(stored, settings);
  if (differing.length === 0) return;
  const found = stored
    ? `is counted by other settings since this engine started: ${listOf(differing, settings, stored)}`
    : 'no longer pins the settings that this engine started with';
  throw new VendavalError(`the database "${db.databaseName}" ${found}`, {
    code: 'E_SETTINGS_CHANGED',
    exitCode: EXIT.dataLossGuard,
    hint:
      'It was reset while this engine slept or was cut off. Start the engine again, with the ' +
      `settings that are pinned now, or for another database: ${NEW_DATABASE}.`,
  });
}

function listOf(
  differing: readonly (keyof PinnedSettings)[],
  settings: PinnedSettings,
  stored: PinnedSettings | null,
): string {
  return differing
    .map((key) => `${FLAG_OF[key]} is ${settings[key]}, pinned is ${stored?.[key]}`)
    .join('; ');
}

/** null before an engine has pinned any. */
export async function readPinned(db: Db, session?: ClientSession): Promise<PinnedSettings | null> {
  const stored = await db
    .collection<SettingsDocument>(SETTINGS_COLLECTION)
    .findOne({ _id: ID }, session ? { session } : {});
  // Before there was a choice, late sales were rejected, and nothing was said of it.
  return stored && { ...stored, atrasadas: stored.atrasadas ?? 'reject' };
}

export function differingFields(
  stored: PinnedSettings | null,
  settings: PinnedSettings,
): (keyof PinnedSettings)[] {
  const fields = Object.keys(FLAG_OF) as (keyof PinnedSettings)[];
  const differing = fields.filter((field) => String(stored?.[field]) !== String(settings[field]));
  // The version follows from that one.
  const isByPolicy = differing.includes('atrasadas');
  return differing.filter((field) => !(isByPolicy && field === 'versao_regras'));
}
