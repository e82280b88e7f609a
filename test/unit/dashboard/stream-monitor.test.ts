import { describe, expect, it } from 'vitest';
import type { CheckpointReport } from '../../../src/coordinator/checkpoint-report.ts';
import type { EngineStatus } from '../../../src/coordinator/engine-events.ts';
import { lagMs } from '../../../src/dashboard/live-snapshot.ts';
import { StreamMonitor } from '../../../src/dashboard/stream-monitor.ts';
import { REASON } from '../../../src/sale/reasons.ts';
import { WHOLE_RECORD } from '../../../src/state/reject-log.ts';

const T = Date.UTC(2024, 10, 29);

/** Counted, rejected and durably counted, by partition. */
function status(partitions: Record<number, [number, number, number?]>): EngineStatus {
  const list = Object.entries(partitions).map(([partition, [counted, rejected, durable = 0]]) => ({
    ...{ partition: Number(partition), counted, rejected, durableCounted: durable },
  }));
  return { partitions: list } as unknown as EngineStatus;
}

function report(more: Partial<CheckpointReport>): CheckpointReport {
  const stepMs = {} as never;
  return {
    ...{ durableAtMs: T, durationMs: 5, stepMs, registers: 0, arrivals: [], letters: [] },
    ...more,
  };
}

const letter = (offset: number, value: Buffer | null, reason = REASON.not_json) => ({
  topicId: '11'.repeat(16),
  partition: 1,
  record: {
    ...{ offset, timestampMs: T, reason, detail: 'why', key: null, value, valueOmitted: false },
    item: WHOLE_RECORD,
    rawHeaders: Buffer.alloc(0),
  },
});

describe('rates', () => {
  it('are of the last seconds, by partition and in all', () => {
    const monitor = new StreamMonitor();
    for (let second = 0; second <= 20; second++) {
      monitor.sample(status({ 0: [second * 100, 0], 1: [second * 10, second] }), T + second * 1000);
    }
    expect(monitor.salesPerSecond).toBe(110);
    expect(monitor.recordsPerSecond(1)).toBe(11);
    expect(monitor.recordsPerSecond(7)).toBe(0);
    expect(monitor.rejectedLastMinute).toBe(20);
    expect(monitor.rates).toHaveLength(20);
  });

  it('do not take what was counted before this process for what it counts now', () => {
    const monitor = new StreamMonitor();
    const [recovering] = status({ 0: [0, 0] }).partitions;
    const partitions = [{ ...recovering, state: 'recovering' as const }];
    monitor.sample({ partitions } as unknown as EngineStatus, T);
    // The lease has begun, and its worker has not said yet where it stands.
    monitor.sample(status({ 0: [0, 0, 5_000_000] }), T + 1000);
    monitor.sample(status({ 0: [5_000_000, 900, 5_000_000] }), T + 2000);
    monitor.sample(status({ 0: [5_000_050, 901, 5_000_000] }), T + 3000);
    expect(monitor.rejectedLastMinute).toBe(0);
    expect(monitor.salesPerSecond).toBeLessThan(51);
  });

  it('are never negative: a lease that starts anew goes back to what is durable', () => {
    const monitor = new StreamMonitor();
    monitor.sample(status({ 0: [900, 5] }), T);
    monitor.sample(status({ 0: [400, 2] }), T + 1000);
    expect(monitor.salesPerSecond).toBe(0);
    expect(monitor.rejectedLastMinute).toBe(0);
  });
});

describe('checkpoints', () => {
  it('give latencies over the last minute, and the worst one of it', () => {
    const monitor = new StreamMonitor();
    const arrivals = [{ partition: 0, records: 1000, oldestMs: T - 400, newestMs: T - 100 }];
    monitor.checkpoint(report({ arrivals, durationMs: 900 }));
    const { p50Ms, p99Ms } = monitor.latency(T + 1000)!;
    expect(p50Ms).toBeGreaterThan(200);
    expect(p50Ms).toBeLessThan(300);
    expect(p99Ms).toBeGreaterThan(p50Ms);
    expect(monitor.worstCheckpointMs(T + 1000)).toBe(900);
    expect(monitor.latency(T + 70_000)).toBeNull();
    expect(monitor.worstCheckpointMs(T + 70_000)).toBeNull();
  });

  it('keep a few samples of each reason, newest first, cut and without control characters', () => {
    const monitor = new StreamMonitor();
    monitor.checkpoint(report({ letters: [letter(1, Buffer.from('a\0\nb'))] }));
    expect(monitor.samplesOf(REASON.not_json)[0].value).toBe('a\ufffd\ufffdb');
    const long = Buffer.alloc(9999, 'x');
    const many = Array.from({ length: 50_000 }, (_, i) => letter(i + 2, long));
    monitor.checkpoint(report({ letters: [...many, letter(60_000, null, REASON.late)] }));
    const samples = monitor.samplesOf(REASON.not_json);
    expect(samples.map(({ offset }) => offset)).toEqual([50_001, 50_000, 49_999, 49_998, 49_997]);
    expect(samples[0].value).toBe(`${'x'.repeat(400)}…`);
    expect(monitor.samplesOf(REASON.late)[0].value).toBeNull();
  });
});

describe('the lag in time', () => {
  const own = { state: 'fetching', lag: 0, endOffset: 10, newestRecordMs: T - 5000 } as never;
  it.each([
    ['at the end of the log', own, 0],
    ['with records waiting', { ...(own as object), lag: 3 } as never, 5000],
    ['without a connection', { ...(own as object), state: 'backing-off' } as never, 5000],
    [
      'before anything was read',
      { state: 'fetching', lag: 0, endOffset: -1, newestRecordMs: null } as never,
      null,
    ],
  ])('%s is %s', (_, given, expected) => {
    expect(lagMs(given, T)).toBe(expected);
  });
});
