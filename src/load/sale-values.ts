/** How sales are written into the values of records; one implementation for each format. */
import type { ReasonCode } from '../sale/reasons.ts';

/** One sale before it is written; a single instance is filled again for each. */
export class SaleFields {
  /** Random words, of which the order's id is made. */
  id0 = 0;
  id1 = 0;
  id2 = 0;
  id3 = 0;
  /** An index into the categories. */
  category = 0;
  valorCentavos = 0;
  /** Whole seconds, in milliseconds since the epoch. */
  eventMs = 0;
}

/** Writes one value at a time: `begin`, `add` for each of its sales, `end`. */
export interface SaleValues {
  readonly salesPerValue: number;
  /** Greatest size of a value, with the bytes past its end that may be written over. */
  readonly bytesMax: number;
  /** `view` covers the same bytes; the value starts at `at`. */
  begin(bytes: Buffer, view: DataView, at: number): void;
  add(sale: SaleFields): void;
  /** Returns where the value ends. */
  end(): number;
  /** Values that are no sale, with the reason for which each is rejected. */
  readonly malformed: readonly MalformedValue[];
}

export interface MalformedValue {
  readonly bytes: Buffer;
  readonly reason: ReasonCode;
}
