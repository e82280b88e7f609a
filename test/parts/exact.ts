/**
 * Every document, every progress document and every dead letter against the oracle: values,
 * types, order of fields, and that there is nothing else. Differences are gathered as sentences,
 * so that a failure shows what is wrong and how much of it.
 */
import { isUtf8 } from 'node:buffer';
import { type BSONType, type Db, type Document, Double, Long } from 'mongodb';
import { expect } from 'vitest';
import type { ExpectedDeadLetter, ExpectedDocument, Oracle } from './oracle.ts';
import { offsetRanges, type RecordRead, readTopic } from './topic.ts';

const SHOWN_DIFFERENCES = 15;
const FIELDS = [
  ...['_id', 'janela_inicio', 'janela_fim', 'categoria', 'faturamento_total', 'volume_vendas'],
  ...['fechada', 'ticket_medio', 'menor_valor', 'maior_valor', 'atualizado_em', 'partes'],
];

/** Numbers as BSON types, so that a double is told from a Long. */
const RAW = { promoteValues: false, promoteLongs: false, useBigInt64: false } as const;

export interface ExactOptions {
  readonly brokers: string;
  readonly db: Db;
  readonly collection?: string;
  /** A dead letter may come again, alike: after a crash or a partition's move. */
  readonly mayRepeat?: boolean;
  /** Ids of documents that must have `corrigida_em`; no other may. */
  readonly corrected?: (document: Document) => boolean;
}

/** To be called when the engines have drained and ended. */
export async function expectExact(oracle: Oracle, options: ExactOptions): Promise<void> {
  const { db, brokers, collection = 'faturamento_tempo_real' } = options;
  const progress = await db.collection('progresso_particoes', RAW).find().toArray();
  const documents = await db.collection(collection, RAW).find().toArray();
  const letters = await readTopic(brokers, `${oracle.topic}.dlq`);
  const ends = new Map(
    (await offsetRanges(brokers, oracle.topic)).map(({ partition, high }) => [partition, high]),
  );
  show('progress', progressDifferences(oracle, progress, ends));
  show('documents', documentDifferences(oracle, documents, progress, options));
  show('dead letters', deadLetterDifferences(oracle, letters, options.mayRepeat ?? false));
}

function show(what: string, differences: readonly string[]): void {
  const more = differences.length - SHOWN_DIFFERENCES;
  const shown = differences.slice(0, SHOWN_DIFFERENCES);
  if (more > 0) shown.push(`and ${more} more`);
  expect(shown, `${what} that differ from the oracle`).toEqual([]);
}

/** Reais of exact centavos: the double nearest to the decimal number. */
function reais(centavos: bigint): number {
  const digits = centavos.toString().padStart(3, '0');
  return Number(`${digits.slice(0, -2)}.${digits.slice(-2)}`);
}

const ascending = (a: bigint, b: bigint) => Number(a - b);
const number = (value: unknown) => Number(String(value));
const long = (value: unknown) => (value instanceof Long ? value.toBigInt() : undefined);

function documentDifferences(
  oracle: Oracle,
  documents: readonly Document[],
  progress: readonly Document[],
  options: ExactOptions,
): string[] {
  const found = new Map(documents.map((document) => [String(document._id), document]));
  const wrong: string[] = [];
  const closedUpToMs = leastWatermarkMs(progress);
  const ends = new Map(
    progress.map((p) => [Number(p._id.split('/')[1]), number(p.proximo_offset)]),
  );
  for (const id of found.keys())
    if (!oracle.documents.has(id)) wrong.push(`${id}: a stray document`);
  for (const expected of oracle.documents.values()) {
    const document = found.get(expected.id);
    const complain = (what: string) => wrong.push(`${expected.id}: ${what}`);
    if (!document) {
      complain('missing');
      continue;
    }
    compareTotals(expected, document, complain);
    compareParts(expected, document.partes, ends, complain);
    const isCorrected = options.corrected?.(document) ?? false;
    const fields = isCorrected ? [...FIELDS, 'corrigida_em'] : FIELDS;
    const keys = Object.keys(document);
    if (keys.join() !== fields.join()) complain(`has the fields ${keys.join()}`);
    if (isCorrected && !(document.corrigida_em instanceof Date))
      complain('corrigida_em is no date');
    const isClosed = expected.windowEndMs <= closedUpToMs;
    if (document.fechada !== isClosed) complain(`fechada is ${document.fechada}`);
  }
  return wrong;
}

/** The global watermark that the progress documents give. */
export function leastWatermarkMs(progress: readonly Document[]): number {
  const withEvents = progress.filter(({ maior_evento, no_fim }) => maior_evento || !no_fim);
  if (withEvents.length === 0) return Number.NEGATIVE_INFINITY;
  return Math.min(
    ...withEvents.map(({ marca_dagua }) => marca_dagua?.getTime() ?? Number.NEGATIVE_INFINITY),
  );
}

function compareTotals(
  expected: ExpectedDocument,
  document: Document,
  complain: (what: string) => void,
): void {
  const parts = [...expected.parts.values()];
  const n = parts.reduce((sum, part) => sum + part.n, 0n);
  const centavos = parts.reduce((sum, part) => sum + part.centavos, 0n);
  const least = parts.map(({ menor }) => menor).sort(ascending)[0];
  const greatest = parts.map(({ maior }) => maior).sort(ascending)[parts.length - 1];
  const mean = (2n * centavos + n) / (2n * n);
  const money = (field: string, exact: bigint) => {
    const value = document[field];
    if (!(value instanceof Double)) complain(`${field} is of BSON type ${bsonType(value)}`);
    if (number(value) !== reais(exact)) complain(`${field} is ${value}, not ${reais(exact)}`);
    if (!/^\d+(\.\d\d?)?$/.test(String(number(value)))) complain(`${field} prints as ${value}`);
  };
  money('faturamento_total', centavos);
  money('ticket_medio', mean);
  money('menor_valor', least);
  money('maior_valor', greatest);
  if (long(document.volume_vendas) !== n) {
    complain(
      `volume_vendas is ${bsonType(document.volume_vendas)} ${document.volume_vendas}, not ${n}`,
    );
  }
  const dates = [document.janela_inicio, document.janela_fim].map((date) => date?.getTime?.());
  if (dates[0] !== expected.windowStartMs || dates[1] !== expected.windowEndMs) {
    complain(`its window is ${document.janela_inicio} to ${document.janela_fim}`);
  }
  if (document.categoria !== expected.categoria) complain(`categoria is ${document.categoria}`);
  if (!(document.atualizado_em instanceof Date)) complain('atualizado_em is no date');
}

const bsonType = (value: { _bsontype?: keyof typeof BSONType } | undefined) =>
  value?._bsontype ?? typeof value;

function compareParts(
  expected: ExpectedDocument,
  partes: Record<string, Document>,
  ends: ReadonlyMap<number, number>,
  complain: (what: string) => void,
): void {
  const found = Object.keys(partes).sort().join();
  const wanted = [...expected.parts.keys()].map(String).sort().join();
  if (found !== wanted) complain(`has registers of partitions ${found}, not ${wanted}`);
  for (const [partition, part] of expected.parts) {
    const stored = partes[partition] ?? {};
    for (const field of ['n', 'centavos', 'menor', 'maior'] as const) {
      if (long(stored[field]) === part[field]) continue;
      complain(`partes.${partition}.${field} is ${stored[field]}, not ${part[field]}`);
    }
    const ate = number(stored.ate);
    if (!(ate > part.lastOffset && ate <= (ends.get(partition) ?? 0))) {
      complain(`partes.${partition}.ate is ${stored.ate}, last sale at ${part.lastOffset}`);
    }
  }
}

function progressDifferences(
  oracle: Oracle,
  progress: readonly Document[],
  ends: ReadonlyMap<number, number>,
): string[] {
  const wrong: string[] = [];
  const byId = new Map(progress.map((document) => [document._id, document]));
  for (const [partition, end] of ends) {
    const document = byId.get(`${oracle.topic}/${partition}`);
    byId.delete(`${oracle.topic}/${partition}`);
    const expected = oracle.partitions.get(partition);
    const stored = {
      next: number(document?.proximo_offset),
      counted: number(document?.contadas),
      late: number(document?.atrasadas ?? 0),
      rejected: Object.entries(document?.rejeitadas ?? {})
        .map(([r, n]) => `${r} ${n}`)
        .sort(),
      maxEventMs: document?.maior_evento?.getTime() ?? null,
      categories: document?.categorias,
    };
    const wanted = {
      next: end,
      counted: expected?.counted ?? 0,
      late: expected?.lateCounted ?? 0,
      rejected: [...(expected?.rejected ?? [])].map(([r, n]) => `${r} ${n}`).sort(),
      maxEventMs: expected?.maxEventMs ?? null,
      categories: expected?.categories ?? [],
    };
    const [a, b] = [JSON.stringify(stored), JSON.stringify(wanted)];
    if (a !== b) wrong.push(`partition ${partition}: ${a}, not ${b}`);
  }
  for (const id of byId.keys()) wrong.push(`${id}: a stray progress document`);
  return wrong;
}

function deadLetterDifferences(
  oracle: Oracle,
  letters: readonly RecordRead[],
  mayRepeat: boolean,
): string[] {
  const wrong: string[] = [];
  const seen = new Set<string>();
  for (const letter of letters) {
    const at = String(letter.key);
    if (at.startsWith(MARKS)) continue;
    const expected = oracle.deadLetters.get(at);
    if (!expected) {
      wrong.push(`${at}: a stray dead letter, ${reasonOf(letter)}`);
      continue;
    }
    if (seen.has(at) && !mayRepeat) wrong.push(`${at}: sent twice`);
    seen.add(at);
    const { reason, record, value, item } = expected;
    if (reasonOf(letter) !== reason) wrong.push(`${at}: ${reasonOf(letter)}, not ${reason}`);
    const kept = item === null && isTooLargeToKeep(record) ? null : value;
    if (text(letter.value) !== text(kept)) wrong.push(`${at}: another value`);
    const headers = JSON.stringify(letter.headers.map(headerText).filter(isCompared));
    const wanted = JSON.stringify(expectedHeaders(oracle.topic, expected));
    if (headers !== wanted) wrong.push(`${at}: headers ${headers}, not ${wanted}`);
    if (!letter.headers.some(([name, value]) => name === DETAIL && value.length > 0)) {
      wrong.push(`${at}: no detail`);
    }
  }
  for (const at of oracle.deadLetters.keys()) {
    if (!seen.has(at)) wrong.push(`${at}: no dead letter`);
  }
  return wrong;
}

/** Keys of what is said of letters beside them. */
const MARKS = 'vendaval/';
const DETAIL = 'vendaval-detail';
/** Brokers before Kafka 2.8 give none. */
const TOPIC_ID = 'vendaval-topic-id';
const HEADERS_OMITTED = 'vendaval-headers-omitted';
/** A partition's rejected records of one checkpoint have so much room. */
const REJECT_LOG_BYTES = 4 * 1024 * 1024;
/** Of a record with more headers librdkafka shows none, so nothing is known of them here. */
const HEADERS_SHOWN_MAX = 100_000;

const isTooLargeToKeep = ({ value }: RecordRead) => (value?.length ?? 0) > REJECT_LOG_BYTES;

function isCompared([name, value]: (string | null)[]): boolean {
  if (name === DETAIL || name === TOPIC_ID) return false;
  return name !== HEADERS_OMITTED || Number.parseInt(value!, 10) <= HEADERS_SHOWN_MAX;
}

const text = (value: Buffer | null) => (value === null ? null : value.toString('latin1'));
const headerText = ([name, value]: readonly [string, Buffer]) => [name, text(value)];

function reasonOf({ headers }: RecordRead): string {
  // A record may have brought one of this name with it.
  return String(headers.findLast(([name]) => name === 'vendaval-reason')?.[1]);
}

/** What librdkafka's binding can't carry in a header, binary values, comes in base 64. */
function headerSent(name: string, value: Buffer): (string | null)[] {
  const isText = isUtf8(value) && !value.includes(0);
  return isText ? [name, text(value)] : [`vendaval-base64-${name}`, value.toString('base64')];
}

/** The original ones first, and then ours. */
function expectedHeaders(topic: string, { reason, record, item }: ExpectedDeadLetter) {
  const { partition, offset, timestamp, key, headers } = record;
  const isReduced = item === null && isTooLargeToKeep(record);
  const bytes = headers.reduce((sum, [n, v]) => sum + Buffer.byteLength(n) + v.length, 0);
  const areOmitted = headers.length > 1000 || bytes > 256 * 1024;
  return [
    ...(isReduced || areOmitted ? [] : headers.map(([name, value]) => headerSent(name, value))),
    ['vendaval-reason', reason],
    ['vendaval-topic', topic],
    ['vendaval-partition', String(partition)],
    ['vendaval-offset', String(offset)],
    ['vendaval-timestamp', String(timestamp)],
    ...(item === null ? [] : [['vendaval-item', String(item)]]),
    ...(isReduced ? [['vendaval-value-omitted', 'true']] : []),
    ...(isReduced || key === null ? [] : [headerSent('vendaval-key', key)]),
    ...(!isReduced && areOmitted
      ? [[HEADERS_OMITTED, `${headers.length} headers, ${bytes} bytes`]]
      : []),
  ];
}
