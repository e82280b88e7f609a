/** Records that no honest shop sends: each is rejected or counted, and none holds up the others. */
import { describe, expect, type TestContext, test } from 'vitest';
import { DeadLetterProducer } from '../../src/kafka/dead-letters.ts';
import { REASON } from '../../src/sale/reasons.ts';
import { WHOLE_RECORD } from '../../src/state/reject-log.ts';
import { MemorySampler } from '../chaos/memory-sampler.ts';
import { rawHeaders } from '../parts/record-batch-builder.ts';
import { plainSale } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import { createTopic, type RecordRead, type RecordToProduce, readTopic } from '../parts/topic.ts';
import { runVerify } from '../parts/verify-run.ts';

const MEBIBYTE = 1024 * 1024;
const TIME_MS = Date.UTC(2024, 10, 29, 12);
/** Names that JavaScript would like to read as something else. */
const ODD_NAMES = ['', '0', '-1', 'constructor', 'vendaval-reason', '\ufffd'];
const HUGE = { 'message.max.bytes': 64 * MEBIBYTE };

const scene = (t: TestContext) =>
  Scene.make(t, { partitions: 1, configs: { 'max.message.bytes': String(64 * MEBIBYTE) } });

function sale(valor: string, more: Partial<RecordToProduce> = {}): RecordToProduce {
  return { value: plainSale(TIME_MS, valor), timestamp: TIME_MS, partition: 0, ...more };
}

const noSale = (more: Partial<RecordToProduce>) => sale('1.00', { value: 'x', ...more });
const headers = (count: number) =>
  Array.from({ length: count }, (_, i) => [`h${i % 10}`, ''] as const);

function headerOf({ headers }: RecordRead, name: string): string | undefined {
  const found = headers.find((header) => header[0] === name);
  return found && String(found[1]);
}

describe('headers', () => {
  test('a million of them cost a counted sale nothing and a rejected one its headers', async (t) => {
    const one = await scene(t);
    await one.produce([sale('1.00'), sale('2.00', { headers: headers(1_000_000) })], HUGE);
    await one.produce([noSale({ key: 'chave', headers: headers(1_000_000) })], HUGE);
    await one.produce([
      sale('4.00'),
      noSale({ headers: headers(1000) }),
      noSale({ headers: headers(1001) }),
      noSale({ headers: [['grande', 'x'.repeat(300_000)]] }),
      noSale({ headers: ODD_NAMES.map((name) => [name, 'valor'] as const) }),
      sale('8.00'),
    ]);
    await one.drain();
    const oracle = await one.expectExact();
    expect([...oracle.partitions.values()][0]).toMatchObject({ records: 9, counted: 4 });
    const letters = await readTopic(one.brokers, `${one.topic}.dlq`);
    expect(letters.map((letter) => headerOf(letter, 'vendaval-headers-omitted'))).toEqual([
      '1000000 headers, 2000000 bytes',
      undefined,
      '1001 headers, 2002 bytes',
      '1 headers, 300006 bytes',
      undefined,
    ]);
    const verified = await runVerify(t, one);
    expect(verified.differences).toEqual([]);
    expect(verified.exit).toBe(0);
  });

  test('that cannot be read hold up no letter, nor do more of them than go at once', async (t) => {
    const one = await scene(t);
    const deadLetterTopic = await createTopic(one.brokers, `${one.topic}.dlq`, { partitions: 1 });
    const { brokers, topic } = one;
    const producer = new DeadLetterProducer({ brokers, topic, deadLetterTopic }, () => {});
    t.onTestFinished(() => producer.close());
    await producer.connect();
    const letter = (offset: number, raw: Buffer) => ({
      partition: 0,
      record: {
        ...{
          offset,
          item: WHOLE_RECORD,
          timestampMs: TIME_MS,
          reason: REASON.not_json,
          detail: 'why',
        },
        ...{ key: null, value: Buffer.from('x'), valueOmitted: false, rawHeaders: raw },
      },
    });
    const thousand = rawHeaders(headers(1000));
    const sent = Array.from({ length: 500 }, (_, i) => letter(i, thousand));
    await producer.send([letter(1000, Buffer.from([2, 100, 1])), ...sent]);
    const letters = await readTopic(brokers, deadLetterTopic);
    expect(letters).toHaveLength(501);
    expect(String(letters[0].value)).toBe('x');
    expect(headerOf(letters[0], 'vendaval-headers-omitted')).toBe('unreadable, 3 bytes');
    for (const { headers } of letters.slice(1)) expect(headers).toHaveLength(1006);
  });
});

describe('a value', () => {
  test('of twenty megabytes is rejected unread, and the sales beside it are counted', async (t) => {
    const one = await scene(t);
    // Small objects: JSON.parse would make of them ten times their bytes.
    const objects = `{"a":[${'{},'.repeat(7_000_000)}{}]}`;
    const padded = plainSale(TIME_MS, '1000.00').padEnd(1024 * 1024 + 1);
    await one.produce([sale('1.00'), sale('2.00', { value: objects }), sale('4.00')], HUGE);
    await one.produce([sale('8.00', { value: padded }), sale('16.00')], HUGE);
    const engine = one.engine({}, { untilEnd: true });
    const memory = new MemorySampler(t, engine.pid);
    await engine.endsWell();
    const oracle = await one.expectExact();
    expect([...oracle.partitions.values()][0]).toMatchObject({
      counted: 3,
      rejected: new Map([['value_too_large', 2]]),
    });
    expect(memory.peakMb).toBeGreaterThan(0);
    expect(memory.peakMb).toBeLessThan(600);
    const verified = await runVerify(t, one);
    expect(verified.differences).toEqual([]);
    expect(verified.exit).toBe(0);
  });
});

describe('a topic', () => {
  test('of two hundred partitions is counted exactly, in less than a gigabyte', async (t) => {
    const one = await Scene.make(t, { partitions: 200 });
    const sales = Array.from({ length: 2000 }, (_, i) =>
      i % 50 === 7 ? noSale({ partition: i % 200 }) : sale(`${i}.01`, { partition: i % 200 }),
    );
    await one.produce(sales);
    const engine = one.engine({}, { untilEnd: true });
    const memory = new MemorySampler(t, engine.pid);
    await engine.endsWell();
    const oracle = await one.expectExact();
    expect(oracle.partitions.size).toBe(200);
    expect(oracle.deadLetters.size).toBe(40);
    console.info(`200 partitions: peak memory ${Math.round(memory.peakMb)} MiB`);
    expect(memory.peakMb).toBeGreaterThan(0);
    expect(memory.peakMb).toBeLessThan(1024);
  });
});
