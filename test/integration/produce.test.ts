import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, inject, onTestFinished, test } from 'vitest';
import { type ProduceOptions, runProduce } from '../../src/commands/produce.ts';
import { startEmbeddedBroker } from '../../src/kafka/embedded-broker.ts';
import { startKafkaBroker } from '../parts/kafka-broker.ts';
import { plainAccess } from '../parts/plain-access.ts';
import { createTopic, offsetRanges, readTopic, uniqueName } from '../parts/topic.ts';

const brokers = inject('kafkaBrokers');
const access = plainAccess(brokers);

interface Run {
  readonly abort: () => void;
  readonly result: ReturnType<typeof runProduce>;
  /** Resolves with the line that matches first. */
  readonly line: (pattern: RegExp) => Promise<string>;
  /** All of the output, when it has ended. */
  readonly output: Promise<string>;
}

function produce(options: ProduceOptions): Run {
  const out = new PassThrough();
  const abort = new AbortController();
  let seen = '';
  out.on('data', (chunk) => {
    seen += chunk;
  });
  const output = text(out);
  const result = runProduce(options, { out, signal: abort.signal }).finally(() => out.end());
  const line = (pattern: RegExp) =>
    expect
      .poll(() => seen.split('\n').find((candidate) => pattern.test(candidate)), {
        timeout: 120_000,
        interval: 5,
      })
      .toBeDefined()
      .then(() => seen.split('\n').find((candidate) => pattern.test(candidate))!);
  return { abort: () => abort.abort(), result, line, output };
}

test('each sale is on the topic where its line says, and the totals are those of the topic', async () => {
  const topic = await createTopic(brokers, uniqueName());
  const run = produce({ access, topic, rate: 50, count: 20 });
  const totals = await run.result;
  const lines = (await run.output).split('\n').filter((line) => line.startsWith('✓ Venda enviada'));
  const records = await readTopic(brokers, topic);
  expect(records).toHaveLength(20);
  const expected = records.map(({ partition, offset, value }) => {
    const sale = JSON.parse(String(value));
    return (
      `✓ Venda enviada | Tópico: ${topic} | Partição: ${partition} | Offset: ${offset} | ` +
      `Categoria: ${sale.categoria} | Valor: R$ ${sale.valor.toFixed(2)}`
    );
  });
  expect(lines.sort()).toEqual(expected.sort());
  const centavos = records.map(({ value }) => Math.round(JSON.parse(String(value)).valor * 100));
  const valorCentavos = centavos.reduce((sum, value) => sum + value, 0);
  expect(totals).toEqual({ sent: 20, acknowledged: 20, failed: 0, valorCentavos });
  expect(records.every(({ key }) => key === null)).toBe(true);
});

test('a text made by hand arrives as it is, once, in the partition that was asked for', async () => {
  const topic = await createTopic(brokers, uniqueName());
  const value = '{"id_pedido": "aula", "valor": 1.234} €';
  const run = produce({ access, topic, partition: 2, value });
  expect(await run.result).toMatchObject({ sent: 1, acknowledged: 1, valorCentavos: 0 });
  const [record, ...others] = await readTopic(brokers, topic);
  expect(others).toEqual([]);
  expect({ partition: record.partition, value: String(record.value) }).toEqual({
    partition: 2,
    value,
  });
});

test('sales are dated as long ago as they are asked to be', async () => {
  const topic = await createTopic(brokers, uniqueName());
  const fromMs = Date.now();
  await produce({ access, topic, count: 1, agoMs: 3_600_000 }).result;
  const toMs = Date.now();
  const [{ value }] = await readTopic(brokers, topic);
  const atMs = Date.parse(`${JSON.parse(String(value)).timestamp}Z`);
  // A sale's time has whole seconds.
  expect(atMs).toBeGreaterThan(fromMs - 3_600_000 - 1000);
  expect(atMs).toBeLessThanOrEqual(toMs - 3_600_000);
});

test('a partition that is not there is refused with those that are', async () => {
  const topic = await createTopic(brokers, uniqueName());
  await expect(produce({ access, topic, partition: 3 }).result).rejects.toMatchObject({
    code: 'E_CONFIG',
    hint: expect.stringContaining('0 to 2'),
  });
});

test('a stop waits for what was sent, and says it in the totals', async () => {
  const topic = await createTopic(brokers, uniqueName());
  const run = produce({ access, topic, rate: 1000, json: true });
  await run.line(/"event":"rate"/);
  run.abort();
  const totals = await run.result;
  expect(totals.acknowledged).toBe(totals.sent);
  const ranges = await offsetRanges(brokers, topic);
  expect(ranges.reduce((sum, { high }) => sum + high, 0)).toBe(totals.sent);
  const lines = (await run.output).trim().split('\n');
  expect(JSON.parse(lines.at(-1)!)).toEqual({ event: 'end', ...totals, unknown: 0 });
  expect(lines.filter((line) => line.includes('"event":"sale"'))).toEqual([]);
});

test('a full queue is waited for: nothing is lost and the count is kept', async () => {
  const topic = await createTopic(brokers, uniqueName());
  const clientConfig = { 'queue.buffering.max.messages': 50 };
  const run = produce({ access, topic, rate: 100_000, count: 5000, json: true, clientConfig });
  expect(await run.result).toMatchObject({ sent: 5000, acknowledged: 5000, failed: 0 });
  const records = await readTopic(brokers, topic);
  expect(new Set(records.map(({ value }) => JSON.parse(String(value)).id_pedido)).size).toBe(5000);
});

test('a broker that is killed and comes back gets every sale once', async () => {
  const broker = await startKafkaBroker();
  onTestFinished(() => broker.stop());
  const topic = await createTopic(broker.brokers, uniqueName());
  const run = produce({ access: plainAccess(broker.brokers), topic, rate: 50, count: 150 });
  await run.line(/Venda enviada/);
  await broker.kill('SIGKILL');
  await run.line(/^⚠ Sem conexão/);
  await broker.restart();
  await run.line(/^✓ Conexão com o Kafka restabelecida/);
  expect(await run.result).toMatchObject({ sent: 150, acknowledged: 150, failed: 0 });
  const records = await readTopic(broker.brokers, topic);
  expect(new Set(records.map(({ value }) => JSON.parse(String(value)).id_pedido)).size).toBe(150);
});

test('sales that the broker did not take in time are counted and shown with a hint', async () => {
  const broker = await startKafkaBroker();
  onTestFinished(() => broker.stop());
  const topic = await createTopic(broker.brokers, uniqueName());
  const clientConfig = { 'message.timeout.ms': 1000 };
  const run = produce({ access: plainAccess(broker.brokers), topic, rate: 20, clientConfig });
  await run.line(/Venda enviada/);
  await broker.kill('SIGKILL');
  await run.line(/^✗ Venda não entregue .* Motivo: message timed out/);
  run.abort();
  const { sent, acknowledged, failed } = await run.result;
  expect(failed).toBeGreaterThan(0);
  expect(sent).toBe(acknowledged + failed);
  expect(await run.output).toContain('vendaval doctor');
});

test('a topic that is missing is refused with the command that makes it, and not made', async () => {
  const topic = uniqueName('missing');
  await expect(produce({ access, topic }).result).rejects.toMatchObject({
    code: 'E_TOPIC_MISSING',
    hint: expect.stringContaining(`vendaval topic create --topic ${topic}`),
  });
  await expect(offsetRanges(brokers, topic)).rejects.toThrow(/does not host this topic-partition/);
});

test('a broker that is not there, and settings that are none, are told apart', async () => {
  const topic = 'any';
  const absent = produce({ access: plainAccess('127.0.0.1:1'), topic }).result;
  await expect(absent).rejects.toMatchObject({ code: 'E_BROKER_UNREACHABLE', retryable: true });
  for (const clientConfig of [{ nonsense: 1 }, { 'security.protocol': 'sasl_plaintext' }]) {
    const refused = produce({ access, topic, clientConfig }).result;
    await expect(refused).rejects.toMatchObject({ code: 'E_KAFKA_CONFIG' });
  }
  await expect(produce({ access, topic, rate: 0 }).result).rejects.toMatchObject({
    code: 'E_CONFIG',
  });
});

test('a client that cannot send any more says so', async () => {
  const topic = await createTopic(brokers, uniqueName());
  // A transactional client may not send outside of a transaction.
  const clientConfig = { 'transactional.id': topic, 'message.timeout.ms': 10_000 };
  await expect(produce({ access, topic, clientConfig }).result).rejects.toMatchObject({
    code: 'E_PRODUCE_FAILED',
  });
});

test('the embedded Kafka takes sales on a topic that it was started with', async () => {
  const embedded = await startEmbeddedBroker({ topics: ['black-friday-sales'] });
  onTestFinished(() => embedded.stop());
  const target = { access: plainAccess(embedded.brokers), topic: 'black-friday-sales' };
  const run = produce({ ...target, rate: 1000, count: 200, json: true });
  expect(await run.result).toMatchObject({ sent: 200, acknowledged: 200, failed: 0 });
});
