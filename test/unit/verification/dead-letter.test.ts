import { describe, expect, it } from 'vitest';
import {
  expectedFingerprint,
  type LogRecord,
  readLetter,
  WHOLE_RECORD,
} from '../../../src/verification/dead-letter.ts';

type Headers = LogRecord['headers'];

const ORIGIN = { topic: 'vendas', partition: 3, offset: 7, item: WHOLE_RECORD };
const EMPTY = Buffer.alloc(0);

const many = (count: number): Headers => Array.from({ length: count }, () => ['h', EMPTY]);

const record = (headers: Headers): LogRecord => ({
  ...{ offset: 7, timestampMs: 5, key: null, value: Buffer.from('x'), headers },
});

/** Whether a letter with these original headers is right for a record with those. */
function isRight(headers: Headers, found: Headers, omitted?: string, more = {}): boolean {
  const ours = {
    reason: 'not_json',
    detail: 'why',
    topic: 'vendas',
    partition: '3',
    offset: '7',
    timestamp: '5',
    ...more,
    ...(omitted === undefined ? {} : { 'headers-omitted': omitted }),
  };
  const all = Object.entries(ours).map(
    ([name, text]) => [`vendaval-${name}`, Buffer.from(text)] as const,
  );
  const letter = { ...record([...found, ...all]), key: Buffer.from('vendas/3/7') };
  return readLetter(letter)?.fingerprint === expectedFingerprint(ORIGIN, record(headers));
}

describe('a dead letter', () => {
  it('may say which topic of the name it is of, behind its reason', () => {
    const id = 'ab'.repeat(16);
    expect(isRight([], [], undefined, { 'topic-id': id })).toBe(true);
    expect(isRight([], [['vendaval-topic-id', Buffer.from(id)]])).toBe(false);
    const header = (name: string, text: string) => [name, Buffer.from(text)] as const;
    const letter = (headers: Headers) => ({ ...record(headers), key: Buffer.from('vendas/3/7') });
    const told = letter([header('vendaval-reason', 'late'), header('vendaval-topic-id', id)]);
    expect(readLetter(told)?.topicId).toBe(id);
    expect(readLetter(letter([header('vendaval-reason', 'late')]))?.topicId).toBe('');
  });

  it('repeats up to a thousand headers, and says of more that it leaves them out', () => {
    expect(isRight(many(1000), many(1000))).toBe(true);
    expect(isRight(many(1001), [], '1001 headers, 1001 bytes')).toBe(true);
    expect(isRight(many(1001), many(1001))).toBe(false);
    expect(isRight(many(1001), [])).toBe(false);
    expect(isRight(many(1000), [], '1000 headers, 1000 bytes')).toBe(false);
    expect(isRight(many(1000), [], 'unreadable, 3001 bytes')).toBe(false);
  });

  it('repeats up to 256 KiB of headers', () => {
    const large = (bytes: number): Headers => [['ab', Buffer.alloc(bytes - 2, 'x')]];
    const most = 256 * 1024;
    expect(isRight(large(most), large(most))).toBe(true);
    expect(isRight(large(most + 1), [], `1 headers, ${most + 1} bytes`)).toBe(true);
    expect(isRight(large(most + 1), large(most + 1))).toBe(false);
  });

  it('may leave out what this client cannot see: broken ones, and more than a hundred thousand', () => {
    expect(isRight([], [], 'unreadable, 9 bytes')).toBe(true);
    expect(isRight([], [], '100001 headers, 0 bytes')).toBe(true);
    expect(isRight([], [], '100000 headers, 0 bytes')).toBe(false);
  });
});
