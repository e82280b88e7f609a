import { gzipSync } from 'node:zlib';
import lz4 from 'lz4-napi';
import snappy from 'snappy';
import { describe, expect, it, vi } from 'vitest';
import { loadCodec, unpackBatch } from '../../../src/kafka/compression/codecs.ts';
import {
  KEPT_BYTES_MAX,
  UNPACKED_BYTES_MAX,
  UnpackedRecords,
  UnpackedTooLarge,
} from '../../../src/kafka/compression/unpacked-records.ts';
import { xxh32 } from '../../../src/kafka/compression/xxh32.ts';
import { BatchHead } from '../../../src/kafka/record-batch.ts';
import {
  CODEC,
  COMPRESSORS,
  type CodecName,
  lz4Frame,
  xerial,
  zstd,
  zstdByHand,
  zstdStream,
} from '../../parts/compressors.ts';
import { seeded } from '../../parts/random.ts';
import { recordBatch } from '../../parts/record-batch-builder.ts';
import { makeSales } from '../../parts/sales.ts';

const decompressors = {
  gzip: await loadCodec(CODEC.gzip),
  snappy: await loadCodec(CODEC.snappy),
  lz4: await loadCodec(CODEC.lz4),
  zstd: await loadCodec(CODEC.zstd),
};

function unpack(codec: CodecName, input: Buffer, limit?: number): Buffer {
  const out = new UnpackedRecords(limit);
  decompressors[codec](input, out);
  return Buffer.from(out.bytes.subarray(0, out.size));
}

const SALES = Buffer.from(
  makeSales({ seed: 5, count: 4000 })
    .map(({ value }) => value ?? '')
    .join('\n'),
);
const noise = (() => {
  const random = seeded(9);
  return Buffer.from(Array.from({ length: 200_000 }, () => random.between(0, 255)));
})();

describe.each(Object.entries(COMPRESSORS))('%s', (_, { codec, compress }) => {
  it.each([
    ['nothing', Buffer.alloc(0)],
    ['one byte', Buffer.of(7)],
    ['sales, in many blocks', SALES],
    ['noise', noise],
    ['zeros', Buffer.alloc(1_000_000)],
  ])('gives back %s', (_what, data) => {
    expect(unpack(codec, compress(data)).equals(data)).toBe(true);
  });

  it('may yield as much as the limit, and not one byte more', () => {
    const input = compress(SALES);
    expect(unpack(codec, input, SALES.length).length).toBe(SALES.length);
    expect(() => unpack(codec, input, SALES.length - 1)).toThrow(UnpackedTooLarge);
  });

  it('is an error wherever it is cut off', () => {
    const input = compress(SALES.subarray(0, 3000));
    for (let size = 0; size < input.length; size++) {
      // Framed blocks are whole where one ends; what is missing then is missed by the record count.
      const cut = input.subarray(0, size);
      if (codec === 'snappy' && size === 16) continue;
      expect(() => unpack(codec, cut), `at ${size}`).toThrow();
    }
  });

  it('is an error when it is noise', () => {
    for (let at = 0; at < 200; at++) {
      const junk = noise.subarray(at * 100, at * 100 + 300);
      expect(() => unpack(codec, junk)).toThrow();
    }
  });
});

describe('gzip', () => {
  it('may be of several members', () => {
    const input = Buffer.concat([SALES, noise, SALES].map((part) => gzipSync(part)));
    expect(unpack('gzip', input).equals(Buffer.concat([SALES, noise, SALES]))).toBe(true);
  });

  it('is believed no length that it could not have', () => {
    const input = gzipSync(SALES);
    input.writeUInt32LE(0xffffffff, input.length - 4);
    expect(() => unpack('gzip', input)).toThrow('incorrect length check');
  });
});

describe('snappy', () => {
  it('may be framed in blocks of any size', () => {
    for (const size of [1, 1000, 1_000_000]) {
      const data = SALES.subarray(0, size * 50);
      expect(unpack('snappy', xerial(data, size)).equals(data)).toBe(true);
    }
  });

  it('is refused for the length that it claims, before memory is given to it', () => {
    const block = Buffer.concat([Buffer.of(0xff, 0xff, 0xff, 0xff, 0x0f), Buffer.alloc(9)]);
    expect(() => unpack('snappy', block)).toThrow(UnpackedTooLarge);
  });
});

describe('lz4', () => {
  const data = SALES.subarray(0, 150_000);
  const headChecksum = xxh32;

  it('has the checksums of its specification', () => {
    expect(xxh32(Buffer.alloc(0))).toBe(0x02cc5d05);
    expect(xxh32(Buffer.from('a'))).toBe(0x550d7456);
    expect(xxh32(Buffer.from('Nobody inspects the spammish repetition'))).toBe(0xe2293b2f);
  });

  it.each([
    ['independent blocks', {}],
    ['linked blocks', { linked: true }],
    ['blocks that are stored', { stored: true }],
    ['checksums of blocks and content', { checksum: xxh32 }],
    ['its size', { contentSize: BigInt(data.length) }],
    ['all of it', { linked: true, stored: true, checksum: xxh32, contentSize: 150_000n }],
  ])('may have %s', (_, options) => {
    const frame = lz4Frame(data, { ...options, headChecksum });
    expect(unpack('lz4', frame).equals(data)).toBe(true);
  });

  it('may be of several frames', () => {
    const frames = [lz4.compressFrameSync(data), lz4Frame(data, { headChecksum, linked: true })];
    expect(unpack('lz4', Buffer.concat(frames)).equals(Buffer.concat([data, data]))).toBe(true);
  });

  it('is an error when a checksum does not match', () => {
    const off = (bytes: Buffer) => (xxh32(bytes) ^ 0x100) >>> 0;
    const wrong = (options: object, message: string) => {
      const frame = lz4Frame(data, { headChecksum, ...options });
      expect(() => unpack('lz4', frame)).toThrow(message);
    };
    wrong({ headChecksum: off }, 'frame head');
    wrong({ checksum: (bytes: Buffer) => (bytes.length > 1000 ? off : xxh32)(bytes) }, 'content');
    wrong({ checksum: off }, 'a block');
    wrong({ contentSize: 149_999n }, 'announces 149999 bytes and has 150000');
  });
});

describe('zstd', () => {
  it('may be of several frames, and of those to be skipped', () => {
    const skippable = Buffer.from('5f2a4d1803000000616263', 'hex');
    const input = Buffer.concat([zstd(SALES), skippable, zstdStream(noise), zstd(SALES)]);
    expect(unpack('zstd', input).equals(Buffer.concat([SALES, noise, SALES]))).toBe(true);
  });

  it('may have blocks that are raw or one byte repeated', () => {
    const raw = [noise.subarray(0, 100_000), noise.subarray(0, 5)];
    const input = zstdByHand(raw, { byte: 88, times: 100_000 });
    const expected = Buffer.concat([...raw, Buffer.alloc(100_000, 88)]);
    expect(unpack('zstd', input).equals(expected)).toBe(true);
  });

  it.each([
    ['a window past the limit', (frame: Buffer) => frame.writeUInt8(18 << 3, 5), 'window'],
    ['a dictionary', (frame: Buffer) => frame.writeUInt8(1, 4), 'dictionary'],
    ['a reserved bit', (frame: Buffer) => frame.writeUInt8(8, 4), 'reserved'],
    ['an unknown kind of block', (frame: Buffer) => frame.writeUInt8(7, 6), 'type'],
  ])('is an error with %s', (_, spoil, message) => {
    const frame = zstdStream(SALES);
    spoil(frame);
    expect(() => unpack('zstd', frame)).toThrow(message);
  });
});

describe('a decompression bomb', () => {
  const half = Buffer.alloc(UNPACKED_BYTES_MAX / 2 + 1);
  const twice = (part: Buffer) => Buffer.concat([part, part]);

  it.each([
    ['gzip', () => twice(gzipSync(half))],
    ['snappy', () => snappy.compressSync(twice(half))],
    ['snappy', () => xerial(twice(half), 1_000_000)],
    ['lz4', () => twice(lz4.compressFrameSync(half))],
    ['zstd', () => twice(zstd(half))],
    ['zstd', () => twice(zstdStream(half))],
  ] as const)('of %s is refused at the limit', (codec, make) => {
    const bomb = make();
    expect(bomb.length).toBeLessThan(UNPACKED_BYTES_MAX / 15);
    expect(() => unpack(codec, bomb)).toThrow(`more than ${UNPACKED_BYTES_MAX} bytes`);
  });
});

describe('unpackBatch', () => {
  function unpackWhole(codec: CodecName, section: Buffer, out = new UnpackedRecords()): BatchHead {
    const batch = recordBatch({
      baseOffset: 40,
      records: [{ value: 'x' }],
      codec: CODEC[codec],
      compress: () => section,
    });
    const head = new BatchHead();
    head.read(new DataView(batch.buffer, batch.byteOffset, batch.length), 0, batch.length);
    unpackBatch(decompressors[codec], batch, head, out);
    return head;
  }

  it.each(Object.keys(CODEC) as CodecName[])('says what is corrupt in %s and where', (codec) => {
    const failure = expect.objectContaining({
      code: 'E_CORRUPT_BATCH',
      retryable: true,
      message: expect.stringMatching(new RegExp(`offset 40 is corrupt: its ${codec} data: .`)),
    });
    expect(() => unpackWhole(codec, Buffer.from('not compressed at all'))).toThrow(failure);
    expect(() => unpackWhole(codec, Buffer.alloc(0))).toThrow(failure);
  });

  it('does not try again what is too large', () => {
    const bomb = gzipSync(Buffer.alloc(1001));
    expect(() => unpackWhole('gzip', bomb, new UnpackedRecords(1000))).toThrow(
      expect.objectContaining({ code: 'E_BATCH_TOO_LARGE', retryable: false }),
    );
  });

  it('uses its memory again, and gives a large one back', () => {
    const out = new UnpackedRecords();
    unpackWhole('gzip', gzipSync(SALES), out);
    const { bytes } = out;
    unpackWhole('zstd', zstd(SALES), out);
    expect(out.bytes).toBe(bytes);
    unpackWhole('zstd', zstd(Buffer.alloc(KEPT_BYTES_MAX + 1)), out);
    out.clear();
    expect(out.bytes.length).toBeLessThan(1000);
  });

  it('passes a batch that compaction has emptied', () => {
    const batch = recordBatch({ baseOffset: 0, lastOffset: 4, records: [], codec: CODEC.lz4 });
    const head = new BatchHead();
    head.read(new DataView(batch.buffer, batch.byteOffset, batch.length), 0, batch.length);
    unpackBatch(decompressors.lz4, batch, head, new UnpackedRecords());
    expect(head).toMatchObject({ recordsStart: 0, end: 0, recordCount: 0 });
  });
});

describe('loadCodec', () => {
  it('says which library is missing, and what to do', async () => {
    vi.doMock('snappy', () => {
      throw new Error('Cannot find native binding');
    });
    await expect(loadCodec(CODEC.snappy)).rejects.toMatchObject({
      code: 'E_CODEC_LIBRARY',
      retryable: false,
      message: expect.stringContaining('decompresses snappy could not be loaded'),
      hint: expect.stringContaining('npm ci'),
    });
    vi.doUnmock('snappy');
  });

  it('gives every lease of a thread the same zstd library, and one that works', async () => {
    const [first, second] = await Promise.all([loadCodec(CODEC.zstd), loadCodec(CODEC.zstd)]);
    for (const decompress of [first, second, first]) {
      const out = new UnpackedRecords();
      decompress(zstd(SALES), out);
      expect(out.bytes.subarray(0, out.size).equals(SALES)).toBe(true);
    }
  });
});
