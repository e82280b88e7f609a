/**
 * The memory that a compressed batch is decompressed into: one per lease, used again for each
 * batch. Invariant: it never holds more than its limit, however much a batch claims or yields,
 * and between batches it keeps no more than KEPT_BYTES_MAX.
 */

/** What one batch may decompress to, whatever its ratio; Kafka's own batches are about 1 MB. */
export const UNPACKED_BYTES_MAX = 128 * 1024 * 1024;
/** Memory that outlives a batch; one that needed more gives it back. */
export const KEPT_BYTES_MAX = 16 * 1024 * 1024;
/** Behind the records, so that the scanner's whole-word reads need no copy of the last one. */
const READ_AHEAD_BYTES = 64;

/** Thrown by a codec: the data would pass the limit. All its other errors say "corrupt". */
export class UnpackedTooLarge extends Error {}

export class UnpackedRecords {
  bytes!: Buffer;
  view!: DataView;
  /** How much of `bytes` is records. */
  size = 0;
  readonly #limit: number;

  constructor(limit = UNPACKED_BYTES_MAX) {
    this.#limit = limit;
    this.#allocate(0);
  }

  /** How much more may be appended. */
  get room(): number {
    return this.#limit - this.size;
  }

  /** Throws when `count` more bytes would be too many; allocates nothing. */
  expect(count: number): void {
    if (count > this.room) throw this.tooLarge();
  }

  tooLarge(): UnpackedTooLarge {
    return new UnpackedTooLarge(`it decompresses to more than ${this.#limit} bytes`);
  }

  append(chunk: Uint8Array): void {
    this.expect(chunk.length);
    const end = this.size + chunk.length;
    if (end + READ_AHEAD_BYTES > this.bytes.length) {
      const old = this.bytes;
      this.#allocate(Math.max(end, Math.min(2 * old.length, this.#limit)));
      old.copy(this.bytes, 0, 0, this.size);
    }
    this.bytes.set(chunk, this.size);
    this.size = end;
  }

  /** Forgets the batch, and its memory if that was large. */
  clear(): void {
    this.size = 0;
    if (this.bytes.length > KEPT_BYTES_MAX + READ_AHEAD_BYTES) this.#allocate(0);
  }

  #allocate(size: number): void {
    this.bytes = Buffer.allocUnsafeSlow(size + READ_AHEAD_BYTES);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
  }
}
