/**
 * What a verdict on one sale depends on besides its bytes. All of it is pinned in the settings
 * document, so that every replay judges alike.
 */
export interface SaleRules {
  /** IANA zone in which a timestamp without a zone is read; 'UTC' by default. */
  readonly timeZone: string;
}

/** Greatest accepted valor: R$ 1.000.000.000,00, so that ninety thousand of them stay below 2^53. */
export const VALOR_CENTAVOS_MAX = 100_000_000_000;

/**
 * Largest JSON value that is looked into. A sale has 130 bytes; a broker takes one mebibyte unless it
 * is told otherwise. What JSON.parse makes of more could take a worker thread's whole heap.
 */
export const JSON_BYTES_MAX = 1024 * 1024;

/** Greatest accepted length of a category, in bytes of UTF-8. */
export const CATEGORY_BYTES_MAX = 128;

/**
 * Most sales in one SaleBatch. A batch is counted whole or not at all between two checkpoints, so
 * it must fit a table and a reject log that are empty: src/state/layout.ts holds it to that.
 */
export const SALES_PER_BATCH_MAX = 4096;

/**
 * Event times are accepted from 1970-01-01T00:00:00.000Z up to, not including, 2^32 seconds
 * later (2106-02-07), so that a window index of whole seconds fits in 32 bits.
 */
export const EVENT_TIME_MS_LIMIT = 2 ** 32 * 1000;

/** Increment when any rule changes which verdict a record gets. */
export const RULES_VERSION = 2;

/**
 * In its place where late sales are counted: a release that does not know of that policy refuses
 * such a database, and rejects nothing that another engine counts.
 */
export const RULES_VERSION_LATE_COUNTED = 3;

/** The categories admitted so far, in order of first appearance. Implemented over shared memory. */
export interface CategoryIds {
  /** The id of `name`, admitted now if it is new; -1 when the limit is reached. */
  intern(name: string): number;
}
