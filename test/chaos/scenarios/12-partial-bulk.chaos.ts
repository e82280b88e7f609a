/**
 * A bulk write of which the database takes a part: a validator refuses some documents, a unique
 * index one, and at last it takes all of them and says that the majority may not have them.
 */
import { BSON } from 'mongodb';
import { expect } from 'vitest';
import type { EngineProcess } from '../../parts/engine-process.ts';
import type { Message, Verdict } from '../../parts/fault-proxy.ts';
import { forReplies, MONGO } from '../../parts/proxied-requests.ts';
import { makeSales, WORKLOAD_CATEGORIES_MAX, WORKLOAD_START_MS } from '../../parts/sales.ts';
import type { Scene } from '../../parts/scene.ts';
import { committedOffsets } from '../../parts/topic.ts';
import { sceneBehindMongoProxy } from '../network.ts';
import { type Chaos, scenario } from '../scenario.ts';

const TOTALS = 'faturamento_tempo_real';
const CATEGORIES = ['Eletronicos', 'Livros', 'Casa', 'Gamer'];
const COUNT = 3000;
const MINUTE_MS = 60_000;

interface Fault {
  readonly name: string;
  readonly code: RegExp;
  begin(): Promise<unknown>;
  mend(): Promise<unknown>;
}

const attempts = (engine: EngineProcess) =>
  engine.lines.filter(({ msg }) => /checkpoint attempt/.test(String(msg)));

/** Registers that say more than their partition's progress. */
async function registersAhead(scene: Scene): Promise<number> {
  const progress = await scene.progress();
  let ahead = 0;
  for await (const { partes } of scene.db.collection(TOTALS).find({ partes: { $exists: true } })) {
    for (const [partition, { ate }] of Object.entries<{ ate: bigint }>(partes)) {
      if (Number(ate) > progress[Number(partition)].nextOffset) ahead++;
    }
  }
  return ahead;
}

/** Kafka's committed offsets and the progress documents. */
async function positions(scene: Scene) {
  const progress = (await scene.progress()).map(({ nextOffset }) => nextOffset);
  return { progress, committed: await committedOffsets(scene.brokers, scene.group, scene.topic) };
}

/** Whichever category a document of one minute later has, there is an intruder in its place. */
const intruder = (categoria: string) => ({
  _id: `intruder ${categoria}` as never,
  janela_inicio: new Date(WORKLOAD_START_MS + 15 * MINUTE_MS),
  categoria,
});

/** Until all that is durable is committed. */
async function untilCommitted(scene: Scene, engine: EngineProcess) {
  let now = await positions(scene);
  const isCommitted = async () => {
    now = await positions(scene);
    return now.committed.every(({ partition, offset }) => offset === now.progress[partition]);
  };
  await engine.until(isCommitted, 'all that is durable is committed');
  return now;
}

async function faultsOf(chaos: Chaos): Promise<{ scene: Scene; faults: readonly Fault[] }> {
  const { scene, proxy } = await sceneBehindMongoProxy(chaos, {
    rules: { maxCategories: WORKLOAD_CATEGORIES_MAX },
  });
  const { db } = scene;
  const totals = await db.createCollection(TOTALS);
  await totals.createIndex({ janela_inicio: 1, categoria: 1 }, { unique: true });
  const validate = (validator: object) => db.command({ collMod: TOTALS, validator });
  const unsure = ({ bytes }: Message): Verdict => {
    const reply = BSON.deserialize(bytes.subarray(21));
    reply.writeConcernError = { code: 64, errmsg: 'waiting for replication timed out' };
    const body = BSON.serialize(reply);
    const instead = Buffer.concat([bytes.subarray(0, 21), body]);
    instead.writeInt32LE(instead.length, 0);
    return { instead };
  };
  const faults: Fault[] = [
    {
      name: 'a validator refuses a category',
      code: /failed validation/,
      begin: () => validate({ categoria: { $ne: 'Gamer' } }),
      mend: () => validate({}),
    },
    {
      name: 'a unique index refuses a document',
      code: /E11000/,
      begin: () => totals.insertMany(CATEGORIES.map(intruder)),
      mend: () => totals.deleteMany({ _id: { $in: CATEGORIES.map((c) => intruder(c)._id) } }),
    },
    {
      name: 'a write concern is not met',
      code: /replication timed out/,
      begin: async () => {
        const isBulk = ({ collection }: { collection: string }) => collection === TOTALS;
        proxy.rule = forReplies(MONGO, isBulk, unsure);
      },
      mend: () => proxy.heal(),
    },
  ];
  return { scene, faults };
}

scenario(
  {
    row: 12,
    title: 'bulk writes of which a part is refused',
    invariant: 'the checkpoint stops, offsets stay, and it goes on when mended',
  },
  async (chaos) => {
    const { scene, faults } = await faultsOf(chaos);
    const attemptsEach = chaos.times(8, 3);
    const sales = makeSales({ seed: chaos.seed, count: COUNT });
    const share = Math.ceil(COUNT / (faults.length + 1));
    await scene.produce(sales.slice(0, share));
    const engine = scene.engine();
    await scene.untilDrained(engine);
    let moved = 0;
    let samples = 0;
    for (const [i, { name, code, begin, mend }] of faults.entries()) {
      const before = await untilCommitted(scene, engine);
      await begin();
      const attemptsBefore = attempts(engine).length;
      await scene.produce(sales.slice(share * (i + 1), share * (i + 2)));
      await engine.until(async () => {
        samples++;
        const now = await positions(scene);
        if (JSON.stringify(now) !== JSON.stringify(before)) moved++;
        return attempts(engine).length >= attemptsBefore + attemptsEach;
      }, `it has tried ${attemptsEach} times: ${name}`);
      expect(String(attempts(engine).at(-1)?.msg)).toMatch(code);
      const ahead = await registersAhead(scene);
      // The rest of the bulk was written all the same.
      expect(ahead).toBeGreaterThan(0);
      chaos.figure(`${name}: registers written ahead of the progress`, ahead);
      await mend();
      await scene.untilDrained(engine);
      chaos.progress(i + 1, faults.length);
    }
    expect(moved).toBe(0);
    engine.signal('SIGTERM');
    await engine.endsWell();
    await scene.expectExact({ mayRepeat: true });
    chaos.figure('attempts at each', attemptsEach);
    chaos.figure('looks at offsets meanwhile', samples);
    chaos.figure('commits past a failure', moved);
  },
);
