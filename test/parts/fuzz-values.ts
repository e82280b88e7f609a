/**
 * A fuzz case: sales as JSON and FlatBuffers, spoiled at every level (offsets, vtables, counts,
 * lengths, texts, numbers, sales within a batch), in sound batches of every codec, in and outside of
 * transactions. What the oracle makes of the same records by the plain readers is right: every
 * sum, and every rejected record with its reason and what its letter holds.
 */
import { CODEC, COMPRESSORS } from './compressors.ts';
import { FLAT_TIME_MS, type FlatSpec, flatBatch, flatSale } from './flat-sales.ts';
import {
  ABORTED,
  abortedIn,
  below,
  COMMITTED,
  type LoggedBatch,
  pick,
  type Random,
  Reading,
  respond,
} from './fuzz-reading.ts';
import { RULES, type Sums, saleJson } from './lease-regions.ts';
import { judgeAll, type Oracle } from './oracle.ts';
import { marker, recordBatch } from './record-batch-builder.ts';
import { spoilFlat, spoilText } from './spoil.ts';
import type { RecordRead } from './topic.ts';

const CATEGORIES_MAX = 8;
/**
 * A batch of sales must fit an empty table and, as coordinates with their details, an empty reject
 * log: 1400 bytes can name one bad sale 350 times.
 */
const USUAL = { tableSlots: 512, rejectLogBytes: 256 * 1024, categoryCount: CATEGORIES_MAX };
const LARGE = { tableSlots: 8192, rejectLogBytes: 3 * 1024 * 1024, categoryCount: CATEGORIES_MAX };
const LARGE_VALUE_BYTES = 1400;
const KINDS = [...Object.keys(COMPRESSORS), 'none', 'none', 'none', 'none', 'none', 'none'];
const TOPIC = 'vendas';
const NAMES = ['Casa', 'Gamer', 'TV', 'Eletrônicos', 'Livros'];

interface Written {
  readonly log: readonly LoggedBatch[];
  /** What was not rolled back, as a client would read it. */
  readonly records: readonly RecordRead[];
}

export function valuesCase(random: Random): string {
  const { log, records } = write(random);
  const aborted = abortedIn(log);
  const isLarge = records.some(({ value }) => (value?.length ?? 0) > LARGE_VALUE_BYTES);
  const reading = new Reading(isLarge ? LARGE : USUAL);
  const outcome = reading.read(respond(log, 0, aborted), (from) => respond(log, from, aborted));
  if (outcome !== 'right') throw new Error(`values: ${outcome} of sound batches`);
  const rules = {
    windowMs: RULES.windowMs,
    delayMs: RULES.watermarkDelayMs,
    futureToleranceMs: RULES.futureToleranceMs,
    timeZone: RULES.timeZone,
    maxCategories: CATEGORIES_MAX,
    late: RULES.late,
  };
  compare(reading, judgeAll(records, TOPIC, rules));
  return records.length > 0 ? 'values right' : 'values none';
}

function write(random: Random): Written {
  const log: LoggedBatch[] = [];
  const read: RecordRead[] = [];
  const open = new Set<bigint>();
  let offset = 0;
  const end = (producer: bigint) => {
    open.delete(producer);
    const bytes = marker(offset, producer, producer === ABORTED ? 'abort' : 'commit');
    log.push({ bytes, base: offset, last: offset++ });
  };
  for (let batches = 1 + below(random, 3); batches > 0; batches--) {
    const producerId = random() < 0.2 ? pick(random, [ABORTED, COMMITTED]) : undefined;
    if (producerId !== undefined) open.add(producerId);
    const appendTimeMs = random() < 0.1 ? { appendTimeMs: FLAT_TIME_MS + 5 } : {};
    const records = Array.from({ length: 1 + below(random, 5) }, () => ({
      value: anyValue(random),
      key: random() < 0.3 ? 'loja' : null,
      ...(random() < 0.1 ? { headers: [['h', 'v']] as const } : {}),
      timestampMs: FLAT_TIME_MS + below(random, 1000),
    }));
    const { codec, compress } = COMPRESSORS[pick(random, KINDS)] ?? {};
    const bytes = recordBatch({
      ...{ baseOffset: offset, records, timestampMs: FLAT_TIME_MS, ...appendTimeMs },
      ...(codec === undefined ? {} : { codec: CODEC[codec], compress: compress! }),
      ...(producerId === undefined ? {} : { producerId, transactional: true }),
    });
    log.push({ bytes, base: offset, last: offset + records.length - 1 });
    for (const [i, { value, key, timestampMs }] of records.entries()) {
      const timestamp = appendTimeMs.appendTimeMs ?? timestampMs;
      const place = { partition: 0, offset: offset + i, timestamp };
      if (producerId === ABORTED) continue;
      read.push({ ...place, key: key === null ? null : Buffer.from(key), value, headers: [] });
    }
    offset += records.length;
    for (const producer of random() < 0.5 ? [...open] : []) end(producer);
  }
  for (const producer of [...open]) end(producer);
  return { log, records: read };
}

function anyValue(random: Random): Buffer | null {
  const kind = random();
  if (kind < 0.02) return pick(random, [null, Buffer.alloc(0)]);
  if (kind < 0.25) {
    const centavos = below(random, 1e6);
    const text = saleJson(pick(random, NAMES), centavos, Number(anyTime(random)));
    return random() < 0.6 ? Buffer.from(text) : spoilText(random, Buffer.from(text));
  }
  const value =
    kind < 0.6
      ? flatSale(anySale(random))
      : flatBatch(random() < 0.02 ? null : anySales(random), random() < 0.7);
  return random() < 0.3 ? value : spoilFlat(random, value);
}

function anySales(random: Random): FlatSpec[] {
  const size = random();
  const count =
    size < 0.97 ? below(random, 9) : size < 0.999 ? below(random, 200) : 4095 + below(random, 3);
  return Array.from({ length: count }, () => anySale(random));
}

const anyTime = (random: Random) =>
  BigInt(FLAT_TIME_MS + below(random, random() < 0.9 ? 120_000 : 900_000) - 60_000);

function anySale(random: Random): FlatSpec {
  const spec: FlatSpec = {
    idPedido: random() < 0.9 ? 'pedido-7' : pick(random, ['', 'é', Buffer.of(0xff, 0)]),
    categoria: pick(random, NAMES),
    valorCentavos: BigInt(below(random, 1e6)),
    timestampMs: anyTime(random),
  };
  if (random() < 0.85) return spec;
  return {
    ...spec,
    ...pick<FlatSpec>(random, [
      ...[{ idPedido: null }, { categoria: null }, { valorCentavos: null }, { timestampMs: null }],
      ...[{ categoria: '' }, { categoria: ' ' }, { categoria: 'é'.repeat(65) }],
      ...[{ categoria: `c${below(random, 20)}` }, { categoria: Buffer.of(0x41, 0xe5) }],
      ...[
        { valorCentavos: -1n },
        { valorCentavos: 10n ** 11n },
        { valorCentavos: 10n ** 11n + 1n },
      ],
      ...[{ valorCentavos: -(2n ** 63n) }, { valorCentavos: 2n ** 63n - 1n }],
      ...[{ timestampMs: -1n }, { timestampMs: 2n ** 32n * 1000n }, { timestampMs: 0n }],
      ...[{ newerFields: 1 }, { newerFields: 3 }],
    ]),
  };
}

function compare({ drained }: Reading, oracle: Oracle): void {
  const meant: Sums = {};
  for (const { windowStartMs, categoria, parts } of oracle.documents.values()) {
    const { n, centavos, menor, maior } = parts.get(0)!;
    meant[`${windowStartMs / RULES.windowMs}|${categoria}`] = {
      ...{ count: Number(n), centavos: Number(centavos) },
      ...{ menor: Number(menor), maior: Number(maior) },
    };
  }
  same('sums', sorted(drained.sums), sorted(meant));
  const letters = [...oracle.deadLetters].map(([at, { reason }]) => {
    return `${at.split('/').slice(2).join('/')} ${reason}`;
  });
  same('rejections', drained.rejections.join('\n'), letters.join('\n'));
  const expected = [...oracle.deadLetters.values()];
  for (const [i, { value, valueOmitted }] of drained.rejects.entries()) {
    if (!valueOmitted) same('a letter', hex(value), hex(expected[i].value));
  }
}

const hex = (bytes: Buffer | null) => bytes?.toString('hex') ?? 'null';

function sorted(sums: Sums): string {
  return Object.entries(sums)
    .map(([key, { count, centavos, menor, maior }]) => [key, count, centavos, menor, maior].join())
    .sort()
    .join('\n');
}

function same(what: string, found: string, meant: string): void {
  if (found === meant) return;
  throw new Error(
    `values: ${what}: ${found.slice(0, 300)} ||| and right are ${meant.slice(0, 300)}`,
  );
}
