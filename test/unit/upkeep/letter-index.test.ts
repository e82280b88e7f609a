/** Letters and marks of two topics of one name, the second made when the first was deleted. */
import { expect, test } from 'vitest';
import { NO_TOPIC_ID } from '../../../src/lib/topic-id.ts';
import { readTopicRecord, replayedKey, replayedMark } from '../../../src/upkeep/letter.ts';
import { LetterIndex } from '../../../src/upkeep/letter-index.ts';

const [OLD, NEW] = ['11'.repeat(16), '22'.repeat(16)];

const record = (key: string, value: Buffer, headers: [string, Buffer][] = []) =>
  readTopicRecord({ offset: 0, timestampMs: 0, key: Buffer.from(key), value, headers });

const letter = (offset: number, reason: string, topicId: string | null) =>
  record(`vendas/0/${offset}`, Buffer.from('{}'), [
    ['vendaval-reason', Buffer.from(reason)],
    ...(topicId === null ? [] : [['vendaval-topic-id', Buffer.from(topicId)] as [string, Buffer]]),
  ]);

const mark = (offset: number, value: Buffer) => record(replayedKey(`vendas/0/${offset}`), value);

function indexed(topicId: string, records: readonly ReturnType<typeof record>[]) {
  const index = new LetterIndex('vendas', topicId, 'loja');
  for (const [offset, one] of records.entries()) index.add(one, { partition: 0, offset });
  const letters = [...index.letters()].map(({ origin, reason, at, copies, isReplayed }) => {
    return [origin.offset, reason, at.offset, copies, isReplayed];
  });
  return { letters, foreign: index.foreign, sentBack: index.sentBack };
}

const records = [
  letter(7, 'late', OLD),
  mark(7, replayedMark('vendas', OLD, 0)),
  letter(7, 'not_json', NEW),
  letter(8, 'late', NEW),
  mark(8, replayedMark('vendas', NEW, 0)),
];

test('letters and marks of the topic before it are not its own', () => {
  expect(indexed(NEW, records)).toEqual({
    letters: [
      [7, 'not_json', 2, 1, false],
      [8, 'late', 3, 1, true],
    ],
    foreign: 2,
    sentBack: 1,
  });
});

test('those that do not say their topic are of whichever has the name', () => {
  const untold = [letter(7, 'late', null), mark(7, Buffer.from('{"sent_back_to":"vendas/0"}'))];
  const all = { letters: [[7, 'late', 0, 1, true]], foreign: 0, sentBack: 1 };
  expect(indexed(NEW, untold)).toEqual(all);
  // Nor is anything told from anything on brokers that give no ids.
  expect(indexed(NO_TOPIC_ID, records).foreign).toBe(0);
});
