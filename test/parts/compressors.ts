/**
 * What producers do to a batch's records, for tests: by the libraries' compressing halves, and
 * frames put together by hand for what those don't write. Shares no code with the reader in src/kafka.
 */
import { gzipSync } from 'node:zlib';
import lz4 from 'lz4-napi';
import snappy from 'snappy';
import { zstdWasm } from '../../src/kafka/compression/zstd-wasm.ts';

export type Compress = (records: Buffer) => Buffer;

export const CODEC = { gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;
export type CodecName = keyof typeof CODEC;

/** Shared with the engine, because a process can hold it once; it compresses for us. */
export const zstdLibrary = await zstdWasm();

export const uint32 = (value: number, endian: 'BE' | 'LE' = 'LE'): Buffer => {
  const bytes = Buffer.alloc(4);
  if (endian === 'LE') bytes.writeUInt32LE(value);
  else bytes.writeUInt32BE(value);
  return bytes;
};

function pieces(data: Buffer, size: number): Buffer[] {
  const list: Buffer[] = [];
  for (let at = 0; at < data.length; at += size) list.push(data.subarray(at, at + size));
  return list;
}

/** As snappy-java frames it: blocks of 32 KiB. */
export function xerial(data: Buffer, blockBytes = 32 * 1024): Buffer {
  const magic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
  const blocks = pieces(data, blockBytes).map((piece) => snappy.compressSync(piece));
  return Buffer.concat([
    magic,
    uint32(1, 'BE'),
    uint32(1, 'BE'),
    ...blocks.flatMap((block) => [uint32(block.length, 'BE'), block]),
  ]);
}

/** A block without the length that the library puts before it. */
const lz4Block = (data: Buffer, history?: Buffer) =>
  (history?.length ? lz4.compressSync(data, history) : lz4.compressSync(data)).subarray(4);

export interface Lz4Options {
  readonly blockBytes?: number;
  /** Blocks refer into those before them. */
  readonly linked?: boolean;
  readonly contentSize?: bigint;
  /** Every second block as it is. */
  readonly stored?: boolean;
  /** Each checksum is made by this; none without. */
  readonly checksum?: (bytes: Buffer) => number;
  readonly headChecksum: (bytes: Buffer) => number;
}

/** A frame of small blocks. */
export function lz4Frame(data: Buffer, options: Lz4Options): Buffer {
  const { blockBytes = 1000, linked, contentSize, stored, checksum, headChecksum } = options;
  const sum = (bytes: Buffer) => (checksum ? [uint32(checksum(bytes))] : []);
  const flags =
    0x40 | (linked ? 0 : 0x20) | (checksum ? 0x14 : 0) | (contentSize === undefined ? 0 : 0x08);
  const size = Buffer.alloc(contentSize === undefined ? 0 : 8);
  if (contentSize !== undefined) size.writeBigUInt64LE(contentSize);
  const descriptor = Buffer.concat([Buffer.of(flags, 0x40), size]);
  const blocks = pieces(data, blockBytes).flatMap((piece, i) => {
    const isStored = stored === true && i % 2 === 1;
    const start = i * blockBytes;
    const history = data.subarray(Math.max(0, start - 65_536), start);
    const block = isStored ? piece : lz4Block(piece, linked ? history : undefined);
    const word = block.length + (isStored ? 0x80000000 : 0);
    return [uint32(word), block, ...sum(block)];
  });
  return Buffer.concat([
    uint32(0x184d2204),
    descriptor,
    Buffer.of((headChecksum(descriptor) >>> 8) & 0xff),
    ...blocks,
    uint32(0),
    ...sum(data),
  ]);
}

export const zstd = (data: Buffer): Buffer => Buffer.from(zstdLibrary.compress(data, 3));

/** The blocks of a frame that the library made, behind its own head. */
function zstdBlocks(frame: Buffer): Buffer {
  const descriptor = frame[4];
  const sizeBytes = [descriptor & 0x20 ? 1 : 0, 2, 4, 8][descriptor >> 6];
  return frame.subarray(5 + (descriptor & 0x20 ? 0 : 1) + sizeBytes);
}

/** As a stream writes it, which does not know its length before: the head has a window only. */
export function zstdStream(data: Buffer): Buffer {
  const window8MiB = 13 << 3;
  return Buffer.concat([uint32(0xfd2fb528), Buffer.of(0, window8MiB), zstdBlocks(zstd(data))]);
}

/** Raw blocks, and after them one byte again and again. */
export function zstdByHand(raw: readonly Buffer[], repeated?: { byte: number; times: number }) {
  const header = (size: number, type: number, last: boolean) => {
    const bytes = Buffer.alloc(3);
    bytes.writeUIntLE((size << 3) | (type << 1) | (last ? 1 : 0), 0, 3);
    return bytes;
  };
  const blocks = raw.flatMap((block, i) => [
    header(block.length, 0, !repeated && i === raw.length - 1),
    block,
  ]);
  const repeats = repeated ? [header(repeated.times, 1, true), Buffer.of(repeated.byte)] : [];
  return Buffer.concat([uint32(0xfd2fb528), Buffer.of(0, 13 << 3), ...blocks, ...repeats]);
}

/** What a producer of each kind writes. */
export const COMPRESSORS: Readonly<
  Record<string, { readonly codec: CodecName; readonly compress: Compress }>
> = {
  gzip: { codec: 'gzip', compress: (data) => gzipSync(data) },
  'raw snappy': { codec: 'snappy', compress: (data) => snappy.compressSync(data) },
  'xerial snappy': { codec: 'snappy', compress: (data) => xerial(data) },
  lz4: { codec: 'lz4', compress: (data) => lz4.compressFrameSync(data) },
  zstd: { codec: 'zstd', compress: zstd },
  'streamed zstd': { codec: 'zstd', compress: zstdStream },
};
