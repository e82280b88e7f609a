/** What one preloaded topic holds, and what its thread is told and tells. */
import type { CodecName } from '../../test/parts/compressors.ts';

export type Format = 'json' | 'flatbuffers' | 'flatbuffers-batch';
export type Codec = CodecName | 'none';

/** Sales in each record batch, whatever the format. */
export const SALES_PER_KAFKA_BATCH = 1000;

export interface PreloadPlan {
  readonly brokers: string;
  readonly topic: string;
  readonly format: Format;
  readonly codec: Codec;
  /** In all partitions together. */
  readonly sales: number;
}

export interface PreloadTask extends PreloadPlan {
  readonly partition: number;
  readonly partitions: number;
}

export interface PreloadedPartition {
  readonly records: number;
  /** Of record batches, as the broker stores them. */
  readonly bytes: number;
  /** What was written, kept while writing: see Sums. */
  readonly sums: [key: string, sum: { count: number; centavos: number }][];
}
