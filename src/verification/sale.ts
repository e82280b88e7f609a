/** What a judged sale is, whatever it was written in, and the limits that all formats share. */

export interface Sale {
  readonly categoria: string;
  readonly centavos: bigint;
  readonly eventMs: number;
}

/** The sale, or the name of the reason why it is none. */
export type SaleVerdict = Sale | string;

/** One sale of a batch, judged as if it were a record. */
export interface BatchedSale {
  readonly verdict: SaleVerdict;
  /** The value of its dead letter, should it be rejected. */
  letterValue(): Buffer;
}

export const CATEGORY_BYTES_MAX = 128;

/** Of a value that is JSON: one mebibyte. */
export const JSON_BYTES_MAX = 1_048_576;

/** R$ 1.000.000.000,00 */
export const CENTAVOS_MAX = 100_000_000_000n;

/** Event times are before 2106-02-07T06:28:16Z: 2^32 seconds. */
export const EVENT_MS_LIMIT = 4_294_967_296_000;
