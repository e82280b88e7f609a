import { describe, expect, it } from 'vitest';
import { REASON } from '../../../src/sale/reasons.ts';
import { type RejectLog, WHOLE_RECORD } from '../../../src/state/reject-log.ts';
import { LIMITS, regionPair } from '../../parts/lease-regions.ts';

const ENTRY_HEADER_BYTES = 48;

interface Parts {
  readonly key?: string | null;
  readonly value?: string | null;
  readonly headers?: string;
  readonly offset?: number;
  readonly detail?: string;
}

function logOf(bytes: number): RejectLog {
  return regionPair({ ...LIMITS, rejectLogBytes: bytes }).worker.active.rejectLog;
}

function append(log: RejectLog, parts: Parts): boolean {
  const { key = null, value = '', headers = '\0', offset = 0, detail = '' } = parts;
  const source = Buffer.from(`..${key ?? ''}${value ?? ''}${headers}`);
  const keyEnd = 2 + Buffer.byteLength(key ?? '');
  const valueEnd = keyEnd + Buffer.byteLength(value ?? '');
  const spans = {
    keyStart: 2,
    keyEnd: key === null ? 1 : keyEnd,
    valueStart: keyEnd,
    valueEnd: value === null ? keyEnd - 1 : valueEnd,
    headersStart: valueEnd,
    headersEnd: source.length,
  };
  return log.append(source, spans, offset, 1234, REASON.late, detail);
}

describe('RejectLog', () => {
  it('tells a null key or value from an empty one', () => {
    const log = logOf(1024);
    append(log, { key: null, value: null });
    append(log, { key: '', value: '' });
    const [nulls, empties] = log.read();
    expect(nulls).toMatchObject({ key: null, value: null });
    expect(empties).toMatchObject({ key: Buffer.alloc(0), value: Buffer.alloc(0) });
  });

  it('keeps offsets and times beyond 32 bits, the reason, and every part', () => {
    const log = logOf(1024);
    append(log, { key: 'k', value: 'vv', headers: 'hhh', offset: 2 ** 53 - 1, detail: 'é tarde' });
    expect(log.read()).toEqual([
      {
        offset: 2 ** 53 - 1,
        timestampMs: 1234,
        reason: REASON.late,
        valueOmitted: false,
        item: WHOLE_RECORD,
        detail: 'é tarde',
        key: Buffer.from('k'),
        value: Buffer.from('vv'),
        rawHeaders: Buffer.from('hhh'),
      },
    ]);
  });

  it('hands out copies, which stay when the log is cleared and filled again', () => {
    const log = logOf(1024);
    append(log, { value: 'first' });
    const [record] = log.read();
    log.clear();
    append(log, { value: 'other' });
    expect(record.value?.toString()).toBe('first');
  });

  it('refuses an entry that needs a drained log first, with nothing written', () => {
    const log = logOf(200);
    append(log, { value: 'x'.repeat(80) });
    const before = log.read();
    expect(append(log, { value: 'y'.repeat(100) })).toBe(false);
    expect(log.read()).toEqual(before);
    expect(append(log, { value: 'z' })).toBe(true);
    expect(log.read().map(({ value }) => value?.toString()[0])).toEqual(['x', 'z']);
  });

  it('keeps only the place of a record that is larger than the whole log, and says so', () => {
    const log = logOf(200);
    expect(append(log, { key: 'k', value: 'x'.repeat(300), offset: 77, detail: 'why' })).toBe(true);
    expect(log.read()).toEqual([
      expect.objectContaining({
        offset: 77,
        valueOmitted: true,
        key: null,
        value: null,
        detail: 'why',
      }),
    ]);
    expect(log.read()[0].rawHeaders).toHaveLength(0);
  });

  it.each([0, 1, 7, 8])('fills a log to its last byte when %i bytes are left over', (spare) => {
    for (const size of [128, 131, 200, 203]) {
      const log = logOf(size);
      const room = size - ENTRY_HEADER_BYTES - 1 - spare;
      expect(append(log, { value: 'x'.repeat(room) })).toBe(true);
      expect(log.read()[0]).toMatchObject({ valueOmitted: false, value: Buffer.alloc(room, 'x') });
      expect(append(log, { value: '' })).toBe(false);
      expect(log.read()).toHaveLength(1);
    }
  });

  it('cuts a long detail between characters', () => {
    const log = logOf(4096);
    append(log, { detail: '家'.repeat(200), value: 'after' });
    const [{ detail, value }] = log.read();
    expect(detail).toBe('家'.repeat(170));
    expect(value?.toString()).toBe('after');
  });

  describe('with letters of a batch', () => {
    const spans = {
      keyStart: 0,
      keyEnd: 1,
      valueStart: 1,
      valueEnd: 0,
      headersStart: 1,
      headersEnd: 2,
    };
    const items = [3, 5].map((index) => ({ index, reason: REASON.late, detail: 'why' }));
    const append = (log: RejectLog, textBytes: number) =>
      log.appendItems(Buffer.from('k\0'), spans, 9, 1234, items, {
        text: () => 'x'.repeat(textBytes),
        bytesMin: () => 0,
      });
    /** Two entries of a key, a count of headers, a text and a detail, each filled up to 8 bytes. */
    const logBytes = 2 * (ENTRY_HEADER_BYTES + 1 + 1 + 35 + 3);

    it('keeps them whole when they fill an empty log to its last byte', () => {
      const log = logOf(logBytes);
      expect(append(log, 35)).toBe(true);
      const common = { offset: 9, reason: REASON.late, detail: 'why', valueOmitted: false };
      expect(log.read()).toMatchObject([
        { ...common, item: 3, key: Buffer.from('k'), value: Buffer.alloc(35, 'x') },
        { ...common, item: 5, rawHeaders: Buffer.of(0) },
      ]);
    });

    it('keeps the coordinates of all when they are a byte more', () => {
      const log = logOf(logBytes);
      expect(append(log, 36)).toBe(true);
      const coordinates = { key: null, value: null, valueOmitted: true };
      expect(log.read()).toMatchObject([
        { item: 3, ...coordinates },
        { item: 5, ...coordinates },
      ]);
    });

    it('refuses all of them when the log has to be drained first, with nothing written', () => {
      const log = logOf(logBytes);
      log.append(Buffer.from('k\0'), spans, 8, 1234, REASON.late, '');
      expect(append(log, 35)).toBe(false);
      expect(log.read()).toHaveLength(1);
    });
  });
});
