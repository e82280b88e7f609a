/** Real transactions of Kafka's own client: rolled-back sales are never counted, nor do they hold. */
import { expect, type TestContext, test } from 'vitest';
import { findFreePort } from '../../src/mongo/child-processes.ts';
import { JavaProducer } from '../parts/java-client.ts';
import { plainSale } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import { offsetRanges, type RecordToProduce } from '../parts/topic.ts';

const TIME_MS = Date.UTC(2024, 10, 29, 12);

async function setUp(t: TestContext): Promise<{ scene: Scene; java: JavaProducer }> {
  const scene = await Scene.make(t, { partitions: 1 });
  return { scene, java: await JavaProducer.start(t, scene.brokers, scene.topic) };
}

function sales(count: number, valor: string, padding = ''): RecordToProduce[] {
  const value = plainSale(TIME_MS, valor).replace('{', `{"nota":"${padding}",`);
  return Array.from({ length: count }, () => ({ value, timestamp: TIME_MS, partition: 0 }));
}

async function expectTotal(scene: Scene, reais: number): Promise<void> {
  await scene.expectExact();
  const documents = await scene.db.collection('faturamento_tempo_real').find().toArray();
  expect(documents.reduce((sum, { faturamento_total }) => sum + faturamento_total, 0)).toBe(reais);
}

/** The whole log was read: its last record is a transaction's marker. */
async function expectAtEnd(scene: Scene): Promise<void> {
  const [{ high }] = await offsetRanges(scene.brokers, scene.topic);
  const [{ nextOffset, atEnd }] = await scene.progress();
  expect({ nextOffset, atEnd }).toEqual({ nextOffset: high, atEnd });
}

test('two aborts of one producer in one fetch, interleaved with another one, count nothing', async (t) => {
  const { scene, java } = await setUp(t);
  for (const codec of ['none', 'lz4']) {
    java.begin(`a-${codec}`, codec);
    java.begin(`b-${codec}`, codec);
    await java.produce(`in a-${codec}`, sales(3, '1000.00'));
    await java.produce(`in b-${codec}`, sales(2, '1.00'));
    await java.produce(`in a-${codec}`, sales(1, '1000.00'));
    await java.finish(`a-${codec}`, 'abort');
    java.begin(`a-${codec}`);
    await java.produce(`in a-${codec}`, sales(2, '2000.00'));
    await java.produce(codec, sales(1, '0.50'));
    await java.produce(`in b-${codec}`, sales(1, '4.00'));
    await java.finish(`a-${codec}`, 'abort');
    await java.finish(`b-${codec}`, 'commit');
    // The same producer's next one is committed: its aborts are over.
    java.begin(`a-${codec}`);
    await java.produce(`in a-${codec}`, sales(1, '8.00'));
    await java.finish(`a-${codec}`, 'commit');
  }
  await scene.drain();
  await expectTotal(scene, 2 * (2 + 0.5 + 4 + 8));
  await expectAtEnd(scene);
});

test('an abort that spans many fetches counts nothing, wherever the engine begins in it', async (t) => {
  const { scene, java } = await setUp(t);
  const padding = 'x'.repeat(2000);
  java.begin('long');
  await java.produce('in long', sales(5000, '1000.00', padding));
  await java.produce('none', sales(10, '1.00'));
  // Held back by the open transaction: there is nothing to count yet.
  const early = await scene.drain();
  expect(early.done).toMatchObject({ counted: 0 });
  await java.produce('in long', sales(5000, '1000.00', padding));
  await java.produce('none', sales(10, '2.00'));
  await java.finish('long', 'abort');
  await scene.drain();
  await expectTotal(scene, 30);
  await expectAtEnd(scene);
});

test('an open transaction holds the position back, and is told as the reason', async (t) => {
  const { scene, java } = await setUp(t);
  const port = await findFreePort();
  const engine = scene.engine({ http: `127.0.0.1:${port}` });
  await java.produce('none', sales(5, '1.00'));
  java.begin('open');
  await java.produce('in open', sales(2, '10.00'));
  await java.produce('none', sales(3, '100.00'));
  const partition = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/live`).catch(() => null);
    const status = (await answer?.json()) as { partitions?: Record<string, unknown>[] } | null;
    return JSON.stringify(status ?? {});
  };
  await engine.until(
    async () => (await partition()).includes('"openTransactionAt":5'),
    'the API names the open transaction',
  );
  // Others come to the end that may be read, and no further.
  await engine.says('E_OPEN_TRANSACTION', 'open since offset 5 holds back 5 records');
  expect((await scene.progress())[0]).toMatchObject({ nextOffset: 5, counted: 5, atEnd: false });
  await java.finish('open', 'commit');
  await scene.untilDrained(engine);
  await engine.until(
    async () => (await partition()).includes('"openTransactionAt":null'),
    'nothing is held any more',
  );
  expect(await engine.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  await expectTotal(scene, 325);
});
