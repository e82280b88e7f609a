/** The whole way of a bad day's sales, once on servers that ask for nothing, once on secure ones. */
import { expect, test } from 'vitest';
import { REASONS } from '../../src/sale/reasons.ts';
import { runCommand } from '../parts/commands.ts';
import { allow } from '../parts/documented-rights.ts';
import type { Ending } from '../parts/engine-process.ts';
import { sums } from '../parts/oracle.ts';
import { makeSales, SILENT, WORKLOAD_CATEGORIES_MAX } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import { SECURE_USER, startSecureBroker } from '../parts/secure-broker.ts';
import { makeSecureScene } from '../parts/secure-scene.ts';

const SEED = 20241129;
const COUNT = 300_000;
/** Reasons of other formats and sizes, and of bytes that no producer writes: tested elsewhere. */
const OTHER_REASONS = /^(valid|batch_.*|malformed_flatbuffer|corrupt_batch|value_too_large)$/;

const RULES = { rules: { maxCategories: WORKLOAD_CATEGORIES_MAX } };

/** SCRAM over TLS on both sides, and no more rights than the documents give. */
async function secureScene(t: Ending): Promise<Scene> {
  const kafka = await startSecureBroker(t);
  const scene = await makeSecureScene(t, kafka, RULES);
  await allow(kafka, SECURE_USER, scene, 'topic create', 'produce', 'engine', 'verify');
  return scene;
}

const WAYS: [string, (t: Ending) => Promise<Scene>][] = [
  ['no sign-in', (t) => Scene.make(t, RULES)],
  ['SCRAM over TLS on both sides', secureScene],
];

test.for(WAYS)('300,000 sales of a bad day come out exact: %s', async ([, make], t) => {
  await comesOutExact(t, await make(t));
});

/** And counting them again changes nothing. */
async function comesOutExact(t: Ending, scene: Scene): Promise<void> {
  await scene.produce(makeSales({ seed: SEED, count: COUNT }));

  const first = await scene.drain();
  const oracle = await scene.expectExact();
  const { counted, rejected } = sums(oracle);
  expect(counted + rejected).toBe(COUNT);
  expect(first.done).toMatchObject({ counted, rejected });

  // The workload is what it says it is.
  const reasons = new Set([...oracle.deadLetters.values()].map(({ reason }) => reason));
  expect([...reasons].sort()).toEqual(REASONS.filter((name) => !OTHER_REASONS.test(name)).sort());
  const totals = scene.db.collection('faturamento_tempo_real');
  const silent = { janela_inicio: { $gte: new Date(SILENT.startMs), $lt: new Date(SILENT.endMs) } };
  expect(await totals.countDocuments(silent)).toBe(0);
  expect(await totals.countDocuments({ fechada: true })).toBeGreaterThan(40);
  expect(await totals.countDocuments({ fechada: false })).toBeGreaterThan(0);

  const before = await totals.find().sort({ _id: 1 }).toArray();
  const second = await scene.drain();
  expect(second.done).toMatchObject({ counted: 0, rejected: 0 });
  expect(await totals.find().sort({ _id: 1 }).toArray()).toEqual(before);
  await scene.expectExact({ oracle });

  const verify = await runCommand(t, scene, ['verify']);
  expect(verify.of('difference')).toEqual([]);
  expect(verify.of('verdict')).toMatchObject([{ records: COUNT, differences: 0 }]);
}
