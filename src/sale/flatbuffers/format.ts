/**
 * How a FlatBuffer of ours is told from JSON, and where its fields lie: what both readers agree on.
 *
 * A value is taken for a FlatBuffer when bytes 4 to 7 are one of the two identifiers and byte 3 is
 * below 0x20, that is, the root's offset in bytes 0 to 3 is below 2^29. No JSON text has both:
 * outside strings JSON has no "V", so at byte 4 it would stand inside a string, and the byte before
 * it would be the string's opening quote (0x22) or a character of it, which is 0x20 or above.
 */

export const FLAT_HEAD_BYTES = 8;

/** The identifiers as `DataView.getInt32(start + 4, true)` reads them. */
export const SALE_IDENTIFIER = Buffer.from('VDVS').readInt32LE(0);
export const BATCH_IDENTIFIER = Buffer.from('VDVB').readInt32LE(0);

/** Byte 3 of a value: the highest of the root's offset. */
export const ROOT_HIGH_BYTE_END = 0x20;

/** Places of a Sale's fields in its vtable, and of a SaleBatch's only one. */
export const SLOT = { idPedido: 4, categoria: 6, valorCentavos: 8, timestampMs: 10, vendas: 4 };

export type FlatKind = 'sale' | 'batch';

/** Which of the two it is said to be; null for everything else, which is read as JSON. */
export function flatKind(value: Uint8Array): FlatKind | null {
  if (value.length < FLAT_HEAD_BYTES || value[3] >= ROOT_HIGH_BYTE_END) return null;
  const identifier = String.fromCharCode(...value.subarray(4, 8));
  if (identifier === 'VDVS') return 'sale';
  return identifier === 'VDVB' ? 'batch' : null;
}

/** What is said of a structure that is not sound. */
export const MALFORMED = {
  sale: 'an offset or a length of the FlatBuffer leads out of it',
  batch: 'an offset or a length of the batch leads out of it',
  inBatch: (index: number) => `an offset or a length of sale ${index} leads out of the batch`,
};
export const BATCH_EMPTY = 'the batch holds no sale';
