/**
 * Batches compressed with lz4 in its frame format. The frame is taken apart here, which bounds
 * what each block can yield and checks every checksum that it carries; the library decompresses
 * single blocks. https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
 *
 *     magic u32 | flags u8 | block maximum u8 | content size u64? | header checksum u8
 *     then blocks: size u32, data, checksum u32? | end mark u32 = 0 | content checksum u32?
 */
import type { UnpackedRecords } from './unpacked-records.ts';
import { xxh32 } from './xxh32.ts';

/** Decompresses one block that its decompressed length, at most, stands before as a u32. */
export type UncompressSized = (block: Buffer, dictionary?: Buffer) => Uint8Array;

const MAGIC = 0x184d2204;
const FLAG_VERSION_MASK = 0xc0;
const FLAG_VERSION_1 = 0x40;
const FLAG_INDEPENDENT = 0x20;
const FLAG_BLOCK_CHECKSUM = 0x10;
const FLAG_CONTENT_SIZE = 0x08;
const FLAG_CONTENT_CHECKSUM = 0x04;
const FLAGS_UNREADABLE = 0x03; // reserved, and dictionary id
const STORED = 0x80000000;
/** How far back a block may refer into those before it. */
const HISTORY_BYTES = 64 * 1024;
/** A block cannot do better, so that a small one needs no memory for the maximum. */
const RATIO_MAX = 255;

const BLOCK_BYTES_MAX = new Map([4, 5, 6, 7].map((id) => [id << 4, 2 ** (8 + 2 * id)]));

export function unlz4(uncompress: UncompressSized): (input: Buffer, out: UnpackedRecords) => void {
  let sized = Buffer.alloc(0);
  return (input, out) => {
    let at = 0;
    do at = readFrame(at);
    while (at < input.length);

    function readFrame(start: number): number {
      const { flags, blockMax, contentSize, end } = readHead(input, start);
      const frameStart = out.size;
      let position = end;
      for (;;) {
        const word = uint32(input, position);
        position += 4;
        if (word === 0) break;
        const size = word & ~STORED;
        if (size > blockMax) throw new Error(`a block of ${size} bytes passes its maximum`);
        const block = slice(input, position, size);
        position += size;
        if (flags & FLAG_BLOCK_CHECKSUM) {
          check(block, uint32(input, position), 'a block');
          position += 4;
        }
        if (word >= STORED) out.append(block);
        else {
          const history =
            flags & FLAG_INDEPENDENT ? 0 : Math.min(out.size - frameStart, HISTORY_BYTES);
          out.append(readBlock(block, blockMax, out.bytes.subarray(out.size - history, out.size)));
        }
      }
      const content = out.bytes.subarray(frameStart, out.size);
      if (flags & FLAG_CONTENT_CHECKSUM) {
        check(content, uint32(input, position), 'its content');
        position += 4;
      }
      if (contentSize >= 0n && contentSize !== BigInt(content.length)) {
        throw new Error(`it announces ${contentSize} bytes and has ${content.length}`);
      }
      return position;
    }
  };

  function readBlock(block: Buffer, blockMax: number, history: Buffer): Uint8Array {
    if (sized.length < 4 + block.length) sized = Buffer.allocUnsafeSlow(4 + 2 * block.length);
    sized.writeUInt32LE(Math.min(blockMax, RATIO_MAX * block.length), 0);
    block.copy(sized, 4);
    const input = sized.subarray(0, 4 + block.length);
    return history.length === 0 ? uncompress(input) : uncompress(input, history);
  }
}

function readHead(input: Buffer, start: number) {
  if (uint32(input, start) !== MAGIC) throw new Error('it is no lz4 frame');
  const [flags, maximum] = slice(input, start + 4, 2);
  const blockMax = BLOCK_BYTES_MAX.get(maximum);
  if (
    (flags & FLAG_VERSION_MASK) !== FLAG_VERSION_1 ||
    (flags & FLAGS_UNREADABLE) !== 0 ||
    blockMax === undefined
  ) {
    throw new Error(`its frame head is none of version 1: ${flags}, ${maximum}`);
  }
  const hasSize = (flags & FLAG_CONTENT_SIZE) !== 0;
  const descriptor = slice(input, start + 4, hasSize ? 10 : 2);
  const end = start + 4 + descriptor.length + 1;
  if (((xxh32(descriptor) >>> 8) & 0xff) !== slice(input, end - 1, 1)[0]) {
    throw new Error('the checksum of its frame head does not match');
  }
  const contentSize = hasSize ? descriptor.readBigUInt64LE(2) : -1n;
  return { flags, blockMax, contentSize, end };
}

function slice(input: Buffer, at: number, size: number): Buffer {
  if (at + size > input.length) throw new Error('its frame is cut off');
  return input.subarray(at, at + size);
}

const uint32 = (input: Buffer, at: number) => slice(input, at, 4).readUInt32LE(0);

function check(bytes: Buffer, checksum: number, what: string): void {
  if (xxh32(bytes) !== checksum) throw new Error(`the checksum of ${what} does not match`);
}
