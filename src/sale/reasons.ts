/**
 * Why a record was not counted. The number goes through shared memory and indexes the counters;
 * the name is what documents, dead-letter headers and metrics show. Numbers are append-only:
 * progress documents of earlier versions hold the names.
 */
export const REASONS = [
  'valid',
  'not_json',
  'missing_field',
  'wrong_type',
  'valor_out_of_range',
  'valor_decimals',
  'bad_timestamp',
  'future_timestamp',
  'category_empty',
  'category_too_long',
  'category_malformed',
  'category_limit',
  'late',
  'malformed_flatbuffer',
  'batch_empty',
  'batch_too_large',
  /** Of offsets, not of records: those of a batch that was passed over unread. */
  'corrupt_batch',
  'value_too_large',
] as const;

export type ReasonName = (typeof REASONS)[number];

/** Index into REASONS; 0 is "valid". */
export type ReasonCode = number;

export const REASON = Object.fromEntries(REASONS.map((name, code) => [name, code])) as {
  readonly [Name in ReasonName]: number;
};
