/**
 * The text of a batched sale in its dead letter, written a second time. By itself, so that what tests
 * it needs no Kafka client.
 */
import { isUtf8 } from 'node:buffer';
import type { SaleFields } from '../../src/sale/flatbuffers/fields.ts';

/** A batched sale as its dead letter has it; docs/RECORDS.md says how. */
export function itemText({ idPedido, categoria, valorCentavos, timestampMs }: SaleFields): string {
  const members: string[] = [];
  if (idPedido !== null) members.push(`"id_pedido":${JSON.stringify(asText(idPedido))}`);
  if (categoria !== null) members.push(`"categoria":${JSON.stringify(asText(categoria))}`);
  if (valorCentavos !== null) {
    const whole = /^(-?)(\d+)$/.exec(String(valorCentavos))!;
    members.push(`"valor":${whole[1]}${whole[2].padStart(3, '0').replace(/(\d\d)$/, '.$1')}`);
  }
  if (timestampMs !== null) {
    const date = new Date(Number(timestampMs));
    const text = Number.isNaN(date.getTime()) ? '' : date.toISOString();
    const isPlain = /^\d{4}-/.test(text) && BigInt(date.getTime()) === timestampMs;
    members.push(`"timestamp":"${isPlain ? text : timestampMs}"`);
  }
  return `{${members.join(',')}}`;
}

/** A byte that belongs to no character stands as half a surrogate pair, U+DC00 and the byte. */
function asText(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = [1, 2, 3, 4].find(
      (n) => at + n <= bytes.length && isUtf8(bytes.subarray(at, at + n)),
    );
    if (length === undefined) text += String.fromCharCode(0xdc00 + bytes[at]);
    else text += Buffer.from(bytes.subarray(at, at + length)).toString('utf8');
    at += length ?? 1;
  }
  return text;
}
