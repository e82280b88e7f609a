/** The shared-memory structures against plain ones, over generated sequences of operations. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WHOLE_RECORD } from '../../src/state/reject-log.ts';
import { LIMITS, regionPair } from '../parts/lease-regions.ts';

const MAX = Number.MAX_SAFE_INTEGER;

type Row = [window: number, category: number, count: number, sum: number, min: number, max: number];

/** What SingleWriterTable must do, with a Map. */
class Model {
  readonly rows = new Map<string, Row>();
  readonly #keysMax: number;

  constructor(slots: number) {
    this.#keysMax = (slots / 4) * 3;
  }

  add(window: number, category: number, centavos: number): boolean {
    const key = `${window} ${category}`;
    const row = this.rows.get(key);
    if (!row) {
      if (this.rows.size === this.#keysMax) return false;
      this.rows.set(key, [window, category, 1, centavos, centavos, centavos]);
      return true;
    }
    const [, , count, sum, min, max] = row;
    if (BigInt(sum) + BigInt(centavos) > BigInt(MAX)) return false;
    const grown = [count + 1, sum + centavos, Math.min(min, centavos), Math.max(max, centavos)];
    this.rows.set(key, [window, category, ...grown] as Row);
    return true;
  }
}

const windows = fc.oneof(
  fc.nat(5),
  // Near each other, far apart, and on both sides of where an Int32 turns negative.
  fc.integer({ min: 2 ** 31 - 3, max: 2 ** 31 + 3 }),
  fc.constantFrom(0, 2 ** 32 - 1),
  fc.nat(2 ** 32 - 1),
);
const centavos = fc.oneof(
  fc.nat(3),
  fc.nat(100_000_000_000),
  fc.integer({ min: 0, max: 3 }).map((less) => MAX - less),
  fc.constant((MAX - 1) / 2),
);
const sales = fc.array(
  fc.oneof(
    { weight: 30, arbitrary: fc.tuple(windows, fc.nat(6), centavos) },
    { weight: 1, arbitrary: fc.constant('clear' as const) },
  ),
  { maxLength: 120 },
);

describe('SingleWriterTable', () => {
  it('is a Map with room for three quarters of its slots, in order of first use', () => {
    fc.assert(
      fc.property(sales, fc.constantFrom(4, 8, 16, 64), (operations, tableSlots) => {
        const { table } = regionPair({ ...LIMITS, tableSlots }).worker.active;
        let model = new Model(tableSlots);
        const rows = () => {
          const found: Row[] = [];
          table.forEach((...row) => {
            found.push(row);
          });
          return found;
        };
        for (const operation of operations) {
          if (operation === 'clear') {
            table.clear();
            model = new Model(tableSlots);
            expect(rows()).toEqual([]);
            continue;
          }
          const done = table.add(...operation);
          expect(done).toBe(model.add(...operation));
          if (!done) expect(rows()).toEqual([...model.rows.values()]);
        }
        expect(rows()).toEqual([...model.rows.values()]);
        expect(table.size).toBe(model.rows.size);
      }),
      { numRuns: 500 },
    );
  });
});

const part = fc.option(
  fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ minLength: 100, maxLength: 300 })),
);
const rejects = fc.array(
  fc.record({
    key: part,
    value: part,
    headers: fc.uint8Array({ minLength: 1, maxLength: 40 }),
    offset: fc.maxSafeNat(),
    timestampMs: fc.integer({ min: -1 }),
    reason: fc.integer({ min: 1, max: 12 }),
    detail: fc.string({ unit: 'grapheme', maxLength: 40 }),
  }),
  { maxLength: 20 },
);

describe('RejectLog', () => {
  it('gives back what was appended, whole and in order, whenever it is drained', () => {
    fc.assert(
      fc.property(rejects, fc.integer({ min: 400, max: 1500 }), (list, rejectLogBytes) => {
        const log = regionPair({ ...LIMITS, rejectLogBytes }).worker.active.rejectLog;
        const read: ReturnType<typeof log.read> = [];
        for (const { key, value, headers, offset, timestampMs, reason, detail } of list) {
          const source = Buffer.concat(
            [key ?? [], value ?? [], headers].map((p) => Buffer.from(p)),
          );
          const keyEnd = key?.length ?? 0;
          const valueEnd = keyEnd + (value?.length ?? 0);
          const spans = {
            keyStart: 0,
            keyEnd: key ? keyEnd : -1,
            valueStart: keyEnd,
            valueEnd: value ? valueEnd : keyEnd - 1,
            headersStart: valueEnd,
            headersEnd: source.length,
          };
          if (!log.append(source, spans, offset, timestampMs, reason, detail)) {
            read.push(...log.read());
            log.clear();
            expect(log.append(source, spans, offset, timestampMs, reason, detail)).toBe(true);
          }
        }
        read.push(...log.read());
        const fits = (entry: (typeof list)[number]) =>
          48 +
            (entry.key?.length ?? 0) +
            (entry.value?.length ?? 0) +
            entry.headers.length +
            Buffer.byteLength(entry.detail) <=
          rejectLogBytes;
        expect(read).toEqual(
          list.map((entry) => {
            const { offset, timestampMs, reason, detail } = entry;
            const common = { offset, item: WHOLE_RECORD, timestampMs, reason, detail };
            if (!fits(entry)) {
              return {
                ...common,
                key: null,
                value: null,
                valueOmitted: true,
                rawHeaders: Buffer.alloc(0),
              };
            }
            return {
              ...common,
              key: entry.key && Buffer.from(entry.key),
              value: entry.value && Buffer.from(entry.value),
              rawHeaders: Buffer.from(entry.headers),
              valueOmitted: false,
            };
          }),
        );
      }),
      { numRuns: 300 },
    );
  });
});
