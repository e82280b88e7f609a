/**
 * Kafka's primitive types, for requests and response heads: a few hundred bytes at a time, never
 * the records. The types' names are those of the protocol guide; "compact" ones belong to
 * flexible versions.
 */
import { VendavalError } from '../../lib/errors.ts';

export class RequestWriter {
  readonly #bytes: Buffer;
  #position = 4;

  /** @param bytesMax of the whole request */
  constructor(bytesMax = 1024) {
    this.#bytes = Buffer.alloc(bytesMax);
  }

  int8(value: number): this {
    this.#position = this.#bytes.writeInt8(value, this.#position);
    return this;
  }

  int16(value: number): this {
    this.#position = this.#bytes.writeInt16BE(value, this.#position);
    return this;
  }

  int32(value: number): this {
    this.#position = this.#bytes.writeInt32BE(value, this.#position);
    return this;
  }

  int64(value: number): this {
    this.#position = this.#bytes.writeBigInt64BE(BigInt(value), this.#position);
    return this;
  }

  raw(bytes: Buffer): this {
    this.#position += bytes.copy(this.#bytes, this.#position);
    return this;
  }

  string(value: string): this {
    const bytes = Buffer.from(value, 'utf8');
    return this.int16(bytes.length).raw(bytes);
  }

  compactString(value: string): this {
    const bytes = Buffer.from(value, 'utf8');
    return this.unsignedVarint(bytes.length + 1).raw(bytes);
  }

  unsignedVarint(value: number): this {
    let rest = value;
    while (rest > 127) {
      this.#bytes[this.#position++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.#bytes[this.#position++] = rest;
    return this;
  }

  noTags(): this {
    return this.unsignedVarint(0);
  }

  /** Where the next byte will stand in the finished request. */
  get position(): number {
    return this.#position;
  }

  /** The request with its length in front. */
  finish(): Buffer {
    this.#bytes.writeInt32BE(this.#position - 4, 0);
    return Buffer.from(this.#bytes.subarray(0, this.#position));
  }
}

/** A response that ends too early or has a length that cannot be. */
export function malformedResponse(what: string): VendavalError {
  return new VendavalError(`the broker sent a response that cannot be read: ${what}`, {
    code: 'E_PROTOCOL',
    retryable: true,
    hint: 'Check that the address is a Kafka broker, and that nothing in between changes bytes.',
  });
}

export class ResponseReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  position: number;

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.position = start;
    this.#end = end;
  }

  #take(count: number): number {
    const at = this.position;
    if (count < 0 || at + count > this.#end) throw malformedResponse(`${count} bytes at ${at}`);
    this.position = at + count;
    return at;
  }

  int8(): number {
    return this.#bytes.readInt8(this.#take(1));
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#take(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  /** An int64 that must fit in a safe integer, as offsets and times do. */
  int64(): number {
    const value = Number(this.#bytes.readBigInt64BE(this.#take(8)));
    if (!Number.isSafeInteger(value)) throw malformedResponse(`an int64 of ${value}`);
    return value;
  }

  bigInt64(): bigint {
    return this.#bytes.readBigInt64BE(this.#take(8));
  }

  unsignedVarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes[this.#take(1)];
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw malformedResponse('a varint of more than five bytes');
  }

  /** Length of a compact array or string; -1 for null. */
  compactLength(): number {
    return this.unsignedVarint() - 1;
  }

  string(): string {
    const length = this.int16();
    const at = this.#take(length);
    return this.#bytes.toString('utf8', at, at + length);
  }

  compactString(): string | null {
    const length = this.compactLength();
    if (length < 0) return null;
    const at = this.#take(length);
    return this.#bytes.toString('utf8', at, at + length);
  }

  uuid(): string {
    const at = this.#take(16);
    return this.#bytes.toString('hex', at, at + 16);
  }

  skip(count: number): void {
    this.#take(count);
  }

  skipTags(): void {
    const count = this.unsignedVarint();
    for (let i = 0; i < count; i++) {
      this.unsignedVarint();
      this.skip(this.unsignedVarint());
    }
  }
}
