/**
 * From a batch's codec number to what decompresses its records. Each library is loaded when its
 * first batch comes, and not before: most topics need one of them, and a thread starts without
 * any. Libraries see bytes and nothing else; whatever they throw means that the data is corrupt.
 */
import * as zlib from 'node:zlib';
import { codeOf, messageOf, VendavalError } from '../../lib/errors.ts';
import { type BatchHead, CODECS, corruptBatch } from '../record-batch.ts';
import { gunzip } from './gzip.ts';
import { unlz4 } from './lz4-frame.ts';
import { unsnappy } from './snappy.ts';
import { type UnpackedRecords, UnpackedTooLarge } from './unpacked-records.ts';
import { type UncompressFrame, unzstd } from './zstd-frame.ts';
import { zstdWasm } from './zstd-wasm.ts';

/** Appends what `input` decompresses to; throws on data that is corrupt or too large. */
export type Decompress = (input: Buffer, out: UnpackedRecords) => void;

const LOADERS: readonly (() => Decompress | Promise<Decompress>)[] = [
  () => (input, out) => out.append(input),
  () => gunzip,
  async () => {
    const { default: snappy } = await import('snappy');
    // The library's other way, a buffer that wraps foreign memory, costs more than the copy.
    return unsnappy((block) => snappy.uncompressSync(block, { copyOutputData: true }) as Buffer);
  },
  async () => {
    const { default: lz4 } = await import('lz4-napi');
    return unlz4(lz4.uncompressSync);
  },
  async () => unzstd(nodeZstd() ?? (await wasmZstd())),
];

/** @param codec of a BatchHead, so one that is known */
export async function loadCodec(codec: number): Promise<Decompress> {
  try {
    return await LOADERS[codec]();
  } catch (error) {
    throw new VendavalError(
      `what decompresses ${CODECS[codec]} could not be loaded: ${messageOf(error).split('\n')[0]}`,
      {
        code: 'E_CODEC_LIBRARY',
        hint: 'Install again with optional packages on this kind of machine: npm ci.',
        cause: error,
      },
    );
  }
}

/** Fills `out` with the batch's records and points `head` at them. */
export function unpackBatch(
  decompress: Decompress,
  bytes: Buffer,
  head: BatchHead,
  out: UnpackedRecords,
): void {
  out.clear();
  const section = bytes.subarray(head.recordsStart, head.end);
  try {
    // A batch that compaction emptied has nothing to decompress.
    if (section.length > 0 || head.recordCount > 0) decompress(section, out);
  } catch (error) {
    throw unpackError(head, error);
  }
  head.recordsStart = 0;
  head.end = out.size;
}

function unpackError(head: BatchHead, error: unknown): VendavalError {
  const codec = CODECS[head.codec];
  if (error instanceof UnpackedTooLarge) {
    return new VendavalError(
      `the ${codec} batch at offset ${head.baseOffset} is too large: ${error.message}`,
      {
        code: 'E_BATCH_TOO_LARGE',
        hint:
          'No producer packs that much into one batch by accident. Nothing was counted or ' +
          'committed past this offset.',
        cause: error,
      },
    );
  }
  return corruptBatch(head.baseOffset, `its ${codec} data: ${messageOf(error)}`);
}

interface ZstdOptions {
  readonly chunkSize: number;
  readonly maxOutputLength: number;
}
type ZstdDecompressSync = (input: Buffer, options: ZstdOptions) => Buffer;

/** Node's own, from 22.15 on. */
function nodeZstd(): UncompressFrame | null {
  const { zstdDecompressSync } = zlib as { zstdDecompressSync?: ZstdDecompressSync };
  if (!zstdDecompressSync) return null;
  return (frame, bytesMax) => {
    // One byte more, so that one chunk takes all and its end is seen; chunks are 64 at least.
    const options = { chunkSize: Math.max(bytesMax + 1, 64), maxOutputLength: bytesMax || 1 };
    try {
      return zstdDecompressSync(frame, options);
    } catch (error) {
      if (codeOf(error) === 'ERR_BUFFER_TOO_LARGE') throw new UnpackedTooLarge(messageOf(error));
      throw error;
    }
  };
}

/** For Node before that. It fills one piece of memory, and says how that went by a number. */
async function wasmZstd(): Promise<UncompressFrame> {
  const zstd = await zstdWasm();
  return (frame, bytesMax) => {
    try {
      return zstd.decompress(frame, { defaultHeapSize: bytesMax || 1 });
    } catch (error) {
      const code = /code -(\d+)/.exec(messageOf(error))?.[1];
      if (code === '70') throw new UnpackedTooLarge('the destination is too small');
      throw new Error(`zstd error ${code ?? messageOf(error)}`);
    }
  };
}
