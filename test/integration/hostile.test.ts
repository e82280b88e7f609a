/** Records that no honest shop sends: each is rejected or counted, and none holds up the others. */
import { describe, expect, type TestContext, test } from 'vitest';
import { DeadLetterProducer } from '../../src/kafka/dead-letters.ts';
import { REASON } from '../../src/sale/reasons.ts';
import { JSON_BYTES_MAX } from '../../src/sale/rules.ts';
import { WHOLE_RECORD } from '../../src/state/reject-log.ts';
import { MemorySampler } from '../chaos/memory-sampler.ts';
import { plainAccess } from '../parts/plain-access.ts';
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

  test('of two thousand rejected records are under way a few at a time: memory stays bounded', async (t) => {
    const one = await scene(t);
    const count = 2000;
    // The smallest there are, so that the most of them come at once.
    const thousand = new Array(1000).fill(['', '']);
    const records = Array.from({ length: count }, () => noSale({ headers: thousand }));
    await one.produce([...records, sale('1.00')], HUGE);
    const engine = one.engine({}, { untilEnd: true });
    const memory = new MemorySampler(t, engine.pid);
    await engine.endsWell(120_000);
    expect((await one.progress())[0]).toMatchObject({ counted: 1, rejected: count });
    const letters = await readTopic(one.brokers, `${one.topic}.dlq`);
    expect(letters).toHaveLength(count);
    for (const letter of letters) expect(letter.headers.length).toBe(1007);
    console.info(`two million headers: peak memory ${Math.round(memory.peakMb)} MiB`);
    expect(memory.peakMb).toBeGreaterThan(0);
    expect(memory.peakMb).toBeLessThan(230);
  }, 400_000);

  test('that cannot be read hold up no letter, nor do more of them than go at once', async (t) => {
    const one = await scene(t);
    const deadLetterTopic = await createTopic(one.brokers, `${one.topic}.dlq`, { partitions: 1 });
    const { brokers, topic } = one;
    const producer = new DeadLetterProducer(plainAccess(brokers), topic, deadLetterTopic, () => {});
    t.onTestFinished(() => producer.close());
    await producer.connect();
    const letter = (offset: number, raw: Buffer) => ({
      topicId: '11'.repeat(16),
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
    for (const { headers } of letters.slice(1)) expect(headers).toHaveLength(1007);
  });
});

/** As many bytes as are looked into, of what JSON.parse makes the most of. */
function greatestJson(open: string, item: (i: number) => string, close: string): string[] {
  const [head, tail] = [`{"a":${open}`, `${close},${plainSale(TIME_MS, '1.00').slice(1)}`];
  let text = head;
  for (let i = 0; text.length + tail.length + 20 < JSON_BYTES_MAX; i++) text += item(i);
  const whole = `${text}${item(0).replace(/,$/, '')}${tail}`.padEnd(JSON_BYTES_MAX);
  // One is a sale; of the other it is known at its last byte that it is no JSON.
  return [whole, `${whole.slice(0, -1)}x`];
}

describe('a value', () => {
  test('just small enough to be looked into costs a small heap nothing that lasts', async (t) => {
    const one = await scene(t);
    const shapes = [
      ...greatestJson('[', () => '{},', ']'),
      ...greatestJson('[', () => '[],', ']'),
      ...greatestJson('[', () => '"ee",', ']'),
      ...greatestJson('[', () => '0.5,', ']'),
      ...greatestJson('{', (i) => `"${i}k":0,`, '}'),
      `${'['.repeat(JSON_BYTES_MAX / 2)}${']'.repeat(JSON_BYTES_MAX / 2)}`,
      `${'{"a":'.repeat(150_000)}`,
    ];
    for (const value of shapes)
      expect(Buffer.byteLength(value)).toBeLessThanOrEqual(JSON_BYTES_MAX);
    const times = 5;
    for (let i = 0; i < times; i++) {
      await one.produce([...shapes.map((value) => sale('', { value })), sale('1.00')], HUGE);
    }
    const env = { NODE_OPTIONS: '--max-old-space-size=96' };
    const engine = one.engine({}, { untilEnd: true, env });
    const memory = new MemorySampler(t, engine.pid);
    await engine.endsWell();
    const oracle = await one.expectExact();
    expect([...oracle.partitions.values()][0]).toMatchObject({
      counted: times * 6,
      rejected: new Map([
        ['not_json', times * 6],
        ['wrong_type', times],
      ]),
    });
    console.info(`values of a mebibyte: peak memory ${Math.round(memory.peakMb)} MiB`);
    expect(memory.peakMb).toBeGreaterThan(0);
    expect(memory.peakMb).toBeLessThan(600);
  }, 400_000);

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
