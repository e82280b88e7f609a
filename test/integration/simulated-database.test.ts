/**
 * The simulation has a database of its own (test/simulation/documents.ts), which knows only what
 * the product sends. Here the product's stores write to both, and every document must be the same.
 */
import type { AnyBulkWriteOperation, Db } from 'mongodb';
import { expect, inject, onTestFinished, test } from 'vitest';
import { connectMongo } from '../../src/mongo/connection.ts';
import { OwnershipStore } from '../../src/mongo/ownership-store.ts';
import { PROGRESS_COLLECTION, type Progress } from '../../src/mongo/progress-document.ts';
import { ProgressStore } from '../../src/mongo/progress-store.ts';
import { TotalsStore, type TotalsUpdate } from '../../src/mongo/totals-store.ts';
import { REASONS } from '../../src/sale/reasons.ts';
import { NO_MARK } from '../../src/state/batch-mark.ts';
import { type Candidate, compactAll } from '../../src/upkeep/compact.ts';
import { NO_WATERMARK_MS } from '../../src/window/watermark.ts';
import { type Random, seeded } from '../parts/random.ts';
import { uniqueName } from '../parts/topic.ts';
import { changesBy, type Document, type Operation } from '../simulation/documents.ts';

const T = Date.UTC(2024, 10, 25, 10, 30);
const WINDOW_MS = 1000;
/** Than any write's time, by whichever clock. */
const LATER_MS = Date.UTC(3000, 0);
const CATEGORIES = ['Casa', '$ e .', 'Ação', 'a|b'];
const WRITES = 60;
const COUNTS = ['matchedCount', 'modifiedCount', 'upsertedCount'] as const;

/** Both databases behind one Db. */
class Doubled {
  readonly simulated = new Map<string, Map<string, Document>>();
  readonly #real: Db;

  constructor(real: Db) {
    this.#real = real;
  }

  collection(name: string): object {
    const real = this.#real.collection(name);
    const one =
      (isMany: boolean) =>
      async (filter: Document, update: Operation['update'], options: { upsert?: boolean } = {}) => {
        const isUpsert = options.upsert === true;
        const found = isMany
          ? await real.updateMany(filter, update as never, options)
          : await real.updateOne(filter, update as never, options);
        this.#apply(name, [{ filter, update, isUpsert, isMany }], found);
        return found;
      };
    return {
      updateOne: one(false),
      updateMany: one(true),
      bulkWrite: async (operations: AnyBulkWriteOperation[], options: object) => {
        const found = await real.bulkWrite(operations, options);
        this.#apply(name, operations.map(asOperation), found);
        return found;
      },
      find: real.find.bind(real),
    };
  }

  #apply(name: string, operations: Operation[], found: Record<(typeof COUNTS)[number], number>) {
    const documents = this.simulated.get(name) ?? new Map<string, Document>();
    this.simulated.set(name, documents);
    const counts = { matchedCount: 0, modifiedCount: 0, upsertedCount: 0 };
    for (const operation of operations) {
      const { matched, changed, inserted } = changesBy(operation, documents, new Date());
      for (const document of [...changed, ...(inserted ? [inserted] : [])]) {
        documents.set(String(document._id), document);
      }
      counts.matchedCount += matched;
      counts.modifiedCount += changed.length;
      counts.upsertedCount += inserted ? 1 : 0;
    }
    for (const count of COUNTS) expect(found[count], count).toBe(counts[count]);
  }

  async expectSame(name: string): Promise<void> {
    const real = await this.#real
      .collection<{ _id: string }>(name)
      .find()
      .sort({ _id: 1 })
      .toArray();
    const simulated = [...(this.simulated.get(name)?.values() ?? [])];
    simulated.sort((a, b) => (String(a._id) < String(b._id) ? -1 : 1));
    expect(simulated.map(comparable)).toEqual(real.map(comparable));
    expect(real.length).toBeGreaterThan(0);
  }
}

function asOperation(operation: AnyBulkWriteOperation): Operation {
  if (!('updateOne' in operation)) throw new Error('only updateOne is compared');
  const { filter, update, upsert } = operation.updateOne;
  return {
    filter: filter as Document,
    update: update as Operation['update'],
    isUpsert: upsert === true,
    isMany: false,
  };
}

/** The two clocks differ; that there is a time, and everything else, must not. */
function comparable(document: Document): Document {
  const times = ['atualizado_em', 'corrigida_em'].filter((field) => field in document);
  for (const field of times) expect(document[field]).toBeInstanceOf(Date);
  return { ...document, ...Object.fromEntries(times.map((field) => [field, 'a time'])) };
}

async function doubled() {
  const database = uniqueName();
  const { db, client, close } = await connectMongo(inject('mongoUrl'), database);
  onTestFinished(async () => {
    await db.dropDatabase();
    await close();
  });
  const double = new Doubled(db);
  return { double, db: double as unknown as Db, client };
}

function randomUpdates(random: Random): TotalsUpdate[] {
  const keys = new Map<string, TotalsUpdate>();
  for (let i = random.between(1, 4); i > 0; i--) {
    const windowStartMs = T + random.between(0, 3) * WINDOW_MS;
    const categoria = random.pick(CATEGORIES);
    const partitions = random.pick([[0], [1], [2], [0, 2], [1, 10]]);
    const registers = partitions.map((partition) => ({
      partition,
      register: {
        count: random.between(1, 5000),
        centavos: BigInt(random.between(0, 2 ** 50)),
        menor: random.between(0, 100),
        maior: random.between(100, 100_000_000_000),
        ate: random.between(0, 30),
      },
    }));
    const windowEndMs = windowStartMs + WINDOW_MS;
    keys.set(`${windowStartMs}|${categoria}`, { windowStartMs, windowEndMs, categoria, registers });
  }
  return [...keys.values()];
}

test('totals are the same in the simulated database as in a real one', async () => {
  const { double, db } = await doubled();
  const random = seeded(22);
  const totals = new TotalsStore(db, 'totais');
  const compact = async () => {
    const found = await db.collection<Candidate>('totais').find({}).toArray();
    const some = found.filter(() => random.chance(0.3));
    return compactAll(
      db,
      'totais',
      some,
      random.pick([
        [0, 1],
        [1, 2],
        [0, 1, 2, 10],
      ]),
    );
  };
  let compacted = 0;
  for (let i = 0; i < WRITES; i++) {
    if (random.chance(0.2)) {
      await totals.close(T + random.between(0, 4) * WINDOW_MS, LATER_MS);
    } else if (random.chance(0.1)) compacted += await compact();
    else await totals.write(randomUpdates(random));
  }
  expect(compacted).toBeGreaterThan(3);
  await double.expectSame('totais');
});

function randomProgress(random: Random): Progress {
  const categories = CATEGORIES.slice(0, random.between(0, 4));
  return {
    partition: random.between(0, 2),
    countId: null,
    topicId: 'id',
    startOffset: 0,
    nextOffset: random.between(0, 30),
    lastBatch: random.chance(0.5) ? NO_MARK : { epoch: 3, crc: random.between(0, 2 ** 32 - 1) },
    maxEventMs: random.pick([-1, T, T + 7]),
    closingWatermarkMs: random.pick([NO_WATERMARK_MS, T + random.between(-5000, 5000)]),
    atEnd: random.chance(0.5),
    counted: random.between(0, 99),
    lateCounted: random.between(0, 9),
    rejected: REASONS.map((_, code) => (code > 0 && random.chance(0.2) ? code : 0)),
    categories,
    skips: [],
  };
}

test('progress is the same in the simulated database as in a real one', async () => {
  const { double, db, client } = await doubled();
  const random = seeded(23);
  const engines = ['a', 'b'].map((owner) => ({
    store: new ProgressStore(db, 'vendas', owner),
    ownership: new OwnershipStore(db, 'vendas', owner),
  }));
  const session = client.startSession();
  onTestFinished(() => session.endSession());
  for (const partition of [0, 1, 2, 1]) {
    await engines[0].store.createIfMissing(partition, 'id', partition * 5, session);
  }
  for (let i = 0; i < WRITES; i++) {
    const { store, ownership } = random.pick(engines);
    const drawn = randomProgress(random);
    const documents = double.simulated.get(PROGRESS_COLLECTION);
    const document = documents?.get(`vendas/${drawn.partition}`);
    const state = { ...drawn, countId: String(document?.contagem) };
    if (random.chance(0.2)) await ownership.disown([random.between(0, 2), random.between(0, 2)]);
    else if (random.chance(0.1)) {
      const ofAnother = store.advance([{ ...state, countId: random.pick([null, 'b']) }], new Set());
      await expect(ofAnother).rejects.toMatchObject({ code: 'E_PROGRESS_DELETED' });
    } else await store.advance([state], new Set(random.chance(0.5) ? [state.partition] : []));
  }
  await double.expectSame(PROGRESS_COLLECTION);
});
