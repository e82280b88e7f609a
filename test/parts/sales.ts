/**
 * A workload from a seed: what a bad day sends. Mostly honest sales, out of order within the
 * delay; and late ones, malformed ones of every kind, clocks that are a day ahead or in the year
 * 9999, JSON keys given twice, money in odd spellings, both usual spacings, more categories than
 * are admitted, and two minutes of event time in which nobody buys anything. It says nothing of
 * what must come out: that is the oracle's (oracle.ts).
 */
import { REJECTED, VALID } from '../unit/sale/sales.ts';
import { type Random, seeded } from './random.ts';
import type { RecordToProduce } from './topic.ts';

const MINUTE_MS = 60_000;
/** The tables of test/unit hold sales of this time, which must be neither late nor ahead. */
const TABLE_TIME_MS = Date.UTC(2024, 10, 25, 10, 30);

/** Two minutes of event time without a sale in any partition. */
export const SILENT = {
  startMs: TABLE_TIME_MS + 8 * MINUTE_MS,
  endMs: TABLE_TIME_MS + 10 * MINUTE_MS,
};
export const WORKLOAD_START_MS = TABLE_TIME_MS;
/** How far an honest sale may lie behind the newest one; equal to the default delay. */
const DISORDER_MS = 119_000;
const DEFAULT_SPAN_MS = 20 * MINUTE_MS;
const SILENT_MS = SILENT.endMs - SILENT.startMs;
/** An order that is sent twice is one of the last so many. */
const REMEMBERED = 20;
/** What the workload's engines are given as --max-categories. */
export const WORKLOAD_CATEGORIES_MAX = 10;

const CATEGORIES = ['Eletronicos', 'Livros', 'Casa', 'Gamer'];
const RARE = [
  'Brinquedos',
  'Pet & Cia',
  'Moda Praia',
  'A"ç\\o',
  '$valor',
  'a.b',
  'Ñandú',
  '茶',
  '😀',
  'Auto',
  'Som',
];

/** One plain sale, for tests that say exactly what is sent. */
export function plainSale(eventMs: number, valor = '10.00', categoria = 'Casa'): string {
  const id_pedido = '8c5b4a5e-0f6e-4f0e-9a55-0e9d3a3c7f11';
  const timestamp = new Date(eventMs).toISOString();
  return JSON.stringify({ id_pedido, categoria, valor: 0, timestamp }).replace(':0,', `:${valor},`);
}

export interface WorkloadOptions {
  readonly seed: number;
  readonly count: number;
  readonly partitions?: number;
  readonly spanMs?: number;
}

/** In the order in which they are to be produced. */
export function makeSales(options: WorkloadOptions): RecordToProduce[] {
  const { seed, count, partitions = 3, spanMs = DEFAULT_SPAN_MS } = options;
  const elapsedMs = (i: number) => Math.floor((i / count) * (spanMs - SILENT_MS));
  const sales = workload(seed, partitions, elapsedMs);
  return Array.from({ length: count }, () => sales.next().value);
}

export interface EndlessOptions {
  readonly seed: number;
  readonly partitions?: number;
  /** Of event time. */
  readonly perMinute: number;
}

/** The same without an end, for a load that lasts as long as the test that it is for. */
export function endlessSales(options: EndlessOptions): Endless<RecordToProduce> {
  const { seed, partitions = 3, perMinute } = options;
  return workload(seed, partitions, (i) => Math.floor((i / perMinute) * MINUTE_MS));
}

export type Endless<T> = Generator<T, never, void>;

/** @param elapsedMsAt event time since the start, but for the silent minutes, at each record */
function* workload(
  seed: number,
  partitions: number,
  elapsedMsAt: (i: number) => number,
): Endless<RecordToProduce> {
  const random = seeded(seed);
  const lastSent: RecordToProduce[] = [];
  for (let i = 0; ; i++) {
    const elapsedMs = elapsedMsAt(i);
    const isBefore = WORKLOAD_START_MS + elapsedMs < SILENT.startMs;
    const nowMs = WORKLOAD_START_MS + elapsedMs + (isBefore ? 0 : SILENT_MS);
    const sent = {
      ...record(random, nowMs, lastSent),
      partition: random.between(0, partitions - 1),
      timestamp: nowMs,
      ...trimmings(random),
    };
    lastSent.push(sent);
    if (lastSent.length > REMEMBERED) lastSent.shift();
    yield sent;
  }
}

/** Keys come again and again; headers are rare. */
function trimmings(random: Random): Pick<RecordToProduce, 'key' | 'headers'> {
  return {
    key: random.chance(0.5) ? `loja-${random.between(1, 50)}` : null,
    ...(random.chance(0.02)
      ? { headers: [['trace', `t-${random.between(0, 1e9)}`]] as const }
      : {}),
  };
}

/** What a topic takes that was made without settings of its own: less than a mebibyte. */
const isSendable = (value: string | Buffer | null) => (value?.length ?? 0) < 1_000_000;
const SENDABLE_REJECTED = REJECTED.filter(([, , value]) => isSendable(value));
const SENDABLE_VALID = VALID.filter(([, value]) => isSendable(value));

function record(
  random: Random,
  nowMs: number,
  lastSent: readonly RecordToProduce[],
): Pick<RecordToProduce, 'value'> {
  const kind = random.next();
  if (kind < 0.004) return { value: random.pick(SENDABLE_REJECTED)[2] };
  // The table's sales are of the workload's first minute: honest while it lasts, late afterwards.
  if (kind < 0.008) return { value: random.pick(SENDABLE_VALID)[1] };
  if (kind < 0.012) return { value: poison(random, nowMs) };
  if (kind < 0.03) return { value: sale(random, nowMs - random.between(10, 60) * MINUTE_MS) };
  // The same order sent twice is two sales: the engine counts records.
  if (kind < 0.035 && lastSent.length > 0) return { value: random.pick(lastSent).value };
  if (kind < 0.036) return { value: null };
  return { value: sale(random, honestTime(random, nowMs)) };
}

function honestTime(random: Random, nowMs: number): number {
  const eventMs =
    nowMs - (random.chance(0.3) ? random.between(0, DISORDER_MS) : random.between(0, 900));
  const isSilent = eventMs >= SILENT.startMs && eventMs < SILENT.endMs;
  return isSilent ? nowMs : eventMs;
}

/** Clocks that are wrong: each would make every honest sale behind it late. */
function poison(random: Random, nowMs: number): string {
  const texts = [
    isoText(nowMs + 86_400_000),
    isoText(nowMs + 5 * MINUTE_MS + 1000),
    '9999-12-31T23:59:59',
    '1969-12-31T23:59:59',
    '2105-01-01T00:00:00',
    '0000-00-00T00:00:00',
    'amanhã',
  ];
  return compact(random, money(random), random.pick(texts));
}

function sale(random: Random, eventMs: number): string {
  const text = timeText(random, eventMs);
  const spelled = random.chance(0.1) ? oddMoney(random) : money(random);
  return random.chance(0.5) ? compact(random, spelled, text) : spaced(random, spelled, text);
}

const isoText = (ms: number) => new Date(ms).toISOString().slice(0, 19);

function timeText(random: Random, ms: number): string {
  if (random.chance(0.9)) return isoText(ms);
  const full = new Date(ms).toISOString();
  const inSaoPaulo = `${new Date(ms - 180 * MINUTE_MS).toISOString().slice(0, -1)}-03:00`;
  return random.pick([
    full,
    full.slice(0, -1),
    inSaoPaulo,
    full.replace('T', ' '),
    full.slice(0, 16),
  ]);
}

const category = (random: Random) =>
  JSON.stringify(random.chance(0.002) ? random.pick(RARE) : random.pick(CATEGORIES));

function id(random: Random): string {
  const hex = () =>
    random
      .between(0, 2 ** 32 - 1)
      .toString(16)
      .padStart(8, '0');
  const [a, b, c] = [hex(), hex(), hex()];
  return `"${a}-${b.slice(0, 4)}-4${b.slice(5)}-8${c.slice(5)}-${hex()}${c.slice(0, 4)}"`;
}

/** As programs print it: 10 is "10", 10.5 is "10.5". */
function money(random: Random): string {
  return String(random.between(1000, 500_000) / 100);
}

function oddMoney(random: Random): string {
  const centavos = random.between(0, 500_000);
  const [reais, rest] = [Math.floor(centavos / 100), String(centavos % 100).padStart(2, '0')];
  return random.pick([
    `${reais}.${rest}`,
    `${reais}.${rest}000`,
    `${centavos}e-2`,
    `${reais}.${rest}E0`,
    `${reais}.${rest[0]}${rest[1]}e+00`,
    `0.${String(centavos).padStart(8, '0')}e6`,
    '0.1',
    '-0',
    '1e3',
  ]);
}

const compact = (random: Random, valor: string, timestamp: string) =>
  `{"id_pedido":${id(random)},"categoria":${category(random)},"valor":${valor},"timestamp":"${timestamp}"}`;

const spaced = (random: Random, valor: string, timestamp: string) =>
  `{"id_pedido": ${id(random)}, "categoria": ${category(random)}, "valor": ${valor}, "timestamp": "${timestamp}"}`;
