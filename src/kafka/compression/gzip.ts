/** Batches compressed with gzip: one or more members, each with its own CRC-32 and length. */
import { gunzipSync } from 'node:zlib';
import { codeOf } from '../../lib/errors.ts';
import type { UnpackedRecords } from './unpacked-records.ts';

/** Deflate cannot do better, so that a length beyond it is a lie. */
const RATIO_MAX = 1032;
const CHUNK_BYTES_MIN = 64;

export function gunzip(input: Buffer, out: UnpackedRecords): void {
  // With one member, and most batches are, the length at its end is that of all: one chunk, no
  // copy of a copy. It is only a hint; one byte more lets zlib see the end in the same chunk.
  const claimed = input.length < 4 ? 0 : input.readUInt32LE(input.length - 4);
  const likely = Math.min(claimed, RATIO_MAX * input.length, out.room) + 1;
  try {
    const options = { chunkSize: Math.max(likely, CHUNK_BYTES_MIN), maxOutputLength: out.room };
    out.append(gunzipSync(input, options));
  } catch (error) {
    if (codeOf(error) === 'ERR_BUFFER_TOO_LARGE') throw out.tooLarge();
    throw error;
  }
}
