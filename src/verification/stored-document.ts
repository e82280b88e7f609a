/**
 * A document of the totals as the database holds it, read without trust: types and fields are
 * looked at here, what its numbers must be is judged elsewhere (compare-totals.ts). Kept small,
 * since all of them are in memory until the log was read.
 */
import { type Document, Double, Long } from 'mongodb';
import { documentId } from './partition-judge.ts';

/** Reads numbers as BSON has them, so that a double is told from a long. */
export const RAW = { promoteValues: false, promoteLongs: false, useBigInt64: false } as const;

const REQUIRED = [
  ...['_id', 'janela_inicio', 'janela_fim', 'categoria', 'faturamento_total', 'volume_vendas'],
  ...['fechada', 'ticket_medio', 'menor_valor', 'maior_valor', 'atualizado_em', 'partes'],
];
const KNOWN = new Set([...REQUIRED, 'corrigida_em']);
const SUM_FIELDS = ['n', 'centavos', 'menor', 'maior'];
const REGISTER_FIELDS = [...SUM_FIELDS, 'ate'];
/** Among the registers: the sum of those that were compacted. */
const COMPACTED = 'compactadas';

export interface StoredRegister {
  readonly partition: number;
  readonly n: bigint;
  readonly centavos: bigint;
  readonly menor: bigint;
  readonly maior: bigint;
  readonly ate: number;
}

/** Registers that were compacted into one sum, and whose they were. */
export interface CompactedRegisters extends Omit<StoredRegister, 'partition' | 'ate'> {
  readonly partitions: readonly number[];
}

export interface StoredDocument {
  readonly id: string;
  readonly windowStartMs: number;
  readonly categoria: string;
  readonly volume: bigint;
  /** In reais, as stored. */
  readonly total: number;
  readonly mean: number;
  readonly least: number;
  readonly greatest: number;
  readonly isClosed: boolean;
  readonly registers: readonly StoredRegister[];
  readonly compacted: CompactedRegisters | null;
}

/** What is wrong with a document's form. */
export interface FormProblem {
  readonly field: string;
  readonly found: string;
  readonly expected: string;
}

export interface ReadDocument {
  /** null when so much is wrong that its numbers can't be compared. */
  readonly document: StoredDocument | null;
  readonly problems: readonly FormProblem[];
  /** The id that its own window and category give; null when these can't be read. */
  readonly properId: string | null;
}

export function readDocument(raw: Document, windowMs: number): ReadDocument {
  const form = new Form(raw);
  const startMs = form.date('janela_inicio');
  const endMs = form.date('janela_fim');
  const categoria = form.text('categoria');
  if (startMs !== null && startMs % windowMs !== 0) {
    form.complain('janela_inicio', isoText(startMs), `the start of a window of ${windowMs} ms`);
  }
  if (startMs !== null && endMs !== null && endMs !== startMs + windowMs) {
    form.complain('janela_fim', isoText(endMs), isoText(startMs + windowMs));
  }
  const volume = form.long('volume_vendas');
  const total = form.double('faturamento_total');
  const mean = form.double('ticket_medio');
  const least = form.double('menor_valor');
  const greatest = form.double('maior_valor');
  const isClosed = form.flag('fechada');
  form.date('atualizado_em');
  if ('corrigida_em' in raw) {
    form.date('corrigida_em');
    if (isClosed === false) form.complain('corrigida_em', 'present', 'absent while open');
  }
  const registers = readRegisters(form);
  const compacted = readCompacted(form);
  form.unknownFields();
  const properId = startMs === null || categoria === null ? null : documentId(startMs, categoria);
  const id = typeof raw._id === 'string' ? raw._id : String(raw._id);
  const numbers = [volume, total, mean, least, greatest, isClosed, registers];
  const isWhole = properId !== null && !numbers.includes(null);
  return {
    document: isWhole
      ? ({
          id,
          windowStartMs: startMs,
          categoria,
          ...{ volume, total, mean, least, greatest, isClosed, registers, compacted },
        } as StoredDocument)
      : null,
    problems: form.problems,
    properId,
  };
}

function readRegisters(form: Form): StoredRegister[] | null {
  const parts = form.raw.partes;
  if (!isObject(parts)) {
    form.complain('partes', typeName(parts), 'an object with a register for each partition');
    return null;
  }
  const registers: StoredRegister[] = [];
  let isWhole = true;
  for (const [name, raw] of Object.entries(parts)) {
    if (name === COMPACTED) continue;
    const register = readRegister(form, name, raw);
    if (register) registers.push(register);
    else isWhole = false;
  }
  return isWhole ? registers.sort((a, b) => a.partition - b.partition) : null;
}

/** null also for one that cannot be read, which is told. */
function readCompacted(form: Form): CompactedRegisters | null {
  const raw = isObject(form.raw.partes) ? form.raw.partes[COMPACTED] : undefined;
  if (raw === undefined) return null;
  const path = `partes.${COMPACTED}`;
  if (!isObject(raw)) {
    form.complain(path, typeName(raw), 'a sum of registers');
    return null;
  }
  const { particoes, ...sum } = raw;
  const partitions = Array.isArray(particoes) ? particoes.map(Number) : [];
  if (partitions.length === 0 || !partitions.every((one) => Number.isSafeInteger(one))) {
    form.complain(`${path}.particoes`, typeName(particoes), 'an array of partitions');
  }
  const fields = readLongs(form, path, sum, SUM_FIELDS);
  if (!fields) return null;
  const [n, centavos, menor, maior] = fields;
  return { partitions, n, centavos, menor, maior };
}

function readRegister(form: Form, name: string, raw: unknown): StoredRegister | null {
  const path = `partes.${name}`;
  if (!/^(0|[1-9]\d{0,9})$/.test(name) || !isObject(raw)) {
    form.complain(path, typeName(raw), "a partition's register");
    return null;
  }
  const fields = readLongs(form, path, raw, REGISTER_FIELDS);
  if (!fields) return null;
  const [n, centavos, menor, maior, ate] = fields;
  return { partition: Number(name), n, centavos, menor, maior, ate: Number(ate) };
}

/** These fields and no others, each a long; null unless all of them can be read. */
function readLongs(
  form: Form,
  path: string,
  raw: Record<string, unknown>,
  fields: readonly string[],
): bigint[] | null {
  for (const field of Object.keys(raw)) {
    if (fields.includes(field)) continue;
    form.complain(`${path}.${field}`, typeName(raw[field]), 'no such field');
  }
  const values = fields.flatMap((field) => {
    const value = raw[field];
    if (value instanceof Long) return value.toBigInt();
    form.complain(`${path}.${field}`, typeName(value), 'long');
    return [];
  });
  return values.length === fields.length ? values : null;
}

/** The fields of one raw document; remembers what is wrong with them. */
class Form {
  readonly raw: Document;
  readonly problems: FormProblem[] = [];

  constructor(raw: Document) {
    this.raw = raw;
  }

  complain(field: string, found: string, expected: string): void {
    this.problems.push({ field, found, expected });
  }

  date(field: string): number | null {
    const value = this.raw[field];
    if (value instanceof Date && !Number.isNaN(value.getTime())) return value.getTime();
    return this.#wrong(field, 'date');
  }

  text(field: string): string | null {
    const value = this.raw[field];
    return typeof value === 'string' ? value : this.#wrong(field, 'string');
  }

  flag(field: string): boolean | null {
    const value = this.raw[field];
    return typeof value === 'boolean' ? value : this.#wrong(field, 'boolean');
  }

  long(field: string): bigint | null {
    const value = this.raw[field];
    return value instanceof Long ? value.toBigInt() : this.#wrong(field, 'long');
  }

  double(field: string): number | null {
    const value = this.raw[field];
    return value instanceof Double ? value.value : this.#wrong(field, 'double');
  }

  unknownFields(): void {
    for (const field of Object.keys(this.raw)) {
      if (!KNOWN.has(field)) this.complain(field, typeName(this.raw[field]), 'no such field');
    }
  }

  #wrong(field: string, expected: string): null {
    this.complain(field, typeName(this.raw[field]), expected);
    return null;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  );
}

/** A value's type as BSON calls it, and a short value itself. */
export function typeName(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (value instanceof Date)
    return `date ${Number.isNaN(value.getTime()) ? 'invalid' : value.toISOString()}`;
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'string') return `string ${JSON.stringify(value.slice(0, 40))}`;
  if (typeof value === 'boolean') return `boolean ${value}`;
  const bson = (value as { _bsontype?: string })._bsontype;
  return bson === undefined ? typeof value : `${bson.toLowerCase()} ${String(value).slice(0, 40)}`;
}

export function isoText(ms: number): string {
  return Number.isNaN(new Date(ms).getTime()) ? String(ms) : new Date(ms).toISOString();
}
