/** The micro cases' sales: fixed seed, in order of time but for a little jitter. */
import type { EncodableSale } from '../../src/sale/flatbuffers/encode.ts';

export const CATEGORIES = ['Eletronicos', 'Livros', 'Casa', 'Gamer'];
const START_MS = Date.UTC(2024, 10, 29, 0, 0, 0);
/** Event time that the whole topic covers. */
const SPAN_MS = 20 * 60_000;

/** A small generator of our own, so that the sales never change with a library. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const hex = (random: () => number, digits: number) =>
  Math.floor(random() * 16 ** digits)
    .toString(16)
    .padStart(digits, '0');

/** Sale `index` of `count`, as the encoder takes it. */
export function saleAt(random: () => number, index: number, count: number): EncodableSale {
  const idPedido = `${hex(random, 8)}-${hex(random, 4)}-4${hex(random, 3)}-a${hex(random, 3)}-${hex(random, 12)}`;
  const categoria = CATEGORIES[Math.floor(random() * CATEGORIES.length)];
  const valorCentavos = 1000 + Math.floor(random() * 499_001);
  const time = START_MS + Math.floor((index / count) * SPAN_MS) - Math.floor(random() * 5000);
  // Whole seconds, as the JSON texts have them.
  const timestampMs = Math.floor(Math.max(START_MS, time) / 1000) * 1000;
  return { idPedido, categoria, valorCentavos, timestampMs };
}

/** The same sale as Python's json.dumps spaces it. */
export function saleText(random: () => number, index: number, count: number): string {
  const { idPedido, categoria, valorCentavos, timestampMs } = saleAt(random, index, count);
  const valor = (Number(valorCentavos) / 100).toFixed(2);
  const timestamp = new Date(Number(timestampMs)).toISOString().slice(0, 19);
  return `{"id_pedido": "${idPedido}", "categoria": "${categoria}", "valor": ${valor}, "timestamp": "${timestamp}"}`;
}
