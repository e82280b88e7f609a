import { describe, expect, it } from 'vitest';
import {
  AbortedFilter,
  BatchHead,
  batchEnd,
  nextFetchOffset,
} from '../../../src/kafka/record-batch.ts';
import {
  DEFAULT_TIMESTAMP_MS,
  marker,
  oldMessage,
  recordBatch,
} from '../../parts/record-batch-builder.ts';

const viewOf = (bytes: Buffer) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

function headOf(batch: Buffer): BatchHead {
  const head = new BatchHead();
  head.read(viewOf(batch), 0, batch.length);
  return head;
}

const one = { value: 'x' };

describe("a batch's head", () => {
  it('is read as it stands', () => {
    const batch = recordBatch({
      baseOffset: 2 ** 40,
      lastOffset: 2 ** 40 + 9,
      records: [one, one],
      timestampMs: 1234,
      transactional: true,
      producerId: 2n ** 60n,
    });
    expect(headOf(batch)).toMatchObject({
      baseOffset: 2 ** 40,
      lastOffset: 2 ** 40 + 9,
      timestampMs: 1234,
      hasLogAppendTime: false,
      isTransactional: true,
      isControl: false,
      producerId: 2n ** 60n,
      recordCount: 2,
      recordsStart: 61,
      end: batch.length,
    });
  });

  it('has the append time where the topic writes it, and -1 where there is no time', () => {
    const appended = recordBatch({ baseOffset: 0, records: [one], appendTimeMs: 99 });
    expect(headOf(appended)).toMatchObject({ hasLogAppendTime: true, timestampMs: 99 });
    const none = recordBatch({ baseOffset: 0, records: [one], timestampMs: -1 });
    expect(headOf(none).timestampMs).toBe(-1);
  });

  it.each([1, 2, 3, 4])('says its codec, which may be %i', (codec) => {
    expect(headOf(recordBatch({ baseOffset: 5, records: [one], codec }))).toMatchObject({ codec });
  });

  it.each([5, 6, 7])('is refused when its codec is %i', (codec) => {
    const batch = recordBatch({ baseOffset: 5, records: [one], codec });
    expect(() => headOf(batch)).toThrow(
      expect.objectContaining({
        code: 'E_UNKNOWN_CODEC',
        retryable: false,
        message: expect.stringMatching(new RegExp(`offset 5 .*codec ${codec}`)),
        hint: expect.stringContaining('zstd'),
      }),
    );
  });

  it.each([
    ['a negative count', { countField: -1 }],
    ['a last offset before its first', { lastOffset: 4 }],
  ])('is refused with %s', (_, fields) => {
    const batch = recordBatch({ baseOffset: 5, records: [one], ...fields });
    expect(() => headOf(batch)).toThrow(expect.objectContaining({ code: 'E_CORRUPT_BATCH' }));
  });

  it('is refused with a message format that comes after v2', () => {
    const batch = recordBatch({ baseOffset: 5, records: [one] });
    batch[16] = 3;
    expect(() => headOf(batch)).toThrow(expect.objectContaining({ code: 'E_MESSAGE_FORMAT' }));
  });
});

describe('the walk over batches', () => {
  const first = recordBatch({ baseOffset: 10, records: [one, one] });
  const second = recordBatch({ baseOffset: 15, lastOffset: 20, records: [one] });
  const both = Buffer.concat([first, second]);

  it('finds where each ends, and none that is not whole', () => {
    const view = viewOf(both);
    expect(batchEnd(view, 0, both.length)).toBe(first.length);
    expect(batchEnd(view, first.length, both.length)).toBe(both.length);
    for (let end = first.length; end < both.length; end++) {
      expect(batchEnd(view, first.length, end)).toBe(-1);
    }
  });

  it('goes on after the last whole batch', () => {
    const view = viewOf(both);
    expect(nextFetchOffset(view, 0, both.length, 10)).toBe(21);
    expect(nextFetchOffset(view, 0, both.length - 1, 10)).toBe(12);
    expect(nextFetchOffset(view, 0, 30, 10)).toBe(10);
    expect(nextFetchOffset(view, 0, 0, 10)).toBe(10);
  });

  it('never goes back, and leaves what cannot be read to the scan', () => {
    expect(nextFetchOffset(viewOf(both), 0, both.length, 99)).toBe(99);
    const bad = Buffer.from(both);
    bad.writeInt32BE(48, first.length + 8);
    expect(nextFetchOffset(viewOf(bad), 0, bad.length, 10)).toBe(12);
  });

  it('is refused for a length that no batch has', () => {
    for (const length of [48, 0, -1]) {
      const bad = Buffer.from(first);
      bad.writeInt32BE(length, 8);
      expect(() => batchEnd(viewOf(bad), 0, bad.length)).toThrow(
        expect.objectContaining({ code: 'E_CORRUPT_BATCH', retryable: true }),
      );
    }
  });

  it('names an old message format, however short the message', () => {
    const old = oldMessage(7, '', DEFAULT_TIMESTAMP_MS);
    expect(() => batchEnd(viewOf(old), 0, old.length)).toThrow(
      expect.objectContaining({
        code: 'E_MESSAGE_FORMAT',
        message: expect.stringContaining('offset 7 has message format v1'),
      }),
    );
  });
});

describe('AbortedFilter', () => {
  const P = 1n;
  const Q = 2n;
  const data = (baseOffset: number, producerId: bigint, count = 1) =>
    recordBatch({
      baseOffset,
      records: Array.from({ length: count }, () => one),
      transactional: true,
      producerId,
    });

  /** The offsets of batches that a reader of committed records sees. */
  function visible(aborted: [bigint, number][], batches: Buffer[], filter = new AbortedFilter()) {
    filter.load(aborted.map(([producerId, firstOffset]) => ({ producerId, firstOffset })));
    return batches.flatMap((batch) => {
      const head = headOf(batch);
      if (head.isControl) {
        filter.passControl(head, viewOf(batch));
        return [];
      }
      const isAborted = filter.isAborted(head);
      expect(filter.isAborted(head)).toBe(isAborted);
      return isAborted ? [] : [head.baseOffset];
    });
  }

  it('hides a rolled-back transaction up to its marker, and nothing of the next one', () => {
    const batches = [
      data(0, P),
      data(1, P),
      marker(2, P, 'abort'),
      data(3, P),
      marker(4, P, 'commit'),
    ];
    expect(visible([[P, 0]], batches)).toEqual([3]);
  });

  it('tells two roll-backs of one producer in one fetch', () => {
    const batches = [
      data(0, P),
      marker(1, P, 'abort'),
      data(2, P),
      marker(3, P, 'commit'),
      data(4, P),
      marker(5, P, 'abort'),
    ];
    expect(
      visible(
        [
          [P, 0],
          [P, 4],
        ],
        batches,
      ),
    ).toEqual([2]);
  });

  it('tells interleaved producers, and ranges that come in no order', () => {
    const batches = [
      data(0, P),
      data(1, Q),
      data(2, P),
      marker(3, Q, 'abort'),
      data(4, Q),
      marker(5, P, 'abort'),
      data(6, Q),
      data(7, P),
    ];
    expect(
      visible(
        [
          [P, 0],
          [Q, 1],
        ].reverse() as [bigint, number][],
        batches,
      ),
    ).toEqual([4, 6, 7]);
  });

  it('hides the rest of a transaction that began before the fetch', () => {
    const batches = [data(50, P), data(51, Q), marker(52, P, 'abort'), data(53, P)];
    expect(visible([[P, 20]], batches)).toEqual([51, 53]);
  });

  it('begins a range inside a batch with that batch, not with the one before', () => {
    expect(visible([[P, 3]], [data(0, P, 2), data(2, P, 3), marker(5, P, 'abort')])).toEqual([0]);
  });

  it('ends nothing at a commit marker, nor at the marker of another producer', () => {
    const batches = [
      data(0, P),
      marker(1, Q, 'abort'),
      marker(2, Q, 'commit'),
      data(3, P),
      marker(4, P, 'commit'),
      data(5, P),
    ];
    expect(visible([[P, 0]], batches)).toEqual([]);
  });

  it('forgets a range whose marker is all that was left of it', () => {
    expect(visible([[P, 0]], [marker(2, P, 'abort'), data(3, P)])).toEqual([3]);
  });

  it('hides no record outside of transactions, were it by the same producer', () => {
    const plain = recordBatch({ baseOffset: 1, records: [one], producerId: P });
    expect(visible([[P, 0]], [data(0, P), plain])).toEqual([1]);
  });

  it('starts anew with each response', () => {
    const filter = new AbortedFilter();
    visible([[P, 0]], [data(0, P)], filter);
    expect(visible([], [data(9, P)], filter)).toEqual([9]);
  });
});
