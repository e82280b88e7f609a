/**
 * A fuzz case: between two batches of sales one that is a decompression bomb, by what it yields or
 * by what it claims. Up to the limit its record is one that is too large, and the sales around it
 * count; past it, and where a claim is false, it is an error, and those before it count.
 */
import { gzipSync } from 'node:zlib';
import lz4 from 'lz4-napi';
import snappy from 'snappy';
import { UNPACKED_BYTES_MAX } from '../../src/kafka/compression/unpacked-records.ts';
import { xxh32 } from '../../src/kafka/compression/xxh32.ts';
import { CODEC, type CodecName, lz4Frame, uint32, zstdByHand } from './compressors.ts';
import { below, type LoggedBatch, pick, type Random, Reading, respond } from './fuzz-reading.ts';
import { saleJson } from './lease-regions.ts';
import { DEFAULT_TIMESTAMP_MS, recordBatch, varint } from './record-batch-builder.ts';

const LIMITS = { tableSlots: 16, rejectLogBytes: 8 * 1024, categoryCount: 8 };
const MEBIBYTE = 2 ** 20;
const ZEROS = Buffer.alloc(MEBIBYTE);

/** A format whose pieces, one behind the other, are one section. */
interface Pieces {
  readonly codec: CodecName;
  readonly head: Buffer;
  readonly piece: (data: Buffer) => Buffer;
  /** A mebibyte of nothing. */
  readonly zeros: Buffer;
}

function pieces(codec: CodecName, piece: (data: Buffer) => Buffer, head = Buffer.alloc(0)): Pieces {
  return { codec, head, piece, zeros: piece(ZEROS) };
}

const repeated = (count: number) => zstdByHand([Buffer.alloc(0)], { byte: 0, times: count });

const FORMATS: readonly Pieces[] = [
  pieces('gzip', (data) => gzipSync(data)),
  pieces(
    'snappy',
    (data) => {
      const block = snappy.compressSync(data);
      return Buffer.concat([uint32(block.length, 'BE'), block]);
    },
    Buffer.from('\x82SNAPPY\0\0\0\0\x01\0\0\0\x01', 'latin1'),
  ),
  pieces('lz4', (data) => lz4.compressFrameSync(data)),
  {
    codec: 'zstd',
    head: Buffer.alloc(0),
    piece: (data) => zstdByHand([data]),
    zeros: Buffer.concat(Array.from({ length: 8 }, () => repeated(MEBIBYTE / 8))),
  },
];

export function bombCase(random: Random): string {
  return random() < 0.5 ? yields(random) : claims(random);
}

/** One record of so many zeros, which the batch's few bytes stand for. */
function yields(random: Random): string {
  const { codec, head, piece, zeros } = pick(random, FORMATS);
  const size = random();
  const mebibytes = size < 0.7 ? 2 : size < 0.9 ? 24 : pick(random, [126, 127, 128, 129, 200]);
  const bytes = mebibytes * MEBIBYTE;
  const body = [Buffer.of(0, 0, 0), varint(-1), varint(bytes)];
  const bodyBytes = body.reduce((sum, { length }) => sum + length, 0) + bytes + 1;
  const start = Buffer.concat([varint(bodyBytes), ...body]);
  const section = [head, piece(start), ...new Array<Buffer>(mebibytes).fill(zeros)];
  // Behind the value: no headers.
  const bomb = Buffer.concat([...section, piece(Buffer.of(0))]);
  const isTooLarge = start.length + bytes + 1 > UNPACKED_BYTES_MAX;
  const found = run(random, codec, bomb);
  if (isTooLarge) expectEnd(found, ['E_BATCH_TOO_LARGE']);
  else expectWhole(found);
  return `bomb ${found.outcome}`;
}

/** Lengths that are written down, and not so. */
function claims(random: Random): string {
  const far = pick(random, [UNPACKED_BYTES_MAX + 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]);
  const claim = pick<[CodecName, Buffer]>(random, [
    ['snappy', Buffer.concat([unsigned(far), Buffer.of(0, 0, 0)])],
    ['snappy', Buffer.concat([unsigned(1 + below(random, 2 ** 27)), Buffer.of(0, 0, 0)])],
    ['snappy', Buffer.concat([FORMATS[1].head, uint32(far % 2 ** 32, 'BE'), Buffer.alloc(9)])],
    ['lz4', lz4Frame(ZEROS, { contentSize: BigInt(far), headChecksum: xxh32 })],
    ['zstd', zstdOf(far, 4, MEBIBYTE / 8)],
    ['zstd', zstdOf(far, 0, 1)],
    ['gzip', falseSize(random)],
  ]);
  const found = run(random, ...claim);
  expectEnd(found, ['E_CORRUPT_BATCH', 'E_BATCH_TOO_LARGE']);
  return `claim ${found.outcome}`;
}

function unsigned(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

/** A frame that announces its content's size in eight bytes, in one segment; its blocks say less. */
function zstdOf(contentSize: number, blocks: number, blockBytes: number): Buffer {
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(contentSize));
  const block = (isLast: boolean) => {
    const head = Buffer.alloc(3);
    head.writeUIntLE((blockBytes << 3) | 2 | (isLast ? 1 : 0), 0, 3);
    return Buffer.concat([head, Buffer.of(0)]);
  };
  const all = Array.from({ length: blocks }, () => block(false));
  return Buffer.concat([uint32(0xfd2fb528), Buffer.of(0xe0), size, ...all, block(true)]);
}

function falseSize(random: Random): Buffer {
  const member = gzipSync(ZEROS);
  member.writeUInt32LE(below(random, 2 ** 32), member.length - 4);
  return member;
}

interface Found {
  readonly outcome: string;
  readonly reading: Reading;
  readonly before: number;
  readonly all: number;
}

function run(random: Random, codec: CodecName, section: Buffer): Found {
  const log: LoggedBatch[] = [];
  const sales = (base: number) => {
    const centavos = Array.from({ length: 1 + below(random, 4) }, () => 1 + below(random, 1e6));
    const records = centavos.map((one) => ({ value: saleJson('Casa', one, DEFAULT_TIMESTAMP_MS) }));
    const bytes = recordBatch({ baseOffset: base, records });
    log.push({ bytes, base, last: base + records.length - 1 });
    return centavos.reduce((sum, one) => sum + one, 0);
  };
  const before = sales(0);
  const base = log[0].last + 1;
  const bytes = recordBatch({
    ...{ baseOffset: base, records: [{ value: '' }] },
    ...{ codec: CODEC[codec], compress: () => section },
  });
  log.push({ bytes, base, last: base });
  const all = before + sales(base + 1);
  const reading = new Reading(LIMITS);
  const outcome = reading.read(respond(log, 0, []), (from) => respond(log, from, []));
  return { outcome, reading, before, all };
}

function expectEnd({ outcome, reading, before }: Found, codes: readonly string[]): void {
  if (!codes.includes(outcome) || !reading.hasEnded) throw new Error(`a bomb: ${outcome}`);
  expectSum(reading, before);
}

function expectWhole({ outcome, reading, all }: Found): void {
  if (outcome !== 'right') throw new Error(`a bomb within the limit: ${outcome}`);
  expectSum(reading, all);
  const { rejections } = reading.drained;
  if (rejections.length === 1 && rejections[0].endsWith('value_too_large')) return;
  throw new Error(`a bomb within the limit: rejected are ${rejections.join()}`);
}

function expectSum({ drained }: Reading, centavos: number): void {
  const found = Object.values(drained.sums).reduce((sum, one) => sum + one.centavos, 0);
  if (found !== centavos) throw new Error(`a bomb: ${found} centavos, and ${centavos} are right`);
}
