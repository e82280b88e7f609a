/**
 * Sales as FlatBuffers, by the generated code and its library: what `vendaval produce` and
 * `vendaval load` send, and what tests read back. Invariant: every field is written, zeros too.
 * It checks nothing: what becomes of a sale is for whoever reads it.
 */
import * as flatbuffers from 'flatbuffers';
import { Sale } from './generated/sale.ts';
import { SaleBatch } from './generated/sale-batch.ts';

export interface EncodableSale {
  readonly idPedido: string;
  readonly categoria: string;
  /** Whole centavos within 64 bits. */
  readonly valorCentavos: number | bigint;
  /** Milliseconds since the epoch, within 64 bits. */
  readonly timestampMs: number | bigint;
}

const INITIAL_BYTES = 1024;

/** Used again for each value; what it builds is copied out. */
const builder = new flatbuffers.Builder(INITIAL_BYTES);

/** The value of a record that holds one sale. */
export function encodeSale(sale: EncodableSale): Buffer {
  begin();
  const categoria = builder.createString(sale.categoria);
  Sale.finishSaleBuffer(builder, addSale(sale, categoria));
  return built();
}

/**
 * The value of a record that holds sales in this order, at most SALES_PER_BATCH_MAX if they are to
 * be counted. Each category's name is written once and shared.
 */
export function encodeSaleBatch(sales: readonly EncodableSale[]): Buffer {
  begin();
  const categories = new Map<string, flatbuffers.Offset>();
  const offsets: flatbuffers.Offset[] = new Array(sales.length);
  // A builder writes from the end backwards: so the first sale lies first, and reading goes forward.
  for (let i = sales.length - 1; i >= 0; i--) {
    const sale = sales[i];
    let categoria = categories.get(sale.categoria);
    if (categoria === undefined) {
      categoria = builder.createString(sale.categoria);
      categories.set(sale.categoria, categoria);
    }
    offsets[i] = addSale(sale, categoria);
  }
  const vendas = SaleBatch.createVendasVector(builder, offsets);
  SaleBatch.finishSaleBatchBuffer(builder, SaleBatch.createSaleBatch(builder, vendas));
  return built();
}

function addSale(sale: EncodableSale, categoria: flatbuffers.Offset): flatbuffers.Offset {
  const idPedido = builder.createString(sale.idPedido);
  const valorCentavos = BigInt(sale.valorCentavos);
  return Sale.createSale(builder, idPedido, categoria, valorCentavos, BigInt(sale.timestampMs));
}

function begin(): void {
  builder.clear();
  // Code by flatc 2.0.8 would leave out a 0, though the schema's default is null.
  builder.forceDefaults(true);
}

function built(): Buffer {
  return Buffer.from(builder.asUint8Array());
}
