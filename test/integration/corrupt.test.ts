/** A batch that the broker's disk has spoiled: the engine stops at it, or is told to pass over it. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type KafkaBroker, startKafkaBroker } from '../parts/kafka-broker.ts';
import { plainSale } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import { readTopic, uniqueName } from '../parts/topic.ts';
import { runVerify } from '../parts/verify-run.ts';

const TIME_MS = Date.UTC(2024, 10, 29, 12);
const HEAD_BYTES = 61;

/** Changes a byte of the records of the batch that begins at this offset, on the disk. */
async function spoil({ dataFolder }: KafkaBroker, { topic }: Scene, offset: number): Promise<void> {
  const file = await open(join(dataFolder, `${topic}-0`, '00000000000000000000.log'), 'r+');
  try {
    const { size } = await file.stat();
    const { buffer } = await file.read(Buffer.alloc(size), 0, size, 0);
    let at = 0;
    while (Number(buffer.readBigInt64BE(at)) !== offset) at += 12 + buffer.readInt32BE(at + 8);
    await file.write(Buffer.of(buffer[at + HEAD_BYTES + 20] ^ 1), 0, 1, at + HEAD_BYTES + 20);
  } finally {
    await file.close();
  }
}

test('a spoiled batch stops the engine, or is passed over once and for good', async (t) => {
  const broker = await startKafkaBroker({ heapMb: 384 });
  t.onTestFinished(() => broker.stop());
  const scene = await Scene.make(t, { brokers: broker.brokers, partitions: 1 });
  const batch = (valor: string) =>
    scene.produce(
      Array.from({ length: 3 }, (_, i) => ({
        value: plainSale(TIME_MS + i, valor),
        timestamp: TIME_MS,
        partition: 0,
      })),
      // One batch, however long it takes to make it: it is sent when it has all of them.
      { 'linger.ms': 60_000, 'batch.num.messages': 3 },
    );
  const total = async () => {
    const documents = await scene.db.collection('faturamento_tempo_real').find().toArray();
    return documents.reduce((sum, { faturamento_total }) => sum + faturamento_total, 0);
  };
  const progress = () => scene.db.collection('progresso_particoes').findOne({});
  const letters = () => readTopic(scene.brokers, `${scene.topic}.dlq`);
  for (const valor of ['1.00', '10.00', '100.00']) await batch(valor);
  await spoil(broker, scene, 3);

  const stopped = scene.engine({}, { untilEnd: true });
  expect(await stopped.end()).toEqual({ code: 1, signal: null });
  expect(stopped.stderr).toContain('E_CORRUPT_BATCH');
  expect(stopped.stderr).toMatch(/hint:.*pass over offsets 3 to 5.*--on-corrupt skip/);
  expect(await progress()).toMatchObject({ proximo_offset: 3n, contadas: 3n });
  expect(await letters()).toEqual([]);

  const skipping = await scene.drain({ 'on-corrupt': 'skip' });
  expect(skipping.has('E_CORRUPT_SKIPPED', 'offsets 3 to 5 (3)')).toBe(true);
  expect(skipping.done).toMatchObject({ counted: 3, rejected: 3 });
  const after = await progress();
  expect(after).toMatchObject({
    proximo_offset: 9n,
    contadas: 6n,
    rejeitadas: { corrupt_batch: 3n },
    saltos: { 3: { ate: 6n, codigo: 'E_CORRUPT_BATCH', informado: true } },
  });
  expect(await total()).toBe(303);
  const [letter, ...others] = await letters();
  expect(others).toEqual([]);
  expect(String(letter.key)).toBe(`${scene.topic}/0/3`);
  const headers = Object.fromEntries(letter.headers.map(([name, value]) => [name, String(value)]));
  expect(headers).toMatchObject({
    'vendaval-reason': 'corrupt_batch',
    'vendaval-value-omitted': 'true',
    'vendaval-detail': expect.stringMatching(/offsets 3 to 5: .*checksum/),
  });
  expect(await runVerify(t, scene)).toMatchObject({ exit: 0, differences: [] });

  // A disk that was repaired changes nothing any more, nor does a restart as another group.
  await spoil(broker, scene, 3);
  await batch('1000.00');
  await scene.drain({ group: uniqueName('group') });
  expect(await total()).toBe(3303);
  expect(await progress()).toMatchObject({ contadas: 9n, rejeitadas: { corrupt_batch: 3n } });

  // A process that died before its letter was sent leaves it to the next one.
  await scene.db
    .collection('progresso_particoes')
    .updateOne({}, { $set: { 'saltos.3.informado': false } });
  await scene.drain();
  expect((await letters()).map(({ key }) => String(key))).toEqual(
    Array(2).fill(`${scene.topic}/0/3`),
  );

  // Where the last batch ends can't be told before another one follows it.
  await batch('10.00');
  await spoil(broker, scene, 12);
  const last = scene.engine({ 'on-corrupt': 'skip' }, { untilEnd: true });
  expect(await last.end()).toEqual({ code: 1, signal: null });
  expect(last.stderr).toContain('E_CORRUPT_BATCH');
  expect(await progress()).toMatchObject({ proximo_offset: 12n });
  await batch('10000.00');
  await scene.drain({ 'on-corrupt': 'skip' });
  expect(await total()).toBe(33_303);
  expect(await progress()).toMatchObject({ contadas: 12n, rejeitadas: { corrupt_batch: 6n } });
});
