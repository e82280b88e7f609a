/**
 * The same sales in every form that a record can have: plain JSON, each codec, FlatBuffers one by
 * one and a hundred to a record. One topic each, all on one real broker, and the engine counts them
 * in turn. What the fetch loop alone reads of the two extremes stands beside them as the ceiling.
 */
import { preload } from './parts/preload.ts';
import type { Codec, Format } from './parts/preload-plan.ts';
import {
  engineRound,
  type Figures,
  peerRound,
  runRounds,
  type Servers,
  type System,
} from './parts/rounds.ts';

export interface FormatsOptions {
  readonly sales: number;
  readonly rounds: number;
  readonly onStep: (step: string) => void;
}

export interface FormatRow extends Figures {
  readonly format: string;
  readonly codec: Codec;
  /** 'engine', or 'fetch loop': nothing checked and nothing counted. */
  readonly reader: string;
  /** As stored by the broker, with its share of the record's and the batch's head. */
  readonly bytesPerSale: number;
  readonly salesPerRecord: number;
  readonly hash: string;
}

type Form = readonly [format: Format, codec: Codec];

const FORMS: readonly Form[] = [
  ['json', 'none'],
  ['json', 'gzip'],
  ['json', 'snappy'],
  ['json', 'lz4'],
  ['json', 'zstd'],
  ['flatbuffers', 'none'],
  ['flatbuffers', 'lz4'],
  ['flatbuffers-batch', 'none'],
  ['flatbuffers-batch', 'lz4'],
];
const CEILINGS: readonly Form[] = [
  ['json', 'none'],
  ['flatbuffers-batch', 'none'],
];

export async function formatsBench(
  servers: Servers,
  options: FormatsOptions,
): Promise<FormatRow[]> {
  const { sales, rounds, onStep } = options;
  const rows: Omit<FormatRow, keyof Figures>[] = [];
  const systems: System[] = [];
  for (const [format, codec] of FORMS) {
    const topic = `bench-${format}-${codec}`;
    const plan = { brokers: servers.brokers, topic, format, codec, sales };
    const { records, bytes, hash } = await preload(plan, onStep);
    const row = {
      ...{ format, codec, hash },
      bytesPerSale: bytes / sales,
      salesPerRecord: Math.round(sales / records),
    };
    const source = { topic, sales };
    const name = `${format}, ${codec}`;
    rows.push({ ...row, reader: 'engine' });
    systems.push({ name, hash, run: (round) => engineRound(servers, source, round) });
    if (!CEILINGS.some((ceiling) => ceiling.join() === [format, codec].join())) continue;
    rows.push({ ...row, reader: 'fetch loop' });
    const run = () => peerRound(servers, source, 'fetch-loop');
    systems.push({ name: `fetch loop, ${name}`, hash, run });
  }
  if (new Set(rows.map(({ hash }) => hash)).size !== 1) throw new Error('the topics differ');
  const figures = await runRounds(systems, rounds, servers, onStep);
  return rows.map((row, i) => ({ ...row, ...figures[i] }));
}
