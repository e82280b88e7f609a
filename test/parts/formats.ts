/**
 * A workload in every format at once: what makeSales made, with most of the honest sales and some
 * of the others as FlatBuffers, one by one or several in a record, and hostile FlatBuffers in
 * between. The order within a partition stays about as it was.
 */
import { parseSale } from '../../src/sale/reference.ts';
import { REJECTED, VALID } from '../unit/sale/flatbuffers/values.ts';
import { type FlatSpec, flatBatch, flatSale } from './flat-sales.ts';
import { type Random, seeded } from './random.ts';
import type { RecordToProduce } from './topic.ts';

const BATCH_MAX = 40;

export function inAllFormats(records: readonly RecordToProduce[], seed: number): RecordToProduce[] {
  const random = seeded(seed);
  const waiting = new Map<number, { specs: FlatSpec[]; first: RecordToProduce; size: number }>();
  const out: RecordToProduce[] = [];
  const flush = (partition: number) => {
    const batch = waiting.get(partition);
    if (!batch) return;
    waiting.delete(partition);
    out.push({ ...batch.first, value: flatBatch(batch.specs, random.chance(0.8)) });
  };
  for (const record of records) {
    const partition = record.partition ?? 0;
    const spec = specOf(record);
    const kind = random.next();
    if (spec === null || kind < 0.3) {
      out.push(record);
    } else if (kind < 0.5) {
      out.push({ ...record, value: flatSale(spoiled(random, spec)) });
    } else if (kind < 0.51) {
      const hostile = random.chance(0.8) ? random.pick(REJECTED)[2] : random.pick(VALID)[1];
      out.push(record, { ...record, value: hostile });
    } else {
      const batch = waiting.get(partition);
      if (batch) batch.specs.push(spoiled(random, spec));
      else {
        const size = random.between(1, BATCH_MAX);
        waiting.set(partition, { specs: [spoiled(random, spec)], first: record, size });
      }
      const { specs, size } = waiting.get(partition)!;
      if (specs.length >= size) flush(partition);
    }
  }
  for (const partition of [...waiting.keys()]) flush(partition);
  return out;
}

/** What a JSON sale says; null for what is none. */
function specOf({ value }: RecordToProduce): FlatSpec | null {
  if (value === null) return null;
  const bytes = Buffer.from(value as string);
  const sale = parseSale(bytes, { timeZone: 'UTC' });
  if (sale.verdict === 'rejected') return null;
  return {
    idPedido: String(JSON.parse(bytes.toString('utf8')).id_pedido),
    categoria: sale.categoria,
    valorCentavos: BigInt(sale.valorCentavos),
    timestampMs: BigInt(sale.eventMs),
  };
}

/** Now and then something about it is wrong. */
function spoiled(random: Random, spec: FlatSpec): FlatSpec {
  if (!random.chance(0.01)) return spec;
  return random.pick<FlatSpec>([
    { ...spec, categoria: null },
    { ...spec, valorCentavos: null },
    { ...spec, valorCentavos: -(2n ** 63n) },
    { ...spec, valorCentavos: 10n ** 11n + 1n },
    { ...spec, timestampMs: 2n ** 63n - 1n },
    { ...spec, timestampMs: -1n },
    { ...spec, categoria: Buffer.from('Eletrônicos', 'latin1') },
    { ...spec, categoria: 'é'.repeat(65) },
    { ...spec, categoria: ' ' },
    { ...spec, idPedido: Buffer.of(0xff, 0x41) },
    { ...spec, newerFields: 2 },
    { ...spec, valorCentavos: 0n },
  ]);
}
