/**
 * Batches compressed with snappy: one raw block, as librdkafka writes, or blocks in the framing
 * of snappy-java ("xerial"), as the Java client and those that follow it write:
 *
 *     0 magic "\x82SNAPPY\0" | 8 version i32 | 12 compatible i32 | then size i32, block, and again
 *
 * A block begins with the length that it decompresses to, which is checked before it is believed.
 */
import type { UnpackedRecords } from './unpacked-records.ts';

/** Decompresses one raw block. */
export type UncompressBlock = (block: Uint8Array) => Uint8Array;

const XERIAL_MAGIC = Buffer.from('\x82SNAPPY\0', 'latin1');
const XERIAL_HEAD_BYTES = 16;

export function unsnappy(
  uncompress: UncompressBlock,
): (input: Buffer, out: UnpackedRecords) => void {
  const append = (block: Buffer, out: UnpackedRecords) => {
    out.expect(uncompressedLength(block));
    out.append(uncompress(block));
  };
  return (input, out) => {
    if (!input.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return append(input, out);
    if (input.length < XERIAL_HEAD_BYTES) throw new Error('the head of its framing is cut off');
    for (let at = XERIAL_HEAD_BYTES; at < input.length; ) {
      const size = at + 4 <= input.length ? input.readInt32BE(at) : -1;
      at += 4;
      if (size < 0 || at + size > input.length) throw new Error('a block is cut off');
      append(input.subarray(at, at + size), out);
      at += size;
    }
  };
}

/** The varint that a raw block begins with. */
function uncompressedLength(block: Buffer): number {
  let length = 0;
  for (let i = 0; i < 5 && i < block.length; i++) {
    length += (block[i] & 127) * 2 ** (7 * i);
    if (block[i] < 128) return length;
  }
  throw new Error('a block has no length');
}
