/**
 * Compressed data that was changed, with the batch's checksum made right again: an error with its
 * reason, or records that are right. What is right depends on what the format checks. Where it
 * has a checksum of the content, only the same records are; where it has none (snappy, and lz4
 * and zstd as Kafka's producers write them), whatever the format says that the bytes now mean is,
 * as with plain records, and a second decoder says it too.
 */
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import lz4 from 'lz4-napi';
import snappy from 'snappy';
import { describe, expect, it } from 'vitest';
import { loadCodec, unpackBatch } from '../../src/kafka/compression/codecs.ts';
import { UnpackedRecords } from '../../src/kafka/compression/unpacked-records.ts';
import { xxh32 } from '../../src/kafka/compression/xxh32.ts';
import { BatchHead } from '../../src/kafka/record-batch.ts';
import { VendavalError } from '../../src/lib/errors.ts';
import { PartitionAccumulator } from '../../src/workers/partition-accumulator.ts';
import {
  CODEC,
  COMPRESSORS,
  type CodecName,
  type Compress,
  lz4Frame,
  zstdLibrary,
} from '../parts/compressors.ts';
import { FROM_THE_START, LIMITS, RULES, regionPair, saleJson } from '../parts/lease-regions.ts';
import { DEFAULT_TIMESTAMP_MS, recordBatch } from '../parts/record-batch-builder.ts';

const LIMIT = 1_000_000;
const records = Array.from({ length: 12 }, (_, i) => ({
  key: `loja-${i % 3}`,
  value: saleJson(['Casa', 'Livros', 'Gamer'][i % 3], 100 + i, DEFAULT_TIMESTAMP_MS + i),
}));

const decompressors = {
  gzip: await loadCodec(CODEC.gzip),
  snappy: await loadCodec(CODEC.snappy),
  lz4: await loadCodec(CODEC.lz4),
  zstd: await loadCodec(CODEC.zstd),
};

interface Change {
  readonly at: number;
  readonly xor: number;
  readonly cut: boolean;
  readonly inserted: Uint8Array;
}

const changes = fc.array(
  fc.record({
    // More of them near the start, where the heads are.
    at: fc.oneof(fc.nat(40), fc.nat(2000)),
    xor: fc.oneof(fc.constantFrom(1, 2, 4, 8, 16, 32, 64, 128, 255), fc.nat(255)),
    cut: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, fc.constant(true)),
    inserted: fc.oneof(
      { weight: 9, arbitrary: fc.constant(new Uint8Array(0)) },
      fc.uint8Array({ maxLength: 4 }),
    ),
  }),
  { minLength: 1, maxLength: 3 },
);

function changed(data: Buffer, list: readonly Change[]): Buffer {
  let result = Buffer.from(data);
  for (const { at, xor, cut, inserted } of list) {
    if (result.length === 0) break;
    const position = at % result.length;
    result[position] ^= xor;
    if (cut) result = result.subarray(0, position);
    if (inserted.length > 0) {
      result = Buffer.concat([result.subarray(0, position), inserted, result.subarray(position)]);
    }
  }
  return result;
}

/** The records as they were unpacked, and what the accumulator made of them. */
function read(codec: CodecName, section: Buffer) {
  const spec = { baseOffset: 0, records, codec: CODEC[codec], compress: () => section };
  const batch = recordBatch(spec);
  const head = new BatchHead();
  const out = new UnpackedRecords(LIMIT);
  head.read(new DataView(batch.buffer, batch.byteOffset, batch.length), 0, batch.length);
  unpackBatch(decompressors[codec], batch, head, out);
  const unpacked = Buffer.from(out.bytes.subarray(0, out.size));
  const accumulator = new PartitionAccumulator(regionPair(LIMITS).worker, RULES, FROM_THE_START);
  expect(accumulator.addBatch(out.bytes, out.view, head)).toBe(true);
  // Fewer when an offset was changed and says that its record is an earlier one.
  expect(accumulator.counted + accumulator.rejectedTotal).toBeLessThanOrEqual(records.length);
  return unpacked;
}

function expectErrorOr(
  codec: CodecName,
  section: Buffer,
  isRight: (unpacked: Buffer) => boolean,
): void {
  let unpacked: Buffer;
  try {
    unpacked = read(codec, section);
  } catch (error) {
    expect(error).toBeInstanceOf(VendavalError);
    const { code, message } = error as VendavalError;
    expect(['E_CORRUPT_BATCH', 'E_BATCH_TOO_LARGE']).toContain(code);
    expect(message.length).toBeLessThan(300);
    return;
  }
  expect(isRight(unpacked)).toBe(true);
}

const plain: Buffer = (() => {
  let section: Buffer = Buffer.alloc(0);
  recordBatch({
    baseOffset: 0,
    records,
    compress: (data) => {
      section = data;
      return data;
    },
  });
  return section;
})();

/** The second decoder of each format: the library's own way, without our walk over the frames. */
const SECOND: Record<CodecName, ((section: Buffer) => Uint8Array) | null> = {
  gzip: null,
  snappy: (section) => snappy.uncompressSync(section) as Buffer,
  lz4: (section) => lz4.decompressFrameSync(section),
  zstd: (section) => zstdLibrary.decompress(section, { defaultHeapSize: LIMIT }),
};

describe('compressed data that was changed', () => {
  const checksummed: [string, CodecName, Compress][] = [
    ['gzip', 'gzip', (data) => gzipSync(data)],
    [
      'lz4 with checksums',
      'lz4',
      (data) => lz4Frame(data, { linked: true, checksum: xxh32, headChecksum: xxh32 }),
    ],
  ];

  it.each(checksummed)('is an error or gives the same records: %s', (_, codec, compress) => {
    const section = compress(plain);
    expect(read(codec, section).equals(plain)).toBe(true);
    fc.assert(
      fc.property(changes, (list) => {
        expectErrorOr(codec, changed(section, list), (unpacked) => unpacked.equals(plain));
      }),
      { numRuns: 1500 },
    );
  });

  it('is an error or gives the same records: zstd with a checksum', () => {
    // Six sales as text, compressed by another implementation with its checksum switched on.
    const section = Buffer.from(
      'KLUv/WT5AX0FAIIJHx5gNdYB1hjf7HR/VvIlpDIYNJgstIZsScy0FIkqGcJP/lc/Y1eMrXW1FvMV8+7VMnFx4GEF' +
        'T6o2XU0XcU67ibGyknTDvAQ2iQq9UtRyiQLtNNOGhksMeE0fiYrURQjH6uWMp+lvIz1FWHoDRNN7M4AfhUQt' +
        'o4PuKQkHcyAUAMAhgDyBkwEnwcgETgEcAsgTOBk4GbCQAPMJnAycPDBcwXwdMNE4ygZOSwBb6gxybIys',
      'base64',
    );
    const unpack = (data: Buffer) => {
      const out = new UnpackedRecords(LIMIT);
      decompressors.zstd(data, out);
      return out.bytes.toString('latin1', 0, out.size);
    };
    const text = unpack(section);
    expect(text.split('\n').map((line) => JSON.parse(line).valor)).toHaveLength(6);
    fc.assert(
      fc.property(changes, (list) => {
        // The bit in the head that says that there is a checksum is no checksum's to guard.
        const data = changed(section, list);
        if (data.length > 4 && (data[4] & 4) === 0) return;
        let found: string;
        try {
          found = unpack(data);
        } catch {
          return;
        }
        expect(found).toBe(text);
      }),
      { numRuns: 1500 },
    );
  });

  it.each(Object.entries(COMPRESSORS))(
    'is an error, or what a second decoder gives too: %s',
    (kind, { codec, compress }) => {
      const section = compress(plain);
      const second = kind === 'xerial snappy' ? null : SECOND[codec];
      fc.assert(
        fc.property(changes, (list) => {
          const data = changed(section, list);
          expectErrorOr(
            codec,
            data,
            (unpacked) => second?.(data) === undefined || unpacked.equals(second(data)),
          );
        }),
        { numRuns: 1500 },
      );
    },
  );
});
