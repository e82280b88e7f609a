/**
 * A lease's shared memory and settings for tests, and what is in it as plain values. Regions are
 * small, so that a few sales fill them.
 */
import { REASONS } from '../../src/sale/reasons.ts';
import { NO_MARK } from '../../src/state/batch-mark.ts';
import type { RegionLimits } from '../../src/state/layout.ts';
import {
  CoordinatorRegion,
  createRegion,
  type PartitionSnapshot,
  readSnapshot,
  WorkerRegion,
} from '../../src/state/partition-region.ts';
import { type RejectedRecord, WHOLE_RECORD } from '../../src/state/reject-log.ts';
import type { LeaseStart, TimeRules } from '../../src/workers/lease-protocol.ts';

export const LIMITS: RegionLimits = { tableSlots: 64, rejectLogBytes: 64 * 1024, categoryCount: 8 };

export const RULES: TimeRules = {
  windowMs: 60_000,
  watermarkDelayMs: 120_000,
  futureToleranceMs: 300_000,
  timeZone: 'UTC',
  late: 'reject',
};

export const FROM_THE_START: LeaseStart = {
  nextOffset: 0,
  lastBatch: NO_MARK,
  maxEventMs: -1,
  counted: 0,
  lateCounted: 0,
  rejected: [],
  guards: [],
};

export interface RegionPair {
  readonly buffer: SharedArrayBuffer;
  readonly worker: WorkerRegion;
  readonly coordinator: CoordinatorRegion;
}

export function regionPair(limits = LIMITS, names: readonly string[] = []): RegionPair {
  const buffer = createRegion(limits, names);
  return { buffer, worker: new WorkerRegion(buffer), coordinator: new CoordinatorRegion(buffer) };
}

/** What a (window, category) holds, keyed by `window|categoria`. */
export type Sums = Record<
  string,
  { count: number; centavos: number; menor: number; maior: number }
>;

export function addSale(sums: Sums, key: string, centavos: number): void {
  const sum = sums[key];
  if (!sum) {
    sums[key] = { count: 1, centavos, menor: centavos, maior: centavos };
    return;
  }
  sum.count++;
  sum.centavos += centavos;
  sum.menor = Math.min(sum.menor, centavos);
  sum.maior = Math.max(sum.maior, centavos);
}

/** Everything that drained deltas said, added up as the coordinator does. */
export class Drained {
  readonly sums: Sums = {};
  readonly rejects: RejectedRecord[] = [];
  categories: string[] = [];
  snapshot: PartitionSnapshot | null = null;

  /** Takes the frozen delta and hands it back. */
  take(region: CoordinatorRegion): PartitionSnapshot {
    const delta = region.frozen;
    if (!delta) throw new Error('nothing is frozen');
    region.dictionary.readNew();
    delta.table.forEach((window, category, count, centavos, menor, maior) => {
      const key = `${window}|${region.dictionary.nameOf(category)}`;
      const sum = this.sums[key];
      if (!sum) {
        this.sums[key] = { count, centavos, menor, maior };
        return;
      }
      sum.count += count;
      sum.centavos += centavos;
      sum.menor = Math.min(sum.menor, menor);
      sum.maior = Math.max(sum.maior, maior);
    });
    this.rejects.push(...delta.rejectLog.read());
    const snapshot = readSnapshot(delta);
    this.categories = region.dictionary.names(snapshot.dictionaryCount);
    this.snapshot = snapshot;
    region.release();
    return snapshot;
  }

  /** Each rejected record as `offset reason`, a batched sale as `offset/index reason`, in log order. */
  get rejections(): string[] {
    return this.rejects.map(({ offset, item, reason }) => {
      const at = item === WHOLE_RECORD ? offset : `${offset}/${item}`;
      return `${at} ${REASONS[reason]}`;
    });
  }
}

/** A sale's value. `valor` is spelled from centavos without a float. */
export function saleJson(categoria: string, centavos: number, eventMs: number): string {
  const digits = String(centavos).padStart(3, '0');
  return (
    `{"id_pedido": "8c5b4a5e-0f6e-4f0e-9a55-0e9d3a3c7f11", "categoria": ${JSON.stringify(categoria)}, ` +
    `"valor": ${digits.slice(0, -2)}.${digits.slice(-2)}, "timestamp": "${new Date(eventMs).toISOString()}"}`
  );
}
