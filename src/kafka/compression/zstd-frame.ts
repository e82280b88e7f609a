/**
 * Batches compressed with zstd. The frames are walked here from block to block, and each is given
 * to the library alone with the most that it can yield: Node's own decoder ends after the first
 * frame without a word, some of its versions take a frame that was cut off for a whole one, and
 * WebAssembly needs to know the size before. https://www.rfc-editor.org/rfc/rfc8878
 *
 *     magic u32 | descriptor u8 | window u8? | dictionary id? | content size? | blocks | checksum?
 *     block: size 21 bits, type 2 bits, last 1 bit | data
 */
import { type UnpackedRecords, UnpackedTooLarge } from './unpacked-records.ts';

/** Decompresses one whole frame to at most `bytesMax`; throws UnpackedTooLarge at one more. */
export type UncompressFrame = (frame: Buffer, bytesMax: number) => Uint8Array;

const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const BLOCK_BYTES_MAX = 128 * 1024;
/** The library's own limit. Kafka's highest level asks for as much. */
const WINDOW_BYTES_MAX = 2 ** 27;
const BLOCK_RAW = 0;
const BLOCK_REPEATED = 1;
const BLOCK_COMPRESSED = 2;

export function unzstd(uncompress: UncompressFrame): (input: Buffer, out: UnpackedRecords) => void {
  return (input, out) => {
    let at = 0;
    do {
      const magic = slice(input, at, 4).readUInt32LE(0);
      if ((magic & ~15) >>> 0 === SKIPPABLE_MAGIC) {
        const size = slice(input, at + 4, 4).readUInt32LE(0);
        slice(input, at + 8, size);
        at += 8 + size;
        continue;
      }
      if (magic !== MAGIC) throw new Error('it is no zstd frame');
      const { end, sizeMin, sizeMax } = measureFrame(input, at);
      out.expect(sizeMin);
      const most = Math.min(sizeMax, out.room);
      try {
        out.append(uncompress(input.subarray(at, end), most));
      } catch (error) {
        if (!(error instanceof UnpackedTooLarge)) throw error;
        if (most === out.room) throw out.tooLarge();
        throw new Error('a block yields more than it may');
      }
      at = end;
    } while (at < input.length);
  };
}

/** Where a frame ends, and the least and the most that it can decompress to. */
function measureFrame(input: Buffer, start: number) {
  const head = readHead(input, start + 4);
  const blockMax = Math.min(head.windowSize, BLOCK_BYTES_MAX);
  let sizeMin = 0;
  let sizeMax = 0;
  let at = head.end;
  for (let isLast = false; !isLast; ) {
    const word = slice(input, at, 3).readUIntLE(0, 3);
    at += 3;
    isLast = (word & 1) !== 0;
    const type = (word >> 1) & 3;
    const size = word >> 3;
    if (size > blockMax) throw new Error(`a block of ${size} bytes passes its maximum`);
    if (type === BLOCK_RAW || type === BLOCK_REPEATED) {
      sizeMin += size;
      sizeMax += size;
    } else if (type === BLOCK_COMPRESSED) {
      sizeMax += blockMax;
    } else {
      throw new Error('a block is of no known type');
    }
    const stored = type === BLOCK_REPEATED ? 1 : size;
    slice(input, at, stored);
    at += stored;
  }
  if (head.hasChecksum) {
    slice(input, at, 4);
    at += 4;
  }
  const { contentSize } = head;
  if (contentSize < 0) return { end: at, sizeMin, sizeMax };
  if (contentSize < sizeMin || contentSize > sizeMax) {
    throw new Error(`it announces ${contentSize} bytes, and its blocks hold others`);
  }
  return { end: at, sizeMin: contentSize, sizeMax: contentSize };
}

/** @param start of the descriptor. A content size of -1 is unknown. */
function readHead(input: Buffer, start: number) {
  const [descriptor] = slice(input, start, 1);
  let at = start + 1;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  if (descriptor & 0x08) throw new Error('a reserved bit of its frame is set');
  let windowSize = 0;
  if (!isSingleSegment) {
    const [window] = slice(input, at++, 1);
    windowSize = 2 ** (10 + (window >> 3)) * (1 + (window & 7) / 8);
  }
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3];
  if (slice(input, at, dictionaryBytes).some((byte) => byte !== 0)) {
    throw new Error('it needs a dictionary');
  }
  at += dictionaryBytes;
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6];
  const field = slice(input, at, sizeBytes);
  at += sizeBytes;
  let contentSize = -1;
  if (sizeBytes === 8) contentSize = Number(field.readBigUInt64LE(0));
  else if (sizeBytes > 0)
    contentSize = field.readUIntLE(0, sizeBytes) + (sizeBytes === 2 ? 256 : 0);
  if (isSingleSegment) windowSize = contentSize;
  else if (windowSize > WINDOW_BYTES_MAX) throw new Error(`its window is ${windowSize} bytes`);
  return { end: at, windowSize, contentSize, hasChecksum: (descriptor & 0x04) !== 0 };
}

function slice(input: Buffer, at: number, size: number): Buffer {
  if (at + size > input.length) throw new Error('its frame is cut off');
  return input.subarray(at, at + size);
}
