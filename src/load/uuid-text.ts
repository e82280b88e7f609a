/** The text of a version 4 UUID, written over a template from four random words. */
import { word } from '../sale/words.ts';
import type { SaleFields } from './sale-values.ts';

/** The digits that stay: the version, and the first of the variant. */
export const NO_ID = '00000000-0000-4000-a000-000000000000';

/** Four hexadecimal digits for each number of 16 bits. */
const HEX = Int32Array.from({ length: 65_536 }, (_, n) => word(n.toString(16).padStart(4, '0')));

/** Where the template already stands. */
export function writeId(view: DataView, at: number, { id0, id1, id2, id3 }: SaleFields): void {
  view.setInt32(at, HEX[id0 >>> 16], true);
  view.setInt32(at + 4, HEX[id0 & 0xffff], true);
  view.setInt32(at + 9, HEX[id1 >>> 16], true);
  // Three digits behind the 4, and three behind the a.
  const third = HEX[id1 & 0xffff];
  view.setInt16(at + 15, third, true);
  view.setInt8(at + 17, third >>> 16);
  const fourth = HEX[id2 >>> 16];
  view.setInt16(at + 20, fourth, true);
  view.setInt8(at + 22, fourth >>> 16);
  view.setInt32(at + 24, HEX[id2 & 0xffff], true);
  view.setInt32(at + 28, HEX[id3 >>> 16], true);
  view.setInt32(at + 32, HEX[id3 & 0xffff], true);
}
