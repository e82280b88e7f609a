import { beforeEach, describe, expect, it } from 'vitest';
import { Checkpointer } from '../../../src/coordinator/checkpointer.ts';
import type { CheckpointContent } from '../../../src/coordinator/owned-partition.ts';
import { CommitPermit } from '../../../src/lib/commit-permit.ts';
import { VendavalError } from '../../../src/lib/errors.ts';
import type { Progress } from '../../../src/mongo/progress-document.ts';
import { REASON } from '../../../src/sale/reasons.ts';
import { NO_MARK } from '../../../src/state/batch-mark.ts';

/** What the sinks were given, in order; and how often each fails first. */
let calls: { step: string; given: unknown }[];
let failures: Record<string, number>;
let events: string[];
let onCall: (step: string) => void;

beforeEach(() => {
  calls = [];
  failures = {};
  events = [];
  onCall = () => {};
});

async function called(step: string, given: unknown): Promise<void> {
  calls.push({ step, given: structuredClone(given) });
  onCall(step);
  if (failures[step] > 0) {
    failures[step]--;
    throw new Error(`${step} fails`);
  }
}

function checkpointer(code = 'E_MONGO'): Checkpointer {
  const sinks = {
    deadLetters: { send: (letters: unknown) => called('dead letters', letters) },
    totals: { write: (updates: unknown) => called('totals', updates) },
    progress: {
      advance: async (states: Progress[], withCategories: ReadonlySet<number>) => {
        await called('progress', { states, withCategories });
        return states.map(({ partition, nextOffset }) => CommitPermit.issue(partition, nextOffset));
      },
    },
  };
  return new Checkpointer(
    sinks as never,
    (error) => new VendavalError(String(error), { code, retryable: true }),
    {
      retrying: (error, attempt) => events.push(`${error.message} (${attempt})`),
      recovered: () => events.push('recovered'),
    },
  );
}

function content(
  partition: number,
  nextOffset: number,
  hasNewCategories = false,
): CheckpointContent {
  const progress: Progress = {
    partition,
    countId: null,
    topicId: 'id',
    startOffset: 0,
    nextOffset,
    lastBatch: NO_MARK,
    skips: [],
    maxEventMs: 1,
    closingWatermarkMs: 1,
    atEnd: false,
    counted: nextOffset,
    lateCounted: 0,
    rejected: [],
    categories: ['Casa'],
  };
  const register = { count: 1, centavos: 1n, menor: 1, maior: 1, ate: nextOffset };
  const registers = [{ partition, register }];
  const record = {
    offset: 1,
    timestampMs: 1,
    reason: REASON.late,
    detail: '',
    key: null,
    value: null,
    valueOmitted: false,
    item: -1,
    rawHeaders: Buffer.alloc(0),
  };
  return {
    progress,
    updates: [{ windowStartMs: 0, windowEndMs: 1, categoria: 'Casa', registers }],
    letters: [{ topicId: 'id', partition, record }],
    hasNewCategories,
    arrivals: { partition, records: nextOffset, oldestMs: 1, newestMs: 1 },
  };
}

const never = new AbortController().signal;
const steps = () => calls.map(({ step }) => step);

describe('Checkpointer', () => {
  it('makes dead letters durable, then totals, then progress, and gives permits for these offsets', async () => {
    const permits = await checkpointer().persist([content(0, 10), content(2, 30)], never);
    expect(steps()).toEqual(['dead letters', 'totals', 'progress']);
    expect(permits?.map(({ partition, offset }) => [partition, offset])).toEqual([
      [0, 10],
      [2, 30],
    ]);
    expect(permits?.every((permit) => CommitPermit.isGenuine(permit))).toBe(true);
    expect(events).toEqual([]);
  });

  it('writes each document once, with the registers of all partitions, and letters of all', async () => {
    await checkpointer().persist([content(0, 10), content(2, 30, true)], never);
    expect(calls[0].given).toHaveLength(2);
    expect(calls[1].given).toEqual([
      expect.objectContaining({
        registers: [
          { partition: 0, register: expect.objectContaining({ ate: 10 }) },
          { partition: 2, register: expect.objectContaining({ ate: 30 }) },
        ],
      }),
    ]);
    expect(calls[2].given).toMatchObject({ withCategories: new Set([2]) });
  });

  it.each([
    ['dead letters', ['dead letters', 'dead letters', 'dead letters', 'totals', 'progress']],
    ['totals', ['dead letters', 'totals', 'totals', 'totals', 'progress']],
    ['progress', ['dead letters', 'totals', 'progress', 'progress', 'progress']],
  ])(
    'tries %s again with the same content until it holds, and no step that held',
    async (step, order) => {
      failures = { [step]: 2 };
      const permits = await checkpointer().persist([content(0, 10)], never);
      expect(steps()).toEqual(order);
      const attempts = calls.filter((call) => call.step === step).map(({ given }) => given);
      expect(attempts[1]).toEqual(attempts[0]);
      expect(attempts[2]).toEqual(attempts[0]);
      expect(permits).toHaveLength(1);
      expect(events).toEqual([`Error: ${step} fails (1)`, `Error: ${step} fails (2)`, 'recovered']);
    },
  );

  it.each(['dead letters', 'totals', 'progress'])(
    'gives no permit and goes no further when it is given up while %s fail',
    async (failing) => {
      failures = { [failing]: Number.POSITIVE_INFINITY };
      const giveUp = new AbortController();
      onCall = (step) => {
        if (step === failing && steps().filter((name) => name === failing).length === 2)
          giveUp.abort();
      };
      expect(await checkpointer().persist([content(0, 10)], giveUp.signal)).toBeNull();
      expect(steps().at(-1)).toBe(failing);
      expect(steps().filter((name) => name === failing)).toHaveLength(2);
    },
  );

  it('ends a wait between two attempts when it is given up', async () => {
    failures = { totals: Number.POSITIVE_INFINITY };
    const giveUp = new AbortController();
    const persisted = checkpointer().persist([content(0, 10)], giveUp.signal);
    onCall = (step) => {
      if (step === 'totals') setImmediate(() => giveUp.abort());
    };
    expect(await persisted).toBeNull();
    expect(steps()).toEqual(['dead letters', 'totals']);
  });

  it('tells when a step is over: once, after its last try', async () => {
    failures = { totals: 2 };
    const told: string[] = [];
    const timer = { done: (step: string) => told.push(`${step} after ${steps().length} calls`) };
    await checkpointer().persist([content(0, 10)], never, timer);
    expect(told).toEqual([
      'letters after 1 calls',
      'totals after 4 calls',
      'progress after 5 calls',
    ]);
  });

  it('does not try a bug again', async () => {
    failures = { totals: 1 };
    await expect(checkpointer('E_INTERNAL').persist([content(0, 10)], never)).rejects.toMatchObject(
      {
        code: 'E_INTERNAL',
      },
    );
    expect(steps()).toEqual(['dead letters', 'totals']);
  });
});
