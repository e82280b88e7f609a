/** What one preloaded topic holds, and what its thread is told and tells. */
import { SALE_CATEGORIES } from '../../src/load/shop.ts';
import type { CodecName } from '../../test/parts/compressors.ts';

export type Format = 'json' | 'flatbuffers' | 'flatbuffers-batch';
export type Codec = CodecName | 'none';

/** Sales in each record batch, whatever the format. */
export const SALES_PER_KAFKA_BATCH = 1000;

/** What growth is measured along; the other benchmarks have the usual. */
export interface Shape {
  readonly partitions: number;
  /** Names of sold things; the sales are spread alike. */
  readonly categories: readonly string[];
  /** Event time that the whole topic covers, in windows of a minute. */
  readonly minutes: number;
  /** How far an event time may lie behind those before it. */
  readonly jitterMs: number;
  /** Of a further field in each JSON sale; 0 is none. */
  readonly fillerBytes: number;
}

export const USUAL_SHAPE: Shape = {
  partitions: 3,
  categories: SALE_CATEGORIES,
  minutes: 20,
  jitterMs: 5000,
  fillerBytes: 0,
};

export interface PreloadPlan {
  readonly brokers: string;
  readonly topic: string;
  readonly format: Format;
  readonly codec: Codec;
  /** In all partitions together. */
  readonly sales: number;
  readonly shape?: Shape;
}

export interface PreloadTask extends PreloadPlan {
  readonly shape: Shape;
  readonly partition: number;
}

export interface PreloadedPartition {
  readonly records: number;
  /** Of record batches, as the broker stores them. */
  readonly bytes: number;
  /** What was written, kept while writing: see Sums. */
  readonly sums: [key: string, sum: { count: number; centavos: number }][];
}
