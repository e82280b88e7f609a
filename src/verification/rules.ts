/**
 * What every verdict depends on, as the settings document pins it. The verifier judges by these
 * and not by its own flags: the question is whether the totals follow from their own rules.
 */
import type { ClientSession, Db } from 'mongodb';
import { VendavalError } from '../lib/errors.ts';

/** Versions of the rules that this verifier knows; another one judges records otherwise. */
const KNOWN_VERSIONS = [1, 2, 3];

export interface Rules {
  readonly version: number;
  readonly topic: string;
  readonly collection: string;
  readonly windowMs: number;
  readonly delayMs: number;
  readonly futureToleranceMs: number;
  /** IANA zone of timestamps that name none. */
  readonly timeZone: string;
  readonly maxCategories: number;
  /** Late sales are counted too, as corrections. */
  readonly isLateCounted: boolean;
}

/** The rules that the database's totals were made by. */
export async function readRules(db: Db, session: ClientSession): Promise<Rules> {
  const stored = await db
    .collection<{ _id: string; [field: string]: unknown }>('configuracao_vendaval')
    .findOne({ _id: 'configuracao' }, { session });
  if (!stored) {
    throw new VendavalError(`no engine has counted into the database "${db.databaseName}"`, {
      code: 'E_VERIFY_NOTHING',
      hint: 'It pins no settings. Name the database that the engine writes to: --database <name>.',
    });
  }
  const version = Number(stored.versao_regras);
  if (!KNOWN_VERSIONS.includes(version)) {
    throw new VendavalError(
      `the totals in "${db.databaseName}" were made by version ${stored.versao_regras} of the ` +
        `rules, and this program knows ${KNOWN_VERSIONS.join(', ')}`,
      { code: 'E_VERIFY_RULES', hint: 'Verify with the release that counts.' },
    );
  }
  return {
    version,
    topic: text(stored, 'topico'),
    collection: text(stored, 'colecao'),
    windowMs: whole(stored, 'janela_ms'),
    delayMs: whole(stored, 'atraso_ms'),
    futureToleranceMs: whole(stored, 'tolerancia_futuro_ms'),
    timeZone: text(stored, 'fuso_horario'),
    maxCategories: whole(stored, 'limite_categorias'),
    isLateCounted: isLateCounted(stored),
  };
}

type Stored = Readonly<Record<string, unknown>>;

function text(stored: Stored, field: string): string {
  const value = stored[field];
  if (typeof value === 'string' && value !== '') return value;
  throw unusable(field, value);
}

function whole(stored: Stored, field: string): number {
  const value = Number(stored[field]);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw unusable(field, stored[field]);
}

/** Databases from before there was a choice say nothing of it. */
function isLateCounted({ atrasadas = 'reject' }: Stored): boolean {
  if (atrasadas !== 'reject' && atrasadas !== 'count') throw unusable('atrasadas', atrasadas);
  return atrasadas === 'count';
}

function unusable(field: string, value: unknown): VendavalError {
  return new VendavalError(`the pinned settings hold ${field}: ${JSON.stringify(value)}`, {
    code: 'E_VERIFY_RULES',
    hint: 'Restore the document "configuracao" in configuracao_vendaval from a backup.',
  });
}
