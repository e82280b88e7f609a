import { expect, type TestContext, test } from 'vitest';
import { runCommand } from '../parts/commands.ts';
import { plainSale } from '../parts/sales.ts';
import { Scene } from '../parts/scene.ts';
import { produceRecords } from '../parts/topic.ts';

const START_MS = Date.UTC(2024, 10, 29, 12);
const MINUTE_MS = 60_000;

const at = (eventMs: number) => ({ partition: 0, timestamp: eventMs });

/** One sale that is counted, and one letter of each of three reasons; two are late. */
async function rejected(t: TestContext): Promise<Scene> {
  const scene = await Scene.make(t, { partitions: 2 });
  const newestMs = START_MS + 10 * MINUTE_MS;
  const bytes = Buffer.from([0xff, 0x00, 0x01]);
  await scene.produce([
    { ...at(newestMs), value: plainSale(newestMs) },
    { ...at(newestMs), value: plainSale(START_MS, '1.10'), key: 'pedido-1' },
    { ...at(newestMs), value: plainSale(START_MS, '2.20'), key: bytes },
    { ...at(newestMs), value: bytes, partition: 1 },
  ]);
  await scene.produce([
    {
      ...at(newestMs),
      value: '{"id_pedido": 7}',
      headers: [
        ['loja', Buffer.from('Olinda')],
        ['assinatura', bytes],
      ],
    },
  ]);
  await scene.drain();
  return scene;
}

test('dead letters are listed by reason, each counted once however often it was sent', async (t) => {
  const scene = await rejected(t);
  // As after a crash: the engine sends them once more.
  const again = scene.engine({ database: `${scene.db.databaseName}-2` }, { untilEnd: true });
  await again.endsWell();
  await produceRecords(scene.brokers, `${scene.topic}.dlq`, [
    { value: 'x', key: 'outro-topico/0/1', headers: [['vendaval-reason', 'late']] },
    { value: 'x', key: 'nada' },
  ]);

  const list = await runCommand(t, scene, ['dlq', 'list', '--samples', '2']);
  expect(list.code).toBe(0);
  const reasons = list
    .of('reason')
    .map(({ reason, letters, replayed }) => [reason, letters, replayed]);
  expect(reasons).toEqual([
    ['late', 2, 0],
    ['not_json', 1, 0],
    ['wrong_type', 1, 0],
  ]);
  expect(list.of('reason')[0].samples).toMatchObject([
    { letter: `${scene.topic}/0/1`, value: plainSale(START_MS, '1.10').slice(0, 71).concat('…') },
    { letter: `${scene.topic}/0/2` },
  ]);
  expect(list.of('letters')).toMatchObject([{ letters: 4, foreign: 1, others: 1 }]);
});

test('a dead letter is shown whole: value, key and headers as the record had them', async (t) => {
  const scene = await rejected(t);
  const { topic } = scene;
  const show = await runCommand(t, scene, ['dlq', 'show', `${topic}/0/3`, `${topic}/1/0`]);
  expect(show.code).toBe(0);
  const byName = show.of('letter').sort((a, b) => String(a.letter).localeCompare(String(b.letter)));
  expect(byName).toMatchObject([
    {
      letter: `${topic}/0/3`,
      reason: 'wrong_type',
      partition: 0,
      offset: 3,
      key: null,
      headers: [
        ['loja', 'Olinda'],
        ['assinatura', { base64: '/wAB' }],
      ],
      value: '{"id_pedido": 7}',
      replayed: false,
    },
    { letter: `${topic}/1/0`, reason: 'not_json', value: { base64: '/wAB' } },
  ]);

  const late = await runCommand(t, scene, ['dlq', 'show', '--reason', 'late']);
  expect(late.of('letter').map(({ key }) => key)).toEqual(['pedido-1', { base64: '/wAB' }]);
  const first = await runCommand(t, scene, ['dlq', 'show', '--limit', '1']);
  expect(first.of('letter')).toHaveLength(1);
});

test('a letter that is not there is said so', async (t) => {
  const scene = await rejected(t);
  for (const name of [`${scene.topic}/0/0`, 'bobagem']) {
    const { code, stderr } = await runCommand(t, scene, ['dlq', 'show', name]);
    expect(code).toBe(1);
    expect(stderr).toContain('E_LETTER_MISSING');
    expect(stderr).toContain(name);
  }
  const unknown = await runCommand(t, scene, ['dlq', 'show', '--reason', 'tarde']);
  expect(unknown.code).toBe(2);
  expect(unknown.stderr).toContain('late');
});
