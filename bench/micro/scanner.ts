/**
 * What it costs to judge a sale, in sales a second on one core: JSON.parse alone, the reference,
 * and the scanner on several kinds of stream. Each case reads the same generated sales from one
 * buffer, as from a fetched batch, and adds them to a table of 4096 slots. The hash is made of
 * that table, so wrong or skipped work shows. Run alone: `npx tsx bench/micro/scanner.ts`.
 */
import { pathToFileURL } from 'node:url';
import { Bench } from 'tinybench';
import { REASON } from '../../src/sale/reasons.ts';
import { judgeSale } from '../../src/sale/reference.ts';
import type { CategoryIds, SaleRules } from '../../src/sale/rules.ts';
import { SaleScanner } from '../../src/sale/scanner.ts';
import { type SaleKind, saleTexts } from './scanner-sales.ts';

export interface ScannerResult {
  readonly name: string;
  readonly salesPerSecond: number;
  readonly hash: string;
}

const SALES = 10_000;
const SLOTS = 4096;
const rules: SaleRules = { timeZone: 'UTC' };

/** Sales one after the other with a few bytes between them, as records have. */
class Batch {
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly starts = new Int32Array(SALES);
  readonly ends = new Int32Array(SALES);

  constructor(texts: readonly string[]) {
    const parts: Buffer[] = [];
    let position = 0;
    texts.forEach((text, i) => {
      const value = Buffer.from(text);
      parts.push(Buffer.alloc(7, 1), value);
      this.starts[i] = position + 7;
      position = this.ends[i] = position + 7 + value.length;
    });
    this.bytes = Buffer.concat([...parts, Buffer.alloc(1024)]);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
  }
}

class Categories implements CategoryIds {
  readonly #names: string[] = [];

  intern(name: string): number {
    const id = this.#names.indexOf(name);
    return id >= 0 ? id : this.#names.push(name) - 1;
  }
}

/** Open addressing over window minute and category, as the engine's tables. */
class Table {
  readonly #minutes = new Int32Array(SLOTS);
  readonly #categories = new Int32Array(SLOTS);
  readonly #counts = new Float64Array(SLOTS);
  readonly #centavos = new Float64Array(SLOTS);
  rejected = 0;

  add(eventMs: number, categoryId: number, centavos: number): void {
    const minute = Math.floor(eventMs / 60_000);
    let slot = (Math.imul(minute, 0x9e3779b1) ^ Math.imul(categoryId, 0x85ebca6b)) >>> 20;
    while (this.#minutes[slot] !== minute || this.#categories[slot] !== categoryId) {
      if (this.#minutes[slot] === 0) {
        this.#minutes[slot] = minute;
        this.#categories[slot] = categoryId;
        break;
      }
      slot = (slot + 1) % SLOTS;
    }
    this.#counts[slot] += 1;
    this.#centavos[slot] += centavos;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#centavos.fill(0);
    this.rejected = 0;
  }

  /** Sales counted, their centavos, and both weighted by window, of the pass since `clear`. */
  hash(): string {
    const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
    let mixed = 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      const key = this.#minutes[slot] % 9973;
      mixed = (mixed + key * (this.#counts[slot] + this.#centavos[slot])) % 2 ** 40;
    }
    const counted = sum(this.#counts);
    return `${counted}+${this.rejected}:${sum(this.#centavos)}:${mixed.toString(36)}`;
  }
}

type Pass = (batch: Batch, table: Table) => void;

/** Everything that JSON.parse leaves to be checked is left out: a lower bound for using it. */
function jsonParsePass(): Pass {
  const categories = new Categories();
  return ({ bytes, starts, ends }, table) => {
    for (let i = 0; i < SALES; i++) {
      const sale = JSON.parse(bytes.toString('utf8', starts[i], ends[i]));
      const centavos = Math.round(sale.valor * 100);
      table.add(Date.parse(`${sale.timestamp}Z`), categories.intern(sale.categoria), centavos);
    }
  };
}

function referencePass(): Pass {
  const categories = new Categories();
  return ({ bytes, starts, ends }, table) => {
    for (let i = 0; i < SALES; i++) {
      const sale = judgeSale(bytes.subarray(starts[i], ends[i]), rules, categories);
      if (sale.verdict === 'valid') table.add(sale.eventMs, sale.categoryId, sale.valorCentavos);
      else table.rejected++;
    }
  };
}

function scannerPass(): Pass {
  const scanner = new SaleScanner(rules, new Categories());
  return ({ bytes, view, starts, ends }, table) => {
    for (let i = 0; i < SALES; i++) {
      if (scanner.scan(bytes, view, starts[i], ends[i]) === REASON.valid) {
        table.add(scanner.eventMs, scanner.categoryId, scanner.valorCentavos);
      } else {
        table.rejected++;
      }
    }
  };
}

const CASES: readonly [name: string, makePass: () => Pass, kind: SaleKind][] = [
  ['JSON.parse', jsonParsePass, 'python'],
  ['reference', referencePass, 'python'],
  ['scanner, Python spacing', scannerPass, 'python'],
  ['scanner, JS spacing', scannerPass, 'js'],
  ['scanner, microseconds', scannerPass, 'microseconds'],
  ['scanner, minutes at random', scannerPass, 'minutes'],
  ['scanner, two layouts by turns', scannerPass, 'alternating'],
  ['scanner, 100 field orders', scannerPass, 'orders'],
  ['scanner, 200 categories', scannerPass, 'categories'],
  ['scanner, 5 % rejected', scannerPass, 'rejected'],
];

/** Registers the cases on `bench`; the function returned reads their results after its run. */
export function registerScannerCases(bench: Bench): () => ScannerResult[] {
  const tables = CASES.map(([name, makePass, kind]) => {
    const batch = new Batch(saleTexts(kind, SALES));
    const table = new Table();
    const pass = makePass();
    bench.add(name, () => {
      table.clear();
      pass(batch, table);
    });
    return table;
  });
  return () =>
    CASES.map(([name], i) => {
      const result = bench.getTask(name)?.result;
      if (result?.state !== 'completed') throw new Error(`${name} did not complete`);
      // The median pass: a neighbour on the machine should not count.
      return { name, salesPerSecond: (SALES * 1000) / result.latency.p50, hash: tables[i].hash() };
    });
}

export async function scannerBench(options: { timeMs: number }): Promise<ScannerResult[]> {
  const bench = new Bench({ time: options.timeMs, warmupTime: Math.min(250, options.timeMs) });
  const results = registerScannerCases(bench);
  await bench.run();
  return results();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const { name, salesPerSecond, hash } of await scannerBench({ timeMs: 1000 })) {
    console.log(`${name.padEnd(32)} ${(salesPerSecond / 1e6).toFixed(2)} M sales/s  ${hash}`);
  }
}
