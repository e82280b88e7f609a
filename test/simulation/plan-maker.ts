/**
 * Plans from seeds. Each history has some kinds of trouble and not others, so that a rare meeting
 * of two is not drowned by the rest.
 */
import { type Random, seeded } from '../parts/random.ts';
import {
  CALM,
  type Fault,
  type Plan,
  type PlannedBatch,
  type PlannedPartition,
  type PlannedRecord,
  type PlannedRules,
  type Weather,
} from './plan.ts';

const CATEGORIES = ['Eletronicos', 'Livros', 'Casa', 'Gamer', '$ e .', 'Ação'];
const JUNK = [null, '', 'lixo', '{"valor": 1}', '{"id_pedido": 7}'];
const DAY_MS = 86_400_000;

export function makePlan(seed: number): Plan {
  const random = seeded(seed);
  const troubleMs = random.between(3000, 9000);
  const rules: PlannedRules = {
    windowMs: random.pick([1000, 2000]),
    watermarkDelayMs: random.pick([500, 1000, 2000]),
    futureToleranceMs: random.pick([1000, 3000]),
    maxCategories: random.pick([3, 4, 20]),
  };
  const processes = random.pick([1, 2, 2, 2, 3]);
  const partitionCount = random.pick([1, 2, 2, 3]);
  // In order of coming into being, which numbers them.
  const partitions = Array.from({ length: partitionCount }, (_, index) =>
    makePartition(random, rules, troubleMs, index > 0 && random.chance(0.2)),
  ).sort((a, b) => a.atMs - b.atMs);
  const plan = {
    seed,
    flushIntervalMs: random.pick([100, 250, 500]),
    tableSlots: random.pick([4, 8, 64]),
    rejectLogBytes: random.pick([400, 4096]),
    processes,
    threads: random.between(1, 2),
    isSharded: random.chance(0.3),
    partitions,
    faults: makeFaults(random, processes, partitionCount, troubleMs),
    weather: makeWeather(random),
    healAtMs: troubleMs,
  };
  const late = random.chance(0.4) ? 'count' : 'reject';
  const isCompacted = late === 'reject' && random.chance(0.5);
  const compactions = Array.from({ length: isCompacted ? random.between(1, 6) : 0 }, (): Fault => {
    return { kind: 'compact', atMs: random.between(1000, troubleMs) };
  });
  const faults = [...plan.faults, ...compactions].sort((a, b) => a.atMs - b.atMs);
  return { ...plan, rules: { ...rules, late }, faults };
}

function makePartition(
  random: Random,
  rules: PlannedRules,
  untilMs: number,
  isNew: boolean,
): PlannedPartition {
  const atMs = isNew ? random.between(500, untilMs / 2) : 0;
  // Some of it before anybody reads, some of it steadily, with silences.
  let nowMs = atMs;
  const hasBacklog = random.chance(0.5);
  const hasGaps = random.chance(0.2);
  const hasTransactions = random.chance(0.4);
  const batches: PlannedBatch[] = [];
  const batchCount = random.pick([0, 2, 5, 10, 10, 20]);
  for (let i = 0; i < batchCount; i++) {
    if (!hasBacklog || i >= batchCount / 2) {
      nowMs += random.chance(0.1) ? random.between(500, 4000) : random.between(0, 600);
    }
    if (nowMs > untilMs) break;
    const batch = makeBatch(random, rules, nowMs, hasGaps && random.chance(0.3));
    const isTransaction = hasTransactions && random.chance(0.5);
    batches.push(isTransaction ? { ...batch, transaction: makeTransaction(random) } : batch);
  }
  return { atMs, firstOffset: random.chance(0.2) ? random.between(1, 50) : 0, batches };
}

function makeBatch(
  random: Random,
  rules: PlannedRules,
  atMs: number,
  hasGap: boolean,
): PlannedBatch {
  const size = random.pick([1, 1, 2, 3, 6]);
  const records = Array.from({ length: size }, () => makeRecord(random, rules, atMs));
  return { atMs, gap: hasGap ? random.between(1, 3) : 0, records };
}

function makeTransaction(random: Random): NonNullable<PlannedBatch['transaction']> {
  return { heldMs: random.pick([1, 400, 3000, 6000]), commits: random.chance(0.6) };
}

function makeRecord(random: Random, rules: PlannedRules, atMs: number): PlannedRecord {
  const kafkaMs = atMs - random.between(0, 50);
  if (random.chance(0.08)) return { junk: random.pick(JUNK), kafkaMs };
  const { watermarkDelayMs, windowMs, futureToleranceMs } = rules;
  const kind = random.next();
  let eventMs = kafkaMs - random.between(0, watermarkDelayMs);
  // Out of order by more than the delay: late, unless nothing newer came before.
  if (kind < 0.1) eventMs -= random.between(0, 3 * windowMs);
  else if (kind < 0.15) eventMs = kafkaMs + random.between(0, futureToleranceMs);
  else if (kind < 0.2) eventMs = kafkaMs + futureToleranceMs + random.pick([0, 1, 500, DAY_MS]);
  const categoria = random.pick(CATEGORIES.slice(0, random.pick([2, 2, CATEGORIES.length])));
  const centavos = random.chance(0.02) ? 100_000_000_000 : random.between(0, 99_999);
  return { categoria, centavos, eventMs, kafkaMs };
}

function makeFaults(
  random: Random,
  processes: number,
  partitionCount: number,
  untilMs: number,
): Fault[] {
  const process = () => random.between(0, processes - 1);
  const forMs = () => random.pick([200, 1000, 3000]);
  const partition = () => random.between(0, partitionCount - 1);
  const kinds: ((atMs: number) => Fault)[] = [
    (atMs) => ({ kind: 'crash', atMs, process: process(), downMs: random.between(0, 2000) }),
    (atMs) => ({ kind: 'stop', atMs, process: process(), downMs: random.between(0, 2000) }),
    (atMs) => ({ kind: 'freeze', atMs, process: process(), forMs: random.between(200, 5000) }),
    (atMs) => ({ kind: 'cut-off', atMs, process: process(), forMs: random.between(1000, 8000) }),
    (atMs) => ({ kind: 'thread-death', atMs, process: process(), thread: random.between(0, 1) }),
    (atMs) => ({
      kind: 'clock-jump',
      atMs,
      process: process(),
      byMs: random.pick([-3_600_000, 3_600_000]),
    }),
    (atMs) => ({ kind: 'rebalance', atMs, partition: partition() }),
    (atMs) => ({
      kind: 'failover',
      atMs,
      shard: random.between(0, 1),
      staleMs: random.between(0, 2000),
    }),
    (atMs) => ({ kind: 'database-down', atMs, forMs: forMs() }),
    (atMs) => ({ kind: 'letters-down', atMs, forMs: forMs() }),
    (atMs) => ({ kind: random.pick(['broker-grey', 'broker-down']), atMs, forMs: forMs() }),
    (atMs) => ({ kind: 'retention', atMs, partition: partition() }),
  ];
  const chosen = kinds.filter(() => random.chance(0.35));
  if (chosen.length === 0) return [];
  const count = random.pick([1, 3, 6, 12]);
  return Array.from({ length: count }, () =>
    random.pick(chosen)(random.between(200, untilMs - 100)),
  ).sort((a, b) => a.atMs - b.atMs);
}

function makeWeather(random: Random): Weather {
  const some = (most: number) => (random.chance(0.3) ? random.next() * most : 0);
  return {
    ...CALM,
    lostRequest: some(0.15),
    lostReply: some(0.15),
    repeated: some(0.2),
    refusedUpdate: some(0.15),
    writeConcernError: some(0.15),
    slowMs: random.chance(0.5) ? random.pick([50, 300, 1500]) : 0,
    lostLetter: some(0.2),
    fetchFails: some(0.1),
    corruptFetch: some(0.05),
    commitFails: some(0.2),
  };
}
