/**
 * Every document of the collection of totals, in one pass: what is wrong with its form is told at
 * once, its numbers are kept for later. A document is known by its `_id`, and says in its fields
 * which window and category it is of; where the two differ, it is kept aside until the log was
 * read, which tells a damaged document from a second one.
 */
import type { ClientSession, Db, Document } from 'mongodb';
import { formatReais } from '../lib/units.ts';
import type { Differences } from './differences.ts';
import type { WindowRange } from './partition-judge.ts';
import type { Rules } from './rules.ts';
import { isoText, RAW, readDocument, type StoredDocument, typeName } from './stored-document.ts';

const BATCH = 1000;

export interface OddDocument {
  readonly id: string;
  /** What its fields say. */
  readonly properId: string | null;
  readonly document: StoredDocument | null;
}

export interface StoredTotals {
  /** By id; the ids are those that windows and categories give. */
  readonly byId: Map<string, StoredDocument>;
  /** Ids of documents whose form is too bad to read their numbers; that was told already. */
  readonly unreadable: Set<string>;
  readonly odd: readonly OddDocument[];
  /** How many documents there are. */
  readonly count: number;
}

export async function readTotals(
  db: Db,
  session: ClientSession,
  rules: Rules,
  range: WindowRange,
  differences: Differences,
): Promise<StoredTotals> {
  const byId = new Map<string, StoredDocument>();
  const unreadable = new Set<string>();
  const odd: OddDocument[] = [];
  let count = 0;
  const documents = db
    .collection(rules.collection)
    .find(inRange(range), { session, ...RAW, batchSize: BATCH })
    .sort({ _id: 1 });
  for await (const raw of documents) {
    count++;
    const { document, problems, properId } = readDocument(raw, rules.windowMs);
    const id = typeof raw._id === 'string' ? raw._id : typeName(raw._id);
    for (const { field, found, expected } of problems) {
      differences.add('malformed document', id, field, found, expected);
    }
    if (properId !== (raw._id as unknown)) odd.push({ id, properId, document });
    else if (document) byId.set(id, document);
    else unreadable.add(id);
  }
  return { byId, unreadable, odd, count };
}

/** By id or by field: a document with one of the two damaged is found all the same. */
function inRange({ fromMs, toMs }: WindowRange): Document {
  const conditions = (show: (ms: number) => unknown) => ({
    ...(Number.isFinite(fromMs) ? { $gte: show(fromMs) } : {}),
    ...(Number.isFinite(toMs) ? { $lt: show(toMs) } : {}),
  });
  const byId = conditions((ms) => new Date(ms).toISOString());
  if (Object.keys(byId).length === 0) return {};
  return { $or: [{ _id: byId }, { janela_inicio: conditions((ms) => new Date(ms)) }] };
}

/**
 * Puts each odd document in its place, now that the log has told which ids there must be: one under
 * such an id has damaged fields, and its numbers are compared all the same; another one is a second
 * document of its window and category, or a stray.
 *
 * @param hasSales whether the log has sales under an id
 */
export function settleOdd(
  stored: StoredTotals,
  hasSales: (id: string) => boolean,
  differences: Differences,
): void {
  for (const { id, properId, document } of stored.odd) {
    if (hasSales(id)) {
      if (properId !== null) {
        differences.add('changed value', id, 'janela_inicio, categoria', properId, id);
      }
      const at = id.indexOf('|');
      const windowStartMs = Date.parse(id.slice(0, at));
      const categoria = id.slice(at + 1);
      if (document) stored.byId.set(id, { ...document, id, windowStartMs, categoria });
      else stored.unreadable.add(id);
    } else if (properId !== null && (stored.byId.has(properId) || hasSales(properId))) {
      differences.add('duplicate document', id, '_id', show(document), `only ${properId}`);
    } else {
      differences.add('stray document', id, '', show(document), 'no sale in the log');
    }
  }
}

function show(document: StoredDocument | null): string {
  if (!document) return 'a document that cannot be read';
  const { windowStartMs, categoria, volume, total } = document;
  const amount = Number.isFinite(total) ? formatReais(BigInt(Math.round(total * 100))) : `${total}`;
  return `${isoText(windowStartMs)} ${categoria}: ${volume} sales, ${amount}`;
}
