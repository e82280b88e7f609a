/**
 * A FlatBuffers sale as JSON that a person can read, correct and send again: what the dead letter
 * of a batched sale holds. Nothing of the fields is lost, and sent as it is it gets the same
 * verdict: valor has all its digits; a time that is no date of the years 0 to 9999 is its
 * milliseconds in a string; a byte that is not UTF-8, ff for example, is `\udcff` (as in Python's
 * surrogateescape); a missing field is missing.
 */
import { isUtf8 } from 'node:buffer';
import { afterUtf8Sequence } from '../words.ts';
import type { SaleFields } from './fields.ts';

const YEAR_0_MS = Date.UTC(-1, 12);
const YEAR_10000_MS = Date.UTC(10_000, 0);

export function jsonText(fields: SaleFields): string {
  const { idPedido, categoria, valorCentavos, timestampMs } = fields;
  const members: string[] = [];
  if (idPedido !== null) members.push(`"id_pedido":${quoted(idPedido)}`);
  if (categoria !== null) members.push(`"categoria":${quoted(categoria)}`);
  if (valorCentavos !== null) members.push(`"valor":${reais(valorCentavos)}`);
  if (timestampMs !== null) members.push(`"timestamp":"${timeText(timestampMs)}"`);
  return `{${members.join(',')}}`;
}

/** At least how many bytes `jsonText` gives: to know what is too long without making it. */
export function jsonBytesMin({ idPedido, categoria }: SaleFields): number {
  return (idPedido?.length ?? 0) + (categoria?.length ?? 0);
}

function quoted(text: Uint8Array): string {
  const bytes = Buffer.from(text.buffer, text.byteOffset, text.length);
  if (isUtf8(bytes)) return JSON.stringify(bytes.toString('utf8'));
  // Zeros behind it, so that no sequence is finished by what is not the text's.
  const padded = Buffer.concat([bytes, Buffer.alloc(4)]);
  let escaped = '';
  let from = 0;
  for (let at = 0; at < bytes.length; ) {
    const next = padded[at] < 0x80 ? at + 1 : afterUtf8Sequence(padded, at);
    if (next < 0) {
      // Half a surrogate pair: JSON.stringify spells it as an escape.
      escaped += padded.toString('utf8', from, at) + String.fromCharCode(0xdc00 + padded[at]);
      from = at + 1;
    }
    at = next < 0 ? at + 1 : next;
  }
  return JSON.stringify(escaped + padded.toString('utf8', from, bytes.length));
}

function reais(centavos: bigint): string {
  const digits = String(centavos < 0n ? -centavos : centavos).padStart(3, '0');
  return `${centavos < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

function timeText(epochMs: bigint): string {
  const isDate = epochMs >= YEAR_0_MS && epochMs < YEAR_10000_MS;
  return isDate ? new Date(Number(epochMs)).toISOString() : String(epochMs);
}
